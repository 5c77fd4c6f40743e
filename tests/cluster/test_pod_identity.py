"""The operator with the identity of its surroundings: EKS Pod Identity with a token that is rotated, and IMDSv2."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, condition
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .resources import a_resource, apply, get, password_in, wait_condition, wait_ready, wait_secret

ROLE = "arn:aws:iam::123456789012:role/ecr-operator"
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
HOSTS = [f"123456789012.dkr.ecr.{region}.amazonaws.com" for region in ("us-east-2", "eu-west-1")]
TOKENS = [f"eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiI{number}In0.c2lnbmF0dXJl" for number in ("x", "y")]


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    return tmp_path / "eks-pod-identity-token"


def rotate(file: Path, token: str) -> None:
    """Swaps the file, as the kubelet does."""
    new = file.with_suffix(".new")
    new.write_text(token)
    new.replace(file)


def serve(cluster: Cluster, namespace: str, aws: FakeAws, name: str, host: str) -> str:
    """Applies a resource, waits for its Secret, and gives who asked AWS for the token in it."""
    apply(cluster, namespace, a_resource(name=name, ecr_registry=host, region=None))
    wait_ready(cluster, namespace, name)
    token = aws.find_token(password_in(wait_secret(cluster, namespace, f"{name}-generated")))
    assert token is not None
    return token.principal


def shown_tokens(aws: FakeAws) -> list[object]:
    """The digests of the tokens that were shown to the agent, each once, in order."""
    return list(dict.fromkeys(call.parameters["Token"] for call in aws.calls("GetCredentials")))


def as_shown(token: str) -> str:
    return f"sha256:{sha256(token.encode()).hexdigest()}"


def test_pod_identity_with_a_token_that_is_rotated_without_restart(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws, token_file: Path
) -> None:
    aws.set_ambient(role_arn=ROLE, tokens=TOKENS[:1])
    rotate(token_file, TOKENS[0])
    operator = start_operator(environment={**aws.container_environment(token_file=token_file), **NO_KEYS})
    assert ":assumed-role/ecr-operator/eks-" in serve(cluster, namespace, aws, "one", HOSTS[0])
    aws.set_ambient(role_arn=ROLE, tokens=TOKENS[1:])
    rotate(token_file, TOKENS[1])
    assert ":assumed-role/ecr-operator/eks-" in serve(cluster, namespace, aws, "two", HOSTS[1])
    assert shown_tokens(aws) == [as_shown(token) for token in TOKENS]
    assert not [token for token in TOKENS if token in operator.output()]


def test_pod_identity_with_a_token_in_the_environment(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws
) -> None:
    aws.set_ambient(role_arn=ROLE, tokens=TOKENS)
    start_operator(environment={**aws.container_environment(token=TOKENS[0]), **NO_KEYS})
    assert ":assumed-role/ecr-operator/eks-" in serve(cluster, namespace, aws, "one", HOSTS[0])
    assert shown_tokens(aws) == [as_shown(TOKENS[0])]


def test_a_token_that_the_agent_refuses_is_mended_by_replacing_the_file(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws, token_file: Path
) -> None:
    aws.set_ambient(role_arn=ROLE, tokens=TOKENS[1:])
    rotate(token_file, TOKENS[0])
    operator = start_operator(environment={**aws.container_environment(token_file=token_file), **NO_KEYS})
    apply(cluster, namespace, a_resource())
    wait_condition(cluster, namespace, type="Ready", status="False", reason="IdentityUnavailable", within=30)
    said = condition(get(cluster, namespace), "Ready")["message"]
    assert "(InvalidTokenException)" in said
    refused = len(aws.calls(result="InvalidTokenException"))
    wait_for(lambda: len(aws.calls(result="InvalidTokenException")) > refused, "it is tried again", within=60)
    assert condition(get(cluster, namespace), "Ready")["message"] == said
    rotate(token_file, TOKENS[1])
    wait_ready(cluster, namespace, within=60)
    assert not [token for token in TOKENS if token in operator.output()]


def test_the_role_of_the_instance(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws
) -> None:
    aws.set_ambient(role_arn=ROLE)
    start_operator(environment={**aws.imds_environment(), **NO_KEYS, "AWS_EC2_METADATA_DISABLED": "false"})
    assert ":assumed-role/ecr-operator/i-" in serve(cluster, namespace, aws, "one", HOSTS[0])
    assert [call.result for call in aws.calls("GetToken")] == ["ok"]
