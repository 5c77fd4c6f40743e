"""Child processes end in time, with all that they started, and nothing of their standard error is kept."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ecr_secret_operator.runtime import children
from ecr_secret_operator.runtime.children import ChildFailed, program, run_child
from ecr_secret_operator_lab.waiting import wait_for


def _sh(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_what_it_writes_is_returned() -> None:
    assert run_child(_sh("printf one; printf two >&2; printf three")) == b"onethree"


def test_its_environment_is_the_given_one() -> None:
    assert run_child(_sh("printf %s $WORD"), environment={"WORD": "x"}) == b"x"


def test_it_has_no_standard_input() -> None:
    assert run_child(_sh("cat; printf end")) == b"end"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["/nonexistent/program"], "could not be started: No such file or directory"),
        (["/etc/passwd"], "could not be started: Permission denied"),
        (["a\0b"], "could not be started: ValueError"),
        (_sh("echo a-secret >&2; exit 3"), "exited with code 3"),
        (_sh("kill -TERM $$"), "was ended by signal 15"),
        (["/bin/cat", "/dev/zero"], "wrote more than 1 MiB"),
    ],
)
def test_a_failure_is_told_without_foreign_words(command: list[str], says: str) -> None:
    with pytest.raises(ChildFailed) as caught:
        run_child(command)
    assert str(caught.value) == says
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("script", ["sleep 300", "exec >&-; sleep 300", "sleep 300 & exit 0"])
def test_one_that_hangs_is_killed_with_all_that_it_started(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "CHILD_SECONDS", 0.5)
    file = tmp_path / "pids"
    with pytest.raises(ChildFailed, match=r"did not end within 0\.5 seconds and was killed"):
        run_child(_sh(f"sleep 301 & echo $! >{file}; {script}"))
    pid = int(file.read_text())
    wait_for(lambda: not _alive(pid), "its child has ended")


def test_what_a_good_one_leaves_behind_is_ended_too(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    assert run_child(_sh(f"sleep 301 >&- & echo $! >{file}; printf done")) == b"done"
    pid = int(file.read_text())
    wait_for(lambda: not _alive(pid), "its child has ended")


def test_none_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = (
        "import threading, pathlib, time, sys\n"
        "from ecr_secret_operator.runtime.children import run_child\n"
        f"file = pathlib.Path({str(file)!r})\n"
        f"command = ['/bin/sh', '-c', 'echo $$ >{file}; exec sleep 302']\n"
        "threading.Thread(target=run_child, args=(command,), daemon=True).start()\n"
        "while not (file.exists() and file.read_text().strip()): time.sleep(0.01)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    pid = int(file.read_text())
    wait_for(lambda: not _alive(pid), "the child has ended")


def test_at_the_end_of_the_process_those_that_run_are_killed_and_none_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "_stopped", False)
    file, failures = tmp_path / "pid", list[ChildFailed]()

    def run() -> None:
        try:
            run_child(_sh(f"sleep 303 & echo $! >{file}; wait"))
        except ChildFailed as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: file.exists() and bool(file.read_text().strip()), "it runs")
    children.stop_children()
    thread.join(10)
    assert [str(one) for one in failures] == ["was ended by signal 9"]
    wait_for(lambda: not _alive(int(file.read_text())), "what it started has ended too")
    with pytest.raises(ChildFailed, match="was not started"):
        run_child(_sh("true"))


@pytest.mark.parametrize(("command", "name"), [(["/usr/bin/tool", "--secret"], "tool"), (["tool"], "tool"), ([], "")])
def test_only_the_name_of_a_program_is_shown(command: list[str], name: str) -> None:
    assert program(command) == name
