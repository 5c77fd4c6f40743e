"""AWS fails in every way that it can: what is stored stays, calls stay few, and all is well again by itself."""

from __future__ import annotations

import functools
import time

import pytest

from ecr_secret_operator_lab.cluster import Cluster, condition, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .faults import ask_for_a_refresh
from .resources import (
    HOST,
    a_resource,
    apply,
    events_of,
    get,
    password_in,
    wait_condition,
    wait_ready,
    wait_secret,
)

REASONS = {
    "AccessDenied": "AWSAccessDenied",
    "Throttling": "AWSUnavailable",
    "InternalError": "AWSUnavailable",
    "ServiceUnavailable": "AWSUnavailable",
    "malformed": "AWSUnavailable",
    "truncated": "AWSUnavailable",
    "bad-token": "AWSUnavailable",
    "empty": "AWSUnavailable",
    "clock-skew": "IdentityUnavailable",
}


@pytest.mark.parametrize(("fault", "reason"), REASONS.items(), ids=REASONS.keys())
def test_a_new_resource_says_why_and_is_served_when_aws_is_back(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws, fault: str, reason: str
) -> None:
    aws.fail(fault)
    apply(cluster, namespace, a_resource())
    resource = wait_condition(cluster, namespace, type="Ready", status="False", reason=reason)
    assert condition(resource, "Refreshing")["status"] == "False"
    aws.wait_for_calls(2)
    first = condition(resource, "Ready")
    assert condition(get(cluster, namespace), "Ready") == first, "the same failure is said in the same words"
    (event,) = wait_for(lambda: events_of(cluster, namespace), "an event tells of it")
    assert (event["type"], event["reason"], event["count"]) == ("Warning", reason, 1)
    aws.fix()
    wait_ready(cluster, namespace, within=60)
    wait_secret(cluster, namespace)


