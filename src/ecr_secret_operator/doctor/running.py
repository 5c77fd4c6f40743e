"""Whether an operator runs, whether it is the only one, and whether a replica holds the Lease."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from ..domain.raw import mapping, number, text
from ..domain.resource import condition_of
from ..domain.times import parse_time
from .finding import Finding, Level, counted, error, ok, unknown, warning
from .observed import ObservedInstallation
from .pods import check_pods
from .subject import MOST_NAMED
from .workload import POINT, PROGRAM, Workload

SKEW = timedelta(seconds=30)
"""By how much the clock here may differ from that of the cluster."""

_INSTALL = f"Install it: docs/install.md. {POINT}"


def check_running(seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    """Its Pods, its Deployment, other operators, and the Lease."""
    causes = [*_refused(seen, workload), *check_pods(seen, workload)]
    yield from causes
    yield from _deployment(seen, workload, causes)
    yield from _rivals(seen, workload)
    if workload.leader_elect or not workload.name:
        yield from _lease(seen, workload)
    elif workload.replicas > 1:
        message = f"{workload.replicas} replicas are active at the same time, because --leader-elect is not set"
        yield warning("no-leader-election", _name(seen, workload), message, "Add --leader-elect to its arguments")


def _name(seen: ObservedInstallation, workload: Workload) -> str:
    return f"Deployment {seen.namespace}/{workload.name}"


def _refused(seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    """Pods that cannot be created: a quota, the Pod Security Standard or a webhook refuses them."""
    for deployment in seen.deployments or ():
        failure = condition_of(mapping(deployment, "status"), "ReplicaFailure")
        if workload.replicas and failure.get("status") == "True":
            message = f"Its Pods cannot be created: {text(failure, 'message')}"
            remedy = f"Change what refuses them: kubectl get resourcequotas,limitranges -n {seen.namespace}"
            yield error("operator-pods-refused", _name(seen, workload), message, remedy)


def _deployment(seen: ObservedInstallation, workload: Workload, causes: Sequence[Finding]) -> Iterator[Finding]:
    """Whether replicas are available. What keeps them from it is found already, as far as it is known."""
    if seen.deployments is None:
        yield unknown("operator", f"Deployments in {seen.namespace}", "You may not read them")
    elif not workload.name:
        yield from _elsewhere(seen)
    elif workload.replicas == 0:
        remedy = f"kubectl scale deployment {workload.name} -n {seen.namespace} --replicas 1"
        yield error(
            "operator-scaled-to-zero", _name(seen, workload), "It is scaled to zero, so no replica is active", remedy
        )
    elif workload.available == 0:
        if any(one.level is Level.ERROR for one in causes):
            return
        remedy = (
            f"kubectl describe pods -n {seen.namespace}; kubectl logs deployment/{workload.name} -n {seen.namespace}"
        )
        message = f"0 of {counted(workload.replicas, 'replica')} available"
        yield error("operator-unavailable", _name(seen, workload), message, remedy)
    else:
        message = f"{workload.available} of {counted(workload.replicas, 'replica')} available"
        yield ok("operator", _name(seen, workload), message)


def _elsewhere(seen: ObservedInstallation) -> Iterator[Finding]:
    """What is known of an operator of which no Deployment was found where it was looked for."""
    subject, message = f"namespace {seen.namespace}", f"No Deployment here runs {PROGRAM}"
    idle = [one for one in seen.credentials if not one.reason]  # of which nothing is said, or nothing true any more
    if _leads(seen):
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


def _rivals(seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    """Other operators that watch a namespace that this one watches too."""
    for namespace, other in seen.rivals or ():
        place = _shared(workload, other)
        if not place:
            continue
        message = f"Deployment {namespace}/{other.name} runs the operator too, and both watch {place}"
        remedy = (
            f"Remove one of them, or let them watch different namespaces: kubectl scale deployment {other.name}"
            f" -n {namespace} --replicas 0"
        )
        yield error("operator-twice", _name(seen, workload), message, remedy)


def _shared(one: Workload, other: Workload) -> str:
    """The namespaces that two operators watch both; empty if there are none, or it is not known."""
    if one.watched_unknown or other.watched_unknown:
        return ""
    if not one.watched or not other.watched:
        both = one.watched or other.watched
        return ", ".join(both[:MOST_NAMED]) or "all namespaces"
    return ", ".join(sorted(set(one.watched) & set(other.watched))[:MOST_NAMED])


def _last_leader(seen: ObservedInstallation) -> str:
    """Who led, where a Lease is left of an operator that is gone."""
    holder, renewed = text(seen.lease, "spec", "holderIdentity"), text(seen.lease, "spec", "renewTime")
    return f": {holder} held it and renewed it last at {renewed}" if holder and renewed else ""


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
