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

_BUILT = "built"
"""The directory in the draft that `go build` writes the programs to."""


def builder(recipe: Recipe) -> Callable[[Sequence[str], Path, Reporter], None]:
    """What builds a recipe's programs: a source, as `obtain` wants it."""

    def build(names: Sequence[str], home: Path, report: Reporter) -> None:
        """Puts the named programs into `home`. Call it under the lock of `home`.

        All are built at once: what they share is compiled once, and one is linked while another one is compiled.

        Raises:
            BinariesError: there is no Go toolchain, or a program does not build.
        """
        go = find_go(recipe, report)
        with draft(home) as scratch:
            told = f"{recipe.product} {recipe.version}"
            report(f"Building {', '.join(names)} from source ({told}), which takes minutes, once")
            _compile(recipe, names, go, scratch, report)
            for name in names:
                publish_program(scratch / _BUILT / recipe.built_name(name), home / name)

    return build


def _compile(recipe: Recipe, names: Sequence[str], go: Go, scratch: Path, report: Reporter) -> None:
    for file in recipe.files:
        (scratch / file).write_text(recipe.pinned(file))
    (scratch / _BUILT).mkdir()
    flags = ["-mod=readonly", "-trimpath", f"-tags={','.join(recipe.tags)}", "-ldflags", recipe.linker_flags]
    # GOTMPDIR: whatever an interrupted compiler leaves goes away with the draft.
    own = {"CGO_ENABLED": "0", "GOWORK": "off", "GOTMPDIR": str(scratch)}
    try:
        run(
            [str(go.command), "build", *flags, "-o", f"{_BUILT}/", *(recipe.packages[name] for name in names)],
            env={**os.environ, **own, **go.environment},
            log=scratch / "build.log",
            report=report,
        )
    except CommandFailed as failure:
        raise BinariesError(
            f"{', '.join(names)} cannot be built from Go modules. If the module proxy cannot be reached, set "
            f"GOPROXY, or set {recipe.override} to a directory with the programs. The end of the compiler's output:\n"
            f"{failure}"
        ) from failure
