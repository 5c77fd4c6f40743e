"""What is done about a resource: a pure function of what was observed and the time.

`decide` first asks whether the resource may have a Secret at all. The checks then say what keeps its Secret from being
written; the first one that finds something decides. Otherwise the resource is served.
"""

from __future__ import annotations

from datetime import datetime

from ...reasons import Failure, Reason
from ..resource import InvalidSpec
from .annotations import StoredTokens
from .checks import CHECKS
from .deletion import removable, still_there
from .failures import merge_failures
from .observed import Observed
from .plan import Plan
from .target import Target, holding_denied_tokens
from .write import plan_write


def decide(observed: Observed, *, now: datetime) -> Plan:
    """The plan for one resource.

    Args:
        observed: the resource and all that decides about it.
        now: the time (UTC).
    """
    spec = observed.resource.spec
    if not observed.resource.selected:
        return _deselected(observed)
    if isinstance(spec, InvalidSpec):
        return _invalid(observed, spec, now)
    target = Target.of(observed, spec)
    if observed.authorization.denied:
        failure = Failure(Reason.POLICY_DENIED, observed.authorization.denied)
        return Plan(remove=removable(target.made), failure=failure)
    found = (check(target, now) for check in CHECKS)
    return next((plan for plan in found if plan), None) or _serve(target, now)


def _deselected(observed: Observed) -> Plan:
    """The plan for a placement whose namespace is not selected."""
    unwanted = tuple(one for one in observed.made if one.original)
    return Plan(remove=removable(unwanted), failure=still_there(unwanted))


def _invalid(observed: Observed, spec: InvalidSpec, now: datetime) -> Plan:
    """The plan for a resource whose spec is invalid: its valid tokens stay, unless policy denies them."""
    failure = Failure(Reason.LIMIT_EXCEEDED if spec.limited else Reason.INVALID_SPEC, spec.message)
    refused = holding_denied_tokens(observed.made, observed.authorization)
    return Plan(stored={} if refused else _valid_still(observed, now), remove=removable(refused), failure=failure)


def _serve(target: Target, now: datetime) -> Plan:
    """The plan for a resource that nothing keeps from being served."""
    write = plan_write(target, now)
    others = tuple(secret for secret in target.made if secret is not target.stored)
    # Secrets under a former name are removed once there is a successor.
    left = others if target.intact or write else holding_denied_tokens(others, target.observed.authorization)
    failure = merge_failures(target.problems)
    return Plan(stored=target.intact, write=write, remove=removable(left), failure=failure)


def _valid_still(observed: Observed, now: datetime) -> StoredTokens:
    """The valid tokens that a resource which is now invalid still has."""
    for secret in observed.made:
        valid = {host: one for host, one in secret.stored_tokens.items() if not one.token.expired(now)}
        if valid:
            return valid
    return {}
