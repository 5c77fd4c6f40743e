"""The real registry behind the front: CNCF Distribution, on a socket in a scratch directory: no way but the front."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from ..runs import end_group, tail
from ..tether import tethered
from ..waiting import NotReached, wait_for
from .sockets import short

OK = 200
START_SECONDS = 60.0
GRACE_SECONDS = 2.0


@contextmanager
def distribution(program: Path, directory: Path) -> Iterator[Path]:
    """Runs the registry, and gives the socket on which it listens once it answers.

    Args:
        program: the registry.
        directory: for what is stored in it, its configuration and its log.

    Raises:
        NotReached: it ended, or does not answer; the text has the end of its log.
    """
    address, log = directory / "registry.sock", directory / "registry.log"
    configuration = directory / "registry.yaml"
    configuration.write_text(yaml.safe_dump(_configuration(directory / "storage", address.name)))
    with log.open("wb") as output:
        process = subprocess.Popen(
            tethered([str(program), "serve", str(configuration)]),
            env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
        )
    try:

        def answers() -> bool:
            if process.poll() is not None:
                raise NotReached(f"the registry ended with {process.returncode}:\n{tail(log)}")
            with short(address) as path:
                return _answers(path)

        wait_for(answers, f"the registry answers; its log: {log}", within=START_SECONDS)
        yield address
    finally:
        end_group(process, GRACE_SECONDS)


def _configuration(storage: Path, address: str) -> dict[str, object]:
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": {"net": "unix", "addr": address, "secret": secrets.token_hex(16)},
    }


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, address: str) -> None:
        super().__init__("localhost", timeout=5)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._address)


def _answers(address: str) -> bool:
    connection = _UnixConnection(address)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status == OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
