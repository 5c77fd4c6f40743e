"""What the annotations of a generated Secret record: its tokens, its owner, and the seal over all of it.

The annotations make a restart free and drift visible. They never hold a token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from ...api.fields import GROUP
from ...api.limits import ACCESS
from ..identity.limit import UNLIMITED, TokenLimit
from ..identity.scope import Scope
from ..kinds import COMPACT
from ..times import format_time, parse_time
from ..tokens.token import Token

EXPIRES_AT = f"{GROUP}/expires-at"

ISSUED_AT = f"{GROUP}/issued-at"

DIGEST = f"{GROUP}/digest"

OWNER = f"{GROUP}/owner"

NAME = f"{GROUP}/name"
"""The Secret's own name, by which a copy under another name is recognized."""

TOKENS = f"{GROUP}/tokens"
"""Of each token in the Secret: its registry, its times, and marks of what it is good for; never the token."""

COPIED = f"{GROUP}/copied"
"""Which labels and annotations came from `spec.metadata`, so that those taken out there are taken out here."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The labels and annotations of a Secret that come from `spec.metadata`, as the annotation COPIED lists them.

    Attributes:
        labels, annotations: their keys.
    """

    labels: tuple[str, ...]
    annotations: tuple[str, ...]

    @classmethod
    def of(cls, labels: Iterable[str], annotations: Iterable[str]) -> Copied:
        """Those with these keys."""
        return cls(tuple(sorted(labels)), tuple(sorted(annotations)))

    @classmethod
    def parse(cls, text: str) -> Copied:
        """Reads the value of the annotation; ignores what it cannot read."""
        entries = [entry.partition(":") for entry in text.split()]
        return cls(
            tuple(key for kind, _, key in entries if kind == "label"),
            tuple(key for kind, _, key in entries if kind == "annotation"),
        )

    @property
    def annotation(self) -> dict[str, str]:
        """The annotation, to be merged into those of the Secret; empty when nothing is copied."""
        entries = [f"label:{key}" for key in self.labels] + [f"annotation:{key}" for key in self.annotations]
        return {COPIED: " ".join(entries)} if entries else {}


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token as a Secret holds it.

    Attributes:
        mark: `Scope.mark` of what it was asked for: partition, region, service, identity.
        version: of the identity's keys, where they have one.
        origin: `origin` of the identity.
        role_arn: of the identity, where it is a role.
        limit: what the token is limited to.
    """

    token: Token
    mark: str
    version: str = ""
    origin: str = ""
    role_arn: str = ""
    limit: TokenLimit = UNLIMITED

    @classmethod
    def of(cls, scope: Scope, token: Token) -> StoredToken:
        """A token that was obtained for a scope."""
        who = scope.identity
        return cls(token, scope.mark, who.version, who.origin, who.role_arn, scope.limit)


StoredTokens = Mapping[str, StoredToken]
"""Registry host to token."""


def written_tokens(held: StoredTokens) -> str:
    """The annotation that lists the tokens of a Secret, without the tokens themselves, as JSON."""
    entries = {
        host: {
            "issued": format_time(one.token.issued_at),
            "expires": format_time(one.token.expires_at),
            "for": one.mark,
            **({"with": one.version} if one.version else {}),
            "by": one.origin,
            **({"role": one.role_arn} if one.role_arn else {}),
            **({"access": one.limit.access} if one.limit.limits else {}),
            **({"repositories": one.limit.repositories} if one.limit.repositories else {}),
        }
        for host, one in held.items()
    }
    return COMPACT.encode(entries)


_Written = tuple[str, datetime, datetime, tuple[str, str, str, str, TokenLimit]]


@lru_cache(maxsize=16)
def read_tokens(text: str) -> tuple[_Written, ...]:
    """Reads what `written_tokens` wrote. Secrets with the same tokens say the same, and each is asked several times."""
    return tuple(_read_token(host, entry) for host, entry in json.loads(text).items())


def _read_token(host: str, entry: Mapping[str, object]) -> _Written:
    issued, expires = parse_time(str(entry["issued"])), parse_time(str(entry["expires"]))
    if issued is None or expires is None or issued >= expires:
        raise ValueError("no life span")
    who = (str(entry["for"]), str(entry.get("with", "")), str(entry.get("by", "")), str(entry.get("role", "")))
    return host, issued, expires, (*who, _read_limit(entry))


def _read_limit(entry: Mapping[str, object]) -> TokenLimit:
    access = next((one for one in ACCESS if one == entry.get("access")), UNLIMITED.access)
    repositories = entry.get("repositories", ())
    if not isinstance(repositories, list | tuple):
        raise TypeError("repositories are no list")
    return TokenLimit.of(access, map(str, repositories))


def seal(digest: str, tokens: str, owner: str) -> str:
    """The seal over a Secret: SHA-256 of its data's digest, the annotation that lists its tokens, and its owner."""
    return "sha256:" + hashlib.sha256(f"{digest}\n{tokens}\n{owner}".encode()).hexdigest()


def is_sealed(digest: str, annotations: Mapping[str, str]) -> bool:
    """Whether a Secret's annotations and data are those that the operator wrote together.

    Args:
        digest: `data_digest` of the Secret.
        annotations: of the Secret.
    """
    return annotations.get(DIGEST) == seal(digest, annotations.get(TOKENS, ""), annotations.get(OWNER, ""))
