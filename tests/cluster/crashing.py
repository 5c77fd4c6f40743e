"""Kills the operator before and after every single write of a scenario, one after the other, as Sieve does (OSDI '22).

A reference run, in which nothing goes wrong, tells which writes there are. Then for each of them, and for each side of
it, the scenario is played again, the write or its answer is held, the operator is killed, and another one has to bring
everything to the same end: with the same writes to the same Secrets and ServiceAccounts, none of them twice, and with
one call to AWS more at most, for a token that was lost with the process.
"""

from __future__ import annotations

import json
import re
import time
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ecr_secret_operator_lab.cluster import Cluster, Object
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.faultproxy import FaultProxy, Handled
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import NotReached, wait_for

from .resources import password_in

WRITING = frozenset(("POST", "PUT", "PATCH", "DELETE"))
QUIET_SECONDS = 1.0
SIDES = ("before", "after")

_VARYING = frozenset(("uid", "resourceVersion", "managedFields", "creationTimestamp"))
_REPLACED = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"sha256:[0-9a-f]{64}"), "DIGEST"),
)
_COUNTED = r"^/api/v1/namespaces/[^/]+/(secrets|serviceaccounts)"

Write = tuple[str, str, int]
"""Method, path with NAME in place of the run's name, and how many like it came before."""


@dataclass
class Stage:
    """Where scenarios are played.

    Attributes:
        collections: the API paths of all that a run may concern: objects whose names begin with the run's.
        start: starts an operator that goes through the proxy.
    """

    cluster: Cluster
    aws: FakeAws
    proxy: FaultProxy
    collections: Sequence[str]
    start: Callable[[], OperatorProcess]
    operators: list[OperatorProcess] = field(default_factory=list)


@dataclass(frozen=True)
class Scenario:
    """Something that makes the operator write.

    Attributes:
        arrange: brings about what is there before, and waits until it is; it is given the run's name.
        act: sets the operator to work.
        done: waits until it must be through.
        forgets: whether the token is known to the process alone, since what is stored is damaged.
        repeats: whether what is asked for stands until the status says that it is done: then it may be done twice.
    """

    arrange: Callable[[str], object]
    act: Callable[[str], object]
    done: Callable[[str], object]
    forgets: bool = False
    repeats: bool = False


@dataclass(frozen=True)
class Run:
    """What came of one run.

    Attributes:
        state: of all objects.
        writes: that were sent.
        made: those that the API server did.
        unknown: those that were cut off by the kill, and that it may have done.
        calls: of AWS.
    """

    state: dict[str, str]
    writes: list[Write]
    made: Counter[tuple[str, str]]
    unknown: Counter[tuple[str, str]]
    calls: int


def crash_at_every_write(
    stage: Stage, scenario: Scenario, *, only: Callable[[Write], bool] = lambda _write: True
) -> list[Write]:
    """Plays the scenario once for reference, and then once for each side of each write of it; gives the writes."""
    numbers = count()
    stage.operators.append(stage.start())
    reference = _play(stage, scenario, f"run-{next(numbers)}", None, None)
    assert reference.writes
    for write in filter(only, reference.writes):
        for side in SIDES:
            run = _play(stage, scenario, f"run-{next(numbers)}", (write, side), reference)
            where = f"killed {side} {write}"
            assert run.made + run.unknown >= reference.made, where
            lost = (reference.calls > 0 or scenario.forgets) and _may_lose_a_token(write, side, reference)
            if not scenario.repeats:
                assert run.made <= reference.made, where
                assert run.calls <= reference.calls + lost, where
            assert run.made.total() <= reference.made.total() + scenario.repeats
            assert run.calls <= reference.calls + 1, where
    return reference.writes


def _may_lose_a_token(write: Write, side: str, reference: Run) -> bool:
    """Whether there may be a token that is stored nowhere yet: the Secret's own, or that of one written beside it."""
    secrets = [one for one in reference.writes if re.search(_COUNTED, one[1]) and "/secrets" in one[1]]
    return write in secrets and (side == "before" or len(secrets) > 1)


