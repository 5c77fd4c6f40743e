"""What is logged of failures: loud once, and then quietly for as long as they last."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from ecr_secret_operator.errors import Unavailable
from ecr_secret_operator.observability.metrics import Metrics
from ecr_secret_operator.observability.telemetry import Telemetry
from tests.factories import a_key

KEY = a_key()
FIELDS = {"kind": "Secret", "namespace": "team-a", "name": "pull"}


def levels(tell: Callable[[Telemetry, int], None]) -> list[str]:
    """At which level the first three failures in a row are logged."""
    telemetry = Telemetry(Metrics())
    with capture_logs() as lines:
        for failures in (1, 2, 3):
            tell(telemetry, failures)
    return [line["log_level"] for line in lines]


@pytest.mark.parametrize(
    "tell",
    [
        lambda telemetry, failures: telemetry.crashed(KEY, Unavailable("no answer"), failures),
        lambda telemetry, failures: telemetry.watch_ended("secrets", "no answer", failures),
    ],
    ids=["reconcile", "watch"],
)
def test_an_expected_failure_that_lasts_is_loud_once(tell: Callable[[Telemetry, int], None]) -> None:
    assert levels(tell) == ["warning", "debug", "debug"]


def test_a_bug_comes_with_its_traceback_and_says_what_to_do() -> None:
    bug = ZeroDivisionError("a bug")
    with capture_logs() as lines:
        Telemetry(Metrics()).crashed(KEY, bug, 1)
    assert lines == [
        {
            "event": "reconcile raised what it should not; please report this",
            "log_level": "error",
            "exc_info": bug,
            **FIELDS,
        }
    ]


def test_a_failure_names_the_resource_the_error_and_how_often() -> None:
    with capture_logs() as lines:
        Telemetry(Metrics()).crashed(KEY, Unavailable("no answer"), 1)
    assert lines == [
        {
            "event": "reconcile failed, it is tried again",
            "log_level": "warning",
            "error": "no answer",
            "failures": 1,
            **FIELDS,
        }
    ]
