"""Whether admission policies hold the operator to what it is for, under whatever name they were installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..domain.raw import RawObject, items, mappings, text
from ..rbac import Installation, admission_policies
from .finding import Finding, ok, unknown, warning
from .observed import ObservedInstallation

SUBJECT = "admission policies"


def check_guards(seen: ObservedInstallation, remedy: str) -> Iterator[Finding]:
    """One that has no binding does nothing."""
    if not seen.account_known and not seen.account_seen:
        yield unknown("admission-policies", SUBJECT, "The operator's ServiceAccount was not found")
        return
    if seen.account_seen is not None and not seen.account_seen:
        return  # there is no ServiceAccount to restrict, which was reported already
    if seen.guards is None or seen.bindings is None:
        yield unknown("admission-policies", SUBJECT, "You may not read them")
        return
    bound = {text(one, "spec", "policyName") for one in seen.bindings}
    username = f"system:serviceaccount:{seen.namespace}:{seen.account}"
    holding = [one for one in seen.guards if text(one, "metadata", "name") in bound and _is_about(one, username)]
    wanted = _resources(one for one in admission_policies(Installation()) if one["kind"] == "ValidatingAdmissionPolicy")
    if free := sorted(wanted - _resources(holding)):
        message = f"Only RBAC limits the operator's access to {', '.join(free)}"
        yield warning("admission-policies-missing", SUBJECT, message, remedy)
    else:
        yield ok("admission-policies", SUBJECT, "They limit the operator to its own Secrets, tokens and links")


def _is_about(policy: RawObject, username: str) -> bool:
    return any(f'"{username}"' in text(one, "expression") for one in mappings(policy, "spec", "matchConditions"))


def _resources(policies: Iterable[RawObject]) -> set[str]:
    rules = (rule for one in policies for rule in mappings(one, "spec", "matchConstraints", "resourceRules"))
    return {str(resource) for rule in rules for resource in items(rule, "resources")}
