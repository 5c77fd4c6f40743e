"""A control plane that outlives the command that started it: what `dev up`, `dev down` and `dev env` stand on.

One at a time for each user. A small file records it; the record is believed only while the very process that it names
runs, so a crash or a reboot leaves nothing to clean up by hand.
"""

import json
import os
import select
import shutil
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from ..processes import start_time
from ..programs.cache import exclusive, state_directory
from ..reporting import Reporter
from .binaries import Binaries, ensure_binaries
from .plane import ControlPlane
from .processes import Command

RECORD, LOCK = "dev.json", "dev.lock"
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached:
    """A running control plane that does not end with the process that started it.

    Attributes:
        pid: of its supervisor.
        started: when that process started, in clock ticks since boot: with the pid it names one process for good.
        directory: keys, kubeconfig files, logs; and what the extra commands put there.
        kubeconfig: of an administrator.
        server: the API server's URL.
    """

    pid: int
    started: int
    directory: Path
    kubeconfig: Path
    server: str


class Start(Protocol):
    """A way to start a control plane: alone, or with something beside it."""

    def __call__(self, binaries: Binaries, /, *, manifests: Sequence[Path]) -> ControlPlane:
        """Starts it. Raises ControlPlaneError."""


def no_extras(_: ControlPlane) -> Iterable[Command]:
    """Nothing beside the control plane."""
    return ()


def up(
    report: Reporter,
    *,
    manifests: Sequence[Path] = (),
    extras: Callable[[ControlPlane], Iterable[Command]] = no_extras,
    start: Start = ControlPlane.start,
) -> Detached:
    """Starts a control plane that goes on until `down`, or returns the one that runs.

    Args:
        report: called with each step that takes long.
        manifests: created before the controllers start, as by `ControlPlane.start`.
        extras: further commands to run beside it, given the plane that has just started.
        start: starts the control plane.

    Raises:
        BinariesError: the programs can be had in none of the ways.
        ControlPlaneError: it did not start; nothing is left of it.
    """
    with exclusive(_lock(), report):
        running = current()
        if running is not None:
            return running
        _forget()
        binaries = ensure_binaries(report)
        report("Starting etcd, kube-apiserver and kube-controller-manager")
        with start(binaries, manifests=manifests) as plane:
            for command in extras(plane):
                plane.run(command)
            detached = _describe(plane)
            _write(detached)
            plane.detach()
        return detached


def down() -> bool:
    """Ends the control plane and removes all that it made. Returns whether there was one."""
    with exclusive(_lock()):
        running = current()
        if running is not None:
            _end(running)
        _forget()
        return running is not None


def current() -> Detached | None:
    """The control plane that runs, or None."""
    detached = _recorded()
    if detached is None or start_time(detached.pid) != detached.started:
        return None
    return detached


def _lock() -> Path:
    return state_directory() / LOCK


def _record() -> Path:
    return state_directory() / RECORD


def _recorded() -> Detached | None:
    try:
        fields: dict[str, Any] = json.loads(_record().read_text())
        for name in ("directory", "kubeconfig"):
            fields[name] = Path(fields[name])
        return Detached(**fields)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _write(detached: Detached) -> None:
    draft = _record().with_suffix(".draft")
    draft.write_text(json.dumps(asdict(detached), default=str, indent=2) + "\n")
    draft.replace(_record())


def _forget() -> None:
    """Removes the record and, after a supervisor that was killed, its directory."""
    recorded = _recorded()
    if recorded is not None:
        shutil.rmtree(recorded.directory, ignore_errors=True)
    _record().unlink(missing_ok=True)


def _describe(plane: ControlPlane) -> Detached:
    return Detached(
        pid=plane.pid,
        started=start_time(plane.pid) or 0,
        directory=plane.directory,
        kubeconfig=plane.kubeconfig,
        server=plane.server,
    )


def _end(detached: Detached) -> None:
    """Through a descriptor of the process: its number may be another's by the time a signal is sent."""
    try:
        descriptor = os.pidfd_open(detached.pid)
    except ProcessLookupError:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if current() != detached:
                return
            signal.pidfd_send_signal(descriptor, number)
            select.select([descriptor], [], [], STOP_SECONDS)
    finally:
        os.close(descriptor)
