"""What the benchmark takes for granted of the operator, which it does not import."""

from __future__ import annotations

from ecr_secret_operator.cli.run import run
from ecr_secret_operator_lab.bench.ceiling import CONCURRENCY


def test_the_lean_client_does_as_much_at_a_time_as_the_operator_by_default() -> None:
    (option,) = [one for one in run.params if "--concurrency" in one.opts]
    assert option.default == CONCURRENCY
