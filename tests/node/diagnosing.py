"""`kubectl ecr` against the cluster with a node, and the remedies that it prints, run in a shell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ecr_secret_operator.doctor.finding import Finding, Level
from ecr_secret_operator_lab.waiting import wait_for

from .installing import Installation
from .shell import Shell

SOON = 15.0
"""Seconds on an idle machine. A look takes one or two itself, so that six times as long may pass."""

WRONG = (Level.ERROR, Level.WARNING)


class Administrator(Shell):
    """A shell with `kubectl ecr`."""

    def doctor(self, *args: str) -> list[Finding]:
        done = self.run(" ".join(["kubectl ecr doctor -o json", *args]))
        assert done.stdout, done.stderr
        return [Finding(**{**one, "level": Level(one["level"])}) for one in json.loads(done.stdout)["findings"]]

    def status(self, namespace: str) -> Mapping[str, object]:
        """What `kubectl ecr status` says of the only resource in a namespace."""
        (one,) = json.loads(self.run(f"kubectl ecr status -n {namespace} -o json").stdout)["items"]
        found: Mapping[str, object] = one
        return found


def a_shell(installation: Installation, home: Path, kubeconfig: Path | None = None) -> Administrator:
    plane = installation.node.plane
    return Administrator(kubeconfig or plane.kubeconfig, home, {"kubectl": plane.binaries.kubectl})


def problems(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.level in WRONG]


def wait_named(shell: Administrator, cause: str, *args: str) -> Finding:
    """Waits until the first problem that doctor names has this cause."""

    def first() -> Finding | None:
        found = problems(shell.doctor(*args))
        return found[0] if found and found[0].cause == cause else None

    try:
        return wait_for(first, f"doctor names {cause} first", within=SOON)
    except AssertionError as error:
        raise AssertionError(f"{error}; {shell.doctor(*args)}") from error


def wait_well(shell: Administrator, *args: str) -> None:
    """Waits until doctor names no problem."""

    def well() -> bool:
        return not problems(shell.doctor(*args))

    try:
        wait_for(well, "doctor names no problem", within=SOON)
    except AssertionError as error:
        raise AssertionError(f"{error}; {problems(shell.doctor(*args))}") from error


def command_in(remedy: str, begin: str) -> str:
    """The command in a remedy, which is its last part."""
    before, _, command = remedy.partition(begin)
    assert before == remedy.partition(begin)[0]
    assert command, remedy
    return begin + command
