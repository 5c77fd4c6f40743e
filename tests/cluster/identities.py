"""ServiceAccounts with roles and Secrets with keys, as resources name them."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from ecr_secret_operator_lab.cluster import Cluster, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from tests.cluster.resources import password_in

ROLE = "arn:aws:iam::210987654321:role/registry/ecr-pull"

KEYS = {
    "aws_access_key_id": "AKIATEAMAEXAMPLE0001",
    "aws_secret_access_key": "team-a-secret-team-a-secret-team-a-secre",
}

NEW_KEYS = {
    "aws_access_key_id": "AKIATEAMAEXAMPLE0002",
    "aws_secret_access_key": "another-secret-another-secret-another-se",
}


def keys_secret(keys: dict[str, str], name: str = "aws-keys") -> dict[str, Any]:
    data = {key: b64encode(value.encode()).decode() for key, value in keys.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


def service_account(cluster: Cluster, namespace: str, name: str, **annotations: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": name,
            "annotations": {f"eks.amazonaws.com/{key}": value for key, value in annotations.items()},
        },
    }
    cluster.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", body)


def token_of(cluster: Cluster, aws: FakeAws, namespace: str, name: str = "ecr-generated") -> Any:
    """What the fake AWS knows of the token that is stored."""
    secret = cluster.get(secret_path(namespace, name))
    assert secret
    found = aws.find_token(password_in(secret))
    assert found
    return found
