"""Nothing that the laboratory starts outlives its starter, however that one ends. Shown with `sleep`: it is quick."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecr_secret_operator_lab.controlplane import Command, ControlPlaneError
from ecr_secret_operator_lab.controlplane.processes import Supervisor

SLEEP = ["sleep", "600"]
STUBBORN = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 600; done"]
STARTER = """
import sys, time
from ecr_secret_operator_lab.controlplane import Command
from ecr_secret_operator_lab.controlplane.processes import Supervisor
supervisor = Supervisor.start()
child = supervisor.run(Command(name="sleep", argv=["sleep", "600"]))
print(supervisor.pid, child, supervisor.directory, flush=True)
{then}
"""


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor.start()
    yield supervisor
    supervisor.stop()


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("then", "number"),
    [
        pytest.param("time.sleep(600)", signal.SIGKILL, id="killed"),
        pytest.param("time.sleep(600)", signal.SIGINT, id="Ctrl-C"),
        pytest.param("time.sleep(600)", signal.SIGTERM, id="terminated"),
        pytest.param("sys.exit(3)", None, id="ends without stopping it"),
        pytest.param("import os; os.abort()", None, id="crashes"),
        pytest.param(
            "import os; os.fork() or time.sleep(5); os._exit(0)", None, id="ends while a fork of it holds the pipe"
        ),
    ],
)
def test_a_starter_that_is_gone_leaves_nothing_behind(then: str, number: signal.Signals | None) -> None:
    argv = [sys.executable, "-c", STARTER.format(then=then)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as starter:
        assert starter.stdout is not None
        supervisor, child, directory = starter.stdout.readline().split()
        if number is not None:
            assert Path(directory).is_dir()
            starter.send_signal(number)
        starter.wait(10)
        wait_for(lambda: is_gone(int(child)) and is_gone(int(supervisor)))
        wait_for(lambda: not Path(directory).exists())


def test_programs_end_with_a_supervisor_that_is_killed(supervisor: Supervisor) -> None:
    child = supervisor.run(Command(name="sleep", argv=SLEEP))
    os.kill(supervisor.pid, signal.SIGKILL)

    wait_for(lambda: is_gone(child))
    with pytest.raises(ControlPlaneError, match="supervisor has ended"):
        supervisor.exits()
    supervisor.stop()
    assert not supervisor.directory.exists()


def test_a_program_that_ignores_sigterm_is_killed(supervisor: Supervisor) -> None:
    child = supervisor.run(Command(name="stubborn", argv=STUBBORN))
    wait_for(lambda: "ready" in supervisor.log("stubborn").read_text())
    began = time.monotonic()
    supervisor.stop()

    assert is_gone(child)
    assert time.monotonic() - began < 5


def test_a_terminals_ctrl_c_reaches_neither_supervisor_nor_programs(supervisor: Supervisor) -> None:
    child = supervisor.run(Command(name="sleep", argv=SLEEP))
    assert os.getsid(supervisor.pid) == supervisor.pid
    assert os.getsid(child) == supervisor.pid


def test_a_program_has_its_environment_and_its_log(supervisor: Supervisor) -> None:
    supervisor.run(Command(name="greeter", argv=["sh", "-c", "echo hello $WHOM; exit 4"], env={"WHOM": "world"}))
    wait_for(lambda: supervisor.exits() == {"greeter": 4})
    assert supervisor.log("greeter").read_text() == "hello world\n"


def test_a_program_that_does_not_exist_is_told_in_its_log(supervisor: Supervisor) -> None:
    supervisor.run(Command(name="absent", argv=["/no/such/program"]))
    wait_for(lambda: supervisor.exits() == {"absent": 1})
    assert "/no/such/program: No such file" in supervisor.log("absent").read_text()


def test_one_program_can_be_ended(supervisor: Supervisor) -> None:
    ended, going = (supervisor.run(Command(name=name, argv=SLEEP)) for name in ("one", "two"))
    supervisor.end("one")
    assert is_gone(ended)
    assert not is_gone(going)
    assert supervisor.exits() == {"two": None}


def test_what_cannot_be_done_is_an_error_and_harms_nothing(supervisor: Supervisor) -> None:
    with pytest.raises(ControlPlaneError, match="nobody"):
        supervisor.end("nobody")
    assert supervisor.exits() == {}


def test_a_directory_of_the_caller_is_kept(tmp_path: Path) -> None:
    supervisor = Supervisor.start(tmp_path / "mine")
    supervisor.run(Command(name="sleep", argv=SLEEP))
    supervisor.stop()
    assert supervisor.log("sleep") == tmp_path / "mine" / "sleep.log"
    assert supervisor.log("sleep").exists()


def test_detached_programs_go_on_until_the_supervisor_is_told_to_end() -> None:
    then = "supervisor.detach()"
    argv = [sys.executable, "-c", STARTER.format(then=then)]
    # Its output is read to the end: that works only when nobody who goes on holds it.
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20)
    supervisor, child, directory = done.stdout.split()
    assert done.stderr == ""
    time.sleep(0.7)  # more than the supervisor takes to notice that its starter is gone
    assert not is_gone(int(child))

    os.kill(int(supervisor), signal.SIGTERM)
    wait_for(lambda: is_gone(int(child)) and not Path(directory).exists())


def test_after_stopping_there_is_nothing_to_ask(supervisor: Supervisor) -> None:
    supervisor.stop()
    supervisor.stop()
    with pytest.raises(ControlPlaneError, match="stopped"):
        supervisor.run(Command(name="sleep", argv=SLEEP))
