"""The STS actions that start a session: AssumeRole, AssumeRoleWithWebIdentity and GetFederationToken.

Sources: the STS API reference for each action, and its text in botocore's service model.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from . import policies
from .context import Context, Result, denied
from .credentials import ROLE_ARN, Credential, federated_credential, session_credential
from .errors import AwsError, Cause
from .webidentity import audiences

if TYPE_CHECKING:
    from .records import Role, WebIdentity

DEFAULT_SESSION_SECONDS = 3600
FEDERATED_SESSION_SECONDS = 43_200
CHAINED_SESSION_SECONDS = 3600
"""A role assumed by a role lasts an hour at most (IAM User Guide, "Role chaining")."""
FULL_PERCENT = 100


def assume_role(context: Context, caller: Credential) -> Result:
    """AssumeRole.

    Raises:
        AwsError: STS would refuse it.
    """
    role = _role(context)
    context.authorize("sts:AssumeRole", role.role_arn)
    if role.external_id is not None and context.text("ExternalId") != role.external_id:
        raise denied(context)
    duration = _duration(context, role)
    if caller.role_arn and duration > CHAINED_SESSION_SECONDS:
        text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise AwsError(Cause.INVALID_PARAMETER, text)
    return _role_session(context, duration)


def assume_role_with_web_identity(context: Context) -> Result:
    """AssumeRoleWithWebIdentity.

    Raises:
        AwsError: STS would refuse it.
    """
    role, identity = _role(context), context.call.web_identity
    if identity is None or not identity.claims:
        raise AwsError(Cause.BAD_WEB_IDENTITY, "The ID Token provided is not a valid JWT.")
    _check_web_identity(context, role, identity)
    result = _role_session(context, _duration(context, role))
    named = {"SubjectFromWebIdentityToken": "sub", "Provider": "iss"}
    result.update({name: identity.claims[claim] for name, claim in named.items() if claim in identity.claims})
    if "aud" in identity.claims:
        result["Audience"] = audiences(identity.claims)[0]
    return result


def get_federation_token(context: Context, caller: Credential) -> Result:
    """GetFederationToken, which only the long-lived keys of a user can call.

    Raises:
        AwsError: STS would refuse it.
    """
    if caller.session_token is not None:
        raise AwsError(Cause.ACCESS_DENIED, "Cannot call GetFederationToken with session credentials")
    name, partition = context.text("Name"), caller.principal.split(":")[1]
    arn = f"arn:{partition}:sts::{caller.account}:federated-user/{name}"
    context.authorize("sts:GetFederationToken", arn)
    policy, packed = _session_policy(context)
    asked = context.operation.parameters.get("DurationSeconds", FEDERATED_SESSION_SECONDS)
    expires_at = _end(context, asked if isinstance(asked, int) else FEDERATED_SESSION_SECONDS)
    credential = federated_credential(caller, name, expires_at=expires_at, policy=policy)
    user = {"FederatedUserId": credential.user_id, "Arn": credential.principal}
    return {**_started(context, credential, expires_at), "FederatedUser": user, **packed}


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


def _end(context: Context, duration: float) -> float:
    return context.state.now + (context.state.settings.session_seconds or duration)


def _role_session(context: Context, duration: int) -> Result:
    match = ROLE_ARN.fullmatch(context.text("RoleArn"))
    if match is None:
        raise AwsError(Cause.INVALID_PARAMETER, "RoleArn is invalid")
    policy, packed = _session_policy(context)
    name, expires_at = context.text("RoleSessionName"), _end(context, duration)
    credential = session_credential((match[1], match[2], match[3]), name, expires_at=expires_at, policy=policy)
    user = {"AssumedRoleId": credential.user_id, "Arn": credential.principal}
    return {**_started(context, credential, expires_at), "AssumedRoleUser": user, **packed}


def _started(context: Context, credential: Credential, expires_at: float) -> Result:
    context.state.credentials.start_session(credential)
    return {
        "Credentials": {
            "AccessKeyId": credential.access_key_id,
            "SecretAccessKey": credential.secret_access_key,
            "SessionToken": credential.session_token,
            "Expiration": f"{datetime.fromtimestamp(expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}",
        },
    }


def _session_policy(context: Context) -> tuple[str, Result]:
    """The session policy, and what the answer says of its packed size (repost.aws has the message of the limit)."""
    policy = context.text("Policy")
    if context.operation.parameters.get("PolicyArns"):
        raise AwsError(Cause.BAD_POLICY, "The fake has no managed policies, so it cannot apply PolicyArns.")
    if not policy:
        return "", {}
    try:
        policies.parse(policy)
    except policies.PolicyError as error:
        raise AwsError(Cause.BAD_POLICY, str(error)) from error
    percent = math.ceil(FULL_PERCENT * len(policy) / context.state.settings.packed_policy_limit)
    if percent > FULL_PERCENT:
        text = f"Packed policy consumes {percent}% of allotted space, please use smaller policy."
        raise AwsError(Cause.PACKED_POLICY_TOO_LARGE, text)
    return policy, {"PackedPolicySize": percent}
