"""Gets a token without blocking the event loop: first the proof of the identity, then AWS in a thread."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from ..domain.identity.identity import AccountRole
from ..domain.identity.scope import Scope
from ..domain.resource import Key
from ..domain.tokens.token import Sensitive, Token
from ..runtime.threads import in_thread


class Proofs(Protocol):
    """A source of ServiceAccount tokens, which prove an identity to AWS."""

    async def of(self, identity: AccountRole) -> Sensitive:
        """Requests a new token of the ServiceAccount, for its audience. Raises TokenError."""


class Fetcher:
    """Requests tokens from AWS.

    Args:
        proofs: asked for the token of a ServiceAccount.
        clock: gives the time in UTC.
    """

    def __init__(self, proofs: Proofs, *, clock: Callable[[], datetime]) -> None:
        self._proofs = proofs
        self._clock = clock

    async def __call__(self, scope: Scope, requester: Key) -> Token:
        """Requests a new token for a resource. Raises TokenError."""
        identity = scope.identity
        proof = await self._proofs.of(identity) if isinstance(identity, AccountRole) else None

        def fetch() -> Token:
            # The AWS SDK takes 8 MiB and 0.1 s of CPU: only a process that calls AWS needs it (ADR 77).
            from .ecr import fetch_token  # noqa: PLC0415

            return fetch_token(scope, requester=requester, clock=self._clock, proof=proof)

        return await in_thread(fetch, name="aws")
