"""The workflows of GitHub Actions: pinned, with few permissions, and without work of their own beside make targets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.yaml_files import strict_documents

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yaml"))
PINNED = re.compile(r"uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
NAMESPACES = "sudo sysctl --write kernel.apparmor_restrict_unprivileged_userns=0"
AS_ROOT = 'sudo env PATH="$PATH" ECR_RELEASE_BASE=gcr.io/distroless/python3-debian13:nonroot make node-test'
BESIDE_MAKE = {
    "ci.yaml": {NAMESPACES, AS_ROOT},
    "release.yaml": {
        NAMESPACES,
        'echo "$REGISTRY_PASSWORD" | docker login "${REGISTRY%%/*}" --username "$REGISTRY_USERNAME" --password-stdin',
        'gh release create "$GITHUB_REF_NAME" dist/* --draft --verify-tag --notes-file dist/notes.md',
    },
}
"""What no make target can do: it concerns GitHub, a secret of the runner, or its root user."""

WRITES = {
    "release.yaml": {"release": {"contents": "write", "id-token": "write"}},
    "docs.yaml": {"publish": {"pages": "write", "id-token": "write"}},
}

Object = dict[str, Any]


def document(path: Path) -> Object:
    (found,) = strict_documents(path.read_text())
    return dict(found)


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def steps(path: Path) -> list[Object]:
    return [step for job in document(path)["jobs"].values() for step in job["steps"]]


def test_there_are_workflows() -> None:
    assert {path.name for path in WORKFLOWS} == {"ci.yaml", "docs.yaml", "rebuild.yaml", "release.yaml"}


def test_every_action_is_pinned_to_a_commit_with_its_version(workflow: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in workflow.read_text().splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def test_an_action_has_one_version_everywhere() -> None:
    found: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for step in steps(path):
            if "uses" in step:
                name, _, commit = step["uses"].partition("@")
                found.setdefault(name, set()).add(commit)
    assert [name for name, commits in found.items() if len(commits) != 1] == []


def test_nothing_is_written_but_what_a_job_is_for(workflow: Path) -> None:
    whole = document(workflow)
    assert whole["permissions"] == {"contents": "read"}
    granted = {name: job["permissions"] for name, job in whole["jobs"].items() if "permissions" in job}
    assert granted == WRITES.get(workflow.name, {})


def test_every_job_ends(workflow: Path) -> None:
    assert all(job["timeout-minutes"] <= 120 for job in document(workflow)["jobs"].values())


def test_no_checkout_leaves_credentials_behind(workflow: Path) -> None:
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_a_cache_depends_on_files_that_exist(workflow: Path) -> None:
    """The hash of no file is an empty text, so the cache would never be renewed."""
    named = re.findall(r"hashFiles\('([^']+)'\)", workflow.read_text())
    assert [pattern for pattern in named if not any(ROOT.glob(pattern))] == []


def test_work_is_done_by_make_targets(workflow: Path) -> None:
    commands = {step["run"] for step in steps(workflow) if "run" in step} - BESIDE_MAKE.get(workflow.name, set())
    assert [command for command in commands if not re.fullmatch(r'make [a-z0-9-]+( [A-Z]+="[^"]+")*', command)] == []


@pytest.mark.parametrize("name", ["ci.yaml", "docs.yaml", "rebuild.yaml"])
def test_the_targets_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = {step["run"] for step in steps(GITHUB / "workflows" / name) if "run" in step}
    called = {command.split()[1] for command in commands - BESIDE_MAKE.get(name, set())}
    assert called
    assert called <= targets


def test_no_expression_is_a_part_of_a_command(workflow: Path) -> None:
    """A name of a branch or tag could be a command. In the environment it is a text."""
    assert [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")] == []


def test_issue_forms_have_what_github_requires() -> None:
    forms = [path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"]
    assert len(forms) == 2
    for path in forms:
        form = document(path)
        assert form["name"]
        assert form["description"]
        named = [one for one in form["body"] if one["type"] != "markdown"]
        assert len({one["id"] for one in named}) == len(named)
        assert all(one["attributes"]["label"] for one in named)
    assert document(GITHUB / "ISSUE_TEMPLATE" / "config.yml")["blank_issues_enabled"] is False


def test_renovate_knows_the_managers_of_what_is_here() -> None:
    managers = json.loads((GITHUB / "renovate.json").read_text())["enabledManagers"]
    assert set(managers) == {"github-actions", "dockerfile", "pep621", "gomod"}
