"""libfaketime of Debian: a library that gives a program another wall clock."""

from __future__ import annotations

from pathlib import Path

from ecr_secret_operator_lab.programs.roots import Root, ensure_root
from ecr_secret_operator_lab.reporting import Reporter

LIBFAKETIME = Root(name="clock", packages=("libfaketime",))


def ensure_library(report: Reporter) -> Path:
    """Returns the library; obtains the package if the cache has none."""
    (library,) = ensure_root(LIBFAKETIME, report).glob("usr/lib/*/faketime/libfaketime.so.1")
    return library
