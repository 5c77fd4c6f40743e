"""What `run` imports, and what it does without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(package: str) -> Iterator[None]:
    """Makes a package look as if it was not installed, to modules that import it if it is installed.

    Args:
        package: its name.
    """
    before = sys.modules.get(package)
    sys.modules[package] = None  # type: ignore[assignment] # documented: the import then fails
    try:
        yield
    finally:
        del sys.modules[package]
        if before:
            sys.modules[package] = before