def test_access_denied_is_asked_seldom_for_twenty_resources(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    aws.fail("AccessDenied")
    started = time.time()
    for number in range(20):
        apply(cluster, namespace, a_resource(name=f"ecr-{number}"))
    for number in range(20):
        wait_condition(cluster, namespace, f"ecr-{number}", type="Ready", status="False", reason="AWSAccessDenied")
    aws.wait_for_calls(3, timeout=60)
    seconds = time.time() - started
    assert len(aws.calls()) <= 4 + seconds / 0.5, "one back-off for the identity, never less than half a second"
    for number in range(20):
        (event,) = wait_for(functools.partial(events_of, cluster, namespace, f"ecr-{number}"), "an event tells of it")
        assert event["count"] == 1
    aws.fix()
    for number in range(20):
        wait_ready(cluster, namespace, f"ecr-{number}", within=60)
    assert len([call for call in aws.calls() if call.result == "ok"]) == 1


def test_a_good_token_keeps_a_resource_ready_until_it_expires(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    aws.settings(lifetime_seconds=40)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    aws.fail("AccessDenied")
    ask_for_a_refresh(cluster, namespace, "now")  # whose failure is reported at once
    resource = wait_condition(
        cluster, namespace, type="Refreshing", status="False", reason="AWSAccessDenied", within=30
    )
    assert condition(resource, "Ready")["status"] == "True"
    assert resource["status"]["phase"] == "Updated"
    stored = password_in(wait_secret(cluster, namespace))
    wait_condition(cluster, namespace, type="Ready", status="False", reason="AWSAccessDenied", within=90)
    assert password_in(wait_secret(cluster, namespace)) == stored, "what is stored stays"
    aws.fix()
    wait_ready(cluster, namespace, within=60)
    assert password_in(wait_secret(cluster, namespace)) != stored
    wait_for(
        lambda: "Recovered" in [event["reason"] for event in events_of(cluster, namespace)], "the recovery is told"
    )


def test_a_failure_of_a_moment_is_counted_and_no_news(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    aws.settings(lifetime_seconds=30)
    apply(cluster, namespace, a_resource())
    before = wait_ready(cluster, namespace)
    stored = password_in(wait_secret(cluster, namespace))
    failures = operator.metric("ecr_secret_operator_refreshes_total", kind="Secret", result="AWSUnavailable")
    aws.fail("InternalError", times=1)
    wait_for(lambda: password_in(wait_secret(cluster, namespace)) != stored, "the token is replaced", within=60)
    after = wait_for(
        lambda: (now := get(cluster, namespace)) and now["status"] != before["status"] and now, "the status says so"
    )
    assert [call.fault for call in aws.calls()][:3] == ["", "InternalError", ""]
    assert condition(after, "Refreshing") == condition(before, "Refreshing")
    assert [one for one in events_of(cluster, namespace) if one["reason"] != "FrequencyClamped"] == []
    counted = operator.metric("ecr_secret_operator_refreshes_total", kind="Secret", result="AWSUnavailable")
    assert counted > failures


def test_a_hanging_aws_is_given_up_and_stops_nobody(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    aws.fail("hang", region="eu-west-1")
    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    apply(cluster, namespace, a_resource(name="hangs", ecr_registry=host, region=None))
    aws.wait_for_calls(2)
    apply(cluster, namespace, a_resource(name="other"))
    wait_ready(cluster, namespace, "other", within=8)
    wait_condition(cluster, namespace, "hangs", type="Ready", status="False", reason="AWSUnavailable", within=40)


def test_no_credentials_is_said_with_advice(cluster: Cluster, namespace: str, start_operator: StartOperator) -> None:
    start_operator(environment={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
    apply(cluster, namespace, a_resource())
    resource = wait_condition(cluster, namespace, type="Ready", status="False", reason="IdentityUnavailable")
    assert "no AWS credentials" in condition(resource, "Ready")["message"]


def test_tokens_are_never_expired_while_aws_answers(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    """40 s of life are shortened to 12 s here, so that several rotations fit in; the frequency stays 10h."""
    aws.settings(lifetime_seconds=12)
    for kind in ("Secret", "ArgoHelmRepoSecret"):
        apply(cluster, namespace, a_resource(kind, name=f"ecr-{kind.lower()}"))
        wait_ready(cluster, namespace, f"ecr-{kind.lower()}", kind)
    seen: set[int] = set()

    def rotated() -> bool:
        for kind in ("secret", "argohelmreposecret"):
            token = aws.find_token(password_in(wait_secret(cluster, namespace, f"ecr-{kind}-generated")))
            assert token, "the stored token was issued by AWS"
            assert token.expires_at > time.time(), "the stored token is good"
            seen.add(token.number)
        return len(seen) >= 4

    wait_for(rotated, "three rotations", within=60)
    assert len(aws.calls("GetAuthorizationToken")) <= len(seen) + 1, "both share each token"


def test_identities_that_hang_keep_nobody_else_from_being_repaired(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    """More of them than there are workers, and each hangs for ten seconds at a time."""
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    aws.fail("hang", region="eu-west-1")
    host = HOST.replace("us-east-2", "eu-west-1")
    for number in range(60):
        role = {"role_arn": f"arn:aws:iam::123456789012:role/invented-{number}"}
        apply(cluster, namespace, a_resource(name=f"hangs-{number}", ecr_registry=host, region=None, aws=role))
    aws.wait_for_calls(40, "AssumeRole", timeout=30)
    cluster.delete(secret_path(namespace, "ecr-generated"))
    wait_secret(cluster, namespace, within=8)
    aws.fix()
    wait_ready(cluster, namespace, "hangs-59", within=60)


def test_a_namespace_that_names_too_many_identities_is_told_so(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """Each is watched by itself, and what all share is not one namespace's to use up."""
    for name in ("one", "two"):
        named = [
            {
                "ecr_registry": HOST.replace("123456789012", f"{number:012}"),
                "aws": {"credentials_secret": f"{name}-{number}"},
            }
            for number in range(20)
        ]
        apply(cluster, namespace, a_resource(name=name, additional_registries=named))
        wait_condition(cluster, namespace, name, type="Ready", status="False", reason="IdentityUnavailable")
    apply(cluster, namespace, a_resource(name="three", aws={"credentials_secret": "three"}))

    def says(words: str) -> bool:
        return words in condition(get(cluster, namespace, "three"), "Ready").get("message", "")

    wait_for(lambda: says("three is one too many"), "it says so")
    apply(cluster, namespace, a_resource(name="other"))
    wait_ready(cluster, namespace, "other")
    cluster.delete(resource_path("secrets", namespace, "one"))
    wait_for(lambda: says("three does not exist"), "those that had to queue are looked at")


@pytest.mark.parametrize("ahead", [-240.0, 240.0])
def test_a_clock_of_aws_that_differs_by_some_minutes_does_no_harm(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws, ahead: float
) -> None:
    """Expiry is by AWS's clock, age by ours: so a token seems to live a little longer, or shorter."""
    aws.settings(clock_offset_seconds=ahead, lifetime_seconds=600.0)
    apply(cluster, namespace, a_resource(frequency="1m"))
    resource = wait_ready(cluster, namespace)
    token = aws.find_token(password_in(wait_secret(cluster, namespace)))
    assert token
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(token.expires_at))
    assert resource["status"]["expiresAt"] == expires, "what AWS says, and no arithmetic"
    assert resource["status"]["nextRefreshTime"] < expires
    assert len(aws.calls()) == 1


@pytest.mark.parametrize("ahead", [-1200.0, 1200.0])
def test_a_clock_that_is_wrong_is_said_and_mended_by_setting_it(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws, ahead: float
) -> None:
    aws.settings(clock_offset_seconds=ahead)
    apply(cluster, namespace, a_resource())
    resource = wait_condition(cluster, namespace, type="Ready", status="False", reason="IdentityUnavailable")
    assert "the clock of the node" in condition(resource, "Ready")["message"]
    aws.wait_for_calls(2)
    assert condition(get(cluster, namespace), "Ready") == condition(resource, "Ready"), "in the same words each time"
    aws.settings(clock_offset_seconds=0.0)
    wait_ready(cluster, namespace, within=60)


def test_tokens_that_have_expired_by_our_clock_when_they_come_are_not_stored(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    aws.settings(clock_offset_seconds=-240.0, lifetime_seconds=120.0)
    apply(cluster, namespace, a_resource())
    wait_condition(cluster, namespace, type="Ready", status="False", reason="AWSUnavailable")
    aws.wait_for_calls(3)
    assert cluster.get(secret_path(namespace, "ecr-generated")) is None
    aws.settings(clock_offset_seconds=0.0)
    wait_ready(cluster, namespace, within=60)
