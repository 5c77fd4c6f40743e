"""Returns freed memory to the operating system.

The C library keeps free memory that lies between two blocks in use. After a tenant has created and removed many
objects, the process would otherwise stay as large as it was.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable

TRIM_SECONDS = 60.0


def trim() -> None:
    """Returns free memory. Does nothing where the C library is not glibc, which alone has `malloc_trim`."""
    function = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if function:
        function(0)


async def keep_trimmed(trim: Callable[[], None]) -> None:
    """Returns free memory every minute until cancelled. Each time takes milliseconds.

    Args:
        trim: returns it.
    """
    while True:
        await asyncio.sleep(TRIM_SECONDS)
        trim()
