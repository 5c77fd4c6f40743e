"""When the name that a resource wants is taken: whose the Secret is, what to say of it, when to look again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

from ...api.model import CommonSpec
from ...reasons import Failure, Reason
from ..kinds import KINDS, SecretData
from ..resource import Key, Resource, condition_of
from .stored import MANAGED_BY_LABEL, StoredSecret, parse_time

CONFLICT_RETRY = timedelta(seconds=5)
LASTING_CONFLICT_RETRY = timedelta(seconds=30)
"""How soon a name that is taken is tried again: at first, and once that has lasted. Foreign Secrets carry no label, so
no watch tells of them."""


FINALIZERS_NAMED = 5
"""How many finalizers a message names."""


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
        MANAGED_BY_LABEL not in stored.labels
        and not stored.owners
        and not stored.immutable
        and stored.secret_type == kind.secret_type
        and kind.upstream_labels.items() <= stored.labels.items()
        and kind.written_by_upstream(spec, data)
    )
    return Claim.UPSTREAM if like_upstream else Claim.FOREIGN


def conflict(stored: StoredSecret, resource: Resource) -> Failure:
    """The failure that tells of a Secret which is not this resource's."""
    owner = stored.owner_key if stored.managed else None
    whose = f"is generated for {spoken(owner)}" if owner and owner != resource.key else "was not made by this operator"
    return Failure(
        Reason.SECRET_CONFLICT,
        f"Secret {stored.name} exists and {whose}; it is left as it is. Choose another generated_secret_name, or"
        " remove that Secret: this resource is then served by itself",
    )


def spoken(owner: Key) -> str:
    """A resource as people name it: a cluster resource is in no namespace."""
    return f"{owner.kind}/{owner.name}" if KINDS[owner.kind].clustered else str(owner)


def conflicted(resource: Resource) -> bool:
    """Whether the resource last said that its name was taken."""
    return condition_of(resource.status, "Ready").get("reason") == Reason.SECRET_CONFLICT


def conflict_retry(resource: Resource, now: datetime) -> timedelta:
    """How soon to try again: a quarter of the time that the conflict has lasted, 5 s at least, 30 s at most."""
    since = parse_time(str(condition_of(resource.status, "Ready").get("lastTransitionTime")))
    lasted = now - since if since and conflicted(resource) else timedelta()
    return max(CONFLICT_RETRY, min(LASTING_CONFLICT_RETRY, lasted / 4))


def held(stored: StoredSecret) -> Failure:
    """The failure that tells of a Secret which is being deleted and does not go."""
    text = (
        f"Secret {stored.name} is being deleted, and {finalizers_hold(stored.finalizers)}. It is created again once it"
    )
    return Failure(Reason.TERMINATING, f"{text} is gone")


def too_heavy(stored: StoredSecret) -> Failure:
    """The failure that tells of a Secret which was not kept in memory."""
    text = (
        f"the generated Secrets of namespace {stored.namespace} take too much of the operator's memory, and so Secret"
        f" {stored.name} is left as it is. Remove Secrets with the label {MANAGED_BY_LABEL} that the operator did not"
        " make, or use more namespaces: this resource is then served by itself, within ten minutes"
    )
    return Failure(Reason.LIMIT_EXCEEDED, text)


def finalizers_hold(finalizers: Sequence[str]) -> str:
    """A clause that names the finalizers which hold an object, as many as fit a sentence."""
    if not finalizers:
        return "it is not gone yet"
    more = f" and {len(finalizers) - FINALIZERS_NAMED} more" if len(finalizers) > FINALIZERS_NAMED else ""
    held_by = f"{', '.join(finalizers[:FINALIZERS_NAMED])}{more}"
    return f"finalizer {held_by} holds it" if len(finalizers) == 1 else f"finalizers {held_by} hold it"


def needs_replacing(stored: StoredSecret, secret_type: str) -> bool:
    """Whether an update cannot do it: a Secret's type never changes, nor do the data of an immutable one."""
    return stored.secret_type != secret_type or stored.immutable


def is_worth_keeping(stored: StoredSecret, now: datetime) -> bool:
    """Whether a Secret holds a token that is still valid, whichever resource it was made for."""
    return any(not one.token.expired(now) for one in stored.stored_tokens.values())
