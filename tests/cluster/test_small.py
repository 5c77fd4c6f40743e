"""A small installation takes little memory: five resources of one identity."""

from __future__ import annotations

import re
from pathlib import Path

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from tests.laboratory import StartOperator

from .limiting import LEAN
from .resources import a_resource, apply, wait_ready

NAMES = [f"ecr-{number}" for number in range(5)]
WITH_AWS, WITHOUT_AWS = 75, 64
"""MiB at the peak; 69 and 59 were measured on x86-64 with Python 3.11. The AWS SDK makes the difference (ADR 77)."""


def peak_mib(operator: OperatorProcess) -> float:
    status = Path(f"/proc/{operator.process.pid}/status").read_text()
    (value,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(value) / 1024


def test_five_resources_take_little_memory_and_less_while_their_tokens_are_valid(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws
) -> None:
    operator = start_operator(environment=LEAN)
    for name in NAMES:
        apply(cluster, namespace, a_resource(name=name))
    for name in NAMES:
        wait_ready(cluster, namespace, name)
    assert peak_mib(operator) < WITH_AWS
    operator.stop()
    again = start_operator(environment=LEAN)
    assert peak_mib(again) < WITHOUT_AWS
    assert len(aws.calls("GetAuthorizationToken")) == 1
