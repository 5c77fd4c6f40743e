"""The demo, told once from end to end; and what it does when it cannot be."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from ecr_secret_operator.cli.main import cli
from ecr_secret_operator_lab import demo
from ecr_secret_operator_lab.operator import installed_command
from ecr_secret_operator_lab.waiting import wait_for
from tests.lab.processes import processes_with

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

WIDTH = 80

EVERYTHING = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "fakeaws",
    "registry serve",
    "ecr-secret-operator run",
)


def test_the_story_happens_from_end_to_end() -> None:
    console = Console(file=io.StringIO(), record=True, width=WIDTH, highlight=False)
    with demo.Stage() as stage:
        done = demo.tell(stage, demo.Screen(console), demo.STEPS)
        issued = stage.aws.tokens()
    text = console.export_text()
    assert [step.promise for step in done] == [step.promise for step in demo.STEPS]
    assert all(f"✔ {number} " in text for number in range(1, len(demo.STEPS) + 1))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert len({token.region for token in issued}) == 5
    assert not [token.number for token in issued if token.password[:8] in text], "a token was shown"


def test_a_step_that_does_not_happen_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_stage: demo.Stage, _screen: demo.Screen) -> str:
        raise AssertionError("the moon is not made of cheese")

    steps = (
        demo.Step("Fine", "It works.", lambda _stage, _screen: "it worked"),
        demo.Step("Cheese", "The moon is made of cheese.", fails),
        demo.Step("Never", "It is not reached.", lambda _stage, _screen: "never seen"),
    )
    monkeypatch.setattr(demo, "STEPS", steps)
    monkeypatch.setattr(demo.Stage, "operator_log", lambda _: "the operator's last words")
    result = CliRunner().invoke(cli, ["demo"])
    assert result.exit_code == 1
    assert "it worked" in result.stdout
    assert "the moon is not made of cheese" in result.stdout
    assert "the operator's last words" in result.stdout
    assert "never seen" not in result.stdout
    assert result.stderr == "Error: step 2, Cheese, did not happen\n"


@pytest.fixture
def started(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo whose processes can be recognised by their TMPDIR."""
    command = [installed_command(), "demo"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_nothing_is_left_when_it_is_interrupted(started: subprocess.Popen[str], tmp_path: Path) -> None:
    def everything_runs() -> bool:
        running = processes_with("TMPDIR", tmp_path)
        return all(any(name in one for one in running) for name in EVERYTHING)

    wait_for(everything_runs, "everything runs", within=120)
    started.send_signal(signal.SIGINT)
    assert started.wait(15) == 130
    wait_for(lambda: not processes_with("TMPDIR", tmp_path), "all processes have ended")
    assert not list(tmp_path.iterdir())


def test_the_demo_applies_the_example_of_the_documentation() -> None:
    shown = files("ecr_secret_operator_lab.demo").joinpath("seed.yaml").read_text()
    assert shown == (EXAMPLES / "seed.yaml").read_text()
    assert "${AWS_ACCOUNT_ID}" in shown
    assert "$" not in demo.seed()


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("command", "library"), [(["demo"], "cryptography"), (["dev", "env"], "platformdirs")])
def test_without_the_extra_a_line_says_what_to_install(command: list[str], library: str) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None; from ecr_secret_operator.cli.main import cli; cli({command})"
    )
    done = python(program)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "pip install 'ecr-secret-operator[lab]'" in done.stderr


def test_the_operator_does_not_load_the_laboratory() -> None:
    program = "import sys, ecr_secret_operator.cli.main; print([m for m in sys.modules if 'operator_lab' in m])"
    assert python(program).stdout == "[]\n"
