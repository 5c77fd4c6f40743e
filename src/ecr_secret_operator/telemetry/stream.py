"""Where log lines go: to standard error, if that takes them. A log that is lost is no reason to serve nobody."""

from __future__ import annotations

import os
from typing import TextIO


def occupy_standard_streams() -> None:
    """Opens nothing (/dev/null) in place of standard streams that are closed.

    Else the next socket would have the number of one of them, and get what is written there.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error is the last of them
        pass
    os.close(opened)


class LossyStream:
    """Writes lines, and loses those that cannot be written: on a full disk, into a pipe that nobody reads.

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
        """Writes what can be written; says that all was."""
        try:
            if self._number is not None:
                os.write(self._number, text.encode(errors="backslashreplace"))
            elif self._stream is not None:
                self._stream.write(text)
        except OSError:
            pass
        return len(text)

    def flush(self) -> None:
        """There is nothing to be flushed."""
