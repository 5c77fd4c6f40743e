"""Client certificates of kubeconfigs: in the file, in files of their own that are replaced, and from exec plugins."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization

from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.config import ConfigError, load_config
from ecr_secret_operator_lab.controlplane import ControlPlane, LineReporter, ensure_binaries

REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
PLUGIN_API = "client.authentication.k8s.io/v1"
UserFields = dict[str, Any]


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane whose authority signs certificates for this module."""
    with ControlPlane.start(ensure_binaries(LineReporter())) as plane:
        yield plane


def _config(plane: ControlPlane, user: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(plane.kubeconfig_for(user, ["people"]).read_text())
    return found


def _pem(plane: ControlPlane, user: str) -> tuple[str, str]:
    """A certificate and its key."""
    fields = _config(plane, user)["users"][0]["user"]
    chain, key = (b64decode(fields[f"client-{name}-data"]).decode() for name in ("certificate", "key"))
    return chain, key


def _client(plane: ControlPlane, path: Path, user: UserFields) -> Client:
    config = _config(plane, "somebody")
    config["users"][0]["user"] = user
    path.write_text(yaml.safe_dump(config))
    return Client(load_config(str(path)).connection, user_agent="test")


async def _who(client: Client) -> str:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    found = await client.post(REVIEW, review, dict[str, Any])
    return str(found["status"]["userInfo"]["username"])


async def test_a_certificate_in_the_kubeconfig(plane: ControlPlane, tmp_path: Path) -> None:
    chain, key = _pem(plane, "jane")
    data = {"certificate": chain, "key": key}
    user = {f"client-{name}-data": b64encode(text.encode()).decode() for name, text in data.items()}
    client = _client(plane, tmp_path / "kubeconfig", user)
    assert await _who(client) == "jane"
    await client.close()


async def test_a_certificate_where_no_file_can_be_written(
    plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose file system is read-only: there is no directory for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    client = Client(load_config(str(plane.kubeconfig_for("jane", ["people"]))).connection, user_agent="test")
    assert await _who(client) == "jane"
    await client.close()


async def test_a_certificate_where_there_are_no_files_in_memory(
    plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS."""
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    client = Client(load_config(str(plane.kubeconfig_for("jane", ["people"]))).connection, user_agent="test")
    assert await _who(client) == "jane"
    await client.close()


async def test_a_certificate_in_files_that_are_replaced(plane: ControlPlane, tmp_path: Path) -> None:
    def write(user: str) -> None:
        for name, text in zip(("crt", "key"), _pem(plane, user), strict=True):
            (tmp_path / f"client.{name}").write_text(text)

    write("jane")
    user = {"client-certificate": "client.crt", "client-key": "client.key"}
    client = _client(plane, tmp_path / "kubeconfig", user)
    assert await _who(client) == "jane"
    write("joe")
    assert await _who(client) == "joe"
    assert await _who(client) == "joe"
    await client.close()


async def test_a_certificate_and_who_is_impersonated(plane: ControlPlane, tmp_path: Path) -> None:
    chain, key = _pem(plane, "jane")
    rule = ("--verb=impersonate", "--resource=users", "--resource-name=joe")
    plane.kubectl("create", "clusterrole", "impersonate-joe", *rule)
    plane.kubectl("create", "clusterrolebinding", "impersonate-joe", "--clusterrole=impersonate-joe", "--user=jane")
    (tmp_path / "both.pem").write_text(f"# with a comment: \u00fc\n{chain}{key}")
    user = {"client-certificate": "both.pem", "client-key": "both.pem", "as": "joe"}
    client = _client(plane, tmp_path / "kubeconfig", user)
    assert await _who(client) == "joe"
    await client.close()


async def test_a_certificate_of_a_plugin_that_is_renewed(plane: ControlPlane, tmp_path: Path) -> None:
    answer = tmp_path / "answer"

    def gives(user: str, seconds: float) -> None:
        chain, key = _pem(plane, user)
        until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        status = {"clientCertificateData": chain, "clientKeyData": key, "expirationTimestamp": until}
        answer.write_text(json.dumps({"kind": "ExecCredential", "apiVersion": PLUGIN_API, "status": status}))

    plugin = {"apiVersion": PLUGIN_API, "command": "cat", "args": [str(answer)], "interactiveMode": "Never"}
    client = _client(plane, tmp_path / "kubeconfig", {"exec": plugin})
    gives("jane", 0.001)
    assert await _who(client) == "jane"
    gives("joe", 3600)
    client._connection.credentials._not_before = 0.0  # type: ignore[attr-defined] # noqa: SLF001 - the wait is over
    assert await _who(client) == "joe"
    await client.close()


@pytest.mark.parametrize("wrong", ["another key", "an encrypted key", "no certificate"])
def test_a_certificate_that_cannot_be_used(plane: ControlPlane, tmp_path: Path, wrong: str) -> None:
    chain, key = _pem(plane, "jane")
    if wrong == "another key":
        key = _pem(plane, "joe")[1]
    elif wrong == "no certificate":
        chain = "nothing"
    else:
        secret = serialization.load_pem_private_key(key.encode(), None)
        encryption = serialization.BestAvailableEncryption(b"a-password")
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key = secret.private_bytes(pem, form, encryption).decode()
    data = {"certificate": chain, "key": key}
    user = {f"client-{name}-data": b64encode(text.encode()).decode() for name, text in data.items()}
    with pytest.raises(ConfigError, match="client certificate and key of user somebody are not PEM, or do not belong"):
        _client(plane, tmp_path / "kubeconfig", user)
