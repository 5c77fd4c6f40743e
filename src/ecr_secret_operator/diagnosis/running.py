"""Whether an operator runs, and whether somebody leads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ..domain.generated import parse_time
from ..domain.raw import mapping, mappings, number, text
from .finding import Finding, ok, unseen, warning, wrong
from .observed import Installation
from .workload import PROGRAM, Workload

SKEW = timedelta(seconds=30)
"""By how much the clock here may differ from that of the cluster."""

_INSTALL = "Install it (docs/install.md), or name its namespace: ecr-secret-operator doctor --operator-namespace NAME"


def check_running(seen: Installation, workload: Workload) -> Iterator[Finding]:
    """The Deployment, its pods, and the Lease."""
    leads = _leads(seen)
    yield from _deployment(seen, workload, leads=leads)
    yield from _pods(seen)
    if workload.leader_elect or not workload.name:
        yield from _lease(seen, workload)
    elif workload.replicas > 1:
        says = f"{workload.replicas} replicas work at the same time: none has --leader-elect"
        yield warning("no-leader-election", _name(seen, workload), says, "Add --leader-elect to its arguments")


def _name(seen: Installation, workload: Workload) -> str:
    return f"Deployment {seen.namespace}/{workload.name}"


def _deployment(seen: Installation, workload: Workload, *, leads: bool) -> Iterator[Finding]:
    if seen.deployments is None:
        yield unseen("operator", f"Deployments in {seen.namespace}", "You may not look at them")
    elif not workload.name:
        yield from _elsewhere(seen, leads=leads)
    elif workload.replicas == 0:
        cure = f"kubectl scale deployment {workload.name} -n {seen.namespace} --replicas 1"
        yield wrong("operator-scaled-to-zero", _name(seen, workload), "It is scaled to zero: nobody works", cure)
    elif workload.available == 0:
        cure = f"kubectl describe pods -n {seen.namespace}; kubectl logs deployment/{workload.name} -n {seen.namespace}"
        says = f"None of its {workload.replicas} replicas is available"
        yield wrong("operator-unavailable", _name(seen, workload), says, cure)
    else:
        says = f"{workload.available} of {workload.replicas} replicas are available"
        yield ok("operator", _name(seen, workload), says)


def _elsewhere(seen: Installation, *, leads: bool) -> Iterator[Finding]:
    subject, says = f"namespace {seen.namespace}", f"No Deployment here runs {PROGRAM}"
    idle = [one for one in seen.credentials if not one.reason]  # of which nothing is said, or nothing true any more
    if leads:
        yield ok("operator", subject, f"{says}, but somebody leads: it runs elsewhere")
    elif idle or not seen.credentials:
        yield wrong("operator-absent", subject, f"{says}, and nobody leads", _INSTALL)
    else:
        yield warning("operator-unknown", subject, f"{says}; resources are served all the same", _INSTALL)


def _pods(seen: Installation) -> Iterator[Finding]:
    for pod in seen.pods or ():
        for container in mappings(pod, "status", "containerStatuses"):
            waiting = mapping(container, "state", "waiting")
            last = text(container, "lastState", "terminated", "message").strip()
            reason = text(waiting, "reason")
            if reason and reason not in ("ContainerCreating", "PodInitializing"):
                name = text(pod, "metadata", "name")
                says = f"{reason}: {last or text(waiting, 'message') or 'its container does not start'}"
                cure = f"kubectl logs {name} -n {seen.namespace} --previous"
                yield wrong("operator-crashes", f"Pod {seen.namespace}/{name}", says, cure)


def _leads(seen: Installation) -> bool:
    spec = mapping(seen.lease, "spec")
    renewed = parse_time(text(spec, "renewTime"))
    if not text(spec, "holderIdentity") or renewed is None:
        return False
    return seen.now - renewed <= timedelta(seconds=number(spec, "leaseDurationSeconds")) + SKEW


def _lease(seen: Installation, workload: Workload) -> Iterator[Finding]:
    spec = mapping(seen.lease, "spec")
    subject = f"Lease {workload.lease_namespace or seen.namespace}/{text(seen.lease, 'metadata', 'name')}".rstrip("/")
    holder, renewed = text(spec, "holderIdentity"), parse_time(text(spec, "renewTime"))
    logs = f"kubectl logs deployment/{workload.name} -n {seen.namespace}" if workload.name else _INSTALL
    if seen.lease is None:
        yield unseen("leader", subject, "You may not look at it")
    elif not seen.lease:
        if workload.name:
            yield wrong("leader-none", subject, "There is no Lease: no replica has ever led", logs)
    elif not holder or renewed is None:
        yield wrong("leader-none", subject, "Nobody leads: the last leader gave it back", logs)
    elif not _leads(seen):
        ago = int((seen.now - renewed).total_seconds())
        says = f"Nobody leads: {holder} renewed it {ago} s ago for the last time"
        yield wrong("leader-lost", subject, says, logs)
    else:
        ago = max(0, int((seen.now - renewed).total_seconds()))
        yield ok("leader", subject, f"{holder} leads, renewed {ago} s ago")
