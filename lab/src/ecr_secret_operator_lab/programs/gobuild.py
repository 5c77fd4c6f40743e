"""Builds programs from Go modules: the source that needs nothing but a module proxy and some minutes of patience."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ..reporting import Reporter
from ..runs import CommandFailed, run
from .cache import draft, publish_program
from .errors import BinariesError
from .recipe import Recipe
from .toolchain import Go, find_go


def builder(recipe: Recipe) -> Callable[[Sequence[str], Path, Reporter], None]:
    """What builds a recipe's programs: a source, as `obtain` wants it."""

    def build(names: Sequence[str], home: Path, report: Reporter) -> None:
        """Puts the named programs into `home`, one by one. Call it under the lock of `home`.

        Raises:
            BinariesError: there is no Go toolchain, or a program does not build.
        """
        go = find_go(recipe, report)
        for name in names:
            with draft(home) as scratch:
                told = f"{recipe.product} {recipe.version}"
                report(f"Building {name} from source ({told}), which takes minutes, once")
                _compile(recipe, name, go, scratch, report)
                publish_program(scratch / name, home / name)

    return build


def _compile(recipe: Recipe, name: str, go: Go, scratch: Path, report: Reporter) -> None:
    for file in recipe.files:
        (scratch / file).write_text(recipe.pinned(file))
    flags = ["-mod=readonly", "-trimpath", f"-tags={','.join(recipe.tags)}", "-ldflags", recipe.linker_flags]
    # GOTMPDIR: whatever an interrupted compiler leaves goes away with the draft.
    own = {"CGO_ENABLED": "0", "GOWORK": "off", "GOTMPDIR": str(scratch)}
    try:
        run(
            [str(go.command), "build", *flags, "-o", name, recipe.packages[name]],
            env={**os.environ, **own, **go.environment},
            log=scratch / "build.log",
            report=report,
        )
    except CommandFailed as failure:
        raise BinariesError(
            f"{name} does not build from its Go modules. If the module proxy cannot be reached, set GOPROXY, or set "
            f"{recipe.override} to a directory with the programs. The end of the compiler's output:\n{failure}"
        ) from failure
