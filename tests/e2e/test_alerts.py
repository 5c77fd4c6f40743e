"""Each alert fires when it should, and none does on an ordinary day: judged by Prometheus' own tool."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.reporting import print_progress

from ..dashboards import expressions
from .alerting import (
    HOUR,
    OBSERVABILITY,
    TARGET,
    Judge,
    Series,
    constant,
    names,
    on_schedule,
    replica,
    resource,
    rules,
    series,
)

DAY = 24 * HOUR
IDENTITY = {"region": "us-east-2", "identity": "ambient"}
TEAM = {"kind": "Secret", "namespace": "team-a", "name": "pull"}
ALWAYS, NEVER = constant(1, DAY), constant(0, DAY)
OPERATOR = {**replica("one", DAY, leads=True), **replica("two", DAY, leads=False)}


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(ensure_programs(["promtool"], print_progress)["promtool"], tmp_path)


def unlike(healthy: Series, **values: str) -> Series:
    """Replica `one` says something else."""
    return {**healthy, **{series(name): value for name, value in values.items()}}


def never_replaced(life: int, due: int, *, pod: str = "one", honoured: bool = True) -> Series:
    return resource(constant(life * 60, DAY), constant(due * 60, DAY), ready=ALWAYS, pod=pod, honoured=honoured)


def failing(reason: str) -> str:
    return series("refresh_failing", {**TEAM, "reason": reason})


def unlinked(reason: str) -> str:
    return series("link_failing", {**TEAM, "reason": reason})


def refused(result: str, calls: str, answered: str = NEVER) -> Series:
    """Calls to AWS, counted from the start: some with this result, others answered."""
    return {
        series("aws_requests_total", {**IDENTITY, "result": result}): calls,
        series("aws_requests_total", {**IDENTITY, "result": "ok"}): answered,
    }


def test_the_rules_are_rules(judge: Judge) -> None:
    judge.check(rules())


def test_every_expression_of_the_dashboard_is_one(judge: Judge) -> None:
    found = expressions(json.loads((OBSERVABILITY / "dashboard.json").read_text()))
    records = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(found)]
    judge.check({"groups": [{"name": "dashboard", "rules": records}]})


def healthy() -> Iterator[tuple[str, Series]]:
    for name, life, kept in (
        ("ten of twelve hours", 12 * HOUR, 10 * HOUR),
        ("six of twelve hours", 12 * HOUR, 6 * HOUR),
        ("five minutes of twelve hours", 12 * HOUR, 5),
        ("fifty minutes of an hour", HOUR, 50),
        ("twelve of fifteen minutes", 15, 12),
    ):
        yield name, resource(*on_schedule(DAY, life=life, kept=kept), ready=ALWAYS)
    late = [f"{(start * 10 + 12) * 3600}x{10 * HOUR + 4}" for start in range(3)]
    due = [f"{(start * 10 + 10) * 3600}x{10 * HOUR + 4}" for start in range(3)]
    yield "five minutes late", resource(" ".join(late), " ".join(due), ready=ALWAYS)
    yield "suspended, with a good token", resource(constant(25 * 3600, DAY), None, ready=ALWAYS)
    yield "a new resource waits for its token", {series("resource_ready", TEAM): f"0x8 1x{DAY}"}
    yield "one failure an hour", refused("AWSUnavailable", f"{' '.join(f'{n}x59' for n in range(24))}")
    yield "many fail, more are answered", refused("AWSUnavailable", f"0+1x{DAY}", f"0+2x{DAY}")
    yield (
        "a failure that passes",
        {failing("AWSUnavailable"): "1x12 stale _x600 1x12 stale"},
    )
    yield "a ServiceAccount that comes ten minutes later", {unlinked("ServiceAccountMissing"): "1x10 stale"}
    yield "a namespace that is slow for ten minutes", {series("namespace_slow", {"namespace": "team-a"}): "1x10 stale"}
    yield "the lead is handed over", unlike(OPERATOR, leader=f"1x300 0x3 1x{DAY}")
    yield "a slow start", unlike(OPERATOR, ready=f"0x8 1x{DAY}")
    yield "a watch that is found dead", unlike(OPERATOR, watch_silence_seconds="42x60 60 120 180 170 42x1400")


@pytest.mark.parametrize("told", [pytest.param(told, id=name) for name, told in healthy()])
def test_nothing_fires_on_an_ordinary_day(judge: Judge, told: Series) -> None:
    judge.silent({**OPERATOR, **told}, DAY)


ALARMS: Mapping[str, tuple[Series, Mapping[int, Sequence[str]]]] = {
    "kept for ten hours": (
        {**OPERATOR, **never_replaced(12 * HOUR, 10 * HOUR)},
        {
            10 * HOUR + 25: [],
            10 * HOUR + 35: ["ECRTokenExpiring"],
            12 * HOUR - 1: ["ECRTokenExpiring"],
            12 * HOUR + 3: ["ECRTokenExpired"],
        },
    ),
    "kept for six hours": (
        {**OPERATOR, **never_replaced(12 * HOUR, 6 * HOUR)},
        {9 * HOUR - 1: [], 9 * HOUR + 5: ["ECRTokenExpiring"]},
    ),
    "lives an hour": (
        {**OPERATOR, **never_replaced(HOUR, 50)},
        {51: [], 57: ["ECRTokenExpiring"], 63: ["ECRTokenExpired"]},
    ),
    "suspended until it expires": (
        {**OPERATOR, **resource(constant(12 * 3600, DAY), None, ready=f"1x{12 * HOUR} 0x{DAY}")},
        {12 * HOUR - 5: [], 12 * HOUR + 5: ["ECRTokenExpired"], 13 * HOUR: ["ECRResourceNotReady", "ECRTokenExpired"]},
    ),
    "told of by two replicas": (
        {**OPERATOR, **never_replaced(12 * HOUR, 10 * HOUR), **never_replaced(12 * HOUR, 10 * HOUR, pod="two")},
        {11 * HOUR: ["ECRTokenExpiring"]},
    ),
    **{
        f"refresh fails: {reason}": (
            {**OPERATOR, failing(reason): ALWAYS},
            {14: [], 17: ["ECRRefreshFailing"]},
        )
        for reason in ("AWSAccessDenied", "AWSUnavailable", "IdentityUnavailable", "KubernetesError")
    },
    **{
        f"not linked: {reason}": ({**OPERATOR, unlinked(reason): ALWAYS}, {14: [], 17: ["ECRLinkFailing"]})
        for reason in ("KubernetesError", "ServiceAccountMissing")
    },
    "a webhook hangs": (
        {**OPERATOR, series("namespace_slow", {"namespace": "team-a"}): ALWAYS},
        {14: [], 17: ["ECRNamespaceSlow"]},
    ),
    "not linked, since it is denied": (
        {
            **OPERATOR,
            series("resource_ready", TEAM): NEVER,
            series("policy_denied", {**TEAM, "mode": "enforce"}): ALWAYS,
            unlinked("PolicyDenied"): ALWAYS,
        },
        {30: ["ECRPolicyDenied"]},
    ),
    "not ready": (
        {**OPERATOR, series("resource_ready", TEAM): NEVER, series("resource_ready", TEAM, pod="two"): NEVER},
        {14: [], 17: ["ECRResourceNotReady"]},
    ),
    **{
        f"denied: {mode}": (
            {
                **OPERATOR,
                series("resource_ready", TEAM): ready,
                series("policy_denied", {**TEAM, "mode": mode}): ALWAYS,
                failing("PolicyDenied"): ALWAYS,
            },
            {14: [], 30: ["ECRPolicyDenied"]},
        )
        for mode, ready in (("enforce", NEVER), ("audit", ALWAYS))
    },
    "AWS throttles": (
        {**OPERATOR, **refused("AWSUnavailable", f"0x60 0+2x{DAY}", f"0+0.25x{DAY}")},
        {62: [], 90: ["ECRAWSRequestsFailing"]},
    ),
    "AWS refuses": ({**OPERATOR, **refused("AWSAccessDenied", f"0+2x{DAY}")}, {30: ["ECRAWSRequestsFailing"]}),
    "nothing is scraped": (
        {name: values.replace(f"x{DAY - 1}", "x60") for name, values in OPERATOR.items()},
        {60: [], 64: [], 80: ["ECRSecretOperatorAbsent"]},
    ),
    "nobody leads": (unlike(OPERATOR, leader=f"1x60 0x{DAY}"), {60: [], 64: [], 67: ["ECRSecretOperatorNoLeader"]}),
    "not listed": (unlike(OPERATOR, ready=NEVER), {9: [], 11: ["ECRSecretOperatorNotReady"]}),
    "nothing is heard": (
        unlike(OPERATOR, ready="1x63 0x1440", watch_silence_seconds=f"42x60 60+60x{DAY}"),
        {63: [], 75: ["ECRSecretOperatorWatchStale"]},
    ),
}


@pytest.mark.parametrize("name", ALARMS)
def test_it_fires_when_it_is_time(judge: Judge, name: str) -> None:
    judge.firing(*ALARMS[name])


def test_every_alert_has_been_seen_to_fire() -> None:
    assert {alert for _, expected in ALARMS.values() for alerts in expected.values() for alert in alerts} == {*names()}


@pytest.mark.parametrize("honoured", [True, False], ids=["labels are honoured", "namespace is exported"])
def test_the_resource_is_named_however_it_is_scraped(judge: Judge, *, honoured: bool) -> None:
    told = {**OPERATOR, **never_replaced(12 * HOUR, 10 * HOUR, honoured=honoured)}
    found = dict(TEAM) if honoured else {**TEAM, "exported_namespace": "team-a", "namespace": TARGET["namespace"]}
    judge.says(
        told,
        11 * HOUR,
        "ECRTokenExpiring",
        {**TARGET, **found},
        "The token of Secret team-a/pull should have been replaced, was not, and expires in 1h 0m 0s."
        " Pulls, pushes and syncs that use its Secret fail from then on.",
    )


@pytest.mark.parametrize("honoured", [True, False], ids=["labels are honoured", "namespace is exported"])
def test_a_cluster_resource_has_no_namespace(judge: Judge, *, honoured: bool) -> None:
    name = {"kind": "ClusterPullSecret", "namespace": "", "name": "everyone"}
    labels = {**TARGET, **name}
    if not honoured:
        labels["namespace"] = TARGET["namespace"]
    judge.says(
        {**OPERATOR, **resource(constant(3600, DAY), None, ready=ALWAYS, honoured=honoured, **name)},
        2 * HOUR,
        "ECRTokenExpired",
        {label: value for label, value in labels.items() if value},
        "The token of ClusterPullSecret everyone expired 1h 0m 0s ago."
        " What pulls, pushes or syncs with its Secret is refused by ECR.",
    )


DENIED = "No AccessPolicy allows what is asked for by Secret team-a/pull. It has no Secret."
AUDITED = (
    "Enforcing the AccessPolicies in mode Audit would deny or change something of Secret team-a/pull."
    " It is served until then."
)


@pytest.mark.parametrize(("mode", "text"), [("enforce", DENIED), ("audit", AUDITED)])
def test_what_policy_denies_and_what_it_would_are_told_apart(judge: Judge, mode: str, text: str) -> None:
    labels = {**TEAM, "mode": mode}
    told = {**OPERATOR, series("policy_denied", labels): ALWAYS}
    judge.says(told, 30, "ECRPolicyDenied", {**TARGET, **labels}, text)


def test_a_link_that_fails_is_told_with_its_reason(judge: Judge) -> None:
    labels = {**TEAM, "reason": "ServiceAccountMissing"}
    text = (
        "The Secret of Secret team-a/pull has not been linked to all ServiceAccounts of spec.link for 15 minutes:"
        " ServiceAccountMissing. Pods and builds of those ServiceAccounts pull and push without it."
    )
    told = {**OPERATOR, unlinked("ServiceAccountMissing"): ALWAYS}
    judge.says(told, 30, "ECRLinkFailing", {**TARGET, **labels}, text)


def test_two_teams_resources_of_one_name_are_two(judge: Judge) -> None:
    told = {
        **OPERATOR,
        **never_replaced(HOUR, 50, honoured=False),
        **resource(*on_schedule(DAY, life=HOUR, kept=50), ready=ALWAYS, namespace="team-b", honoured=False),
    }
    judge.firing(told, {3 * HOUR: ["ECRTokenExpired"]})
