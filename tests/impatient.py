"""The operator with less patience than it ships, for tests that would have to wait for minutes.

Run by path: `python impatient.py silence=6 relist=5 silent=8 -- run ...`. It is the installed program in all else; how
long it really waits is tested in virtual time.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Mapping

import aiohttp

from ecr_secret_operator import manager as app
from ecr_secret_operator.cli.main import main
from ecr_secret_operator.kube import client
from ecr_secret_operator.runtime import children, heap
from ecr_secret_operator.runtime.reflector import Reflector


def _of_reflectors(name: str) -> Callable[[float], None]:
    def change(seconds: float) -> None:
        defaults = Reflector.__init__.__kwdefaults__
        assert defaults is not None
        assert name in defaults
        defaults[name] = seconds

    return change


def _silent(seconds: float) -> None:
    assert hasattr(app, "SILENT_SECONDS")
    app.SILENT_SECONDS = seconds


def _request(seconds: float) -> None:
    assert hasattr(client, "_LIMITS")
    client._LIMITS = aiohttp.ClientTimeout(seconds)  # noqa: SLF001


def _collect(seconds: float) -> None:
    """Python frees cycles of objects when it collects garbage, which a process that has little to do seldom does."""
    stopped = threading.Event()

    def collect() -> None:
        while not stopped.wait(seconds):
            gc.collect()

    threading.Thread(target=collect, name="collect garbage", daemon=True).start()


def _child(seconds: float) -> None:
    assert hasattr(children, "CHILD_SECONDS")
    children.CHILD_SECONDS = seconds


def _trim(seconds: float) -> None:
    assert hasattr(heap, "TRIM_SECONDS")
    heap.TRIM_SECONDS = seconds


CHANGES: Mapping[str, Callable[[float], None]] = {
    "silence": _of_reflectors("silence"),
    "relist": _of_reflectors("relist"),
    "silent": _silent,
    "request": _request,
    "collect": _collect,
    "child": _child,
    "trim": _trim,
}
"""Seconds: a watch without a word is taken for dead; between lists; without a word it is not ready; for a request;
between collections of garbage; for a process that gives credentials; between
times at which freed memory is given back."""


def impatient_command(seconds: Mapping[str, float]) -> list[str]:
    """The operator's command, with these changes."""
    assert seconds.keys() <= CHANGES.keys()
    return [sys.executable, __file__, *(f"{name}={value}" for name, value in seconds.items()), "--"]


def _run() -> None:
    end = sys.argv.index("--")
    for change in sys.argv[1:end]:
        name, _, value = change.partition("=")
        CHANGES[name](float(value))
    sys.argv[1 : end + 1] = []
    main()


if __name__ == "__main__":
    _run()
