"""Keeps the control plane's processes from outliving the process that started them.

A process of its own: `python -m ecr_secret_operator_lab.controlplane.supervisor [--directory PATH]`. It starts
programs on request and ends them all, with its scratch directory, when its standard input closes: so when the starter
ends, is interrupted, crashes or is killed. Its programs die too if it is killed itself. A starter that wants them to
outlive it says `detach`; from then on the supervisor ends on SIGTERM.

It reads one JSON object a line and answers each with one: `start` {name, argv, env, log} -> {pid}, `exits` -> {name:
exit code or null}, `signal` {name, number} -> {}, `stop` {name} -> {}, `detach` -> {}; {error} when that fails. Its
first line is {directory}.
"""

import argparse
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ..tether import tethered

STDIN = 0
PARENT_POLL_SECONDS = 0.5
GRACE_SECONDS = 0.5
"""Enough for all but the API server, which waits for requests that no client sends any more. All state is scratch."""

POLL_SECONDS = 0.01
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Children:
    """The programs that run under this supervisor, each in a process group of its own."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, argv: list[str], env: Mapping[str, str], log: str) -> int:
        """Starts a program that writes to a log of its own."""
        with Path(log).open("wb") as output:
            self._running[name] = subprocess.Popen(
                tethered(argv),
                env=os.environ | dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )
        return self._running[name].pid

    def exits(self) -> dict[str, int | None]:
        """The exit code of each program; None for those that run."""
        return {name: process.poll() for name, process in self._running.items()}

    def signal(self, name: str, number: int) -> None:
        """Sends a signal to one program, by the process id that is valid here."""
        self._running[name].send_signal(number)

    def stop(self, name: str) -> None:
        """Ends one program and forgets it."""
        _end([self._running.pop(name)])

    def stop_all(self) -> None:
        """Ends every program, all at once."""
        _end(list(self._running.values()))


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    _signal(processes, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    _signal(processes, signal.SIGKILL)
    for process in processes:
        process.wait()


def _signal(processes: list[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, number)


def main() -> None:
    """Serves requests until the starter is gone, or, once detached, until a signal."""
    parser = argparse.ArgumentParser(prog="supervisor", description="Runs programs that end when their starter does.")
    parser.add_argument("--directory", type=Path, help="report this directory, and keep it, instead of a scratch one")
    kept: Path | None = parser.parse_args().directory
    children, parent = Children(), os.getppid()
    for number in ENDING_SIGNALS:
        signal.signal(number, _leave)
    directory = kept or Path(tempfile.mkdtemp(prefix="ecr-secret-operator-"))
    try:
        _answer({"directory": str(directory)})
        if _serve(children, parent):
            _let_go(directory / "supervisor.log")
            while True:
                signal.pause()
    finally:
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        children.stop_all()
        if kept is None:
            shutil.rmtree(directory, ignore_errors=True)


def _leave(_number: int, _frame: object) -> NoReturn:
    raise SystemExit(0)


def _let_go(log: Path) -> None:
    """Gives back the terminal or pipes of the starter: a process that reads them waits until every holder is gone."""
    with Path(os.devnull).open("rb") as nothing, log.open("ab") as output:
        os.dup2(nothing.fileno(), STDIN)
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())


def _serve(children: Children, parent: int) -> bool:
    """Returns whether to go on without the starter."""
    detached = False
    for line in _lines(parent):
        request = json.loads(line)
        try:
            answer = _carry_out(children, request)
        except (OSError, KeyError, TypeError) as error:
            answer = {"error": f"{request}: {error!r}"}
        detached = detached or request["do"] == "detach"
        if not _answer(answer):
            break
    return detached


def _carry_out(children: Children, request: dict[str, Any]) -> dict[str, Any]:
    match request:
        case {"do": "start", **details}:
            return {"pid": children.start(**details)}
        case {"do": "exits"}:
            return children.exits()
        case {"do": "signal", "name": str(name), "number": int(number)}:
            children.signal(name, number)
            return {}
        case {"do": "stop", "name": str(name)}:
            children.stop(name)
            return {}
        case {"do": "detach"}:
            return {}
    return {"error": f"unknown request {request}"}


def _lines(parent: int) -> Iterator[bytes]:
    """Lines of standard input until it closes or the starter is gone.

    Both are checked: a fork of the starter that never ran another program would hold the pipe open.
    """
    rest = b""
    while os.getppid() == parent:
        if not select.select([STDIN], [], [], PARENT_POLL_SECONDS)[0]:
            continue
        chunk = os.read(STDIN, 1 << 16)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


def _answer(answer: dict[str, Any]) -> bool:
    """Returns whether the starter is still there to read it."""
    try:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
