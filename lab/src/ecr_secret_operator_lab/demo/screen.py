"""How the demo looks: colours and live progress at a terminal, plain lines when piped, never wider than it may be."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Column, Table
from rich.text import Text

from ..cluster import Object
from ..controlplane import LineReporter, Reporter
from .record import Done

WIDEST = 100
INDENT = 3


def at_most_wide(console: Console) -> Console:
    """Lines longer than this are hard to read, however wide the window is."""
    console.width = min(console.width, WIDEST)
    return console


class Screen:
    """What the steps show things on.

    Args:
        console: where to; its width is kept to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        unicode = console.encoding.lower().startswith("utf")
        self._tick, self._cross, self._full, self._empty = "✔✘━─" if unicode else "+!#-"
        self._begun = True

    def opening(self, title: str, text: str) -> None:
        """The first thing to see."""
        self.console.print(Panel(text, title=f"[bold]{title}[/]", border_style="cyan", padding=(1, 2)))

    def begin(self, number: int, of: int, title: str, promise: str) -> None:
        """The heading of a step."""
        self.console.print()
        self.console.print(Rule(f"[bold cyan]{number} of {of}  {title}[/]", align="left", style="cyan"))
        self.console.print(Text(promise, style="italic"))
        self._begun = False

    def done(self, seen: str, seconds: float) -> None:
        """The end of a step that really happened."""
        self.console.print()
        self.console.print(Text.assemble((f"{self._tick} {seen}", "bold green"), (f"  {seconds:.1f} s", "dim")))

    def failed(self, number: int, title: str, why: str, log: str) -> None:
        """The end of a step that did not."""
        parts: list[RenderableType] = [Text(why)]
        if log:
            parts += [Text("\nThe end of the operator's log:", style="bold"), Text(log, style="dim")]
        heading = f"[bold]{self._cross} step {number} failed: {title}[/]"
        self.console.print()
        self.console.print(Panel(Group(*parts), title=heading, title_align="left", border_style="red"))

    def say(self, text: str) -> None:
        """A sentence of the story; what follows belongs to it."""
        self.gap()
        self.show(Text(text))

    def gap(self) -> None:
        """A blank line, between things that do not belong together."""
        self.console.print()
        self._begun = True

    def command(self, line: str) -> None:
        """A command that is run, in a form that a shell takes."""
        if not self._begun:
            self.gap()
        parts = textwrap.wrap(
            line,
            self.console.width - INDENT - 4,
            break_long_words=False,
            break_on_hyphens=False,
            subsequent_indent="    ",
        )
        self.show(Text.assemble(("$ ", "dim"), (" \\\n".join(parts), "bold")))

    def output(self, text: str) -> None:
        """What a command printed."""
        if text.strip():
            self.show(Text(text.strip(), style="dim"), indent=INDENT + 2)

    def check(self, text: str) -> None:
        """Something that was verified just now."""
        line = Table.grid(padding=(0, 1))
        line.add_row(Text(self._tick, style="green"), Text(text))
        self.show(line)

    def yaml(self, text: str) -> None:
        """A manifest."""
        plain = text.strip()
        code = Syntax(plain, "yaml", theme="ansi_dark", background_color="default", word_wrap=True)
        self.show(code if self.console.is_terminal else Text(plain), indent=INDENT + 2)
        self.gap()

    def table(self, *columns: str, title: str | None = None) -> Table:
        """An empty table in the demo's style."""
        table = Table(
            box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold cyan", title=title, title_justify="left"
        )
        for column in columns:
            table.add_column(column, overflow="fold")
        return table

    def bar(self, share: float, cells: int, *, style: str) -> Text:
        """A bar that is full to this share."""
        full = max(0, min(cells, round(cells * share)))
        return Text.assemble((self._full * full, style), (self._empty * (cells - full), "dim"))

    def conditions(self, name: str, *found: Object, message: str) -> None:
        """Conditions of a resource, and a sentence that one of them says."""
        heads = [
            (
                f"{one['type']}={one['status']} {one['reason']}   ",
                f"bold {'green' if one['status'] == 'True' else 'yellow'}",
            )
            for one in found
        ]
        panel = Panel(
            Text.assemble(*heads, "\n", message), title=name, title_align="left", box=box.ROUNDED, border_style="yellow"
        )
        self.show(panel)

    def show(self, what: RenderableType, *, indent: int = INDENT) -> None:
        """Anything, indented."""
        self.console.print(Padding(what, (0, 0, 0, indent), expand=False))

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Shows that something is waited for, and for how long: at a terminal only."""
        if not self.console.is_terminal:
            yield
            return
        with self._spinner() as progress:
            progress.add_task(what)
            yield

    @contextmanager
    def live(self) -> Iterator[Callable[[RenderableType], None]]:
        """Gives a function that draws a picture again; when piped, only the last one is shown."""
        last: list[RenderableType] = []
        if not self.console.is_terminal:
            yield lambda picture: last.__setitem__(slice(None), [picture])
        else:
            with Live(console=self.console, auto_refresh=False) as area:
                yield lambda picture: area.update(Padding(picture, (0, 0, 0, INDENT)), refresh=True)
        for picture in last:
            self.show(picture)

    @contextmanager
    def reporter(self) -> Iterator[Reporter]:
        """Gives what long preparations report to: a line for each, with a clock that runs at a terminal."""
        self.gap()
        if not self.console.is_terminal:
            yield _ConsoleReporter(self.console)
            return
        with self._spinner() as progress:
            reporter = _SpinnerReporter(progress)
            yield reporter
            reporter.end()

    def _spinner(self) -> Progress:
        columns = (
            TextColumn(" " * (INDENT - 1)),
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(ratio=1)),
            TimeElapsedColumn(),
        )
        return Progress(*columns, console=self.console, transient=True, expand=True)

    def closing(self, done: Sequence[Done]) -> None:
        """What was promised, and what was seen."""
        table = Table(title="Promises, and what was observed", title_style="bold", expand=True, box=box.ROUNDED)
        table.add_column("", justify="right")
        table.add_column("promise", ratio=1)
        table.add_column("observed", ratio=1)
        table.add_column("s", justify="right")
        for number, step in enumerate(done, start=1):
            tick = f"[green]{self._tick}[/] {number}"
            table.add_row(tick, step.promise, Text(step.seen), f"{step.seconds:.1f}", end_section=number < len(done))
        self.console.print()
        self.console.print(table)

    def how_to_go_on(self, title: str, lines: Sequence[tuple[str, str]]) -> None:
        """Commands to try, each with what it does. Not in a panel: they are there to be copied."""
        self.console.print()
        self.console.print(Text(title, style="bold"))
        for what, command in lines:
            if what:
                self.show(Text(f"# {what}", style="dim"))
            self.console.print(Text(" " * INDENT + command), soft_wrap=True)


class _ConsoleReporter(LineReporter):
    """Prints lines on a console, which escapes what must not be printed as it is."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


class _SpinnerReporter:
    """Turns reports into a spinner; each preparation that has ended leaves a line."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def __call__(self, message: str, /) -> None:
        """Ends the one before, and shows the next."""
        self.end()
        self._task = self._progress.add_task(message)

    def end(self) -> None:
        """Leaves a line of the one that lasts."""
        if self._task is not None:
            task = self._progress.tasks[0]
            line = Text(f"{task.description}  {task.elapsed or 0:.1f} s", style="dim")
            self._progress.console.print(Padding(line, (0, 0, 0, INDENT)))
            self._progress.remove_task(self._task)
            self._task = None

    def alive(self, seconds: float, /) -> None:
        """The spinner's own clock tells."""
