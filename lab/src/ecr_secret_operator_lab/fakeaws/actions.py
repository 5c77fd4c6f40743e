"""What the AWS actions do: answers from the state, or an AwsError. Pure but for the random bytes of tokens and keys.

Sources: the API references of ECR, ECR Public and STS for each action.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from . import models, policies
from .credentials import ROLE_ARN, session_credential
from .errors import AwsError, Cause
from .tokens import authorization_token
from .webidentity import audiences

if TYPE_CHECKING:
    from .credentials import Credential
    from .protocol import Operation
    from .records import Call, Role, WebIdentity
    from .state import State

DEFAULT_SESSION_SECONDS = 3600
CHAINED_SESSION_SECONDS = 3600
"""A role assumed by a role lasts an hour at most (IAM User Guide, "Role chaining")."""

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


def perform(context: Context) -> Result:
    """Performs the operation.

    Raises:
        AwsError: AWS would refuse it.
    """
    action = context.operation.action
    if action == "AssumeRoleWithWebIdentity":
        return _assume_role_with_web_identity(context)
    if context.caller is None:
        raise AwsError(Cause.UNSIGNED, "Request is missing Authentication Token")
    if action == "AssumeRole":
        return _assume_role(context, context.caller)
    if action == "GetCallerIdentity":
        caller = context.caller
        return {"Arn": caller.principal, "UserId": caller.user_id, "Account": caller.account}
    return _get_authorization_token(context, context.caller)


def denied(context: Context, *, because: str = "identity-based") -> AwsError:
    """AccessDenied in AWS's words (IAM User Guide, "Troubleshoot access denied error messages")."""
    operation = context.operation
    action = f"{operation.service}:{operation.action}"
    if context.caller is None:
        return AwsError(Cause.ACCESS_DENIED, f"Not authorized to perform {action}")
    resource = context.text("RoleArn") or "*"
    text = f"User: {context.caller.principal} is not authorized to perform: {action} on resource: {resource}"
    return AwsError(Cause.ACCESS_DENIED, f"{text} because no {because} policy allows the {action} action")


def _get_authorization_token(context: Context, caller: Credential) -> Result:
    service = context.operation.service
    needed = [f"{service}:GetAuthorizationToken"]
    if service == "ecr-public":
        needed.append("sts:GetServiceBearerToken")
    if not all(policies.allows(caller.policy, action) for action in needed):
        raise denied(context, because="session")
    if service == "ecr-public":
        return {"authorizationData": _authorization(context, caller, registry="")}
    listed = context.operation.parameters.get("registryIds")
    registries = [str(one) for one in listed] if isinstance(listed, list) else [caller.account]
    return {"authorizationData": [_authorization(context, caller, registry=one) for one in registries]}


def _authorization(context: Context, caller: Credential, *, registry: str) -> Result:
    state, region = context.state, context.call.region
    token = state.tokens.issue(
        caller,
        service=context.operation.service,
        region=region,
        registry=registry,
        now=state.now,
        lifetime=state.settings.lifetime_seconds,
    )
    data: Result = {"authorizationToken": authorization_token(token), "expiresAt": token.expires_at}
    if registry:
        data["proxyEndpoint"] = f"https://{registry}.dkr.ecr.{region}.{models.dns_suffix(region)}"
    return data


def _assume_role(context: Context, caller: Credential) -> Result:
    role = _role(context)
    if role.external_id is not None and context.text("ExternalId") != role.external_id:
        raise denied(context)
    duration = _duration(context, role)
    if caller.role_arn and duration > CHAINED_SESSION_SECONDS:
        text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise AwsError(Cause.INVALID_PARAMETER, text)
    return _session(context, duration)


def _assume_role_with_web_identity(context: Context) -> Result:
    role, identity = _role(context), context.call.web_identity
    if identity is None or not identity.claims:
        raise AwsError(Cause.BAD_WEB_IDENTITY, "The ID Token provided is not a valid JWT.")
    _check_web_identity(context, role, identity)
    result = _session(context, _duration(context, role))
    named = {"SubjectFromWebIdentityToken": "sub", "Provider": "iss"}
    result.update({name: identity.claims[claim] for name, claim in named.items() if claim in identity.claims})
    if "aud" in identity.claims:
        result["Audience"] = audiences(identity.claims)[0]
    return result


def _check_web_identity(context: Context, role: Role, identity: WebIdentity) -> None:
    claims, now = identity.claims, context.state.now
    expiry = claims.get("exp")
    if isinstance(expiry, int | float) and now >= expiry:
        text = f"Token expired: current date/time {int(now)} must be before the expiration date/time {int(expiry)}"
        raise AwsError(Cause.EXPIRED_WEB_IDENTITY, text)
    if role.audience is not None and role.audience not in audiences(claims):
        raise AwsError(Cause.BAD_WEB_IDENTITY, "Incorrect token audience")
    if role.subject is not None and role.subject != claims.get("sub"):
        raise denied(context)


def _role(context: Context) -> Role:
    arn = context.text("RoleArn")
    if ROLE_ARN.fullmatch(arn) is None:
        raise AwsError(Cause.INVALID_PARAMETER, f"{arn} is invalid")
    role = context.state.roles.find(arn)
    if role is None:
        raise denied(context)
    return role


def _duration(context: Context, role: Role) -> int:
    asked = context.operation.parameters.get("DurationSeconds", DEFAULT_SESSION_SECONDS)
    duration = asked if isinstance(asked, int) else DEFAULT_SESSION_SECONDS
    if duration > role.max_session_seconds:
        text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise AwsError(Cause.INVALID_PARAMETER, text)
    return duration


def _session(context: Context, duration: int) -> Result:
    state, policy, name = context.state, context.text("Policy"), context.text("RoleSessionName")
    match = ROLE_ARN.fullmatch(context.text("RoleArn"))
    if match is None:
        raise AwsError(Cause.INVALID_PARAMETER, "RoleArn is invalid")
    try:
        policies.allows(policy, "")
    except policies.PolicyError as error:
        raise AwsError(Cause.BAD_POLICY, str(error)) from error
    expires_at = state.now + (state.settings.session_seconds or duration)
    credential = session_credential((match[1], match[2], match[3]), name, expires_at=expires_at, policy=policy)
    state.credentials.start_session(credential)
    return {
        "Credentials": {
            "AccessKeyId": credential.access_key_id,
            "SecretAccessKey": credential.secret_access_key,
            "SessionToken": credential.session_token,
            "Expiration": f"{datetime.fromtimestamp(expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}",
        },
        "AssumedRoleUser": {"AssumedRoleId": credential.user_id, "Arn": credential.principal},
    }
