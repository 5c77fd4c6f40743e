"""ServiceAccounts that a resource names: which role they stand for, and tokens that prove it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ..domain.identity.identity import AccountRole
from ..domain.identity.sources import (
    AUDIENCE_ANNOTATION,
    AUDIENCE_CHARACTERS,
    ROLE_ANNOTATION,
    ROLE_CHARACTERS,
    RoleAccount,
)
from ..domain.tokens.token import Sensitive
from ..errors import ApiError, Forbidden, NotFound, TokenError, Unavailable
from ..reasons import Reason
from .client import Client
from .objects import ObjectRef
from .source import KubeSource

TOKEN_SECONDS = 600
"""The shortest life that a TokenRequest may ask for; the token is used at once, and once."""


def convert(raw: ObjectRef) -> RoleAccount:
    """Converts a ServiceAccount to what is kept in memory of it."""
    meta, annotations = raw.metadata, raw.metadata.annotations or {}
    role = annotations.get(ROLE_ANNOTATION, "")[: ROLE_CHARACTERS + 1]  # one more, so that it is seen to be too long
    audience = annotations.get(AUDIENCE_ANNOTATION, "")[: AUDIENCE_CHARACTERS + 1]
    return RoleAccount(meta.namespace, meta.name, meta.resource_version, role, audience)


def _collection(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/serviceaccounts"


def source(client: Client, namespace: str, name: str) -> KubeSource[ObjectRef, RoleAccount]:
    """The list and watch of one ServiceAccount."""
    return KubeSource(
        client,
        _collection(namespace),
        raw=ObjectRef,
        convert=convert,
        covers=lambda found: (found.namespace, found.name) == (namespace, name),
        only=name,
    )


class _TokenStatus(msgspec.Struct):
    token: Annotated[str, msgspec.Meta(min_length=1)]


class _TokenReply(msgspec.Struct):
    status: _TokenStatus


class AccountTokens:
    """Requests tokens of ServiceAccounts from the API server (TokenRequest).

    Args:
        client: the API server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def of(self, identity: AccountRole) -> Sensitive:
        """Requests a new token of the ServiceAccount, for its audience. Raises TokenError."""
        path = f"{_collection(identity.namespace)}/{identity.service_account}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [identity.audience], "expirationSeconds": TOKEN_SECONDS},
        }
        name = f"ServiceAccount {identity.namespace}/{identity.service_account}"
        try:
            reply = await self._client.post(path, body, _TokenReply)
        except NotFound:
            raise TokenError(f"{name} does not exist", reason=Reason.IDENTITY_UNAVAILABLE) from None
        except ApiError as error:
            unavailable = isinstance(error, Unavailable)
            raise TokenError(
                _words(name, identity, error),
                reason=Reason.KUBERNETES_ERROR if unavailable else Reason.IDENTITY_UNAVAILABLE,
                cause=f"{name}: {error.identity}",
            ) from None
        return Sensitive(reply.status.token)


def _words(name: str, identity: AccountRole, error: ApiError) -> str:
    if isinstance(error, Forbidden) and error.by_rbac:
        return (
            f"the operator may not create a token of {name}. An administrator can give it the permission, create"
            " serviceaccounts/token (rbac.serviceAccountTokens in the chart), or use role_arn or credentials_secret"
        )
    return f"the API server gave no token of {name} for audience {identity.audience}: {error}"
