"""The standard streams: what is written there, and what happens when it cannot be written.

Log lines that cannot be written are lost; the operator goes on. Text of commands is escaped (see `printable`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from typing import TextIO, cast

from ..domain.printable import printable


def occupy_standard_streams() -> None:
    """Opens /dev/null in place of each standard stream that is closed.

    Otherwise the next socket would get the number of that stream, and with it what is written to the stream.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error is the last of them
        pass
    os.close(opened)


class LossyStream:
    """Writes lines, and drops those that cannot be written, such as on a full disk or to a closed pipe.

    It goes past the buffer of the stream, which would keep what could not be written, and fail again at the end.

    Args:
        stream: None, as Python has it in place of one that was closed at its start, loses all.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        try:
            self._number = stream.fileno() if stream else None
        except OSError:  # one that is kept in memory
            self._number = None

    def write(self, text: str) -> int:
        """Writes the text if that is possible. Returns its length in any case."""
        try:
            if self._number is not None:
                os.write(self._number, text.encode(errors="backslashreplace"))
            elif self._stream is not None:
                self._stream.write(text)
        except OSError:
            pass
        return len(text)

    def flush(self) -> None:
        """Does nothing: this stream has no buffer."""


class EscapingStream:
    """Writes text in which characters that are not printable are escaped, except line breaks and tabs.

    It has no attribute `buffer` on purpose: click writes past a stream to its buffer where the encoding is ASCII.

    Args:
        stream: the stream to write to.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        """For texts with terminal sequences of our own, in which everything else is escaped already."""
        self.encoding, self.errors = stream.encoding, stream.errors

    def write(self, text: str) -> int:
        """Writes the escaped text; returns the length of the text itself."""
        self.stream.write(printable(text))
        return len(text)

    def flush(self) -> None:
        """Flushes the stream."""
        self.stream.flush()

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes each of the lines."""
        for line in lines:
            self.write(line)

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """The file descriptor of the stream."""
        return self.stream.fileno()


def escape_standard_streams() -> None:
    """Makes standard output and standard error escape characters that are not printable or not in their encoding.

    A stream that was closed when the process started is None and stays None.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, cast("TextIO", EscapingStream(stream)))
