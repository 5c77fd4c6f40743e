"""Where commands print text with colours: everything but our own colours is escaped (see `domain.printable`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from ..domain.printable import one_line, printable
from ..observability.stream import EscapingStream


class Screen(Console):
    """A rich console that escapes characters that are not printable.

    It writes past the escaping stream, which would also escape the sequences of its colours.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Renders, and escapes the text of each segment. Control segments are rich's own, such as for moving up."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


def open_console(*, err: bool = False, width: int | None = None, soft_wrap: bool = False) -> Console:
    """A console for standard output, or for standard error."""
    return Screen(
        file=_unescaped(sys.stderr if err else sys.stdout),
        stderr=err,
        width=width,
        soft_wrap=soft_wrap,
        highlight=False,
        emoji=False,
    )


@contextmanager
def redrawing(console: Console) -> Iterator[Callable[[RenderableType], None]]:
    """Gives what draws over what it drew before; where there is no terminal, it prints what has changed."""
    from rich.live import Live  # noqa: PLC0415 - for watching alone

    if console.is_terminal:
        with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
            yield lambda drawn: live.update(drawn, refresh=True)
        return
    before = ""

    def draw(drawn: RenderableType) -> None:
        nonlocal before
        with console.capture() as captured:
            console.print(drawn)
        if captured.get() != before:
            before = captured.get()
            console.print(drawn)

    yield draw


def _unescaped(stream: object) -> IO[str]:
    return stream.stream if isinstance(stream, EscapingStream) else cast("IO[str]", stream)


def cell(foreign: str, style: str = "") -> Text:
    """Foreign text on one line, escaped before rich measures and folds it."""
    return Text(one_line(foreign), style=style)
