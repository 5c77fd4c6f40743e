"""The events of a resource: what is new in its status. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ...reasons import OF_LINKS, EventReason, Reason
from ..resource import InvalidSpec, Resource, condition_of, text_of
from ..tokens.schedule import is_clamped
from .conditions import clamped_message, reports_clamped
from .outcome import LINKED, POLICY_ALLOWED, REFRESHING, Outcome, Status

_HAPPENED = frozenset(
    (EventReason.REPAIRED, EventReason.ADOPTED, EventReason.SECRET_REMOVED, EventReason.NAMESPACE_SLOW)
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something to report about a resource.

    Attributes:
        reason, message: of the event.
        warning: whether a person may have to act.
        causes: what makes this the same event as another one (see `Failure`); empty where the message does.
    """

    reason: str
    message: str
    warning: bool
    causes: tuple[str, ...] = ()

    @property
    def identity(self) -> frozenset[str]:
        """One element for each thing that is reported: two events with the same ones report the same."""
        return frozenset(f"{self.reason}: {cause}" for cause in self.causes or (self.message,))


def recorded(resource: Resource, told: Iterable[Event]) -> tuple[Event, ...]:
    """Which of the events are stored as such: of a placement, only what happened to it.

    Its state is reported for the cluster resource as a whole. Otherwise 500 namespaces would report the same.
    """
    if resource.cluster is None:
        return tuple(told)
    where = f"In namespace {resource.key.namespace}: "
    return tuple(replace(one, message=where + one.message) for one in told if one.reason in _HAPPENED)


def slow_event(namespace: str) -> Event:
    """The event that reports a namespace in which the API server is slow."""
    text = (
        f"The API server is slow for requests in namespace {namespace}. An admission webhook may be the cause: see"
        " kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations. The operator makes few requests at"
        " a time in this namespace, so that other namespaces do not wait"
    )
    return Event(EventReason.NAMESPACE_SLOW, text, warning=True)


def events(resource: Resource, status: Status, outcome: Outcome) -> Iterator[Event]:
    """The events of a reconcile: a new failure, also of links, a recovery, a repair, an adoption, a clamped frequency.

    Compared with the stored status, so that a lasting failure is reported once, also across restarts. An ordinary
    refresh is no event: the status reports it.
    """
    before, after = condition_of(resource.status, REFRESHING), condition_of(status, REFRESHING)
    was, now_is = (before.get("status"), before.get("reason")), (after.get("status"), after.get("reason"))
    changed = (*was, before.get("message")) != (*now_is, after.get("message"))
    if outcome.failure and outcome.failure.reason is Reason.TERMINATING:
        pass  # a deletion often takes some time, and the condition reports it
    elif outcome.failure and changed:
        causes = outcome.failure.causes if outcome.failure.reason == after["reason"] else ()
        yield Event(str(after["reason"]), str(after["message"]), warning=True, causes=causes)
    elif was[0] == "False" and was[1] != Reason.SUSPENDED and now_is[0] == "True":
        yield Event(EventReason.RECOVERED, f"{before.get('reason')} is over: the token is fresh again", warning=False)
    yield from link_events(resource.status, status)
    for reason, message in outcome.happened:
        yield Event(reason, message, warning=False)
    audit = condition_of(status, POLICY_ALLOWED).get("message")
    if audit and audit != condition_of(resource.status, POLICY_ALLOWED).get("message"):
        yield Event(EventReason.POLICY_AUDITED, str(audit), warning=True)
    spec, token = resource.spec, outcome.first
    if isinstance(spec, InvalidSpec) or token is None or not is_clamped(spec.interval, token.lifetime):
        return
    if not reports_clamped(resource):
        yield Event(EventReason.FREQUENCY_CLAMPED, clamped_message(spec, token.lifetime), warning=False)


def link_failure(status: Status) -> str:
    """The reason why the links of the spec are not made; empty while they are made, unknown or suspended."""
    found = condition_of(status, LINKED)
    reason = text_of(found, "reason")
    return reason if found.get("status") == "False" and reason != Reason.SUSPENDED else ""


def link_events(old: Status, status: Status) -> Iterator[Event]:
    """A failure of links, once for each reason, and that it is over.

    What keeps the whole resource from being served is reported by the condition Refreshing already.
    """
    before, after = link_failure(old), link_failure(status)
    found = condition_of(status, LINKED)
    if after in OF_LINKS and after != before:
        yield Event(after, str(found.get("message")), warning=True, causes=(LINKED,))
    elif before in OF_LINKS and found.get("status") == "True":
        yield Event(EventReason.RECOVERED, f"{before} is over: {found.get('message')}", warning=False)
