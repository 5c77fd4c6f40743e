"""What it means that an object is being deleted and is still there, since finalizers hold it (ADR 30). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...reasons import Failure, Reason
from ..resource import Resource
from .stored import StoredSecret

FINALIZERS_NAMED = 5
"""How many finalizers a message names."""

NO_SECRET = "No Secret is created for a resource that is being deleted"  # noqa: S105 - a sentence, not a secret


def finalizers_hold(finalizers: Sequence[str]) -> str:
    """A clause that names the finalizers which hold an object, at most five of them."""
    if not finalizers:
        return "it is not gone yet"
    more = f" and {len(finalizers) - FINALIZERS_NAMED} more" if len(finalizers) > FINALIZERS_NAMED else ""
    held_by = f"{', '.join(finalizers[:FINALIZERS_NAMED])}{more}"
    return f"finalizer {held_by} holds it" if len(finalizers) == 1 else f"finalizers {held_by} hold it"


def removable(secrets: Iterable[StoredSecret]) -> tuple[StoredSecret, ...]:
    """Those of the Secrets whose deletion has not been asked for yet."""
    return tuple(secret for secret in secrets if not secret.deleting)


def still_there(secrets: Iterable[StoredSecret]) -> Failure | None:
    """The failure that reports unwanted Secrets that finalizers hold; None when there are none."""
    told = [_secret(one) for one in secrets if one.deleting]
    return Failure(Reason.TERMINATING, "; ".join(told)) if told else None


def blocked_by_deletion(stored: StoredSecret) -> Failure:
    """The failure of a resource whose Secret is being deleted while finalizers hold it."""
    return Failure(Reason.TERMINATING, f"{_secret(stored)}. It is created again once it is gone")


def not_created(resource: Resource) -> Failure:
    """The failure that reports a resource which is being deleted and has no Secret."""
    return Failure(Reason.TERMINATING, f"{_resource(resource)}. {NO_SECRET}")


def not_replaced(resource: Resource, stored: StoredSecret) -> Failure:
    """The failure that reports a Secret that can only be replaced, while it or its resource is being deleted."""
    why = _secret(stored) if stored.deleting else f"{_resource(resource)}. {NO_SECRET}"
    return Failure(Reason.TERMINATING, f"Secret {stored.name} cannot be updated, only replaced. {why}")


def terminating(resource: Resource, secrets: Iterable[StoredSecret]) -> str:
    """What is being deleted and still there: the resource, or Secrets of it; empty for nothing.

    For a placement, only its Secrets are named: the cluster resource reports itself.
    """
    told = [_resource(resource)] if resource.deleting and resource.cluster is None else []
    return "; ".join([*told, *(_secret(one) for one in secrets if one.deleting)])


def deleted_since(moment: str, finalizers: Sequence[str]) -> str:
    """The sentence on a resource that is being deleted: since when, and what holds it."""
    return f"The resource is being deleted since {moment}, and {finalizers_hold(finalizers)}"


def _resource(resource: Resource) -> str:
    return deleted_since(resource.deleted_at, resource.finalizers)


def _secret(stored: StoredSecret) -> str:
    return f"Secret {stored.name} is being deleted, and {finalizers_hold(stored.finalizers)}"
