"""What the AWS actions do: answers from the state, or an AwsError. Pure but for the random bytes of tokens and keys.

Sources: the API references of ECR, ECR Public and STS for each action.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import models, sessions
from .context import Context, Result, denied, principal_of
from .errors import AwsError, Cause
from .tokens import authorization_token

if TYPE_CHECKING:
    from .credentials import Credential


def perform(context: Context) -> Result:
    """Performs the operation.

    Raises:
        AwsError: AWS would refuse it.
    """
    action, caller = context.operation.action, context.caller
    if action == "AssumeRoleWithWebIdentity":
        return sessions.assume_role_with_web_identity(context)
    if caller is None:
        raise AwsError(Cause.UNSIGNED, "Request is missing Authentication Token")
    if action == "GetCallerIdentity":
        return {"Arn": caller.principal, "UserId": caller.user_id, "Account": caller.account}
    if action == "GetFederationToken":
        return sessions.get_federation_token(context, caller)
    if action == "AssumeRole":
        if principal_of(caller, context.state.permissions).is_federated:
            raise denied(context)  # STS API reference: a federated user can call GetCallerIdentity only
        return sessions.assume_role(context, caller)
    return _get_authorization_token(context, caller)


def _get_authorization_token(context: Context, caller: Credential) -> Result:
    service = context.operation.service
    context.authorize(f"{service}:GetAuthorizationToken", "*")
    if service == "ecr-public":
        context.authorize("sts:GetServiceBearerToken", "*")
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
