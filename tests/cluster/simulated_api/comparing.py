"""Runs a scenario on both API servers, and compares what comes of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from tests.simulation.apiserver import MERGE_PATCH

from .normal import Names, normal, normal_event
from .steps import (
    ACCOUNTS,
    CLUSTER,
    ECR_SECRETS,
    LEASES,
    NAMESPACES,
    POLICIES,
    SECRETS,
    Step,
    account,
    create,
    get,
    lease,
    resource,
    secret,
)
from .targets import LAST, Real, Simulated, Target, run

MARK = {"labels": {LAST: "1", "l": "1"}}
WATCHED: dict[str, dict[str, Any]] = {
    SECRETS: secret("zz", metadata=MARK),
    ACCOUNTS: account("zz", metadata=MARK),
    ECR_SECRETS: resource("zz", metadata=MARK),
    LEASES: lease("zz", metadata=MARK),
}


def begun(target: Target, namespace: str, paths: Iterable[str] = WATCHED) -> dict[str, str]:
    """Creates the namespace, and gives the versions from which to watch these collections of it."""
    run(target, namespace, [create(NAMESPACES, {"metadata": {"name": namespace}})])
    found = {path: run(target, namespace, [get(path)])[0].body for path in paths}
    return {path: body["metadata"]["resourceVersion"] for path, body in found.items()}


def events(target: Target, namespace: str, since: dict[str, str]) -> dict[str, list[Any]]:
    """What watches brought since then, without that about the ServiceAccount that a controller creates."""
    found = {}
    for path, version in since.items():
        if run(target, namespace, [create(path, WATCHED[path])])[0].status == 201:
            lines = target.watch(path.format(ns=namespace), {"resourceVersion": version})
            found[path] = [one for one in lines if one["object"]["metadata"].get("name") != "default"]
    return found


def outcome(target: Target, namespace: str, steps: list[Step]) -> list[Any]:
    """All that a scenario brings, so that it can be compared."""
    used = [path for path in WATCHED if any(step.path.startswith(path) for step in steps)]
    since, names = begun(target, namespace, used), Names()
    answers = [normal(answer, names) for answer in run(target, namespace, steps)]
    watched = events(target, namespace, since)
    if any(step.ready for step in steps):  # the order in which controllers delete objects is theirs
        watched = {path: sorted(lines, key=_about) for path, lines in watched.items()}
    return [*answers, {path: [normal_event(one, names) for one in lines] for path, lines in watched.items()}]


def _about(event: Any) -> str:
    name: str = event["object"]["metadata"]["name"]
    return name


def substituted(steps: list[Step], namespace: str) -> list[Step]:
    """The steps with the namespace in bodies, too."""

    def inside(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("{ns}", namespace)
        if isinstance(value, dict):
            return {key: inside(one) for key, one in value.items()}
        return [inside(one) for one in value] if isinstance(value, list) else value

    return [replace(one, body=inside(one.body)) for one in steps]


def compare(
    real: Real, steps: list[Step], *, prepare: Callable[[Simulated], None] | None = None, namespace: str = ""
) -> None:
    """Runs a scenario on both servers, in namespaces of the same name.

    Args:
        real: the real one.
        steps: the scenario.
        prepare: changes the simulated server first.
        namespace: to create; by default one with a new name.
    """
    namespace = namespace or new_name()
    ready, simulated = substituted(steps, namespace), Simulated()
    if prepare:
        prepare(simulated)
    try:
        expected, found = outcome(real, namespace, ready), outcome(simulated, namespace, ready)
    finally:
        _clean(real, namespace, ready)
    for step, one, other in zip([*ready, "watches"], expected, found, strict=True):
        assert other == one, step


def _clean(real: Real, namespace: str, steps: list[Step]) -> None:
    """Removes the cluster-wide objects that a scenario has created."""
    created = [step for step in steps if step.method == "POST" and step.path in {CLUSTER, POLICIES}]
    for path in {f"{step.path}/{step.body['metadata'].get('name', '')}" for step in created}:
        held = {"metadata": {"finalizers": None}}
        run(real, namespace, [Step("PATCH", path, held, MERGE_PATCH), Step("DELETE", path)])


def new_name() -> str:
    """A name for a namespace."""
    return f"sim-{uuid.uuid4().hex[:10]}"
