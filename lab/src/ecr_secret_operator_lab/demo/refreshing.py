"""Steps 10 to 12: tokens while AWS refuses, tokens that are about to expire, and how seldom AWS is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.table import Table

from ..cluster import condition, resource_path
from ..fakeaws import Call
from ..waiting import wait_for
from .evidence import a_resource, issued, there, verify
from .rotation import watch
from .screen import Screen
from .serving import PULL_NAMESPACE
from .stage import READY, REFRESHING, Stage

LIFETIME_SECONDS = 12 * 3600.0
OUTAGE_REGION, OUTAGE_LIFETIME, OLDER, NEWCOMERS = "eu-west-1", 30.0, "older", 10
ROTATION_REGION, ROTATION_LIFETIME, ROTATIONS = "eu-central-1", 10.0, 2
CROWD_REGION, CROWD_NAMESPACE, CROWD = "us-west-2", "fifty-teams", 50
FAILURES, MOST_CALLS = 3, 12
OUTAGE_SECONDS = 3.0


@contextmanager
def _token_lifetime(stage: Stage, seconds: float) -> Iterator[None]:
    """Lets AWS issue tokens that die sooner, for a while."""
    stage.aws.settings(lifetime_seconds=seconds)
    try:
        yield
    finally:
        stage.aws.settings(lifetime_seconds=LIFETIME_SECONDS)


def survive_an_outage(stage: Stage, screen: Screen) -> str:
    """Lets AWS refuse the operator for some seconds, with one resource served already and ten new ones."""
    with _token_lifetime(stage, OUTAGE_LIFETIME):
        stage.apply(a_resource(OLDER, PULL_NAMESPACE, OUTAGE_REGION))
        stage.wait_condition(PULL_NAMESPACE, OLDER, READY)
    stored = issued(stage, there(stage.secret(PULL_NAMESPACE, f"{OLDER}-token"), "the generated Secret"))
    screen.say(f"{OLDER} is served in {OUTAGE_REGION} with a token that is valid for {OUTAGE_LIFETIME:.0f} s.")
    with screen.waiting("until that token is no longer brand new"):
        wait_for(lambda: time.time() > stored.issued_at + OUTAGE_LIFETIME / 10, "the token has aged")
    last_call = stage.last_call()
    stage.aws.fail("AccessDenied", action="GetAuthorizationToken", region=OUTAGE_REGION)
    try:
        refused = _while_refused(stage, screen, last_call)
        verify(time.time() < stored.expires_at, "the stored token outlived the outage")
    finally:
        stage.aws.fix()
    fixed = time.monotonic()
    screen.say("The IAM policy is fixed; the cluster is not changed:")
    with screen.waiting("until the operator asks again"):
        for name in (OLDER, *_newcomers()):
            stage.wait_condition(PULL_NAMESPACE, name, REFRESHING, within=35)
            stage.wait_condition(PULL_NAMESPACE, name, READY)
    recovered = time.monotonic() - fixed
    calls = stage.aws.calls(after=last_call, result="ok")
    verify(len(calls) == 1, f"one call served all, not {len(calls)}")
    screen.check(f"all {1 + NEWCOMERS} resources are Ready and Refreshing {recovered:.1f} s later, with 1 more call")
    return f"{len(refused)} calls for {1 + NEWCOMERS} resources, then recovered in {recovered:.1f} s"


def _newcomers() -> list[str]:
    return [f"newcomer-{number}" for number in range(1, NEWCOMERS + 1)]


def _while_refused(stage: Stage, screen: Screen, last_call: int) -> list[Call]:
    """What resources say while AWS refuses; gives the calls that were refused."""
    screen.say(
        f"AWS denies all calls now (AccessDenied). {OLDER} is to be refreshed, and {NEWCOMERS} resources are created:"
    )
    started = time.time()
    annotate = ("annotate", "ecrsecret", OLDER, "ecr.mobb.redhat.com/refresh=now", "-n", PULL_NAMESPACE)
    screen.command(f"kubectl {' '.join(annotate)}")
    stage.plane.kubectl(*annotate)
    stage.apply(*(a_resource(name, PULL_NAMESPACE, OUTAGE_REGION) for name in _newcomers()))
    _show_refusal(stage, screen)

    def failures() -> list[Call]:
        ready = condition(stage.resource(PULL_NAMESPACE, OLDER), "Ready")
        verify(ready.get("status") == "True", f"{OLDER} stays Ready while its token is good")
        calls = stage.aws.calls(after=last_call, result="AccessDeniedException")
        return calls if len(calls) >= FAILURES and time.time() > started + OUTAGE_SECONDS else []

    with screen.waiting("how often the operator asks"):
        calls = wait_for(failures, "the operator asks again")
    verify(len(calls) <= MOST_CALLS, f"{len(calls)} calls are too many")
    screen.gap()
    screen.check(f"{OLDER} was Ready all the time: its stored token is still valid")
    events = _events(stage, OLDER)
    verify(events, f"an event on {OLDER} reports it")
    screen.check(f"kubectl events shows it: {events[0]}")
    seconds = ", ".join(f"{call.time - started:.1f}" for call in calls)
    screen.check(f"{1 + NEWCOMERS} resources made {len(calls)} calls to AWS, after {seconds} s")
    return calls


def _show_refusal(stage: Stage, screen: Screen) -> None:
    """What the two sorts of resources say of the same refusal."""
    failing = {"status": "False", "reason": "AWSAccessDenied"}
    older = stage.wait_condition(PULL_NAMESPACE, OLDER, {"type": "Refreshing", **failing})
    newer = stage.wait_condition(PULL_NAMESPACE, "newcomer-1", {"type": "Ready", **failing})
    ready = condition(stage.resource(PULL_NAMESPACE, OLDER), "Ready")
    screen.conditions(OLDER, ready, older, message=older["message"])
    verify(newer["message"] == older["message"], "both say the same")
    screen.conditions("newcomer-1", newer, message="(the same sentence)")


def _events(stage: Stage, name: str) -> list[str]:
    selector = f"involvedObject.name={name},reason=AWSAccessDenied"
    found = stage.cluster.items(f"/api/v1/namespaces/{PULL_NAMESPACE}/events", fieldSelector=selector)
    return [f"{event['type']} {event['reason']}" for event in found]


def rotate_before_expiry(stage: Stage, screen: Screen) -> str:
    """Follows one generated Secret over two rotations of a token that lives ten seconds."""
    screen.say(
        f"AWS now issues tokens that are valid for {ROTATION_LIFETIME:.0f} s instead of 12 h. We watch the stored one:"
    )
    with _token_lifetime(stage, ROTATION_LIFETIME):
        stage.apply(a_resource("rotating", PULL_NAMESPACE, ROTATION_REGION))
        stage.wait_condition(PULL_NAMESPACE, "rotating", READY)
        seen = watch(stage, screen, PULL_NAMESPACE, "rotating-token", rotations=ROTATIONS)
    verify(seen.least_left > 0, "the stored token was valid each time it was read")
    screen.check(f"read {seen.looks} times: it was never expired, and always valid for {seen.least_left:.1f} s or more")
    return f"{ROTATIONS} rotations, read {seen.looks} times, always valid for {seen.least_left:.1f} s or more"


def ask_aws_seldom(stage: Stage, screen: Screen) -> str:
    """Creates fifty resources at once, and shows everything that AWS was asked during the demo."""
    stage.cluster.namespace(CROWD_NAMESPACE)
    last_call, started = stage.last_call(), time.monotonic()
    screen.say(f"{CROWD} resources are created at once, in {CROWD_REGION}:")
    stage.apply(*(a_resource(f"team-{number}", CROWD_NAMESPACE, CROWD_REGION) for number in range(1, CROWD + 1)))

    def all_ready() -> bool:
        resources = stage.cluster.items(resource_path("secrets", CROWD_NAMESPACE))
        ready = [one for one in resources if condition(one, "Ready").get("status") == "True"]
        return len(ready) == CROWD

    with screen.waiting("until all are Ready"):
        wait_for(all_ready, f"all {CROWD} are Ready", within=30)
    seconds = time.monotonic() - started
    calls = stage.aws.calls(after=last_call)
    crowd = [call for call in calls if call.region == CROWD_REGION]
    verify(len(crowd) == 1, f"one call served {CROWD} resources, not {len(crowd)}")
    screen.check(f"all {CROWD} Ready in {seconds:.1f} s, with {len(crowd)} call")
    everything, served = stage.aws.calls(), stage.served()
    screen.say("All calls to AWS during this demo:")
    screen.show(_call_table(screen, everything))
    screen.gap()
    screen.check(f"{served} resources are Ready, with {len(everything)} calls to AWS in total")
    return f"{CROWD} resources with 1 call; in all {served} with {len(everything)}"


def _call_table(screen: Screen, calls: list[Call]) -> Table:
    table = screen.table("time", "region", "action", "result")
    for call in calls:
        style = "" if call.result == "ok" else "yellow"
        at = datetime.fromtimestamp(call.time).astimezone().strftime("%H:%M:%S")
        table.add_row(at, call.region, call.action, call.result, style=style)
    return table
