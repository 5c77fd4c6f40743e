"""What to do about a resource: a pure function of what was observed and the time. It is where the tests are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from .generated import Desired, StoredSecret, differences, parse_time, render
from .kinds import KINDS, SecretData
from .model import CommonSpec
from .reasons import Reason
from .resource import InvalidSpec, Resource, condition_of
from .schedule import Freshness, due_at, wanted
from .token import Token

CONFLICT_RETRY = timedelta(seconds=5)
LASTING_CONFLICT_RETRY = timedelta(seconds=30)
"""How soon a name that is taken is tried again: at first, and once that has lasted. Foreign Secrets carry no label, so
no watch tells of them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a resource could not be served, for its conditions."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """All that a decision rests on.

    Attributes:
        resource: the custom resource.
        secrets: stored Secrets that carry its generated name, or that were made for it.
        released: names of those among them whose resource wants another name now, so that they are free.
        served: the token last known to be stored for it intact, in its present scope; survives the Secret's deletion.
    """

    resource: Resource
    secrets: tuple[StoredSecret, ...]
    served: Token | None
    released: frozenset[str] = frozenset()

    def target(self, spec: CommonSpec) -> StoredSecret | None:
        """The stored Secret of the generated name."""
        return next((secret for secret in self.secrets if secret.name == spec.generated_secret_name), None)


@dataclass(frozen=True, slots=True)
class Write:
    """A Secret to be written.

    Attributes:
        spec: what it is rendered from.
        stored: what is there; None when there is nothing.
        token: the one to write; None when one has to be had from the token source.
        freshness: which one the token source may give.
        fallback: a token to repair with when none can be had.
        repairs: what was found changed; empty for a first service or a refresh.
    """

    spec: CommonSpec
    stored: StoredSecret | None
    token: Token | None
    freshness: Freshness
    fallback: Token | None
    repairs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and what is true before it is done.

    Attributes:
        token: the token that is stored intact.
        write: the write to make, if any.
        remove: Secrets that were made for it under another name.
        failure: why nothing is to be done.
        retry_at: when to look again although nothing has changed (UTC).
    """

    token: Token | None = None
    write: Write | None = None
    remove: tuple[StoredSecret, ...] = ()
    failure: Failure | None = None
    retry_at: datetime | None = None


def decide(observed: Observed, *, now: datetime) -> Plan:
    """The plan for one resource."""
    resource, spec = observed.resource, observed.resource.spec
    if resource.deleting:
        return Plan()
    if isinstance(spec, InvalidSpec):
        return Plan(token=_held(observed, now), failure=Failure(Reason.INVALID_SPEC, spec.message))
    stored = observed.target(spec)
    if stored and stored.deleting:
        return Plan(failure=held(stored))
    if stored and not stored.made_for(resource) and stored.name not in observed.released:
        return Plan(failure=conflict(stored, resource), retry_at=now + conflict_retry(resource, now))
    found = _intact(stored, resource, spec)
    if spec.suspend:
        return Plan(token=found)
    remove = tuple(
        secret for secret in observed.secrets if secret is not stored and secret.original and secret.made_for(resource)
    )
    write = _write(observed, spec, stored, found, now)
    return Plan(token=found, write=write, remove=remove)


def _write(
    observed: Observed, spec: CommonSpec, stored: StoredSecret | None, found: Token | None, now: datetime
) -> Write | None:
    known = found or observed.served
    current = known if known and not known.expired(now) else None
    fetch = (
        current is None
        or refresh_requested(observed.resource)
        or now >= due_at(current, spec.interval, seed=observed.resource.uid)
    )
    if found and not fetch:
        return None
    return Write(
        spec=spec,
        stored=stored,
        token=None if fetch else current,
        freshness=wanted(spec.interval, newer_than=known.issued_at if known else None),
        fallback=None if found else current,
        repairs=_repairs(observed, spec, stored, found),
    )


def _repairs(observed: Observed, spec: CommonSpec, stored: StoredSecret | None, found: Token | None) -> tuple[str, ...]:
    if found or not _was_served(observed.resource):
        return ()
    if stored is None:
        return ("it was deleted",) if observed.served else ()
    if observed.served is None:
        return ("content",)
    return differences(stored, render(observed.resource, spec, observed.served)) or ("content",)


