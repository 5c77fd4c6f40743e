"""An environment without anyone's AWS settings, and a fake AWS at the wire."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecr_secret_operator_lab.fakeaws import (
    DEFAULT_ACCESS_KEY_ID,
    DEFAULT_SECRET_ACCESS_KEY,
    FakeAws,
    start_fake_aws,
)

Write = Callable[..., Path]


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No AWS settings, no proxies, and a home directory that is empty; gives that directory."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("ROLEARN", raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return home


@pytest.fixture(scope="session")
def fake_server() -> Iterator[FakeAws]:
    with start_fake_aws() as fake:
        yield fake


@pytest.fixture
def fake(fake_server: FakeAws, clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    """A fake AWS in its first state, where this process finds it; no credentials are set."""
    fake_server.reset()
    monkeypatch.setenv("AWS_ENDPOINT_URL", fake_server.url)
    yield fake_server
    fake_server.fix()


@pytest.fixture
def config_file(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the file of AWS_CONFIG_FILE, where the user's Secret is mounted."""
    path = clean_environment / "credentials"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))

    def write(*lines: str) -> Path:
        path.write_text("\n".join(["[default]", *lines]) + "\n")
        return path

    return write


@pytest.fixture
def keys_in_the_environment(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_ACCESS_KEY)
