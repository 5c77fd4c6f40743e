"""Runs the installed operator as a process, as a user would, and observes it from outside."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from .tether import tethered
from .waiting import wait_for

COMMAND = "ecr-secret-operator"
START_SECONDS = 90.0
STOP_SECONDS = 60.0
PORT_TAKEN = "Address already in use"

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_CONFIG")
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def installed_command() -> str:
    """The operator's command that belongs to this interpreter, else the one on PATH."""
    beside = Path(sys.executable).with_name(COMMAND)
    return str(beside) if beside.is_file() else shutil.which(COMMAND) or COMMAND


def typed_command() -> str:
    """The operator's command as a person here would type it: by name where that works, else by path."""
    command = installed_command()
    if shutil.which(COMMAND) == command:
        return COMMAND
    return os.path.relpath(command) if Path(command).is_relative_to(Path.cwd()) else command


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class OperatorProcess:
    """One running operator.

    Args:
        environment: for AWS; the rest of the environment is a clean one.
        log: file for its output.
        kubeconfig: the cluster; None leaves it to the environment.
        args: more arguments.
        command: in place of the installed one.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        log: Path,
        kubeconfig: Path | None,
        args: Sequence[str] = (),
        command: Sequence[str] = (),
    ) -> None:
        self.log = log
        self._command = command or (installed_command(),)
        self._environment = environment
        self._args = [*(("--kubeconfig", str(kubeconfig)) if kubeconfig else ()), *args]
        self._start()

    def _start(self) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        clean = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        command = [*self._command, "run", "--log-format", "json"]
        command += ["--metrics-bind-address", self.address, "--health-probe-bind-address", self.address]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                tethered([*command, *self._args]),
                env={**clean, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )

    def __enter__(self) -> OperatorProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def args(self) -> tuple[str, ...]:
        """The arguments after `run`, without the addresses that it gets by default."""
        return tuple(self._args)

    def probe(self, path: str) -> tuple[int, str]:
        """Status and text of a probe; status 0 when no server listens."""
        try:
            with _opener.open(f"http://{self.address}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> OperatorProcess:
        """Waits until it is ready. Raises NotReached, with its log, when it is not or ends.

        If another process takes its port first, it is started again on another port.
        """

        def state() -> bool:
            if self.process.poll() is not None and self.output().rstrip().endswith(PORT_TAKEN):
                self._start()
            if self.process.poll() is not None:
                raise AssertionError(f"the operator ended with {self.process.returncode}:\n{self.output()[-3000:]}")
            return self.probe("/readyz")[0] == 200  # noqa: PLR2004 - OK

        wait_for(state, f"the operator is ready; its log: {self.log}", within=START_SECONDS)
        return self

    def output(self) -> str:
        """Everything that it wrote."""
        return self.log.read_text(errors="replace")

    def metric(self, name: str, /, **labels: str) -> float:
        """The sum of a metric's series that have these labels; 0 when there is none."""
        total = 0.0
        for line in self.probe("/metrics")[1].splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if not match or match[1] != name:
                continue
            found = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            if labels.items() <= found.items():
                total += float(match[3])
        return total

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to stop, waits, and gives its exit code; kills it after a minute."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def kill(self) -> None:
        """Kills it, as a crash would."""
        self.process.kill()
        self.process.wait()
