"""Runs the proxy as a process of its own, so that its load does not affect the process that uses it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from ..attended import NotStarted, attended
from .client import FaultProxy, FaultProxyError
from .records import Where


@contextmanager
def start_fault_proxy(kubeconfig: Path) -> Iterator[FaultProxy]:
    """Starts a proxy before the API server of a kubeconfig, and stops it at the end; or when this process ends.

    Raises:
        FaultProxyError: it did not start; its own words are on standard error.
    """
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="ecr-fault-proxy-"))
        try:
            options = ("--kubeconfig", str(kubeconfig), "--directory", directory)
            line = stack.enter_context(attended(__package__, *options))
        except NotStarted as error:
            raise FaultProxyError(str(error)) from error
        yield FaultProxy(msgspec.json.decode(line, type=Where))
