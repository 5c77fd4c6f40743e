"""All that the fake knows, in one place. Pure: no sockets, and the clock is handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .ambient import Surroundings
from .calls import Calls
from .credentials import Credentials, Roles
from .faults import Faults
from .records import Permissions, Settings
from .tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable


class State:
    """Credentials, roles, permissions, surroundings, tokens, calls, faults and settings.

    Args:
        clock: epoch seconds.
        settings: to start with.
    """

    def __init__(self, clock: Callable[[], float], settings: Settings) -> None:
        self.clock = clock
        self._initial = settings
        self.faults = Faults()
        self.calls = Calls(max_records=settings.max_records)
        self.reset()

    def reset(self) -> None:
        """Forgets everything; calls that hang are let go, and the numbers of calls go on."""
        settings = self.settings = self._initial
        self.credentials = Credentials(max_records=settings.max_records)
        self.roles = Roles()
        self.permissions = Permissions()
        self.surroundings = Surroundings()
        self.tokens = Tokens(max_records=settings.max_records)
        self.calls.clear()
        self.calls.max_records = settings.max_records
        self.faults.clear()

    @property
    def now(self) -> float:
        """The server's clock: the machine's, plus the offset that was set."""
        return self.clock() + self.settings.clock_offset_seconds

    def change(self, settings: Settings) -> None:
        """Puts new settings in force."""
        self.settings = settings
        self.tokens.max_records = settings.max_records
        self.calls.max_records = settings.max_records
        self.credentials.max_records = settings.max_records
