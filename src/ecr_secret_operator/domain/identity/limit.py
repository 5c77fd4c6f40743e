"""What a token is limited to: which actions, in which repositories; and whether one limit lies within another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ...api.limits import ACCESS, Access

_ANY, _ONE = "*", "?"


@lru_cache(maxsize=4096)
def pattern_within(pattern: str, allowed: str) -> bool:
    """Whether every name that one pattern matches is matched by another one. A False may be wrong, a True never is.

    The pattern is read as a name in which a wildcard is a character of its own: `*` is any number of
    characters and is matched by `*` only, `?` is one character and is matched by `?` and `*`.

    Args:
        pattern: of the request, with the wildcards `*` and `?`.
        allowed: of the limit, with the same wildcards.
    """
    reached = {0}  # positions in `allowed` with which the characters so far can be matched
    for sign in pattern:
        reached = _beyond_any(reached, allowed)
        stays = {at for at in reached if at < len(allowed) and allowed[at] == _ANY}
        moves = {at + 1 for at in reached if at < len(allowed) and _matches(sign, allowed[at])}
        reached = stays | moves
    return len(allowed) in _beyond_any(reached, allowed)


def _matches(sign: str, allowed: str) -> bool:
    return sign == allowed if sign == _ANY else allowed in (sign, _ONE)


def _beyond_any(positions: Iterable[int], allowed: str) -> set[int]:
    """The positions, and those behind each `*`, which may match nothing."""
    found = set(positions)
    for at in range(len(allowed)):
        if at in found and allowed[at] == _ANY:
            found.add(at + 1)
    return found


@dataclass(frozen=True, slots=True)
class TokenLimit:
    """What a token is limited to.

    Attributes:
        access: the widest action that it allows.
        repositories: patterns of the repositories of one account, sorted; empty for all repositories of all accounts
            that the identity may use.
    """

    access: Access = "full"
    repositories: tuple[str, ...] = ()

    @classmethod
    def of(cls, access: Access, repositories: Iterable[str]) -> TokenLimit:
        """The limit with these patterns, in whatever order they are."""
        return cls(access, tuple(sorted(set(repositories))))

    @property
    def limits(self) -> bool:
        """Whether it limits anything."""
        return self != UNLIMITED

    @property
    def parts(self) -> tuple[str, ...]:
        """What tells it from others; empty for no limit."""
        return (self.access, *self.repositories) if self.limits else ()

    def within(self, other: TokenLimit) -> bool:
        """Whether this allows nothing that the other one does not allow. A False may be wrong, a True never is."""
        if ACCESS.index(self.access) > ACCESS.index(other.access):
            return False
        if not other.repositories:
            return True
        return bool(self.repositories) and all(
            any(pattern_within(pattern, allowed) for allowed in other.repositories) for pattern in self.repositories
        )

    def __str__(self) -> str:
        where = ", ".join(self.repositories) if self.repositories else "all repositories"
        return f"{self.access} in {where}"


UNLIMITED = TokenLimit()

LONGEST_SUMMARY = 1024
"""Characters of `summary`. A longer one is cut, and ends with "..."."""


def summary(limits: Mapping[str, TokenLimit]) -> str:
    """The limits of some tokens in a line; empty if one of them is not limited.

    Args:
        limits: by registry host.
    """
    if not all(limit.limits for limit in limits.values()):
        return ""
    different = {str(limit) for limit in limits.values()}
    text = "; ".join(
        different if len(different) == 1 else (f"{host}: {limit}" for host, limit in sorted(limits.items()))
    )
    return text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 3]}..."


@dataclass(frozen=True, slots=True)
class LimitRequest:
    """The limit that a resource asks for.

    Attributes:
        access: None for as much as policy allows. `full` asks for that, too: it is the default of the field.
        repositories: None for as many as policy allows; empty for all.
    """

    access: Access | None = None
    repositories: tuple[str, ...] | None = None

    @classmethod
    def of(cls, access: Access | None, repositories: Iterable[str]) -> LimitRequest:
        """What the fields of a resource ask for."""
        return cls(None if access == UNLIMITED.access else access, tuple(repositories) or None)

    @property
    def without_policy(self) -> TokenLimit:
        """The limit where no policy has one."""
        return TokenLimit.of(self.access or UNLIMITED.access, self.repositories or ())

    def narrowed(self, limit: TokenLimit) -> TokenLimit:
        """The widest limit within another one that satisfies the request; it may be outside if there is none."""
        repositories = limit.repositories if self.repositories is None else self.repositories
        return TokenLimit.of(self.access or limit.access, repositories)


ALL_THAT_POLICY_ALLOWS = LimitRequest()


def widest(limits: Iterable[tuple[str, TokenLimit]]) -> tuple[str, TokenLimit]:
    """The first of some named limits that lies within no other one of them, unless both allow the same.

    Args:
        limits: name and limit of each; at least one.
    """
    found, *others = limits
    for other in others:
        if found[1].within(other[1]) and not other[1].within(found[1]):
            found = other
    return found
