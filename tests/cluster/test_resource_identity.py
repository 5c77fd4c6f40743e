"""Each way in which a resource names an AWS identity of its own, on the wire: who is asked what, with which proof."""

from __future__ import annotations

import json

import pytest

from ecr_secret_operator_lab.cluster import Cluster, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.fakeaws.records import Role
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.identities import KEYS, NEW_KEYS, ROLE, keys_secret, service_account, token_of
from tests.cluster.resources import a_resource, apply, get, wait_condition, wait_ready
from tests.laboratory import StartOperator

OTHER_ROLE = "arn:aws:iam::210987654321:role/other"

NO_IDENTITY = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


def test_a_role_is_assumed_with_the_operators_own_identity(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    aws.set_roles([Role(role_arn=ROLE, external_id="team-a-1")])
    apply(cluster, namespace, a_resource(aws={"role_arn": ROLE, "external_id": "team-a-1"}))
    wait_ready(cluster, namespace)
    (assumed,) = aws.calls("AssumeRole")
    assert assumed.access_key_id == aws.environment()["AWS_ACCESS_KEY_ID"]
    assert assumed.parameters == {
        "RoleArn": ROLE,
        "RoleSessionName": f"{namespace}.ecr",
        "ExternalId": "team-a-1",
    }
    (asked,) = aws.calls("GetAuthorizationToken")
    assert (asked.access_key_id[:4], asked.region) == ("ASIA", "us-east-2")
    assert token_of(cluster, aws, namespace).principal == (
        f"arn:aws:sts::210987654321:assumed-role/ecr-pull/{namespace}.ecr"
    )


def test_a_wrong_external_id_gets_nothing_that_the_right_one_got(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    aws.set_roles([Role(role_arn=ROLE, external_id="the-right-one")])
    apply(cluster, namespace, a_resource(name="right", aws={"role_arn": ROLE, "external_id": "the-right-one"}))
    wait_ready(cluster, namespace, "right")
    apply(cluster, namespace, a_resource(name="wrong", aws={"role_arn": ROLE, "external_id": "a-guess"}))
    apply(cluster, namespace, a_resource(name="none", aws={"role_arn": ROLE}))
    for name in ("wrong", "none"):
        found = wait_condition(cluster, namespace, name, type="Ready", status="False", reason="AWSAccessDenied")
        assert cluster.get(secret_path(namespace, f"{name}-generated")) is None
        message = json.dumps(found["status"])
        assert f"AssumeRole of role {ROLE}" in message
        assert "trust policy" in message
        assert "the-right-one" not in message


def test_pull_only_access_limits_the_session(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource(aws={"role_arn": ROLE, "access": "pull"}))
    wait_ready(cluster, namespace)
    (assumed,) = aws.calls("AssumeRole")
    statements = json.loads(str(assumed.parameters["Policy"]))["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    actions = [action for statement in statements for action in statement["Action"]]
    assert "ecr:GetAuthorizationToken" in actions
    assert not [action for action in actions if "Put" in action or "Upload" in action or "*" in action]


@pytest.mark.parametrize("audience", [None, "openshift"])
def test_a_service_account_of_the_namespace_assumes_its_role(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws, audience: str | None
) -> None:
    start_operator(environment=NO_IDENTITY)  # the operator needs no identity of its own for this
    subject = f"system:serviceaccount:{namespace}:builder"
    aws.set_roles([Role(role_arn=ROLE, audience=audience or "sts.amazonaws.com", subject=subject)])
    annotations = {"role-arn": ROLE, **({"audience": audience} if audience else {})}
    service_account(cluster, namespace, "builder", **annotations)
    apply(cluster, namespace, a_resource(aws={"service_account": "builder"}))
    wait_ready(cluster, namespace)
    (assumed,) = aws.calls("AssumeRoleWithWebIdentity")
    assert assumed.access_key_id == ""
    assert assumed.parameters["RoleSessionName"] == f"{namespace}.ecr"
    assert assumed.web_identity
    claims = assumed.web_identity.claims
    assert (claims["sub"], claims["aud"]) == (subject, [audience or "sts.amazonaws.com"])
    assert isinstance(claims["exp"], int)
    assert isinstance(claims["iat"], int)
    assert claims["exp"] - claims["iat"] <= 3600
    assert aws.calls("AssumeRole") == []
    assert "assumed-role/ecr-pull/" in token_of(cluster, aws, namespace).principal


def test_a_service_account_that_comes_later_and_changes_its_role(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource(aws={"service_account": "builder"}))
    found = wait_condition(cluster, namespace, type="Ready", status="False", reason="IdentityUnavailable")
    assert f"ServiceAccount {namespace}/builder does not exist" in json.dumps(found["status"])
    service_account(cluster, namespace, "builder")
    wait_for(
        lambda: "has no annotation" in json.dumps((get(cluster, namespace) or {})["status"]), "it names what is missing"
    )
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/builder"
    cluster.patch(path, {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}})
    wait_ready(cluster, namespace, within=5)
    cluster.patch(path, {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": OTHER_ROLE}}})
    wait_for(
        lambda: "assumed-role/other/" in token_of(cluster, aws, namespace).principal, "the new role's token", within=5
    )
    tokens = {call.web_identity.sha256 for call in aws.calls("AssumeRoleWithWebIdentity") if call.web_identity}
    assert len(tokens) == 2, "each call has a fresh token of the ServiceAccount"


def test_keys_in_a_secret_rotated_without_restart(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws
) -> None:
    operator = start_operator(environment=NO_IDENTITY)
    for keys in (KEYS, NEW_KEYS):
        aws.add_credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])
    apply(cluster, namespace, a_resource(aws={"credentials_secret": "aws-keys"}))
    found = wait_condition(cluster, namespace, type="Ready", status="False", reason="IdentityUnavailable")
    assert f"Secret {namespace}/aws-keys does not exist" in json.dumps(found["status"])
    cluster.create(f"/api/v1/namespaces/{namespace}/secrets", keys_secret(KEYS))
    wait_ready(cluster, namespace, within=5)
    assert token_of(cluster, aws, namespace).access_key_id == KEYS["aws_access_key_id"]
    aws.remove_credentials(KEYS["aws_access_key_id"])
    cluster.patch(secret_path(namespace, "aws-keys"), {"data": keys_secret(NEW_KEYS)["data"]})
    wait_for(
        lambda: token_of(cluster, aws, namespace).access_key_id == NEW_KEYS["aws_access_key_id"],
        "the new keys are in use",
        within=5,
    )
    assert not [secret for secret in (KEYS, NEW_KEYS) if secret["aws_secret_access_key"] in operator.output()]


def test_temporary_keys_and_keys_that_are_wrong_for_a_while(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    aws.add_credentials(KEYS["aws_access_key_id"], KEYS["aws_secret_access_key"])
    cluster.create(f"/api/v1/namespaces/{namespace}/secrets", keys_secret(KEYS))
    apply(cluster, namespace, a_resource(aws={"credentials_secret": "aws-keys"}))
    wait_ready(cluster, namespace)
    before = cluster.get(secret_path(namespace, "ecr-generated"))
    cluster.patch(
        secret_path(namespace, "aws-keys"), {"data": keys_secret({**KEYS, "aws_secret_access_key": "x"})["data"]}
    )
    found = wait_condition(cluster, namespace, type="Refreshing", status="False", reason="IdentityUnavailable")
    ready = next(one for one in found["status"]["conditions"] if one["type"] == "Ready")
    assert ready["status"] == "True", "the stored token is still good"
    assert f"the keys in Secret {namespace}/aws-keys" in json.dumps(found["status"])
    assert cluster.get(secret_path(namespace, "ecr-generated")) == before
    cluster.patch(secret_path(namespace, "aws-keys"), {"data": keys_secret(KEYS)["data"]})
    wait_condition(cluster, namespace, type="Refreshing", status="True", within=5)


def test_session_credentials_that_end_are_never_used_again(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    aws.settings(session_seconds=2.0, lifetime_seconds=8.0)
    service_account(cluster, namespace, "builder", **{"role-arn": ROLE})
    identities = {"role": {"role_arn": ROLE}, "account": {"service_account": "builder"}}
    for name, identity in identities.items():
        apply(cluster, namespace, a_resource(name=name, aws=identity))
    for name in identities:
        wait_ready(cluster, namespace, name)
    aws.wait_for_calls(6, "GetAuthorizationToken", result="ok", timeout=30)
    assert not [call for call in aws.calls() if call.result != "ok"]
    sessions = [call.access_key_id for call in aws.calls("GetAuthorizationToken")]
    assert len(sessions) == len(set(sessions)), "a new session for every call"


def test_a_hundred_resources_over_five_identities_and_two_regions(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws
) -> None:
    aws.add_credentials(KEYS["aws_access_key_id"], KEYS["aws_secret_access_key"])
    cluster.create(f"/api/v1/namespaces/{namespace}/secrets", keys_secret(KEYS))
    service_account(cluster, namespace, "builder", **{"role-arn": ROLE})
    identities: list[dict[str, str]] = [
        {},
        {"role_arn": ROLE},
        {"role_arn": ROLE, "external_id": "another"},
        {"service_account": "builder"},
        {"credentials_secret": "aws-keys"},
    ]
    for number in range(100):
        region = ("us-east-2", "eu-west-1")[number % 2]
        host = f"123456789012.dkr.ecr.{region}.amazonaws.com"
        aws_spec = identities[number // 2 % 5] or None
        apply(cluster, namespace, a_resource(name=f"r-{number}", ecr_registry=host, region=None, aws=aws_spec))
    operator = start_operator()

    def served() -> bool:
        found = cluster.items(resource_path("secrets", namespace))
        return len([one for one in found if one.get("status", {}).get("phase") == "Updated"]) == 100

    wait_for(served, "all are served", within=60)
    assert len(aws.calls("GetAuthorizationToken")) == 10
    assert operator.metric("ecr_secret_operator_aws_requests_total", result="ok") == 10
    principals = {(token.region, token.principal.split("/")[0], token.access_key_id[:4]) for token in aws.tokens()}
    assert len(principals) >= 4


def test_a_restart_asks_nobody_for_anything(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws
) -> None:
    aws.add_credentials(KEYS["aws_access_key_id"], KEYS["aws_secret_access_key"])
    cluster.create(f"/api/v1/namespaces/{namespace}/secrets", keys_secret(KEYS))
    service_account(cluster, namespace, "builder", **{"role-arn": ROLE})
    identities = {
        "role": {"role_arn": ROLE, "access": "pull"},
        "account": {"service_account": "builder"},
        "keys": {"credentials_secret": "aws-keys"},
    }
    operator = start_operator()
    for name, identity in identities.items():
        apply(cluster, namespace, a_resource(name=name, aws=identity))
    before = [wait_ready(cluster, namespace, name)["metadata"]["resourceVersion"] for name in identities]
    calls = len(aws.calls())
    operator.stop()
    restarted = start_operator()
    wait_for(lambda: restarted.metric("ecr_secret_operator_reconciles_total", result="ok") >= 3, "all were looked at")
    after = [wait_ready(cluster, namespace, name)["metadata"]["resourceVersion"] for name in identities]
    assert (after, len(aws.calls())) == (before, calls)
