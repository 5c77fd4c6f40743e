"""What is to be done about a resource; `decide` makes it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from ...api.model import CommonSpec
from ...reasons import Failure
from .annotations import StoredTokens
from .registries import Want
from .stored import StoredSecret


@dataclass(frozen=True, slots=True)
class Write:
    """A Secret to be written.

    Attributes:
        spec: what it is rendered from.
        stored: what is there; None when there is nothing.
        keep: valid tokens, each replaced by the requested one when that is obtained.
        wants: tokens to request.
        repairs: what was found changed; empty for a first service or a refresh.
        problems: of registries whose identity cannot be used now.
        takes_away: whether the stored Secret has a token that policy denies now. It is removed if there is no other.
        too_wide: registries of which it has a token that may do more than policy allows, if nothing else of it is
            denied. It stays until AWS has said whether there is a narrower one.
    """

    spec: CommonSpec
    stored: StoredSecret | None
    keep: StoredTokens
    wants: tuple[Want, ...]
    repairs: tuple[str, ...]
    problems: tuple[Failure, ...] = ()
    takes_away: bool = False
    too_wide: frozenset[str] = frozenset()

    @property
    def is_urgent(self) -> bool:
        """Whether it must not wait for an AWS call of another resource."""
        return bool(self.repairs) or self.takes_away

    def only_restores(self, intact: StoredTokens, newer: Collection[str]) -> bool:
        """Whether it only restores what is known, so that it may be one of many in a fight over the Secret.

        A denied token that is put back after it was replaced is replaced again by what is known: this may wait.

        Args:
            intact: the tokens in the stored Secret, if nothing of it was changed.
            newer: registries for which AWS gave a newer token now.
        """
        return self.keep != intact and not newer and not (self.takes_away and self.wants)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and what is true before it is done.

    Attributes:
        stored: the tokens that are stored in an intact Secret.
        write: the write to make, if any.
        remove: Secrets that were made for the resource and are not wanted.
        failure: what keeps the resource, or one of its registries, from being served.
        retry_at: when to reconcile again although nothing has changed (UTC).
    """

    stored: StoredTokens = field(default_factory=dict)
    write: Write | None = None
    remove: tuple[StoredSecret, ...] = ()
    failure: Failure | None = None
    retry_at: datetime | None = None
