"""How the demo looks: colours and live progress at a terminal, plain lines when piped, never wider than it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO, cast

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
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
        self._tick, self._cross = ("✔", "✘") if console.encoding.lower().startswith("utf") else ("OK", "FAILED")

    def opening(self, title: str, text: str) -> None:
        """The first thing to see."""
        self.console.print(Panel(text, title=f"[bold]{title}[/]", border_style="cyan", padding=(1, 2)))

    def begin(self, number: int, of: int, title: str, promise: str) -> None:
        """The heading of a step."""
        self.console.print()
        self.console.print(Rule(f"[bold cyan]{number} of {of}  {title}[/]", align="left", style="cyan"))
        self.console.print(Text(promise, style="italic"))
        self.console.print()

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
        """A sentence of the story."""
        self.show(Text(text))

    def command(self, line: str) -> None:
        """A command that is run."""
        self.show(Text.assemble(("$ ", "dim"), (line, "bold")))

    def output(self, text: str) -> None:
        """What a command printed."""
        if text.strip():
            self.show(Text(text.strip(), style="dim"), indent=INDENT + 2)

    def check(self, text: str) -> None:
        """Something that was verified just now."""
        self.show(Text.assemble((f"{self._tick} ", "green"), text))

    def yaml(self, text: str) -> None:
        """A manifest."""
        plain = text.strip()
        code = Syntax(plain, "yaml", theme="ansi_dark", background_color="default", word_wrap=True)
        self.show(code if self.console.is_terminal else Text(plain), indent=INDENT + 2)

    def condition(self, found: Object, *, of: str = "") -> None:
        """A condition of a resource, as it says it."""
        good = found["status"] == "True"
        heading = f"{of + ': ' if of else ''}{found['type']}={found['status']}  {found['reason']}"
        text = Text.assemble((heading, "bold green" if good else "bold yellow"), "\n", found["message"])
        self.show(Panel(text, box=box.ROUNDED, border_style="green" if good else "yellow"))

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
        """Gives a function that draws a picture anew; when piped, only the last one is shown."""
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
        if not self.console.is_terminal:
            yield LineReporter(cast("TextIO", self.console.file))
            return
        with self._spinner() as progress:
            yield _SpinnerReporter(progress)

    def _spinner(self) -> Progress:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        return Progress(*columns, console=self.console, transient=True)

    def closing(self, done: Sequence[Done]) -> None:
        """What was promised, and what was seen."""
        table = Table(title="What was promised, and what was seen", title_style="bold", expand=True, box=box.ROUNDED)
        table.add_column("", justify="right")
        table.add_column("promised", ratio=1)
        table.add_column("seen", ratio=1)
        table.add_column("s", justify="right")
        for number, step in enumerate(done, start=1):
            tick = f"[green]{self._tick}[/] {number}"
            table.add_row(tick, step.promise, step.seen, f"{step.seconds:.1f}", end_section=number < len(done))
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


class _SpinnerReporter:
    """Turns reports into a spinner; each preparation that has ended leaves a line."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def __call__(self, message: str, /) -> None:
        """Ends the one before, and shows the next."""
        if self._task is not None:
            task = self._progress.tasks[0]
            line = Text(f"{' ' * INDENT}{task.description}  {task.elapsed or 0:.1f} s", style="dim")
            self._progress.console.print(line)
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(message)

    def alive(self, seconds: float, /) -> None:
        """The spinner's own clock tells."""
