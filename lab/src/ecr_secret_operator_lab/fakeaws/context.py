"""One call being served, and whether IAM permits it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .authorization import Principal, refusal
from .errors import AwsError, Cause

if TYPE_CHECKING:
    from .credentials import Credential
    from .protocol import Operation
    from .records import Call, IssuedToken, Permissions
    from .state import State

Result = dict[str, object]


@dataclass(frozen=True, slots=True)
class Context:
    """One call being served: who calls (None when unsigned) and what was recorded of it."""

    state: State
    operation: Operation
    call: Call
    caller: Credential | None

    def text(self, name: str) -> str:
        """A string parameter; empty when it is absent."""
        value = self.operation.parameters.get(name, "")
        return value if isinstance(value, str) else ""

    def authorize(self, action: str, resource: str) -> None:
        """Checks that IAM lets the caller do this.

        Raises:
            AwsError: it does not.
        """
        if self.caller is not None:
            text = refusal(principal_of(self.caller, self.state.permissions), action, resource)
            if text is not None:
                raise AwsError(Cause.ACCESS_DENIED, text)


def principal_of(who: Credential | IssuedToken, permissions: Permissions) -> Principal:
    """The principal behind credentials or a token, with the policies that are in force."""
    return Principal(
        arn=who.principal,
        account=who.account,
        identity_arn=who.identity_arn,
        identity_policy=permissions.identities.get(who.identity_arn, ""),
        session_policy=who.policy,
    )


def denied(context: Context) -> AwsError:
    """AccessDenied in AWS's words (IAM User Guide, "Troubleshoot access denied error messages")."""
    operation = context.operation
    action = f"{operation.service}:{operation.action}"
    if context.caller is None:
        return AwsError(Cause.ACCESS_DENIED, f"Not authorized to perform {action}")
    resource = context.text("RoleArn") or "*"
    text = f"User: {context.caller.principal} is not authorized to perform: {action} on resource: {resource}"
    return AwsError(Cause.ACCESS_DENIED, f"{text} because no identity-based policy allows the {action} action")
