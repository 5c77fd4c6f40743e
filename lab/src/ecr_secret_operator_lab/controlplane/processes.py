"""The starter's side of the supervisor: asks it to run programs, and lets go of it to end them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from .errors import ControlPlaneError

MODULE = f"{__package__}.supervisor"
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to run beside others; its output goes to NAME.log in their directory.

    Attributes:
        name: unique among the programs of one supervisor.
        argv: the program and its arguments.
        env: what its environment has beyond that of the process that starts it.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


class Supervisor:
    """A supervisor process and the directory that its programs share."""

    def __init__(self, process: subprocess.Popen[str], *, scratch: bool) -> None:
        self._process = process
        self._scratch = scratch
        self.directory = Path(self._answer()["directory"])

    @classmethod
    def start(cls, directory: Path | None = None, *, launcher: Sequence[str] = ()) -> Self:
        """Starts a supervisor.

        Args:
            directory: of the caller, who keeps it; None for one that goes away with the supervisor.
            launcher: a command line that starts the command line after it, in other surroundings.

        Raises:
            ControlPlaneError: it did not start; its own words are on standard error.
        """
        argv = [*launcher, sys.executable, "-m", MODULE]
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            argv += ["--directory", str(directory.absolute())]
        # A session of its own: Ctrl-C at a terminal reaches the starter only, who may still need the programs.
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            return cls(process, scratch=directory is None)
        except BaseException:
            _close(process)
            raise

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self._process.pid

    def run(self, command: Command) -> int:
        """Starts a program and returns its process id."""
        pid: int = self._ask(
            "start",
            name=command.name,
            argv=list(command.argv),
            env=dict(command.env),
            log=str(self.log(command.name)),
        )["pid"]
        return pid

    def log(self, name: str) -> Path:
        """Where a program's output goes."""
        return self.directory / f"{name}.log"

    def exits(self) -> dict[str, int | None]:
        """The exit code of each program; None for those that run."""
        return self._ask("exits")

    def signal(self, name: str, number: int) -> None:
        """Sends a signal to one program."""
        self._ask("signal", name=name, number=number)

    def end(self, name: str) -> None:
        """Ends one program."""
        self._ask("stop", name=name)

    def detach(self) -> None:
        """Leaves the programs running beyond this process; the supervisor then ends on SIGTERM."""
        self._ask("detach")
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        # To Popen a process that is not waited for is a mistake, and it warns. This one is meant to go on.
        self._process.returncode = 0

    def stop(self) -> None:
        """Ends every program and the supervisor. Does nothing after `detach`, nor the second time."""
        if self._process.returncode is not None:
            return
        _close(self._process)
        if self._scratch:
            # The supervisor has removed it, unless it was killed.
            shutil.rmtree(self.directory, ignore_errors=True)

    def _ask(self, request: str, **details: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON can carry
        if self._process.stdin is None or self._process.stdin.closed:
            raise ControlPlaneError("the control plane has been stopped or detached")
        try:
            self._process.stdin.write(json.dumps({"do": request, **details}) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ControlPlaneError(f"the supervisor has ended: {error}") from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise ControlPlaneError(f"the supervisor has ended: {self._process.poll()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ControlPlaneError(f"the supervisor cannot do this: {answer['error']}")
        return answer


def _close(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        with suppress(OSError):  # what was not flushed yet has no reader any more
            process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
