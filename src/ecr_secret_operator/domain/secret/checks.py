"""What keeps the Secret of a resource from being written. Each check is pure and decides alone.

A check takes the target and the time (UTC), and returns the plan to follow, or None when it finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ...reasons import Failure, Reason
from ..kinds import KINDS
from .deletion import blocked_by_deletion, not_created, not_replaced, removable
from .ownership import conflict, conflict_retry, fails, first_of, outranked
from .plan import Plan
from .render import needs_replacing
from .stored import MANAGED_BY_LABEL
from .target import Target, holding_denied_tokens, listed_tokens, was_served
from .write import plan_write


def resource_being_deleted(target: Target, _now: datetime) -> Plan | None:
    """No Secret is created for a resource that is being deleted. One that is there is kept fresh."""
    if target.is_ours or not target.resource.deleting:
        return None
    return Plan(failure=not_created(target.resource))


def secret_being_deleted(target: Target, _now: datetime) -> Plan | None:
    """Another resource's or client's Secret that finalizers hold blocks the name until it is gone."""
    if target.is_ours or target.stored is None or not target.stored.deleting:
        return None
    return Plan(failure=blocked_by_deletion(target.stored))


def name_taken(target: Target, now: datetime) -> Plan | None:
    """The name belongs to an older resource, to another resource or to another client.

    A younger resource that has the Secret keeps it fresh until an older one takes the name over, and restores it while
    the older one fails: until then, no Pod is to be without a token.
    """
    resource, stored = target.resource, target.stored
    if target.is_ours:
        return None
    rival = first_of(resource, target.observed.rivals)
    if rival and not (stored is None and was_served(resource) and fails(rival)):
        failure = outranked(rival, target.spec.generated_secret_name)
    elif stored and stored.name not in target.observed.released:
        failure = conflict(stored, resource)
    else:
        return None
    return Plan(failure=failure, retry_at=now + conflict_retry(resource, now))


def secret_not_kept(target: Target, _now: datetime) -> Plan | None:
    """The Secrets of the namespace exceed the memory limit, so that the content of this one is unknown (ADR 38)."""
    stored = target.stored
    if not stored or not stored.reduced:
        return None
    text = (
        f"the generated Secrets of {target.resource.place} take too much of the operator's memory, and so Secret"
        f" {stored.name} is left as it is. Remove Secrets with the label {MANAGED_BY_LABEL} that the operator did not"
        " make, or use more namespaces: this resource is then served by itself, within ten minutes"
    )
    return Plan(failure=Failure(Reason.LIMIT_EXCEEDED, text))


def paused(target: Target, _now: datetime) -> Plan | None:
    """The resource is suspended, or policy cannot be judged: nothing is written, and denied tokens are removed."""
    authorization = target.observed.authorization
    if not authorization.unknown and not target.spec.suspend:
        return None
    failure = Failure(Reason.KUBERNETES_ERROR, authorization.unknown) if authorization.unknown else None
    refused = holding_denied_tokens(target.made, authorization)
    stored = {} if refused else target.intact or listed_tokens(target.stored, target.spec)
    return Plan(stored=stored, remove=removable(refused), failure=failure)


def irreplaceable(target: Target, now: datetime) -> Plan | None:
    """The Secret can only be replaced, and no Secret is created while it or its resource is being deleted."""
    resource, stored = target.resource, target.stored
    if stored is None or not (resource.deleting or stored.deleting):
        return None
    if not needs_replacing(stored, KINDS[resource.key.kind].secret_type) or not plan_write(target, now):
        return None
    refused = holding_denied_tokens((stored,), target.observed.authorization)
    return Plan(
        stored={} if refused else target.intact, remove=removable(refused), failure=not_replaced(resource, stored)
    )


Check = Callable[[Target, datetime], Plan | None]

CHECKS: tuple[Check, ...] = (
    resource_being_deleted,
    secret_being_deleted,
    name_taken,
    secret_not_kept,
    paused,
    irreplaceable,
)
"""What keeps a Secret from being written, in the order in which it is asked."""
