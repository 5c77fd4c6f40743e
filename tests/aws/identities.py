"""Identities as resources name them, and tokens asked for as each of them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest

from ecr_secret_operator.api.registry import PUBLIC_HOST, parse_registry
from ecr_secret_operator.aws.ecr import fetch_token
from ecr_secret_operator.domain.identity.identity import AccessKeys, AccountRole, AssumedRole, Identity, StoredKeys
from ecr_secret_operator.domain.identity.limit import UNLIMITED, TokenLimit
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.tokens.token import Sensitive, Token
from ecr_secret_operator.errors import TokenError
from tests.factories import a_key

ROLE = "arn:aws:iam::123456789012:role/ecr-operator"
SUBJECT = "system:serviceaccount:ecr-secret-operator:ecr-secret-operator-controller-manager"
TEAM_ROLE = "arn:aws:iam::210987654321:role/registry/ecr-pull"
TEAM_SUBJECT = "system:serviceaccount:team-a:builder"
AUDIENCE = "sts.amazonaws.com"
EXTERNAL_ID = "external-id-of-team-a"
KEY_ID, SECRET_KEY = "AKIATEAMAEXAMPLE0001", "team-a-secret/team-a-secret+team-a-secret"

AS_ROLE = AssumedRole(TEAM_ROLE, EXTERNAL_ID)
AS_ACCOUNT = AccountRole("team-a", "builder", TEAM_ROLE, AUDIENCE)


def utc_now() -> datetime:
    return datetime.now(UTC)


def a_jwt(subject: str = SUBJECT, *, number: int = 1, audience: str = "sts.amazonaws.com") -> str:
    def part(value: object) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    later = int((utc_now() + timedelta(hours=1)).timestamp())
    claims = {"iss": "https://oidc.example", "sub": subject, "aud": [audience], "exp": later, "jti": str(number)}
    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


def stored_keys(key_id: str = KEY_ID, secret: str = SECRET_KEY, session_token: str = "") -> StoredKeys:
    keys = AccessKeys(key_id, Sensitive(secret), Sensitive(session_token) if session_token else None)
    return StoredKeys("team-a", "aws-keys", keys.version, keys)


def at(identity: Identity, *, public: bool = False, limit: TokenLimit = UNLIMITED) -> Scope:
    """The scope of an identity at a registry in Ohio, or at ECR Public."""
    host = PUBLIC_HOST if public else "123456789012.dkr.ecr.us-east-2.amazonaws.com"
    return Scope.of(parse_registry(host), identity, limit)


def fetch_as(scope: Scope, *, requester: Key | None = None, proof: str = "") -> Token:
    """A token for a scope; a ServiceAccount has a good proof unless another is given."""
    if isinstance(scope.identity, AccountRole):
        proof = proof or a_jwt(TEAM_SUBJECT)
    return fetch_token(scope, requester=requester or a_key(), clock=utc_now, proof=Sensitive(proof) if proof else None)


def refusal(scope: Scope, *, proof: str = "") -> TokenError:
    """Why there is no token. Whatever it is, it leads to no request and shows no secret."""
    with pytest.raises(TokenError) as caught:
        fetch_as(scope, proof=proof)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    for secret in (EXTERNAL_ID, SECRET_KEY, KEY_ID, "ASIA", "eyJ", "IQoJ"):
        assert secret not in f"{error} {error!r} {error.args}", secret
    return error
