"""Whether an operator runs, and whether a replica holds the Lease."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ..domain.raw import mapping, mappings, number, text
from ..domain.times import parse_time
from .finding import Finding, counted, error, ok, unknown, warning
from .observed import ObservedInstallation
from .workload import POINT, PROGRAM, Workload

SKEW = timedelta(seconds=30)
"""By how much the clock here may differ from that of the cluster."""

_INSTALL = f"Install it: docs/install.md. {POINT}"


def check_running(seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    """The Deployment, its pods, and the Lease."""
    leads = _leads(seen)
    yield from _deployment(seen, workload, leads=leads)
    yield from _pods(seen)
    if workload.leader_elect or not workload.name:
        yield from _lease(seen, workload)
    elif workload.replicas > 1:
        message = f"{workload.replicas} replicas are active at the same time, because --leader-elect is not set"
        yield warning("no-leader-election", _name(seen, workload), message, "Add --leader-elect to its arguments")


def _name(seen: ObservedInstallation, workload: Workload) -> str:
    return f"Deployment {seen.namespace}/{workload.name}"


def _deployment(seen: ObservedInstallation, workload: Workload, *, leads: bool) -> Iterator[Finding]:
    if seen.deployments is None:
        yield unknown("operator", f"Deployments in {seen.namespace}", "You may not read them")
    elif not workload.name:
        yield from _elsewhere(seen, leads=leads)
    elif workload.replicas == 0:
        remedy = f"kubectl scale deployment {workload.name} -n {seen.namespace} --replicas 1"
        yield error(
            "operator-scaled-to-zero", _name(seen, workload), "It is scaled to zero, so no replica is active", remedy
        )
    elif workload.available == 0:
        remedy = (
            f"kubectl describe pods -n {seen.namespace}; kubectl logs deployment/{workload.name} -n {seen.namespace}"
        )
        message = f"0 of {counted(workload.replicas, 'replica')} available"
        yield error("operator-unavailable", _name(seen, workload), message, remedy)
    else:
        message = f"{workload.available} of {counted(workload.replicas, 'replica')} available"
        yield ok("operator", _name(seen, workload), message)


def _elsewhere(seen: ObservedInstallation, *, leads: bool) -> Iterator[Finding]:
    """What is known of an operator of which no Deployment was found where it was looked for."""
    subject, message = f"namespace {seen.namespace}", f"No Deployment here runs {PROGRAM}"
    idle = [one for one in seen.credentials if not one.reason]  # of which nothing is said, or nothing true any more
    if leads:
        yield ok("operator", subject, f"{message}, but a replica holds the Lease: it runs elsewhere")
    elif seen.elsewhere:
        remedy = f"ecr-secret-operator doctor --operator-namespace {seen.elsewhere[0]}"
        message = f"{message}. One in namespace {', '.join(seen.elsewhere)} does"
        yield warning("operator-elsewhere", subject, message, remedy)
    elif not seen.everywhere:
        yield unknown(
            "operator", subject, f"{message}, and you may not read the Deployments of other namespaces", POINT
        )
    elif idle or not seen.credentials:
        yield error(
            "operator-absent", subject, f"{message}, and no replica holds the Lease{_last_leader(seen)}", _INSTALL
        )
    else:
        yield warning("operator-unknown", subject, f"{message}; resources are served all the same", _INSTALL)


def _last_leader(seen: ObservedInstallation) -> str:
    """Who led, where a Lease is left of an operator that is gone."""
    holder, renewed = text(seen.lease, "spec", "holderIdentity"), text(seen.lease, "spec", "renewTime")
    return f": {holder} held it and renewed it last at {renewed}" if holder and renewed else ""


def _pods(seen: ObservedInstallation) -> Iterator[Finding]:
    for pod in seen.pods or ():
        for container in mappings(pod, "status", "containerStatuses"):
            waiting = mapping(container, "state", "waiting")
            last = text(container, "lastState", "terminated", "message").strip()
            reason = text(waiting, "reason")
            if reason and reason not in ("ContainerCreating", "PodInitializing"):
                name = text(pod, "metadata", "name")
                message = f"{reason}: {last or text(waiting, 'message') or 'its container does not start'}"
                remedy = f"kubectl logs {name} -n {seen.namespace} --previous"
                yield error("operator-crashes", f"Pod {seen.namespace}/{name}", message, remedy)


def _leads(seen: ObservedInstallation) -> bool:
    spec = mapping(seen.lease, "spec")
    renewed = parse_time(text(spec, "renewTime"))
    if not text(spec, "holderIdentity") or renewed is None:
        return False
    return seen.now - renewed <= timedelta(seconds=number(spec, "leaseDurationSeconds")) + SKEW


def _lease(seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    spec = mapping(seen.lease, "spec")
    subject = f"Lease {workload.lease_namespace or seen.namespace}/{text(seen.lease, 'metadata', 'name')}".rstrip("/")
    holder, renewed = text(spec, "holderIdentity"), parse_time(text(spec, "renewTime"))
    logs = f"kubectl logs deployment/{workload.name} -n {seen.namespace}"
    if seen.lease is None:
        yield unknown("leader", subject, "You may not look at it")
    elif not workload.name and not _leads(seen):
        return  # that no operator was found was reported already
    elif not seen.lease:
        yield error("leader-none", subject, "There is no Lease: no replica has held it so far", logs)
    elif not holder or renewed is None:
        yield error("leader-none", subject, "No replica holds the Lease: the last one released it", logs)
    elif not _leads(seen):
        ago = int((seen.now - renewed).total_seconds())
        message = f"No replica holds the Lease: {holder} renewed it last, {ago} s ago"
        yield error("leader-lost", subject, message, logs)
    else:
        ago = max(0, int((seen.now - renewed).total_seconds()))
        yield ok("leader", subject, f"{holder} holds it, renewed {ago} s ago")
