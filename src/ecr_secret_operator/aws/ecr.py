"""One call to ECR: a scope in, a token out. Blocking, as botocore is; runs in a thread."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..domain.identity.scope import Scope
from ..domain.kinds import USERNAME
from ..domain.resource import Key
from ..domain.tokens.token import Sensitive, Token
from ..errors import TokenError
from ..reasons import Reason
from .errors import step_by, told
from .identity import session_as


def fetch_token(
    scope: Scope, *, requester: Key, clock: Callable[[], datetime], proof: Sensitive | None = None
) -> Token:
    """Asks ECR for an authorization token (GetAuthorizationToken) as the identity of a scope.

    Args:
        scope: region and identity.
        requester: the resource that it is for.
        clock: gives the time in UTC.
        proof: the ServiceAccount's token, for a role that is assumed with it.

    Raises:
        TokenError: with the reason and one sentence.
    """
    session = session_as(scope, requester=requester, proof=proof)
    with told(step_by(scope)):
        answer = session.create_client(scope.service).get_authorization_token()
    return _read(answer, scope, clock())


def _read(answer: dict[str, Any], scope: Scope, now: datetime) -> Token:
    try:
        found = answer["authorizationData"]
        data = found if scope.public else found[0]  # ECR Public knows one registry
        user, _, password = b64decode(data["authorizationToken"], validate=True).decode().partition(":")
        expires_at = data["expiresAt"].astimezone(UTC).replace(microsecond=0)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError):
        raise _nonsense(scope, "an answer without a token") from None
    if user != USERNAME or not password:
        raise _nonsense(scope, "an answer without a token")
    issued_at = now.replace(microsecond=0)
    if expires_at <= issued_at:
        raise _nonsense(scope, "a token that has expired already: check the clock of this node")
    return Token(password=Sensitive(password), issued_at=issued_at, expires_at=expires_at)


def _nonsense(scope: Scope, what: str) -> TokenError:
    return TokenError(f"{scope.place} gave {what}", reason=Reason.AWS_UNAVAILABLE)
