"""Fixtures for the tests of the laboratory: how programs are obtained, `dev` in its own environment, a fake AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import Session

from ecr_secret_operator_lab.controlplane import LineReporter, ensure_binaries
from ecr_secret_operator_lab.fakeaws import FakeAws, start_fake_aws

from .developing import Environment, dev
from .fakeawsclients import MODELS, Connect
from .obtaining import Reports, a_go


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no programs of the user's own."""
    monkeypatch.setenv("ECR_SECRET_OPERATOR_CACHE", str(tmp_path / "cache"))
    for variable in ("KUBEBUILDER_ASSETS", "ECR_LAB_PROGRAMS"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of a fake `go` that stands first on PATH: one line a build."""
    return a_go(tmp_path, monkeypatch)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    """One in which `dev` finds the programs, but not what else may be running on this machine."""
    binaries, assets, scratch = ensure_binaries(LineReporter()), tmp_path / "assets", tmp_path / "scratch"
    assets.mkdir()
    scratch.mkdir()
    for program in (
        binaries.etcd,
        binaries.kube_apiserver,
        binaries.kube_controller_manager,
        binaries.kubectl,
    ):
        (assets / program.name).symlink_to(program)
    own = {"KUBEBUILDER_ASSETS": assets, "ECR_SECRET_OPERATOR_CACHE": tmp_path / "cache", "TMPDIR": scratch}
    environment = {**os.environ, **{name: str(path) for name, path in own.items()}}
    environment.pop("KUBECONFIG", None)
    yield environment
    if list(scratch.iterdir()):
        dev("down", environment)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeAws]:
    with start_fake_aws() as fake:
        yield fake


@pytest.fixture
def fake(server: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeAws:
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    server.reset()
    return server


@pytest.fixture
def connect(fake: FakeAws) -> Iterator[Connect]:
    clients = []
    session = Session()
    session.register_component("data_loader", MODELS)

    def make(
        service: str,
        credentials: Mapping[str, Any] | None = None,
        *,
        region: str = "us-east-2",
        read_timeout: float = 10,
        checked: bool = True,
    ) -> Any:
        keys = {}
        if credentials is not None:
            keys = {
                "aws_access_key_id": credentials["AccessKeyId"],
                "aws_secret_access_key": credentials["SecretAccessKey"],
                "aws_session_token": credentials.get("SessionToken"),
            }
        config = Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout, parameter_validation=checked)
        client = session.create_client(service, region_name=region, config=config, **keys)
        clients.append(client)
        return client

    assert fake.pid() > 0
    yield make
    for client in clients:
        client.close()
