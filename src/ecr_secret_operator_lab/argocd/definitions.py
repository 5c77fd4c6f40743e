"""Argo CD's CustomResourceDefinitions, from the very Go module that its program is built from.

They are too large to be kept in this repository (350 KiB), and must not be those of another version.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ..programs import BinariesError
from ..programs.cache import cache_directory, draft, exclusive
from ..programs.obtain import LOCK
from ..programs.recipe import GO_MOD, GO_SUM
from ..programs.table import RECIPES
from ..programs.toolchain import find_go
from ..reporting import Reporter
from ..runs import CommandFailed, run, tail

NAMES = ("application-crd.yaml", "appproject-crd.yaml")
"""Those that the application-controller watches. That of ApplicationSet (1 MiB) is of another of its processes."""

PLACE = Path("manifests", "crds")
RECIPE = RECIPES["argocd"]


def ensure_definitions(report: Reporter) -> Sequence[Path]:
    """Gives the files; takes them from the module, whose checksum go.sum pins, when they are not in the cache yet.

    Raises:
        BinariesError: there is no Go, or the module cannot be had.
    """
    home = RECIPE.home(cache_directory())
    paths = [home / name for name in NAMES]
    if not all(map(Path.is_file, paths)):
        with exclusive(cache_directory() / LOCK, report), draft(home) as scratch:
            module = _module(scratch, report)
            for path in paths:
                copy = scratch / path.name
                shutil.copyfile(module / PLACE / path.name, copy)
                copy.replace(path)
    return paths


def _module(scratch: Path, report: Reporter) -> Path:
    go = find_go(RECIPE, report)
    for file in (GO_MOD, GO_SUM):
        (scratch / file).write_text(RECIPE.pinned(file))
    report(f"Taking the definitions of {RECIPE.product} {RECIPE.version} from its Go module")
    log = scratch / "download.log"
    try:
        run(
            [str(go.command), "mod", "download", "-json", RECIPE.module],
            env={**os.environ, "GOWORK": "off", "GOFLAGS": "-mod=readonly", **go.environment},
            log=log,
            report=report,
        )
    except CommandFailed as failure:
        raise BinariesError(
            f"The Go module of {RECIPE.product} cannot be had. If the module proxy cannot be reached, set GOPROXY.\n"
            f"{failure}"
        ) from failure
    answer = log.read_text()
    try:
        return Path(json.JSONDecoder().raw_decode(answer, answer.index("{"))[0]["Dir"])
    except (ValueError, KeyError) as error:
        raise BinariesError(f"go does not say where the module of {RECIPE.product} lies:\n{tail(log)}") from error