def _play(stage: Stage, scenario: Scenario, name: str, crash: tuple[Write, str] | None, reference: Run | None) -> Run:
    scenario.arrange(name)
    _wait_quiet(stage, 0)
    began, asked = stage.proxy.last_request(), max((call.number for call in stage.aws.calls()), default=0)
    if crash:
        _crash(stage, scenario, name, *crash)
    else:
        scenario.act(name)
    if reference is None:
        scenario.done(name)
    else:
        _wait_state(stage, name, reference.state, f"killed {crash}")
    _wait_quiet(stage, began)
    writes = _writes(stage, began)
    return Run(
        _state(stage, name),
        list(_numbered(writes, name)),
        _counted(writes, name, 200, 201),
        _counted(writes, name, 0),
        len(stage.aws.calls(after=asked)),
    )


def _counted(writes: Sequence[Handled], name: str, *statuses: int) -> Counter[tuple[str, str]]:
    """How often each Secret and ServiceAccount was written, of those with these answers of the API server."""
    return Counter(
        (one.method, one.path.replace(name, "NAME"))
        for one in writes
        if re.search(_COUNTED, one.path) and one.upstream_status in statuses
    )


def _crash(stage: Stage, scenario: Scenario, name: str, write: Write, side: str) -> None:
    """Acts, kills the operator while the write, or its answer, is held, and starts another one."""
    method, path, earlier = write
    pattern = f"{re.escape(path.replace('NAME', name))}$"
    rule = stage.proxy.fail("hold", method=method, path=pattern, skip=earlier, times=1, when=side)
    before = stage.proxy.last_request()
    scenario.act(name)

    def held() -> bool:
        found = stage.proxy.requests(fault="hold", after=before)
        return bool(found) and (side == "before" or found[0].upstream_status != 0)

    wait_for(held, f"{write} is held {side}", within=30)
    stage.operators.pop().kill()
    stage.proxy.fix(rule)
    stage.operators.append(stage.start())


def _writes(stage: Stage, after: int) -> list[Handled]:
    found = stage.proxy.requests(after=after)
    return [one for one in found if one.method in WRITING and "reviews" not in one.path]


def _numbered(writes: Sequence[Handled], name: str) -> Iterator[Write]:
    seen: Counter[tuple[str, str]] = Counter()
    for one in writes:
        what = one.method, one.path.replace(name, "NAME")
        yield *what, seen[what]
        seen[what] += 1


def _wait_quiet(stage: Stage, after: int) -> None:
    """Waits until nothing has been written for a moment."""

    def quiet() -> bool:
        writes = _writes(stage, after)
        last = max((one.ended or time.time() for one in writes), default=0.0)
        return time.time() - last > QUIET_SECONDS

    wait_for(quiet, "nothing more is written", within=60)


def _wait_state(stage: Stage, name: str, wanted: dict[str, str], where: str) -> None:
    try:
        wait_for(lambda: _state(stage, name) == wanted, f"the same end, {where}", within=60)
    except NotReached as error:
        found = _state(stage, name)
        differs = {
            key: (found.get(key), wanted.get(key)) for key in found | wanted if found.get(key) != wanted.get(key)
        }
        raise NotReached(f"{error}; found and wanted: {json.dumps(differs, indent=1)}") from None


def _state(stage: Stage, name: str) -> dict[str, str]:
    """All that this run made, without what is another one each time."""
    found = {}
    for path in stage.collections:
        for one in stage.cluster.items(path):
            if one["metadata"]["name"].startswith(name):
                key = f"{path} {one['metadata']['name']}".replace(name, "NAME")
                found[key] = _essence(stage, one, name)
    return found


def _essence(stage: Stage, one: Object, name: str) -> str:
    body: dict[str, Any] = {**one, "metadata": {k: v for k, v in one["metadata"].items() if k not in _VARYING}}
    if one.get("type"):
        token = password_in(one)
        issued = stage.aws.find_token(token)
        assert issued, "only tokens that AWS gave are ever stored"
        assert issued.expires_at > time.time()
        hidden = ((token, "TOKEN"), (b64encode(f"AWS:{token}".encode()).decode(), "AUTH"))
        body["data"] = {key: _replaced(b64decode(value).decode(), hidden) for key, value in one["data"].items()}
    text = json.dumps(body, sort_keys=True).replace(name, "NAME")
    for pattern, word in _REPLACED:
        text = pattern.sub(word, text)
    return text


def _replaced(text: str, pairs: Sequence[tuple[str, str]]) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return text
