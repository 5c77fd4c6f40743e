"""Reads web identity tokens: their digest and claims. Signatures are not checked: the fake trusts every issuer."""

from __future__ import annotations

import base64
import json
from hashlib import sha256

from .records import WebIdentity

JWT_PARTS = 3


def read_claims(token: str) -> WebIdentity:
    """The digest of a token and, when it is a JWT, its claims (RFC 7519)."""
    return WebIdentity(sha256=sha256(token.encode()).hexdigest(), claims=_claims(token))


def _claims(token: str) -> dict[str, object]:
    parts = token.split(".")
    if len(parts) != JWT_PARTS:
        return {}
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}


def audiences(claims: dict[str, object]) -> list[object]:
    """The `aud` claim, which may be one text or several (RFC 7519, 4.1.3)."""
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]
