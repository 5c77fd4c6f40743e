"""Whether the AccessPolicies of a cluster allow what a resource asks for, and to what they limit its tokens. Pure.

A policy is judged as a whole: one that allows the registry and another that allows the role do not add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from ..resource import InvalidSpec
from .access_policy import AccessPolicySpec, Policy
from .limit import ALL_THAT_POLICY_ALLOWS, UNLIMITED, LimitRequest, TokenLimit, widest


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What a resource asks to use.

    Attributes:
        host, region: of the registry.
        kind: of the identity. `unknown` is a ServiceAccount whose role is not known yet.
        role_arn: of the kind `role`.
        external_id: that the role is assumed with, empty for none; None where there can be none, or it is not known.
        limit: of the token.
    """

    host: str
    region: str
    kind: Literal["ambient", "role", "keys", "unknown"]
    role_arn: str = ""
    external_id: str | None = None
    limit: LimitRequest = ALL_THAT_POLICY_ALLOWS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policies say to one ask.

    Attributes:
        refusal: why no policy allows it; empty when one does.
        served: whether to serve all the same: it is allowed, or only audited.
        default_role_arn: the role to use in place of the operator's own identity; empty for none.
        change: how the identity or the limit would differ if every policy were enforced; empty when neither would.
        limit: what the token is limited to.
        limit_if_enforced: what it would be limited to if every policy were enforced.
    """

    refusal: str = ""
    served: bool = True
    default_role_arn: str = ""
    change: str = ""
    limit: TokenLimit = UNLIMITED
    limit_if_enforced: TokenLimit = UNLIMITED

    @property
    def audited(self) -> str:
        """What enforcing every policy would deny or change of what is served now; empty for nothing."""
        return self.refusal or self.change if self.served else ""


def judge(
    ask: AccessRequest,
    *,
    namespace: str,
    place: str,
    labels: Mapping[str, str],
    policies: Sequence[Policy],
    required: bool,
) -> Verdict:
    """Judges one ask by all policies of the cluster.

    Args:
        ask: what the resource asks to use.
        namespace: where it is.
        place: the namespace, as messages name it.
        labels: of the namespace.
        policies: all of the cluster.
        required: whether nothing is allowed while there is no policy.
    """
    if not policies and not required:
        return Verdict(limit=ask.limit.without_policy)
    known = [(policy.name, policy.spec) for policy in sorted(policies, key=lambda policy: policy.name)]
    selecting = [
        (name, spec)
        for name, spec in known
        if not isinstance(spec, InvalidSpec) and spec.namespaces.selects(namespace, labels)
    ]
    usable = [(name, spec) for name, spec in selecting if not _lacks_use(spec, ask, namespace)]
    verdict = _with_default_role(ask, place, usable) if ask.kind == "ambient" and usable else Verdict()
    if verdict.default_role_arn:  # another policy may allow more with the identity that this role replaces
        ask = AccessRequest(ask.host, ask.region, "role", verdict.default_role_arn, limit=ask.limit)
        usable = [(name, spec) for name, spec in usable if not _lacks_use(spec, ask, namespace)]
    allowing = [(name, spec) for name, spec in usable if not _lacks_limit(spec, ask, namespace)]
    if allowing:
        return _with_limit(ask, namespace, place, verdict, allowing)
    enforced = required or any(isinstance(spec, InvalidSpec) or spec.mode == "Enforce" for _, spec in known)
    audited = any(spec.mode == "Audit" for _, spec in selecting)
    lacks = [(name, _lacks_use(spec, ask, namespace) or _lacks_limit(spec, ask, namespace)) for name, spec in selecting]
    refusal = _refusal(ask, place, lacks, too_wide=bool(usable))
    return replace(verdict, refusal=refusal, served=audited or not enforced, limit=ask.limit.without_policy)


_Named = Sequence[tuple[str, AccessPolicySpec]]
"""Policies by name."""


def _with_default_role(ask: AccessRequest, place: str, allowing: _Named) -> Verdict:
    """The verdict on the operator's own identity: the first enforced default role replaces the identity.

    Args:
        ask: what the resource asks to use.
        place: the namespace, as messages name it.
        allowing: the policies that allow it, by name.
    """
    named = [(name, spec) for name, spec in allowing if spec.default_role_arn]
    role = next((spec.default_role_arn for _, spec in named if spec.mode == "Enforce"), "")
    if not named or named[0][1].default_role_arn == role:
        return Verdict(default_role_arn=role)
    name, first = named[0]
    replaced = f"role {role}" if role else "the operator's own identity"
    change = f"AccessPolicy {name} replaces {replaced} for {ask.host} in {place}"
    return Verdict(default_role_arn=role, change=f"{change} with role {first.default_role_arn}")


def _with_limit(ask: AccessRequest, namespace: str, place: str, verdict: Verdict, allowing: _Named) -> Verdict:
    """The verdict with the limit of the token: the widest that one of the enforced policies allows.

    A policy in mode Audit limits nothing. Where an enforced policy allows what is asked, it makes no token wider.

    Args:
        ask: what the resource asks to use.
        namespace: where it is.
        place: the namespace, as messages name it.
        verdict: on the identity.
        allowing: the policies that allow what is asked, by name.
    """
    limits = {name: ask.limit.narrowed(spec.limit.of(ask.host, namespace)) for name, spec in allowing}
    enforced = [(name, limits[name]) for name, spec in allowing if spec.mode == "Enforce"]
    limit = widest(enforced)[1] if enforced else ask.limit.without_policy
    name, later = widest(list(limits.items()))
    change = verdict.change
    if later != limit and not change:
        change = (
            f"AccessPolicy {name} sets the limit of the token for {ask.host} in {place} to {later}; it is {limit} now"
        )
    return replace(verdict, limit=limit, change=change, limit_if_enforced=later)


_WIDER = " and a limit that includes this access. To get what a limit allows, leave aws.access and aws.repositories out"
_NAMED = 3
"""How many policies, and patterns of one, a message names."""


def _lacks_use(spec: AccessPolicySpec, ask: AccessRequest, namespace: str) -> str:
    """The first thing that a policy does not allow, beside the limit of the token; empty when it allows all."""
    if spec.registries and not any(fnmatchcase(ask.host, glob) for glob in spec.registries):
        return "this registry"
    if spec.regions and ask.region not in spec.regions:
        return f"region {ask.region}"
    return _lacks_identity(spec, ask) or _lacks_external_id(spec, ask, namespace)


def _lacks_identity(spec: AccessPolicySpec, ask: AccessRequest) -> str:
    if ask.kind == "ambient":
        return "" if spec.ambient_identity or spec.default_role_arn else "the operator's own identity"
    if ask.kind == "unknown":
        return "" if spec.role_arns or spec.default_role_arn else "any role"
    if ask.kind == "role" and ask.role_arn != spec.default_role_arn:
        return "" if any(fnmatchcase(ask.role_arn, glob) for glob in spec.role_arns) else "this role"
    return ""


def _lacks_external_id(spec: AccessPolicySpec, ask: AccessRequest, namespace: str) -> str:
    if ask.external_id is None or not spec.external_ids:
        return ""
    globs = [glob.replace("{namespace}", namespace) for glob in spec.external_ids]
    if ask.external_id and any(_matches(ask.external_id, glob) for glob in globs):
        return ""
    given = "this external id" if ask.external_id else "a role without external id"
    return f"{given}, only {' or '.join(globs[:_NAMED])}"


def _lacks_limit(spec: AccessPolicySpec, ask: AccessRequest, namespace: str) -> str:
    allowed = spec.limit.of(ask.host, namespace)
    asked = ask.limit.narrowed(allowed)
    if asked.within(allowed):
        return ""
    only = (
        allowed if len(allowed.repositories) <= _NAMED else f"{allowed.access} in {len(allowed.repositories)} patterns"
    )
    return f"access {asked}, because its limit is {only}"


def _matches(text: str, glob: str) -> bool:
    """Whether a text matches. A pattern without wildcards is not compiled: there is another one in each namespace."""
    return fnmatchcase(text, glob) if "*" in glob or "?" in glob else text == glob


def _refusal(ask: AccessRequest, place: str, lacks: Sequence[tuple[str, str]], *, too_wide: bool) -> str:
    """Why no policy allows a request.

    Args:
        ask: what the resource asks to use.
        place: the namespace, as messages name it.
        lacks: the policies that select the namespace, by name, and what each does not allow.
        too_wide: whether one of them allows everything but the limit that is asked.
    """
    identity = {
        "ambient": " with the operator's own identity",
        "role": f" with role {ask.role_arn}" + (f" and external id {ask.external_id}" if ask.external_id else ""),
        "keys": " with keys of its own",
        "unknown": " with the role of a ServiceAccount",
    }[ask.kind]
    found = [f"{name} selects it but does not allow {lacking}" for name, lacking in lacks[:_NAMED]]
    needed = {
        "ambient": " and ambient_identity: true (or a default_role_arn)",
        "role": f" and role_arns: [{ask.role_arn}]",
        "unknown": " and role_arns that match the role of the ServiceAccount",
    }.get(ask.kind, "")
    return (
        f"no AccessPolicy lets {place} use {ask.host} in {ask.region}{identity}:"
        f" {'; '.join(found) or 'none selects it'}. It takes one that selects the namespace, with registries:"
        f" [{ask.host}]{needed}{_WIDER if too_wide else ''}"
    )
