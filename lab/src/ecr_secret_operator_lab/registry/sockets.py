"""The address of a socket in the file system, for directories of any depth: the kernel takes about 100 characters."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def short(address: Path) -> Iterator[str]:
    """A path to a socket, short for as long as this lasts: through its directory, which is held open (Linux)."""
    directory = os.open(address.parent, os.O_RDONLY)
    try:
        through = Path(f"/proc/self/fd/{directory}")
        yield str((through if through.exists() else address.parent) / address.name)
    finally:
        os.close(directory)
