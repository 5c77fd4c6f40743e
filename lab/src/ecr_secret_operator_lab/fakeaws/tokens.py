"""Issues authorization tokens that look like ECR's, and remembers each. Pure, in memory."""

from __future__ import annotations

import base64
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

from .records import IssuedToken

if TYPE_CHECKING:
    from .credentials import Credential

PASSWORD_BYTES = 1365
"""Base64 of this is 1,820 characters, about the size of the passwords that ECR gives."""
USER = "AWS"


class Tokens:
    """The tokens that were issued, found by password."""

    def __init__(self, *, max_records: int) -> None:
        self.max_records = max_records
        self._issued = 0
        self._by_password: OrderedDict[str, IssuedToken] = OrderedDict()

    def issue(
        self, to: Credential, *, service: str, region: str, registry: str, now: float, lifetime: float
    ) -> IssuedToken:
        """A new token.

        Args:
            to: who asks.
            service: `ecr` or `ecr-public`.
            region: where it is good.
            registry: account of the registry; empty for ECR Public.
            now: the server's clock, epoch seconds.
            lifetime: seconds.
        """
        self._issued += 1
        token = IssuedToken(
            number=self._issued,
            password=base64.b64encode(secrets.token_bytes(PASSWORD_BYTES)).decode(),
            issued_at=round(now, 3),
            expires_at=round(now + lifetime, 3),
            service=service,
            region=region,
            registry=registry,
            access_key_id=to.access_key_id,
            principal=to.principal,
            account=to.account,
            identity_arn=to.identity_arn,
            policy=to.policy,
        )
        self._by_password[token.password] = token
        while len(self._by_password) > self.max_records:
            self._by_password.popitem(last=False)
        return token

    def find(self, password: str) -> IssuedToken | None:
        """The token with this password, expired or not."""
        return self._by_password.get(password)

    def all(self) -> list[IssuedToken]:
        """Those remembered, oldest first."""
        return list(self._by_password.values())


def authorization_token(token: IssuedToken) -> str:
    """As the API gives it: base64 of `AWS:password` (ECR API reference, AuthorizationData)."""
    return base64.b64encode(f"{USER}:{token.password}".encode()).decode()
