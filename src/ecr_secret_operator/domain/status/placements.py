"""What a cluster resource says of itself: the statuses of its placements, one for each namespace, summed up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ...reasons import NEEDS_A_PERSON, EventReason, Failure, Reason
from ..links import links_of
from ..resource import InvalidSpec, Resource, condition_of, text_of
from ..secret.deletion import terminating
from ..tokens.schedule import is_clamped
from .conditions import Value, clamped_message, condition, reports_clamped
from .events import Event, link_events
from .namespaces import common_reason, counted, summary
from .outcome import LINKED, POLICY_ALLOWED, READY, REFRESHING, TERMINATING, TOKEN_LIFETIME, Status

MOST_LISTED = 20
"""How many failing namespaces a status lists."""

NEWS_EVERY = timedelta(seconds=1)
"""How often a status may change while its placements are being served."""

_NEW_PATIENCE, _OLD_PATIENCE = timedelta(seconds=1), timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Placements:
    """A cluster resource, seen from all its namespaces.

    Attributes:
        resource: the cluster resource.
        selected: how many namespaces get the Secret.
        statuses: what the placements say of themselves, by namespace, as far as that is known yet. Others than the
            selected ones are here when something keeps their Secret from being removed.
        unknown: how many of the selected namespaces have not been reconciled yet.
        problem: why the namespaces are not known; empty when they are.
    """

    resource: Resource
    selected: int
    statuses: Mapping[str, Status]
    unknown: int = 0
    problem: str = ""


def first_status(cluster_resource: Resource, namespace: str) -> Status:
    """The status of a placement that was not reconciled yet, as far as the cluster resource contains it."""
    first = {name: cluster_resource.status[name] for name in ("lastHandledRefresh",) if name in cluster_resource.status}
    failing = cluster_resource.status.get("failingNamespaces")
    for one in failing if isinstance(failing, list) else []:
        if isinstance(one, dict) and (one.get("namespace"), one.get("reason")) == (namespace, Reason.SECRET_CONFLICT):
            first["conditions"] = [{"type": READY, "status": "False", "reason": str(Reason.SECRET_CONFLICT)}]
    return first


def patience(placements: Placements) -> timedelta:
    """How long to wait for placements that have not been reconciled before the status of the others is published.

    What is stored of this very spec may stand a little longer: after a restart, nothing is to be written.
    """
    said = placements.resource.status.get("observedGeneration") == placements.resource.generation
    return _OLD_PATIENCE if said else _NEW_PATIENCE


def cluster_status(placements: Placements, *, now: datetime) -> Status:
    """The status of the cluster resource; equal to the stored one when nothing has changed."""
    resource, statuses = placements.resource, placements.statuses
    suspended = not isinstance(resource.spec, InvalidSpec) and resource.spec.suspend
    failing = dict(_failing(statuses))
    ready = _ready(placements)
    status: dict[str, Any] = {
        "phase": _phase(ready, suspended=suspended),
        **_observed(placements),
        "conditions": _conditions(placements, ready, failing, now),
        "namespaces": {
            "selected": placements.selected,
            "served": sum(_is_ready(one) for one in statuses.values()),
            "failing": len(failing),
        },
    }
    if failing:
        status["failingNamespaces"] = [
            {"namespace": name, "reason": str(failure.reason), "message": failure.message}
            for name, failure in sorted(failing.items())[:MOST_LISTED]
        ]
    return {**status, **_times(placements)}


def _conditions(
    placements: Placements, ready: _Told, failing: Mapping[str, Failure], now: datetime
) -> list[Mapping[str, Any]]:
    resource = placements.resource
    values = (
        (READY, ready),
        (REFRESHING, _refreshing(placements, ready, failing)),
        (POLICY_ALLOWED, _audited(placements)),
        (LINKED, _linked(placements)),
        (TERMINATING, _terminating(placements)),
    )
    return [
        condition(resource.status, kind, value, resource.generation, now) if isinstance(value, tuple) else value
        for kind, value in values
        if value
    ]


def _times(placements: Placements) -> Mapping[str, str]:
    """The times of the status, the limit of the tokens, and the refresh annotation that was handled last.

    What is not known is left out.
    """
    resource, statuses = placements.resource, placements.statuses
    old = resource.status
    handled = resource.refresh_request if _refresh_is_done(placements) else text_of(old, "lastHandledRefresh")
    times = {
        "lastUpdatedTime": max((*_each(statuses, "lastUpdatedTime"), text_of(old, "lastUpdatedTime"))),
        "expiresAt": min(_each(statuses, "expiresAt"), default=""),
        "nextRefreshTime": min(_each(statuses, "nextRefreshTime"), default=""),
        "tokenLimit": _limit(statuses),
        "lastHandledRefresh": handled,
    }
    return {key: value for key, value in times.items() if value}


def cluster_events(placements: Placements, status: Status) -> Iterator[Event]:
    """What is worth an event: that it begins to fail, for another reason, or that it has recovered.

    Which namespaces fail is for the status to say: it changes too often.
    """
    old = placements.resource.status
    audit = condition_of(status, POLICY_ALLOWED)
    if audit and not condition_of(old, POLICY_ALLOWED):
        yield Event(EventReason.POLICY_AUDITED, str(audit["message"]), warning=True)
    yield from link_events(old, status)
    is_served = condition_of(status, READY).get("status") == "True"
    if is_served and not reports_clamped(placements.resource) and (shortened := _shortened(placements)):
        yield Event(EventReason.FREQUENCY_CLAMPED, shortened, warning=False)
    before, after = condition_of(old, REFRESHING), condition_of(status, REFRESHING)
    if not after or (before.get("status"), before.get("reason")) == (after.get("status"), after.get("reason")):
        return
    if after["status"] == "False" and after["reason"] != Reason.SUSPENDED:
        failing = dict(_failing(placements.statuses))  # without a count: it is another one a moment later
        message = summary(failing) if failing else str(after["message"])
        yield Event(str(after["reason"]), message, warning=True, causes=(REFRESHING,))
    elif before.get("status") == "False" and before.get("reason") != Reason.SUSPENDED and after["status"] == "True":
        yield Event(EventReason.RECOVERED, f"{before.get('reason')} is over in every namespace", warning=False)


_Told = Value | Mapping[str, Any] | None
"""A new value of a condition, or the condition as it is stored, or none."""


def _trouble(placements: Placements) -> Failure | None:
    spec = placements.resource.spec
    if isinstance(spec, InvalidSpec):
        return Failure(Reason.INVALID_SPEC, spec.message)
    if placements.problem:
        return Failure(Reason.KUBERNETES_ERROR, placements.problem)
    broken = {name: found for name, one in placements.statuses.items() if (found := _failure(condition_of(one, READY)))}
    if not broken:
        return None
    served = sum(_is_ready(one) for one in placements.statuses.values())
    return Failure(common_reason(broken), f"{served} of {placements.selected} namespaces served. {summary(broken)}")


def _ready(placements: Placements) -> _Told:
    spec, trouble = placements.resource.spec, _trouble(placements)
    if trouble or isinstance(spec, InvalidSpec):
        return (False, trouble.reason, trouble.message) if trouble else None
    if placements.unknown:
        return condition_of(placements.resource.status, READY)
    if spec.suspend:
        return True, Reason.SUSPENDED, "spec.suspend is true: the stored tokens are kept and nothing is refreshed"
    if not placements.selected:
        return True, Reason.REFRESHED, "No namespace is selected by spec.namespaces"
    where = spec.hosts[0] if len(spec.hosts) == 1 else f"each of {len(spec.hosts)} registries"
    text = f"Secret {spec.generated_secret_name} holds a valid token for {where} in {counted(placements.selected)}"
    shortened = _shortened(placements)
    return True, Reason.REFRESHED, f"{text}. {shortened}" if shortened else text


def _shortened(placements: Placements) -> str:
    """The sentence that reports a frequency which is shortened; empty when it is kept as it is written."""
    spec = placements.resource.spec
    lifetimes = [one[TOKEN_LIFETIME] for one in placements.statuses.values() if TOKEN_LIFETIME in one]
    if isinstance(spec, InvalidSpec) or not lifetimes:
        return ""
    lifetime = timedelta(seconds=min(lifetimes))
    return clamped_message(spec, lifetime) if is_clamped(spec.interval, lifetime) else ""


def _observed(placements: Placements) -> dict[str, int]:
    """The generation that the status is about: that of the spec once all its placements have been reconciled.

    What waits for a resource (Helm, Flux, `kubectl wait`) takes it for done when this is the present one and no
    condition says otherwise.
    """
    old = placements.resource.status.get("observedGeneration")
    if not placements.unknown or placements.problem:
        return {"observedGeneration": placements.resource.generation}
    return {"observedGeneration": old} if isinstance(old, int) else {}


def _refreshing(placements: Placements, ready: _Told, failing: Mapping[str, Failure]) -> _Told:
    spec = placements.resource.spec
    if isinstance(ready, tuple) and (not ready[0] or ready[1] == Reason.SUSPENDED):
        return False, *ready[1:]
    if failing:
        return False, common_reason(failing), summary(failing)
    if placements.unknown or isinstance(spec, InvalidSpec):
        return condition_of(placements.resource.status, REFRESHING)
    return True, Reason.REFRESHED, "The token is refreshed on schedule"


def _audited(placements: Placements) -> _Told:
    found = {name: condition_of(one, POLICY_ALLOWED) for name, one in placements.statuses.items()}
    refused = {name: Failure(Reason.POLICY_DENIED, str(one["message"])) for name, one in found.items() if one}
    return (False, Reason.POLICY_DENIED, summary(refused)) if refused else None


def _terminating(placements: Placements) -> _Told:
    """What is being deleted and is still there: the resource itself, or Secrets of it."""
    itself = terminating(placements.resource, ())
    found = {name: condition_of(one, TERMINATING) for name, one in placements.statuses.items()}
    secrets = {name: Failure(Reason.TERMINATING, str(one["message"])) for name, one in found.items() if one}
    told = "; ".join(filter(None, (itself, summary(secrets))))
    return (True, Reason.TERMINATING, told) if told else None


def _linked(placements: Placements) -> _Told:
    if not links_of(placements.resource) or placements.problem:
        return None
    told = {name: condition_of(one, LINKED) for name, one in placements.statuses.items()}
    found = {name: one for name, one in told.items() if one.get("observedGeneration") == placements.resource.generation}
    missing = {name: failure for name, one in found.items() if (failure := _failure(one))}
    if missing:
        return False, common_reason(missing), summary(missing)
    if placements.unknown or len(found) < len(told):
        return condition_of(placements.resource.status, LINKED)
    return True, Reason.LINKED, f"The Secret is linked in {counted(placements.selected)}"


def _failing(statuses: Mapping[str, Status]) -> Iterator[tuple[str, Failure]]:
    for name, status in statuses.items():
        failure = _failure(condition_of(status, READY)) or _failure(condition_of(status, REFRESHING))
        if failure and (failure.reason is not Reason.SUSPENDED or not _is_ready(status)):
            yield name, failure


def _failure(found: Mapping[str, Any]) -> Failure | None:
    return Failure(Reason(found["reason"]), str(found["message"])) if found.get("status") == "False" else None


def _is_ready(status: Status) -> bool:
    return condition_of(status, READY).get("status") == "True"


def _limit(statuses: Mapping[str, Status]) -> str:
    """The limit of all tokens; empty if the token of a namespace is not limited."""
    limits = {text_of(status, "tokenLimit") for status in statuses.values() if status.get("expiresAt")}
    if "" in limits:
        return ""
    return limits.pop() if len(limits) == 1 else "different in each namespace" if limits else ""


def _each(statuses: Mapping[str, Status], field: str) -> Iterable[str]:
    return (str(one[field]) for one in statuses.values() if one.get(field))


def _refresh_is_done(placements: Placements) -> bool:
    """Whether every namespace that is served has a token that is newer than the request for one."""
    request = placements.resource.refresh_request
    served = [one for one in placements.statuses.values() if _is_ready(one)]
    done = all(one.get("lastHandledRefresh") == request for one in served)
    return bool(request and served) and done and not placements.unknown


def _phase(ready: _Told, *, suspended: bool) -> str:
    if not isinstance(ready, tuple):
        return "Pending"
    if suspended and ready[1] == Reason.SUSPENDED:
        return "Suspended"
    if ready[0]:
        return "Updated"
    return "Error" if ready[1] in NEEDS_A_PERSON else "Pending"
