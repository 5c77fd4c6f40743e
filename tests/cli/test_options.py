"""Arguments that several commands take."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ecr_secret_operator.cli.main import cli
from ecr_secret_operator.cli.options import DurationType, with_cluster
from ecr_secret_operator.cli.refresh import refresh


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("5m", 300), ("1h30m", 5400), ("1.5s", 1.5), ("0s", 0), ("90", 90), ("0", 0)]
)
def test_a_time_to_wait_has_a_unit_or_is_in_seconds(text: str, seconds: float) -> None:
    assert DurationType().convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1 m", "5d", "1.5", "٣"])
def test_what_is_no_time_to_wait_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration"):
        DurationType().convert(text, None, None)


def test_refresh_waits_a_minute_unless_told_otherwise() -> None:
    (option,) = [one for one in refresh.params if one.name == "timeout"]
    context = click.Context(refresh)
    assert option.type_cast_value(context, option.get_default(context)) == timedelta(minutes=1)


CONFIG = """
current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: "%s"}}]
users: [{name: a, user: {token: x}}]
"""
UNREACHABLE = "Check that the server runs, and that your kubeconfig names it: kubectl cluster-info"


def status(**environment: str | None) -> list[str]:
    """What `status` says on standard error where it cannot look."""
    done = CliRunner(env={"KUBECONFIG": None, "KUBERNETES_SERVICE_HOST": None, **environment}).invoke(cli, ["status"])
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr.splitlines()


def test_without_a_kubeconfig_the_error_says_how_to_give_one() -> None:
    assert status(HOME="/nowhere") == [
        "Error: kubeconfig ~/.kube/config does not exist. Set KUBECONFIG or --kubeconfig to your kubeconfig"
    ]
    assert status(KUBECONFIG="/nowhere") == [
        "Error: kubeconfig /nowhere does not exist. Check --kubeconfig and KUBECONFIG"
    ]


def test_a_kubeconfig_that_cannot_be_used_is_named_with_the_cause(tmp_path: Path) -> None:
    assert status(KUBECONFIG=str(tmp_path)) == [
        f"Error: kubeconfig {tmp_path} cannot be used: it is a directory. Name the file in it"
    ]
    file = tmp_path / "config"
    file.write_text("- a")
    assert status(KUBECONFIG=str(file)) == [f"Error: kubeconfig {file} cannot be used: it is not a kubeconfig"]


@pytest.mark.parametrize("call", ["is_dir", "read_bytes"])
def test_a_kubeconfig_that_may_not_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Tests run as root at times, who may read everything: the system's refusal is raised here."""
    file = tmp_path / "config"
    file.write_text(CONFIG % "https://127.0.0.1:1")

    def refuse(*_: object, **__: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, call, refuse)
    (line,) = status(KUBECONFIG=str(file))
    assert line.startswith(f"Error: kubeconfig {file} cannot be ")
    assert line.endswith(": Permission denied. Check its permissions")


@pytest.mark.parametrize(
    ("server", "why"),
    [("https://127.0.0.1:1", "Connection refused"), ("https://nowhere.invalid", "")],
    ids=["nothing listens", "no such host"],
)
def test_a_server_that_cannot_be_reached_is_named_with_the_cause(tmp_path: Path, server: str, why: str) -> None:
    file = tmp_path / "config"
    file.write_text(CONFIG % server)
    (line,) = status(KUBECONFIG=str(file))
    assert line.startswith(f"Error: the API server {server} cannot be reached: {why}")
    assert line.endswith(f". {UNREACHABLE}")
    assert "ssl:" not in line


def test_the_version_of_the_command_needs_no_cluster() -> None:
    runner = CliRunner(env={"KUBECONFIG": "/nowhere"})
    done = runner.invoke(cli, ["version", "--client"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("Client Version: 1.")
    done = runner.invoke(cli, ["version"])
    assert done.exit_code == 2
    assert done.stdout.startswith("Client Version: 1.")
    assert "does not exist" in done.stderr


def test_ctrl_c_exits_as_shells_expect(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(CONFIG % "https://127.0.0.1:1")

    async def interrupted(_session: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(10)

    with pytest.raises(click.exceptions.Exit) as stopped:
        with_cluster(str(file), None, interrupted)
    assert stopped.value.exit_code == 130
