"""Files from the very Go module that a program is built from, such as the definitions of the kinds that it serves.

They must not be those of another version, and are too large to be kept in this repository.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ..reporting import Reporter
from ..runs import CommandFailed, run, tail
from .cache import cache_directory, draft, exclusive
from .errors import BinariesError
from .obtain import LOCK
from .recipe import GO_MOD, GO_SUM, Recipe
from .toolchain import find_go


def ensure_files(recipe: Recipe, files: Sequence[str], report: Reporter) -> Sequence[Path]:
    """Gives files of a recipe's own module; they lie beside its programs.

    Args:
        recipe: whose `module` has them; its go.sum pins that module's checksum.
        files: paths in the module, each with another name at its end.
        report: called when they have to be obtained.

    Raises:
        BinariesError: there is no Go, or the module cannot be had or lacks a file.
    """
    home = recipe.home(cache_directory())
    places = {file: home / PurePosixPath(file).name for file in files}
    if not all(place.is_file() for place in places.values()):
        with exclusive(cache_directory() / LOCK, report), draft(home) as scratch:
            module = _module(recipe, scratch, report)
            for file, place in places.items():
                _copy(module / file, scratch / place.name, recipe)
                (scratch / place.name).replace(place)
    return list(places.values())


def _copy(file: Path, copy: Path, recipe: Recipe) -> None:
    try:
        shutil.copyfile(file, copy)
    except FileNotFoundError as error:
        raise BinariesError(f"The Go module of {recipe.product} {recipe.version} has no {file.name}") from error


def _module(recipe: Recipe, scratch: Path, report: Reporter) -> Path:
    go = find_go(recipe, report)
    for name in (GO_MOD, GO_SUM):
        (scratch / name).write_text(recipe.pinned(name))
    report(f"Taking files of {recipe.product} {recipe.version} from its Go module")
    log = scratch / "download.log"
    try:
        run(
            [str(go.command), "mod", "download", "-json", recipe.module],
            env={**os.environ, "GOWORK": "off", "GOFLAGS": "-mod=readonly", **go.environment},
            log=log,
            report=report,
        )
    except CommandFailed as failure:
        raise BinariesError(
            f"The Go module of {recipe.product} cannot be had. If the module proxy cannot be reached, set GOPROXY.\n"
            f"{failure}"
        ) from failure
    answer = log.read_text()
    try:
        return Path(json.JSONDecoder().raw_decode(answer, answer.index("{"))[0]["Dir"])
    except (ValueError, KeyError) as error:
        raise BinariesError(f"go does not say where the module of {recipe.product} lies:\n{tail(log)}") from error
