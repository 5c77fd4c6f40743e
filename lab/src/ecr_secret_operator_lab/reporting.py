"""How a long wait shows its progress. The caller decides how: a spinner, lines, nothing."""

import sys
from typing import Protocol, TextIO

LINE_SECONDS = 15.0


class Reporter(Protocol):
    """Receives each step, and while a step lasts, how long it has lasted."""

    def __call__(self, message: str, /) -> None:
        """A step begins."""

    def alive(self, seconds: float, /) -> None:
        """The step goes on, since so many seconds. Called about once a second."""


class LineReporter:
    """A line for each step, and one every quarter of a minute while it lasts: for logs, and for tests."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._step = ""
        self._next = LINE_SECONDS

    def __call__(self, message: str, /) -> None:
        """Prints the step."""
        self._step, self._next = message, LINE_SECONDS
        self._print(message)

    def alive(self, seconds: float, /) -> None:
        """Prints the step again when it has been silent for long enough."""
        if seconds >= self._next:
            self._next = seconds + LINE_SECONDS
            self._print(f"{self._step} ({seconds:.0f} s)")

    def _print(self, line: str) -> None:
        stream = self._stream or sys.stderr
        stream.write(line + "\n")
        stream.flush()


print_progress: Reporter = LineReporter()
"""Lines on standard error, whatever that is at the time."""
