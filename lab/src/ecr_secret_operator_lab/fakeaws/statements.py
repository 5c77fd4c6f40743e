"""Statements of IAM policies, and how they match an action on a resource. Pure.

Sources: IAM User Guide, "IAM JSON policy elements" (Action, Resource, NotAction, NotResource, Principal) and "Policy
evaluation logic": an explicit Deny wins, and without an Allow the answer is no.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Verdict(Enum):
    """What a policy says about an action on a resource."""

    ALLOW = "Allow"
    DENY = "Deny"
    SILENT = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Names with the wildcards `*` and `?`.

    Attributes:
        patterns: the names.
        excluded: all other names are selected, as NotAction and NotResource do.
        any_case: upper and lower case are the same. They are for actions, and not for resources.
    """

    patterns: tuple[str, ...]
    excluded: bool = False
    any_case: bool = False

    def __contains__(self, name: str) -> bool:
        return any(matches(pattern, name, any_case=self.any_case) for pattern in self.patterns) is not self.excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement. `principals` is empty in a policy of an identity or a session."""

    effect: Verdict
    actions: Selection
    resources: Selection
    principals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document."""

    statements: tuple[Statement, ...]

    def verdict(self, action: str, resource: str) -> Verdict:
        """What the policy says, its principals aside."""
        return combined([one.effect for one in self.statements if action in one.actions and resource in one.resources])


def combined(effects: Sequence[Verdict]) -> Verdict:
    """What several effects amount to: Deny wins over Allow."""
    for effect in (Verdict.DENY, Verdict.ALLOW):
        if effect in effects:
            return effect
    return Verdict.SILENT


def matches(pattern: str, name: str, *, any_case: bool = False) -> bool:
    """Whether a pattern matches the whole name.

    `*` also matches colons: in an ARN, IAM lets a `*` at the end of a segment match beyond it. IAM does not do this for
    a `*` elsewhere, which makes no difference for ARNs of repositories: no part of those contains a colon.
    """
    return _expression(pattern, any_case=any_case).fullmatch(name) is not None


@lru_cache(maxsize=4096)
def _expression(pattern: str, *, any_case: bool) -> re.Pattern[str]:
    wildcards = {"*": ".*", "?": "."}
    text = "".join(wildcards.get(character) or re.escape(character) for character in re.sub(r"\*+", "*", pattern))
    return re.compile(text, re.DOTALL | (re.IGNORECASE if any_case else re.NOFLAG))
