"""The simulated API server answers as a real one: the same requests on both, written by hand and drawn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from .simulated_api.comparing import compare
from .simulated_api.drawn import sequences
from .simulated_api.scenarios import SCENARIOS
from .simulated_api.steps import Step
from .simulated_api.targets import Real

FUZZ_VARIABLE = "ECR_FUZZ_EXAMPLES"


@pytest.fixture(scope="module")
def real(kubeconfig: Path) -> Iterator[Real]:
    with Real(kubeconfig) as target:
        yield target


@pytest.mark.parametrize("steps", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_the_simulated_server_answers_as_a_real_one(real: Real, steps: list[Step]) -> None:
    compare(real, steps)


@settings(derandomize=FUZZ_VARIABLE not in os.environ, suppress_health_check=list(HealthCheck))
@given(steps=sequences())
def test_the_simulated_server_answers_drawn_requests_as_a_real_one(real: Real, steps: list[Step]) -> None:
    compare(real, steps)
