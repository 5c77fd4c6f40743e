"""Gives freed memory back to the system.

The C library keeps what lies between two pieces that are in use. After a tenant has filled the memory and removed it
all, the process would stay as large as it was.
"""

from __future__ import annotations

import asyncio
import ctypes

TRIM_SECONDS = 60.0


def trim() -> None:
    """Gives back what can be given back. Does nothing where the C library has no such function (it is glibc's)."""
    function = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if function:
        function(0)


async def keep_trimmed() -> None:
    """Trims every minute, until cancelled. It takes milliseconds."""
    while True:
        await asyncio.sleep(TRIM_SECONDS)
        trim()
