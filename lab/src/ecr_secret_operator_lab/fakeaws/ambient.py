"""The identity that a workload finds around it: which role it is, and who may ask for its credentials. Pure, in memory.

Sources: the EKS User Guide, "How EKS Pod Identity works"; the EC2 User Guide, "Use the Instance Metadata Service".
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

from .credentials import ROLE_ARN, Credential, session_credential
from .records import Ambient

if TYPE_CHECKING:
    from collections.abc import Sequence

SESSION_SECONDS = 6 * 3600.0
"""About how long sessions of Pod Identity and of instance roles last."""
METADATA_TOKEN_SECONDS = range(1, 21_601)
"""The lifetimes that IMDSv2 gives its tokens."""


def digest(token: str) -> str:
    """What is kept of an authorization token."""
    return sha256(token.encode()).hexdigest()


class Surroundings:
    """The role around a workload, the tokens that containers show for it, and IMDSv2's own tokens."""

    def __init__(self) -> None:
        self.shown = Ambient()
        self._metadata_tokens: dict[str, float] = {}

    def set(self, role_arn: str | None, tokens: Sequence[str]) -> None:
        """Replaces the role and the tokens that containers may show. IMDSv2's tokens stay good."""
        self.shown = Ambient(role_arn=role_arn, token_digests=[digest(token) for token in tokens])

    @property
    def role_name(self) -> str | None:
        """The role's name without its path, as IMDS lists it; None when there is no role."""
        return None if self.shown.role_arn is None else self.shown.role_arn.rpartition("/")[2]

    def knows(self, token: str) -> bool:
        """Whether a container may have credentials for this token."""
        return digest(token) in self.shown.token_digests

    def issue_metadata_token(self, seconds: int, *, now: float) -> str:
        """A new token for IMDSv2."""
        token = secrets.token_urlsafe(40)
        self._metadata_tokens[token] = now + seconds
        return token

    def accepts_metadata_token(self, token: str, *, now: float) -> bool:
        """Whether IMDSv2 issued this token and it lasts."""
        return self._metadata_tokens.get(token, now) > now

    def session(self, name: str, *, now: float, seconds: float | None) -> Credential | None:
        """New credentials of the role; None when there is no role.

        Args:
            name: of the session.
            now: the server's clock, epoch seconds.
            seconds: how long they last; None for as long as AWS's do.
        """
        match = None if self.shown.role_arn is None else ROLE_ARN.fullmatch(self.shown.role_arn)
        if match is None:
            return None
        expires_at = now + (seconds or SESSION_SECONDS)
        return session_credential((match[1], match[2], match[3]), name, expires_at=expires_at, policy="")
