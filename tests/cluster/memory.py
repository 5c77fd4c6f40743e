"""The memory of a process, searched for texts. Linux: /proc/PID/mem, which the user who runs it may read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

CLEAN_MEMORY = {"PYTHONMALLOC": "debug", "MALLOC_PERTURB_": "85"}
"""Environment in which Python and the C library overwrite memory as soon as it is freed. What is found is in use."""

_CHUNK, _OVERLAP = 1 << 22, 1 << 10


def found_in_memory(pid: int, texts: Iterable[str]) -> set[str]:
    """Those of the texts that are somewhere in the writable memory of a process, in UTF-8."""
    wanted = {text: text.encode() for text in texts}
    found: set[str] = set()
    for chunk in _chunks(pid):
        found |= {text for text, raw in wanted.items() if raw in chunk}
    return found


def _chunks(pid: int) -> Iterator[bytes]:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in _writable(pid):
            for at in range(start, end, _CHUNK - _OVERLAP):
                try:
                    memory.seek(at)
                    yield memory.read(min(_CHUNK, end - at))
                except OSError:  # it was unmapped, or is none that can be read
                    break


def _writable(pid: int) -> list[tuple[int, int]]:
    lines = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    spans = [line[0].split("-") for line in lines if line[1].startswith("rw")]
    return [(int(start, 16), int(end, 16)) for start, end in spans]
