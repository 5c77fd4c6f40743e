"""The fake STS limits sessions by policies, and issues sessions of federated users, to botocore's clients."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ecr_secret_operator_lab.fakeaws import DEFAULT_ACCESS_KEY_ID, FakeAws, FakeAwsError

from .fakeawsclients import ROLE, Connect, assume, assume_with, jwt, refusal

USER = "arn:aws:iam::123456789012:user/lab-operator"
FEDERATED = "arn:aws:sts::123456789012:federated-user/team-a"
ARN = "arn:aws:ecr:us-east-2:123456789012:repository/team-a/*"
TOKEN = {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}
PULL = json.dumps({"Version": "2012-10-17", "Statement": [TOKEN, TOKEN | {"Action": "ecr:Get*", "Resource": ARN}]})
NO_TOKEN = json.dumps({"Version": "2012-10-17", "Statement": TOKEN | {"Resource": ARN}})


def federate(connect: Connect, **parameters: object) -> dict[str, Any]:
    answer: dict[str, Any] = connect("sts").get_federation_token(**{"Name": "team-a", **parameters})
    return answer


def start(connect: Connect, how: str, **parameters: object) -> dict[str, Any]:
    """Starts a session in one of three ways."""
    if how == "AssumeRoleWithWebIdentity":
        return assume_with(connect, jwt(sub="pod"), **parameters)
    return assume(connect, **parameters) if how == "AssumeRole" else federate(connect, **parameters)


ways = pytest.mark.parametrize("how", ["AssumeRole", "AssumeRoleWithWebIdentity", "GetFederationToken"])


@ways
def test_a_token_is_issued_under_the_policy_of_its_session(fake: FakeAws, connect: Connect, how: str) -> None:
    answer = start(connect, how, Policy=PULL)
    (data,) = connect("ecr", answer["Credentials"]).get_authorization_token()["authorizationData"]
    issued = fake.find_token(base64.b64decode(data["authorizationToken"]).decode().partition(":")[2])
    assert issued is not None
    assert issued.policy == PULL
    assert answer["PackedPolicySize"] == 100 * len(PULL) // 2048 + 1


@ways
def test_a_policy_that_iam_refuses_starts_no_session(fake: FakeAws, connect: Connect, how: str) -> None:
    def refused(policy: str) -> tuple[str, int, str]:
        return refusal(lambda: start(connect, how, Policy=policy))

    assert refused('{"Statement": {}}') == ("MalformedPolicyDocument", 400, "Syntax errors in policy.")
    assert refused("{") == ("MalformedPolicyDocument", 400, "This policy contains invalid Json")
    longest = PULL + " " * (2048 - len(PULL))
    code, status, text = refused(longest + " ")
    assert (code, status) == ("ValidationError", 400)
    assert text.endswith("at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048")
    assert len(fake.credentials()) == 1
    start(connect, how, Policy=longest)

    fake.settings(packed_policy_limit=len(PULL) - 1)
    packed = "Packed policy consumes 101% of allotted space, please use smaller policy."
    assert refused(PULL) == ("PackedPolicyTooLarge", 400, packed)
    assert len(fake.credentials()) == 2


@ways
def test_a_managed_policy_is_never_ignored(fake: FakeAws, connect: Connect, how: str) -> None:
    managed = [{"arn": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"}]
    assert refusal(lambda: start(connect, how, PolicyArns=managed))[0] == "MalformedPolicyDocument"
    assert len(fake.credentials()) == 1


@ways
@pytest.mark.parametrize("service", ["ecr", "ecr-public"])
def test_a_token_needs_a_policy_that_allows_it_on_all_resources(connect: Connect, how: str, service: str) -> None:
    session = start(connect, how, Policy=NO_TOKEN)
    ecr = connect(service, session["Credentials"], region="us-east-1")
    code, _, message = refusal(ecr.get_authorization_token)
    who = session.get("AssumedRoleUser", session.get("FederatedUser", {}))["Arn"]
    action = f"{service}:GetAuthorizationToken"
    assert code == "AccessDeniedException"
    assert message == (
        f"User: {who} is not authorized to perform: {action} on resource: * "
        f"because no session policy allows the {action} action"
    )


def test_a_token_of_ecr_public_needs_a_bearer_token_of_sts_too(connect: Connect) -> None:
    def ask(*actions: str) -> object:
        policy = json.dumps({"Statement": TOKEN | {"Action": list(actions)}})
        session = assume(connect, Policy=policy)["Credentials"]
        return connect("ecr-public", session, region="us-east-1").get_authorization_token()

    message = refusal(lambda: ask("ecr-public:GetAuthorizationToken"))[2]
    assert message.endswith("because no session policy allows the sts:GetServiceBearerToken action")
    ask("ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken")


def test_the_policy_of_an_identity_limits_its_sessions_and_tokens_at_once(fake: FakeAws, connect: Connect) -> None:
    session = assume(connect, Policy=PULL)["Credentials"]
    fake.set_identity_policies({ROLE: NO_TOKEN})
    message = refusal(connect("ecr", session).get_authorization_token)[2]
    assert message.endswith("because no identity-based policy allows the ecr:GetAuthorizationToken action")

    fake.set_identity_policies({USER: PULL})
    message = refusal(lambda: assume(connect))[2]
    assert message.endswith(f"sts:AssumeRole on resource: {ROLE} because no identity-based policy allows the sts:As"
                            "sumeRole action")  # fmt: skip
    assert FEDERATED in refusal(lambda: federate(connect))[2]
    with pytest.raises(FakeAwsError, match="Syntax errors in policy"):
        fake.set_identity_policies({USER: "{}"})


# GetFederationToken


def test_a_federated_user_has_a_name_of_its_own(fake: FakeAws, connect: Connect) -> None:
    answer = federate(connect, Policy=PULL, DurationSeconds=900)
    assert answer["FederatedUser"] == {"FederatedUserId": "123456789012:team-a", "Arn": FEDERATED}
    session = answer["Credentials"]
    assert (session["Expiration"] - datetime.now(UTC)).total_seconds() == pytest.approx(900, abs=30)
    assert connect("sts", session).get_caller_identity()["Arn"] == FEDERATED
    (call,) = fake.calls("GetFederationToken")
    assert (call.access_key_id, call.parameters["Name"]) == (DEFAULT_ACCESS_KEY_ID, "team-a")


def test_a_federated_session_lasts_twelve_hours_unless_asked_otherwise(connect: Connect) -> None:
    lasts = federate(connect)["Credentials"]["Expiration"] - datetime.now(UTC)
    assert lasts.total_seconds() == pytest.approx(12 * 3600, abs=30)


@pytest.mark.parametrize("how", ["AssumeRole", "GetFederationToken"])
def test_a_session_cannot_federate(connect: Connect, how: str) -> None:
    sts = connect("sts", start(connect, how)["Credentials"])
    text = "Cannot call GetFederationToken with session credentials"
    assert refusal(lambda: sts.get_federation_token(Name="again")) == ("AccessDenied", 403, text)


def test_a_federated_user_can_assume_no_role_whatever_its_policy_says(connect: Connect) -> None:
    everything = json.dumps({"Statement": TOKEN | {"Action": "*"}})
    sts = connect("sts", federate(connect, Policy=everything)["Credentials"])
    code, status, message = refusal(lambda: sts.assume_role(RoleArn=ROLE, RoleSessionName="pod"))
    assert (code, status) == ("AccessDenied", 403)
    assert f"User: {FEDERATED} is not authorized to perform: sts:AssumeRole on resource: {ROLE}" in message


def test_a_federated_user_without_a_policy_gets_no_token(connect: Connect) -> None:
    ecr = connect("ecr", federate(connect)["Credentials"])
    code, _, message = refusal(ecr.get_authorization_token)
    assert code == "AccessDeniedException"
    assert message.endswith("because no session policy allows the ecr:GetAuthorizationToken action")


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"Name": "a"}, "'name'"),
        ({"Name": "a" * 33}, "'name'"),
        ({"Name": "team a"}, "'name'"),
        ({"Name": "team/a"}, "'name'"),
        ({"DurationSeconds": 899}, "'durationSeconds'"),
        ({"DurationSeconds": 129_601}, "'durationSeconds'"),
    ],
)
def test_a_federation_is_checked_as_sts_checks_it(connect: Connect, parameters: dict[str, object], where: str) -> None:
    sts = connect("sts", checked=False)
    code, status, message = refusal(lambda: sts.get_federation_token(**{"Name": "team-a", **parameters}))
    assert (code, status) == ("ValidationError", 400)
    assert f"at {where} failed to satisfy constraint" in message
