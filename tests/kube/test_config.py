"""Where the API server is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ecr_secret_operator.kube import config
from ecr_secret_operator.kube.config import ConfigError, load_config


@pytest.fixture
def pod_without_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Pod with `automountServiceAccountToken: false`; gives its home directory."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(config, "_SERVICE_ACCOUNT", tmp_path / "absent")
    return tmp_path


def test_a_pod_without_a_token_uses_the_kubeconfig_in_its_home_directory(pod_without_a_token: Path) -> None:
    """As controller-runtime and kubectl do: a job of a CI system, for example."""
    named = {
        "clusters": [{"name": "a", "cluster": {"server": "https://cluster.example"}}],
        "users": [{"name": "a", "user": {"token": "a-token"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    (pod_without_a_token / ".kube").mkdir()
    (pod_without_a_token / ".kube/config").write_text(yaml.safe_dump({**named, "current-context": "a"}))
    assert load_config(None).connection.server == "https://cluster.example"


@pytest.mark.usefixtures("pod_without_a_token")
def test_a_pod_without_a_token_and_a_kubeconfig_is_told_of_the_token() -> None:
    with pytest.raises(ConfigError, match=r"the in-cluster configuration cannot be used: file .*/token cannot be used"):
        load_config(None)


@pytest.mark.parametrize("listed", [None, "~somebody-unknown/config"])
def test_who_has_no_home_directory_is_told_that_there_is_no_kubeconfig(
    monkeypatch: pytest.MonkeyPatch, listed: str | None
) -> None:
    """A user id of OpenShift, which is in no list of users, without HOME."""

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    for name in ("HOME", "KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(ConfigError, match=r"kubeconfig ~.*/config does not exist"):
        load_config(listed)
