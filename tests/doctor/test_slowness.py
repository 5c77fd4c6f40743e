from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.doctor.slowness import check_slowness
from tests.doctor.installations import an_installation


def an_event(namespace: str, last: str = "", **more: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace}, "reason": "NamespaceSlow", "lastTimestamp": last, **more}


@pytest.mark.parametrize(
    ("events", "named"),
    [
        (None, []),
        ([], []),
        ([an_event("web"), an_event("web", "2020-01-01T00:00:00Z"), an_event("api")], ["api", "web"]),
        ([an_event("default", related={"kind": "Namespace", "name": "web"})], ["web"]),
    ],
)
def test_each_slow_namespace_is_named_once(events: list[dict[str, Any]] | None, named: list[str]) -> None:
    findings = list(check_slowness(an_installation(slow=events)))
    assert [one.subject for one in findings] == [f"namespace {name}" for name in named]
    assert {one.cause for one in findings} <= {"namespace-slow"}
