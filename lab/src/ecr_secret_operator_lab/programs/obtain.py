"""Finds programs, or has them made: first the user's own, then the cache, then one source after the other."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..reporting import Reporter
from .cache import cache_directory, exclusive
from .errors import BinariesError

LOCK = "controlplane.lock"
"""Of the whole cache: one process obtains at a time, whatever it is. The name is older than the other programs."""


class Source(Protocol):
    """One way to get programs."""

    def __call__(self, names: Sequence[str], home: Path, report: Reporter, /) -> None:
        """Puts the named programs, or some of them, into their home. It is called under the lock.

        Raises:
            BinariesError: there is no use in asking another source.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where some programs come from.

    Attributes:
        names: of the programs.
        home: where they lie in the cache.
        override: the variable that names a directory with programs of the user's own; it need not have all of them.
        sources: asked in this order for what is missing.
    """

    names: Sequence[str]
    home: Path
    override: str
    sources: Sequence[Source]


def ensure(origin: Origin, report: Reporter) -> Mapping[str, Path]:
    """Gives the programs; obtains those that this machine does not have yet.

    Several processes may call it at once: one obtains, the others wait.

    Raises:
        BinariesError: a program can be had in none of the ways.
    """
    found = _found(origin)
    if not _missing(origin, found):
        return found
    with exclusive(cache_directory() / LOCK, report):
        for source in origin.sources:
            missing = _missing(origin, _found(origin))
            if missing:
                source(missing, origin.home, report)
    found = _found(origin)
    if missing := _missing(origin, found):
        names = ", ".join(missing)
        raise BinariesError(f"{names} cannot be obtained; set {origin.override} to a directory that has them")
    return found


def _found(origin: Origin) -> Mapping[str, Path]:
    own = os.environ.get(origin.override)
    directories = [Path(own).absolute(), origin.home] if own else [origin.home]
    candidates = {name: [directory / name for directory in directories] for name in origin.names}
    programs = {name: next(filter(_is_program, paths), None) for name, paths in candidates.items()}
    return {name: path for name, path in programs.items() if path is not None}


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _missing(origin: Origin, found: Mapping[str, Path]) -> Sequence[str]:
    return [name for name in origin.names if name not in found]
