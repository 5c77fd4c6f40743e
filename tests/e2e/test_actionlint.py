"""The workflows of GitHub Actions, as actionlint reads them: syntax, types of expressions, names of runners."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.reporting import print_progress

WORKFLOWS = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.yaml"))


@pytest.fixture(scope="module")
def actionlint() -> Path:
    return ensure_programs(["actionlint"], print_progress)["actionlint"]


def findings(actionlint: Path, *workflows: Path) -> str:
    """What actionlint finds, without the programs on PATH that the author may have beside it."""
    argv = [str(actionlint), "-no-color", "-oneline", "-shellcheck=", "-pyflakes=", *map(str, workflows)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == (1 if done.stdout else 0)
    return done.stdout


def test_it_finds_nothing(actionlint: Path) -> None:
    assert len(WORKFLOWS) > 1
    assert findings(actionlint, *WORKFLOWS) == ""


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("github.ref ", "github.reff ", 'property "reff" is not defined'),
        ("runs-on: ubuntu-24.04", "runs-on: ubuntu-24.4", 'label "ubuntu-24.4" is unknown'),
        ("timeout-minutes:", "timeout-minute:", 'unexpected key "timeout-minute"'),
        ("contents: read", "content: read", 'unknown permission scope "content"'),
    ],
)
def test_it_names_what_is_wrong(actionlint: Path, tmp_path: Path, before: str, after: str, said: str) -> None:
    (whole,) = (path for path in WORKFLOWS if path.name == "ci.yaml")
    text = whole.read_text()
    assert before in text
    wrong = tmp_path / ".github" / "workflows" / "ci.yaml"
    wrong.parent.mkdir(parents=True)
    shutil.copyfile(whole, wrong)
    wrong.write_text(text.replace(before, after))
    assert said in findings(actionlint, wrong)
