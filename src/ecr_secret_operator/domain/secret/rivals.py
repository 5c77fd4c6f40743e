"""When several resources of a namespace name one generated Secret: the oldest has it, and the others say so. Pure.

Whose the name is follows from the resources alone, never from which of them was served first or which event came first.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...reasons import Failure, Reason
from ..resource import InvalidSpec, Resource, condition_of
from .conflict import conflict, spoken
from .stored import StoredSecret

Rank = tuple[str, str]


def rank(resource: Resource) -> Rank:
    """Sorts resources of one namespace, the oldest first; those of the same second by kind and name."""
    return resource.created_at, str(resource.key)


def claimed(resource: Resource | None) -> str:
    """The name that a resource keeps from younger ones, whether it is served yet or not; empty for none.

    One that goes claims nothing, nor does one that policy denies: what it may not have, it cannot keep from others.
    """
    if resource is None or isinstance(resource.spec, InvalidSpec) or resource.deleting or not resource.selected:
        return ""
    denied = condition_of(resource.status, "Ready").get("reason") == Reason.POLICY_DENIED
    return "" if denied else resource.spec.generated_secret_name


def first_of(resource: Resource, rivals: Iterable[Resource]) -> Resource | None:
    """The oldest of those that name the same Secret as a resource, if it is older than that; else None."""
    older = (rival for rival in rivals if claimed(rival) and rank(rival) < rank(resource))
    return min(older, key=rank, default=None)


def taken(resource: Resource, name: str, stored: StoredSecret, rivals: Iterable[Resource]) -> Failure:
    """The failure that tells of a Secret which is not this resource's to write."""
    rival = first_of(resource, rivals)
    return outranked(rival, name) if rival else conflict(stored, resource)


def fails(rival: Resource) -> bool:
    """Whether a resource was looked at as it is now, and could not be served."""
    ready = condition_of(rival.status, "Ready")
    return ready.get("status") == "False" and ready.get("observedGeneration") == rival.generation


def gives_way(owner: Resource, stored: StoredSecret, resource: Resource) -> bool:
    """Whether the resource that a Secret was made for leaves its name to another one.

    It does when it is being deleted, wants another name by now, or is the younger of the two. One that cannot be read
    keeps what it has.
    """
    if not stored.made_for(owner):
        return False
    if owner.deleting:
        return True
    if isinstance(owner.spec, InvalidSpec):
        return False
    elsewhere = owner.spec.generated_secret_name != stored.name or not owner.selected
    return elsewhere or rank(resource) < rank(owner)


def outranked(rival: Resource, name: str) -> Failure:
    """The failure that tells of an older resource with the same name for its Secret."""
    return Failure(
        Reason.SECRET_CONFLICT,
        f"Secret {name} is generated for {spoken(rival.key)}, the oldest resource with this"
        " generated_secret_name. Choose another one here, or there, or delete that resource: this one is then served by"
        " itself",
    )
