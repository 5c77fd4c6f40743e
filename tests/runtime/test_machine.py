"""What a process gets from the machine that it runs on."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

from ecr_secret_operator.runtime.heap import trim
from ecr_secret_operator.runtime.machine import this_machine


def test_the_clocks_are_those_of_the_machine() -> None:
    machine = this_machine()
    assert abs(machine.utc() - datetime.now(UTC)) < timedelta(minutes=1)
    assert machine.monotonic() == pytest.approx(time.monotonic(), abs=60)
    assert machine.since_boot() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=60)
    assert machine.trim is trim


def test_the_clock_since_boot_is_the_monotonic_one_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    assert this_machine().since_boot() == pytest.approx(time.monotonic(), abs=60)


def test_each_process_has_an_identity_that_names_its_host() -> None:
    one, other = this_machine().identity, this_machine().identity
    assert one.startswith(f"{socket.gethostname()}_")
    assert one != other
