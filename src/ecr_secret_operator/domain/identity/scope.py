"""What a token is good for, and so the key under which it is shared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ...api.registry import Registry
from .identity import AMBIENT, Identity, mark
from .limit import UNLIMITED, TokenLimit


@lru_cache(maxsize=1024)
def _mark(*parts: str) -> str:
    """Each reconcile asks for it, of a few identities."""
    return mark(parts)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token is good for, and which endpoint gives it.

    An ECR token opens every registry that its identity may use, in one region of one partition
    (AWS: GetAuthorizationToken, API reference). One for ECR Public opens that alone. A limit to repositories is one to
    those of one account.

    Attributes:
        limit: what the token is limited to.
        account: of the repositories of the limit; empty where it names none.
        fips, dual_stack: ask the endpoint of that kind, as the registry's host is of that kind. False leaves it to the
            AWS SDK's own environment and config file.
    """

    partition: str
    region: str
    identity: Identity = AMBIENT
    public: bool = False
    fips: bool = False
    dual_stack: bool = False
    limit: TokenLimit = UNLIMITED
    account: str = ""

    @classmethod
    def of(cls, registry: Registry, identity: Identity, limit: TokenLimit = UNLIMITED) -> Scope:
        """The scope of an identity at a registry, within a limit."""
        return cls(
            partition=registry.partition,
            region=registry.region,
            identity=identity,
            public=registry.public,
            fips=registry.fips,
            dual_stack=registry.dual_stack,
            limit=limit,
            account=registry.account if limit.repositories else "",
        )

    @property
    def service(self) -> str:
        """The AWS service that gives the token, as IAM and the SDKs name it."""
        return "ecr-public" if self.public else "ecr"

    @property
    def place(self) -> str:
        """The AWS service that gives the token, with its region, for messages."""
        return "ECR Public" if self.public else f"ECR in {self.region}"

    @property
    def mark(self) -> str:
        """A short name for what the token is good for; the endpoint and the version of the keys do not count."""
        return _mark(self.partition, self.region, self.service, *self.identity.parts, *self._limit_parts)

    @property
    def _limit_parts(self) -> tuple[str, ...]:
        """What tells the limit from others; empty for none. The first one cannot be a part of an identity."""
        return (f"limit={self.account}", *self.limit.parts) if self.limit.limits else ()

    @property
    def requested_as(self) -> tuple[object, ...]:
        """Endpoint and identity, without the keys of the identity and without the limit."""
        identity = self.identity
        endpoint = (self.partition, self.region, self.public, self.fips, self.dual_stack)
        return *endpoint, identity.version, *identity.parts

    @property
    def shared_by(self) -> tuple[object, ...]:
        """Tells it from every other scope, without the keys of its identity: for what outlives a call."""
        return *self.requested_as, *self._limit_parts

    def __str__(self) -> str:
        limit = f" limited to {self.limit}" if self.limit.limits else ""
        return f"{self.partition}/{self.region}/{self.identity}" + ("/public" if self.public else "") + limit
