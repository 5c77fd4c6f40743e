"""Decides whether IAM lets a principal do something, and says why not in IAM's words. Pure.

Sources: IAM User Guide, "Policy evaluation for requests within a single account", "Cross-account policy evaluation
logic", "Session policies" and "Troubleshoot access denied error messages".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from .policies import Kind, parse
from .statements import Policy, Verdict, combined

RepositoryPolicies = Mapping[str, str]
"""Policy documents of repositories, by ARN."""


class Grant(IntEnum):
    """Whom a policy of a resource names. The higher, the more the grant does by itself."""

    NONE = 0
    ACCOUNT = 1
    """The account: its own policies have to allow the action, too."""
    IDENTITY = 2
    """The role or user behind a session: only the session policy limits the grant."""
    CALLER = 3
    """The session or user itself: no policy but a Deny limits the grant, within an account."""


REPLACED = {Grant.IDENTITY: ("identity-based",), Grant.CALLER: ("identity-based", "session")}
"""The policies that a grant makes unnecessary, within an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who does something.

    Attributes:
        arn: of the user or the session.
        account: 12 digits.
        identity_arn: of the role or user that the session is of; of the user itself without a session.
        identity_policy: of the role or user; an empty one allows all.
        session_policy: an empty one allows all that the identity may, but nothing to a federated user.
    """

    arn: str
    account: str
    identity_arn: str
    identity_policy: str = ""
    session_policy: str = ""

    @property
    def is_federated(self) -> bool:
        """Whether it is a session of GetFederationToken."""
        return ":federated-user/" in self.arn

    def says(self) -> dict[str, Verdict | Policy]:
        """Its policies, by the name that IAM gives them in messages."""
        unlimited = Verdict.SILENT if self.is_federated else Verdict.ALLOW
        return {
            "session": parse(self.session_policy) if self.session_policy else unlimited,
            "identity-based": parse(self.identity_policy) if self.identity_policy else Verdict.ALLOW,
        }


def refusal(
    who: Principal, action: str, resource: str, *, of: str = "", resource_policy: str | None = ""
) -> str | None:
    """Why IAM refuses; None when it does not.

    Args:
        who: asks.
        action: such as `ecr:BatchGetImage`.
        resource: ARN, or `*` for an action that has none.
        of: the account of the resource; empty for that of the principal.
        resource_policy: the resource's own policy; empty when it has none, None when it lets all accounts in.
    """
    own = {
        name: policy.verdict(action, resource) if isinstance(policy, Policy) else policy
        for name, policy in who.says().items()
    }
    effect, grant = _of_resource(who, action, parse(resource_policy, Kind.RESOURCE) if resource_policy else None)
    for name, verdict in {**own, "resource-based": effect}.items():
        if verdict is Verdict.DENY:
            return _denial(who, action, resource, f"with an explicit deny in {_article(name)} {name} policy")
    lacking = [name for name, verdict in own.items() if verdict is Verdict.SILENT]
    if of in {"", who.account}:
        lacking = [name for name in lacking if name not in REPLACED.get(grant, ())]
    elif resource_policy is not None and grant is Grant.NONE:
        lacking.insert(0, "resource-based")
    if not lacking:
        return None
    return _denial(who, action, resource, f"because no {lacking[0]} policy allows the {action} action")


def _of_resource(who: Principal, action: str, policy: Policy | None) -> tuple[Verdict, Grant]:
    """What the policy of a resource says about a principal, and whom it names for that."""
    found = [
        (statement.effect, _grant(statement.principals, who))
        for statement in (policy.statements if policy else ())
        if action in statement.actions
    ]
    named = [(effect, grant) for effect, grant in found if grant is not Grant.NONE]
    grants = [grant for effect, grant in named if effect is Verdict.ALLOW]
    return combined([effect for effect, _ in named]), max(grants, default=Grant.NONE)


def _grant(principals: tuple[str, ...], who: Principal) -> Grant:
    """Whom principals name. IAM does not document what limits a grant to `*`; here, nothing does."""
    partition = who.arn.split(":")[1]
    names = {
        Grant.CALLER: {who.arn, "*"},
        Grant.IDENTITY: {who.identity_arn},
        Grant.ACCOUNT: {who.account, f"arn:{partition}:iam::{who.account}:root"},
    }
    return next((grant for grant, known in names.items() if known & set(principals)), Grant.NONE)


def _article(name: str) -> str:
    return "an" if name.startswith("i") else "a"


def _denial(who: Principal, action: str, resource: str, because: str) -> str:
    return f"User: {who.arn} is not authorized to perform: {action} on resource: {resource} {because}"
