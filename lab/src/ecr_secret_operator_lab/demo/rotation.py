"""Follows the token in one Secret: which one it is, how much of its life is left, when the next one took its place."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime

from rich.table import Table

from ..fakeaws import IssuedToken
from .evidence import NotSo, issued, masked, there, token_in
from .screen import Screen
from .stage import Stage

LOOK_SECONDS = 0.1
BAR_CELLS = 24
PATIENCE = 2.0
"""Lifetimes to wait for the next token: more than that, and there will be none."""


@dataclass(slots=True)
class Stored:
    """A token that was found in the Secret.

    Attributes:
        token: what AWS says of it.
        shown: the token, masked.
        left: seconds that it had left when it was last seen.
    """

    token: IssuedToken
    shown: str
    left: float


@dataclass(slots=True)
class History:
    """What was found, oldest first.

    Attributes:
        least_left: the fewest seconds of life that the stored token had at any look; negative when it was expired.
    """

    stored: list[Stored] = field(default_factory=list)
    looks: int = 0
    least_left: float = float("inf")

    def add(self, token: IssuedToken, shown: str) -> None:
        """Takes in one look at the Secret."""
        left = token.expires_at - time.time()
        if not self.stored or self.stored[-1].token.number != token.number:
            self.stored.append(Stored(token, shown, left))
        self.stored[-1].left = left
        self.looks += 1
        self.least_left = min(self.least_left, left)


def watch(stage: Stage, screen: Screen, namespace: str, name: str, *, rotations: int) -> History:
    """Reads a generated Secret ten times a second until its token was replaced so many times.

    Raises:
        NotSo: the Secret went away, holds what AWS never issued, or is not refreshed.
    """
    history = History()
    with screen.live() as draw:
        while len(history.stored) <= rotations:
            secret = there(stage.secret(namespace, name), f"Secret {name}")
            token = issued(stage, secret)
            history.add(token, masked(token_in(secret)))
            draw(_timeline(screen, history))
            if history.least_left < -PATIENCE * (token.expires_at - token.issued_at):
                raise NotSo(f"Secret {name} is not refreshed")
            time.sleep(LOOK_SECONDS)
    return history


def _timeline(screen: Screen, history: History) -> Table:
    table = screen.table("token", "issued", "its life, used up", "")
    for number, stored in enumerate(history.stored):
        lifetime = stored.token.expires_at - stored.token.issued_at
        replaced = number + 1 < len(history.stored)
        words = f"replaced with {stored.left:.1f} s left" if replaced else f"{stored.left:.1f} s left"
        bar = screen.bar(1 - stored.left / lifetime, BAR_CELLS, style="cyan" if replaced else "bold green")
        issued_at = datetime.fromtimestamp(stored.token.issued_at).astimezone()
        table.add_row(stored.shown, f"{issued_at:%H:%M:%S}", bar, words)
    return table
