"""Builds programs from Go modules: the source that needs nothing but a module proxy and some minutes of patience."""

import os
from collections.abc import Iterable
from pathlib import Path

from .cache import draft, publish_program
from .errors import BinariesError
from .recipe import GO_MOD, GO_SUM, PACKAGES, linker_flags, pinned, versions
from .reporting import Reporter
from .runs import CommandFailed, run
from .toolchain import Go, find_go


def build(names: Iterable[str], home: Path, report: Reporter) -> None:
    """Puts the named programs into `home`, one by one. Call it under the lock of `home`.

    Raises:
        BinariesError: there is no Go toolchain, or a program does not build.
    """
    go = find_go(report)
    for name in names:
        with draft(home) as scratch:
            report(f"Building {name} from source (Kubernetes {versions().kubernetes}), which takes minutes, once")
            _compile(name, go, scratch, report)
            publish_program(scratch / name, home / name)


def _compile(name: str, go: Go, scratch: Path, report: Reporter) -> None:
    for file in (GO_MOD, GO_SUM):
        (scratch / file).write_text(pinned(file))
    flags = ["-mod=readonly", "-trimpath", "-ldflags", linker_flags()]
    # GOTMPDIR: whatever an interrupted compiler leaves goes away with the draft.
    own = {"CGO_ENABLED": "0", "GOWORK": "off", "GOTMPDIR": str(scratch)}
    try:
        run(
            [str(go.command), "build", *flags, "-o", name, PACKAGES[name]],
            env={**os.environ, **own, **go.environment},
            log=scratch / "build.log",
            report=report,
        )
    except CommandFailed as failure:
        raise BinariesError(
            f"{name} does not build from its Go modules. If the module proxy cannot be reached, set GOPROXY, or set "
            f"KUBEBUILDER_ASSETS to a directory with the programs. The end of the compiler's output:\n{failure}"
        ) from failure
