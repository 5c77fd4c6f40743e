"""Runs a supervisor in an enclosure: `python -m ecr_secret_operator_lab.node --system DIR ... -- ARGV`.

This process stays outside. It creates the enclosure's cgroups and directory, relays connections, and removes all of it
once the enclosure has ended: because its supervisor ended, or because this process received a signal. The kernel ends
everything in the enclosure with its process 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from ..runs import tail
from ..tether import tethered
from . import cgroups
from .inside import COMPLETE, command_line
from .relay import ANY, LOOPBACK, THIS_MACHINE, Namespace, relay

PORTS_FILE, LOG = "ports.json", "enclosure.log"
DIRECTORY_OPTION = "--directory"
POLL_SECONDS = 0.01


def launcher(system: Path, programs: Sequence[Path], *, published: int, reached: Sequence[int]) -> list[str]:
    """The command line that runs the command line after it in an enclosure.

    Args:
        system: the node's root directory.
        programs: Kubernetes' own programs.
        published: how many ports of this machine's loopback address lead to the same ports in the enclosure; their
            numbers are in `ports.json` of the supervisor's directory.
        reached: ports in the enclosure, at all its addresses, that lead to this machine's loopback address.
    """
    options = ["--system", str(system), "--publish", str(published)]
    options += [word for program in programs for word in ("--program", str(program))]
    options += [word for port in reached for word in ("--reach", str(port))]
    return [sys.executable, "-m", __package__ or "", *options, "--"]


def main() -> None:
    """Parses the command line, and runs the enclosure until it ends."""
    parser = argparse.ArgumentParser(prog="enclosure", description="Runs a command in namespaces of its own.")
    parser.add_argument("--system", type=Path, required=True, help="the node's root directory")
    parser.add_argument("--program", type=Path, action="append", default=[], help="one of Kubernetes' own programs")
    parser.add_argument("--publish", type=int, default=0, help="how many ports lead into the enclosure")
    parser.add_argument("--reach", type=int, action="append", default=[], help="a port that leads out of it")
    parser.add_argument("argv", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    argv = options.argv[1:]
    kept = DIRECTORY_OPTION in argv
    directory = (
        Path(argv[argv.index(DIRECTORY_OPTION) + 1])
        if kept
        else Path(tempfile.mkdtemp(prefix=f"{cgroups.own_name()}-"))
    )
    groups: Sequence[Path] = ()
    try:
        groups = cgroups.create()
        command = command_line(
            argv if kept else [*argv, DIRECTORY_OPTION, str(directory)],
            system=options.system,
            directory=directory,
            programs=options.program,
            groups=groups,
            hierarchies=cgroups.hierarchies(),
        )
        code = asyncio.run(_run(command, directory, published=options.publish, reached=options.reach))
    finally:
        cgroups.remove(groups)
        if not kept:
            shutil.rmtree(directory, ignore_errors=True)
    sys.exit(code)


async def _run(command: Sequence[str], directory: Path, *, published: int, reached: Sequence[int]) -> int:
    """Runs the enclosure; its standard input and output are this process's."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    outside = [THIS_MACHINE.listen(LOOPBACK, 0) for _ in range(published)]
    ports = [one.getsockname()[1] for one in outside]
    (directory / PORTS_FILE).write_text(json.dumps(ports))
    process = _start(command, directory / LOG)
    descriptor = os.pidfd_open(process.pid)
    loop.add_reader(descriptor, ended.set)
    init = None
    try:
        init = await _first_process(process, directory)
        if init is None:
            sys.stderr.write(tail(directory / LOG) + "\n")
        else:
            _leave(sys.stderr, directory / LOG)
            inside = Namespace(Path(f"/proc/{init}/ns/net"))
            for listener, port in zip(outside, ports, strict=True):
                await relay(listener, inside, port)
            for port in reached:
                await relay(inside.listen(ANY, port), THIS_MACHINE, port)
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        _end(process, init)
    return process.returncode


def _start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Starts the enclosure, and leaves the pipes to it: a reader of one waits until no other process holds it."""
    with log.open("ab") as output:
        process = subprocess.Popen(tethered(command), stderr=output, process_group=0)
    _leave(sys.stdin, Path(os.devnull))
    _leave(sys.stdout, Path(os.devnull))
    return process


def _leave(stream: TextIO, place: Path) -> None:
    with place.open("ab+") as other:
        os.dup2(other.fileno(), stream.fileno())


async def _first_process(unshare: subprocess.Popen[bytes], directory: Path) -> int | None:
    """The process id, as seen from here, of process 1 in the enclosure once that is complete; None when it ends."""
    while unshare.poll() is None:
        if (directory / COMPLETE).is_file():
            return _child(unshare.pid)
        await asyncio.sleep(POLL_SECONDS)
    return None


def _child(pid: int) -> int:
    """The only child of a process."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def _end(unshare: subprocess.Popen[bytes], init: int | None) -> None:
    """Ends process 1, and with it all others. unshare ends when all of them are gone."""
    if unshare.poll() is None:
        with suppress(ProcessLookupError):
            os.kill(init if init is not None else unshare.pid, signal.SIGKILL)
    unshare.wait()