def _was_served(resource: Resource) -> bool:
    """Whether this generation of the resource had a Secret: only then is a missing or another one a damage."""
    ready = condition_of(resource.status, "Ready")
    return ready.get("status") == "True" and ready.get("observedGeneration") == resource.generation


def _intact(stored: StoredSecret | None, resource: Resource, spec: CommonSpec) -> Token | None:
    """The token in the stored Secret, if all of the Secret is as it was written for this spec."""
    token = stored.token if stored else None
    if stored is None or token is None or differences(stored, render(resource, spec, token)):
        return None
    return token


def _held(observed: Observed, now: datetime) -> Token | None:
    """The token that a resource which is now invalid still has."""
    tokens = [secret.token for secret in observed.secrets if secret.made_for(observed.resource)]
    return next((token for token in tokens if token and not token.expired(now)), None)


def refresh_requested(resource: Resource) -> bool:
    """Whether the refresh annotation carries a value that has not been handled."""
    return bool(resource.refresh_request) and resource.refresh_request != resource.status.get("lastHandledRefresh")


class Claim(Enum):
    """Whose a Secret is that already has the generated name."""

    OURS = auto()
    UPSTREAM = auto()
    FOREIGN = auto()


def claim(stored: StoredSecret, data: SecretData, resource: Resource, spec: CommonSpec) -> Claim:
    """Whether a Secret that stands in the way may be written to.

    Without the operator's label it may only if it is exactly what the Go operator would have written for this
    resource: same type and labels, same registry, user AWS.
    """
    if stored.made_for(resource):
        return Claim.OURS
    kind = KINDS[resource.key.kind]
    like_upstream = (
        not stored.managed
        and not stored.owners
        and not stored.immutable
        and stored.secret_type == kind.secret_type
        and kind.labels.items() <= stored.labels.items()
        and kind.written_by_upstream(spec, data)
    )
    return Claim.UPSTREAM if like_upstream else Claim.FOREIGN


def conflict(stored: StoredSecret, resource: Resource) -> Failure:
    """The failure that tells of a Secret which is not this resource's."""
    owner = stored.owner_key if stored.managed else None
    whose = f"is generated for {owner}" if owner and owner != resource.key else "was not made by this operator"
    return Failure(
        Reason.SECRET_CONFLICT,
        f"Secret {stored.name} exists and {whose}; it is left as it is. Choose another generated_secret_name, or"
        " remove that Secret: this resource is then served by itself",
    )


def conflicted(resource: Resource) -> bool:
    """Whether the resource last said that its name was taken."""
    return condition_of(resource.status, "Ready").get("reason") == Reason.SECRET_CONFLICT


def superseded(stored: StoredSecret, resource: Resource, spec: CommonSpec, token: Token) -> Token | None:
    """The token in the stored Secret, if it is intact and newer than the one that is about to replace it."""
    found = _intact(stored, resource, spec)
    return found if found and found.issued_at > token.issued_at else None


def conflict_retry(resource: Resource, now: datetime) -> timedelta:
    """How soon to try again: a quarter of the time that the conflict has lasted, 5 s at least, 30 s at most."""
    since = parse_time(str(condition_of(resource.status, "Ready").get("lastTransitionTime")))
    lasted = now - since if since and conflicted(resource) else timedelta()
    return max(CONFLICT_RETRY, min(LASTING_CONFLICT_RETRY, lasted / 4))


def held(stored: StoredSecret) -> Failure:
    """The failure that tells of a Secret which is being deleted and does not go."""
    return Failure(
        Reason.KUBERNETES_ERROR,
        f"Secret {stored.name} is being deleted, but finalizers hold it. It is made anew once it is gone",
    )


def needs_replacing(stored: StoredSecret, desired: Desired) -> bool:
    """Whether an update cannot do it: a Secret's type never changes, nor do the data of an immutable one."""
    return stored.secret_type != desired.secret_type or stored.immutable
