"""The operator's own identity in the ways that upstream's guides set it up, rotated under its feet."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .resources import a_resource, apply, wait_ready

ROLE = "arn:aws:iam::123456789012:role/ecr-operator"
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
HOSTS = [f"123456789012.dkr.ecr.{region}.amazonaws.com" for region in ("us-east-2", "eu-west-1", "ap-south-1")]


def _web_identity_token(number: int) -> str:
    now = int(time.time())
    subject = "system:serviceaccount:ecr-secret-operator:ecr-secret-operator-controller-manager"
    claims = {
        "iss": "https://oidc.example.com",
        "sub": subject,
        "aud": ["openshift"],
        "iat": now,
        "exp": now + 3600,
        "jti": str(number),
    }
    parts = ({"alg": "RS256", "typ": "JWT"}, claims, {"sig": number})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize("quote", ["", '"', "'"], ids=["plain", "double quotes", "single quotes"])
def test_an_iam_user_in_the_config_file_rotated_without_restart(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws, tmp_path: Path, quote: str
) -> None:
    """As upstream mounts the key `credentials` of its Secret; its guide writes the values in quotes."""
    file = tmp_path / "credentials"

    def write(key: str, secret: str) -> None:
        aws.add_credentials(key, secret)
        new = tmp_path / "new"
        new.write_text(
            f"[default]\naws_access_key_id = {quote}{key}{quote}\naws_secret_access_key = {quote}{secret}{quote}\n"
        )
        new.replace(file)

    write("AKIAFIRSTEXAMPLE0001", "first-secret-first-secret-first-secret-1")
    start_operator(environment={**NO_KEYS, "AWS_CONFIG_FILE": str(file), "AWS_SDK_LOAD_CONFIG": "1"})
    apply(cluster, namespace, a_resource(name="one", ecr_registry=HOSTS[0], region=None))
    wait_ready(cluster, namespace, "one")
    write("AKIASECONDEXAMPLE002", "second-secret-second-secret-second-sec-2")
    aws.remove_credentials("AKIAFIRSTEXAMPLE0001")
    apply(cluster, namespace, a_resource(name="two", ecr_registry=HOSTS[1], region=None))
    wait_ready(cluster, namespace, "two")
    used = [call.access_key_id for call in aws.calls("GetAuthorizationToken")]
    assert used == ["AKIAFIRSTEXAMPLE0001", "AKIASECONDEXAMPLE002"]


@pytest.mark.parametrize("form", ["config file", "environment"])
def test_web_identity_with_a_token_that_is_rotated(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws, tmp_path: Path, form: str
) -> None:
    """As upstream's STS guide sets it up on ROSA (config file), and as IRSA does (environment)."""
    token, config = tmp_path / "token", tmp_path / "credentials"
    token.write_text(_web_identity_token(1))
    environment = dict(NO_KEYS)
    if form == "config file":
        config.write_text(f"[default]\nrole_arn = {ROLE}\nweb_identity_token_file = {token}\n")
        environment["AWS_CONFIG_FILE"] = str(config)
    else:
        environment |= {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(token)}
    start_operator(environment=environment)
    apply(cluster, namespace, a_resource(name="one", ecr_registry=HOSTS[0], region=None))
    wait_ready(cluster, namespace, "one")
    token.write_text(_web_identity_token(2))
    apply(cluster, namespace, a_resource(name="two", ecr_registry=HOSTS[1], region=None))
    wait_ready(cluster, namespace, "two")
    assumed = aws.calls("AssumeRoleWithWebIdentity")
    assert {call.parameters["RoleArn"] for call in assumed} == {ROLE}
    assert len({call.web_identity.sha256 for call in assumed if call.web_identity}) == 2
    assert all(call.access_key_id.startswith("ASIA") for call in aws.calls("GetAuthorizationToken"))


def test_keys_that_aws_does_not_know_are_mended_by_replacing_the_file(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = AKIAUNKNOWNEXAMPLE00\naws_secret_access_key = nothing\n")
    start_operator(environment={**NO_KEYS, "AWS_CONFIG_FILE": str(file)})
    apply(cluster, namespace, a_resource())
    wait_for(lambda: aws.calls(result="UnrecognizedClientException"), "AWS refused the keys")
    known = aws.environment()
    file.write_text(
        f"[default]\naws_access_key_id = {known['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {known['AWS_SECRET_ACCESS_KEY']}\n"
    )
    wait_ready(cluster, namespace, within=60)
