"""Which resource a generated Secret belongs to: claims, conflicts, and resources that name the same Secret. Pure.

The oldest resource that names a Secret has it (ADR 16). Which one that is depends on the resources alone, never on
which of them was served first or which event came first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum, auto

from ...api.model import CommonSpec
from ...reasons import Failure, Reason
from ..kinds import KINDS, SecretData, displayed
from ..resource import InvalidSpec, Resource, condition_of
from ..times import parse_time
from .stored import MANAGED_BY_LABEL, StoredSecret

CONFLICT_RETRY = timedelta(seconds=5)
LASTING_CONFLICT_RETRY = timedelta(seconds=30)
"""How soon a name that is taken is tried again: at first, and after the conflict has lasted for some time. No watch
reports another client's Secret, because it lacks the operator's label."""

Rank = tuple[str, str]


class Claim(Enum):
    """Which program made a Secret that already has the generated name."""

    OURS = auto()
    UPSTREAM = auto()
    FOREIGN = auto()


def claim(stored: StoredSecret, data: SecretData, resource: Resource, spec: CommonSpec) -> Claim:
    """Returns who made an existing Secret; the operator writes to it unless it is foreign.

    Without the operator's label, the Secret must be exactly what the Go operator writes for this resource: same type
    and labels, same registry, user AWS.

    Args:
        stored: the existing Secret.
        data: of the Secret, decoded.
        resource: the resource that needs the name.
        spec: of that resource.
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


def rank(resource: Resource) -> Rank:
    """Sort key for the resources of one namespace: the oldest first, then by kind and name."""
    return resource.created_at, str(resource.key)


def claimed(resource: Resource | None) -> str:
    """Returns the Secret name that a resource keeps from younger resources, whether it is served yet or not.

    Empty for a resource that is being deleted, that is not selected, that is invalid, or that policy denies.
    """
    if resource is None or isinstance(resource.spec, InvalidSpec) or resource.deleting or not resource.selected:
        return ""
    denied = condition_of(resource.status, "Ready").get("reason") == Reason.POLICY_DENIED
    return "" if denied else resource.spec.generated_secret_name


def first_of(resource: Resource, rivals: Iterable[Resource]) -> Resource | None:
    """Returns the oldest rival that is older than the resource; None when the resource is the oldest.

    Args:
        resource: the resource that needs the name.
        rivals: the other resources of its namespace that name the same Secret.
    """
    older = (rival for rival in rivals if claimed(rival) and rank(rival) < rank(resource))
    return min(older, key=rank, default=None)


def fails(rival: Resource) -> bool:
    """Whether the present generation of a resource was reconciled and could not be served."""
    ready = condition_of(rival.status, "Ready")
    return ready.get("status") == "False" and ready.get("observedGeneration") == rival.generation


def gives_way(owner: Resource, stored: StoredSecret, resource: Resource) -> bool:
    """Whether the resource that a Secret was made for leaves its name to another resource.

    It does when it is being deleted, names another Secret by now, or is the younger of the two. A resource with an
    invalid spec keeps its Secret.
    """
    if not stored.made_for(owner):
        return False
    if owner.deleting:
        return True
    if isinstance(owner.spec, InvalidSpec):
        return False
    elsewhere = owner.spec.generated_secret_name != stored.name or not owner.selected
    return elsewhere or rank(resource) < rank(owner)


def conflicted(resource: Resource) -> bool:
    """Whether the resource last reported that its name was taken."""
    return condition_of(resource.status, "Ready").get("reason") == Reason.SECRET_CONFLICT


def conflict_retry(resource: Resource, now: datetime) -> timedelta:
    """How soon to try again: a quarter of the time that the conflict has lasted, 5 s at least, 30 s at most."""
    since = parse_time(str(condition_of(resource.status, "Ready").get("lastTransitionTime")))
    lasted = now - since if since and conflicted(resource) else timedelta()
    return max(CONFLICT_RETRY, min(LASTING_CONFLICT_RETRY, lasted / 4))


def taken(resource: Resource, name: str, stored: StoredSecret, rivals: Iterable[Resource]) -> Failure:
    """The failure of a resource whose Secret belongs to an older rival, to another resource or to another client."""
    rival = first_of(resource, rivals)
    return outranked(rival, name) if rival else conflict(stored, resource)


def conflict(stored: StoredSecret, resource: Resource) -> Failure:
    """The failure of a resource whose Secret belongs to another resource or to another client."""
    owner = stored.owner_key if stored.managed else None
    whose = (
        f"is generated for {displayed(owner)}" if owner and owner != resource.key else "was not made by this operator"
    )
    return Failure(
        Reason.SECRET_CONFLICT,
        f"Secret {stored.name} exists and {whose}; it is left as it is. Choose another generated_secret_name, or"
        " remove that Secret: this resource is then served by itself",
    )


def outranked(rival: Resource, name: str) -> Failure:
    """The failure of a resource when an older one names the same Secret."""
    return Failure(
        Reason.SECRET_CONFLICT,
        f"Secret {name} is generated for {displayed(rival.key)}, the oldest resource with this"
        " generated_secret_name. Choose another one here, or there, or delete that resource: this one is then served by"
        " itself",
    )
