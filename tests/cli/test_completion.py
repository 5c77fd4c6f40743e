"""What `kubectl_complete-ecr` answers: completions as Cobra writes them."""

from __future__ import annotations

import pytest

from ecr_secret_operator.cli.completion import kubectl_answer
from ecr_secret_operator.cli.main import plugin
from ecr_secret_operator.cli.targets import parse

NO_SPACE, NO_FILES = 2, 4


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")


def answer(*words: str) -> tuple[list[str], int]:
    *lines, directive = kubectl_answer(plugin, words)
    assert directive[0] == ":"
    return [line.partition("\t")[0] for line in lines], int(directive[1:])


def test_commands_and_their_descriptions() -> None:
    found, directive = answer("re")
    assert (found, directive) == (["refresh", "render"], NO_FILES)
    assert next(iter(kubectl_answer(plugin, ["refr"]))).startswith("refresh\tRequest new tokens now")


def test_no_words_complete_all_commands_but_run() -> None:
    assert set(answer("")[0]) == set(answer()[0]) == set(plugin.commands)


def test_options_and_their_values() -> None:
    assert answer("status", "--out") == (["--output"], NO_FILES)
    assert answer("status", "-o", "") == (["table", "wide", "json", "yaml", "name"], NO_FILES)
    assert answer("rbac", "-o", "j") == (["json"], NO_FILES)


@pytest.mark.parametrize("command", ["status", "doctor", "refresh", "render"])
def test_types_are_accepted_by_the_command(command: str) -> None:
    found, directive = answer(command, "")
    assert found == ["ecrsecret/", "ecrargo/", "ecrpull/", "ecrpolicy/"]
    assert directive == NO_SPACE | NO_FILES
    for one in found:
        assert parse([f"{one}a"]).named
    assert answer(command, "secret/a", "ecrp") == (["ecrpull/", "ecrpolicy/"], NO_SPACE | NO_FILES)


@pytest.mark.parametrize("words", [["ecrsecret/"], ["secret", ""], ["secret", "web", ""], ["pod/"]])
def test_names_need_a_cluster(words: list[str]) -> None:
    assert answer("refresh", *words) == ([], NO_FILES)


def test_an_unknown_command_has_no_completions() -> None:
    assert answer("nothing", "x")[0] == []
