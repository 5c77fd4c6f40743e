"""`-o` means the same for every command."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from ecr_secret_operator.cli.main import cli, plugin
from ecr_secret_operator.cli.output import MANIFESTS, TABLES, manifests, resource_name
from tests.doctor.objects import an_object

ROLE = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reader"}}
CORE = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"}}


def test_objects_in_all_forms() -> None:
    assert list(yaml.safe_load_all(manifests([ROLE, CORE], "yaml"))) == [ROLE, CORE]
    assert json.loads(manifests([ROLE, CORE], "json")) == {"apiVersion": "v1", "kind": "List", "items": [ROLE, CORE]}
    assert json.loads(manifests([CORE], "json")) == CORE
    assert manifests([ROLE, CORE], "name").splitlines() == [
        "clusterrole.rbac.authorization.k8s.io/reader",
        "secret/pull",
    ]


def test_no_objects_in_all_forms() -> None:
    assert manifests([], "yaml") == ""
    assert manifests([], "name") == ""
    assert json.loads(manifests([], "json"))["items"] == []


def test_a_resource_has_the_name_that_kubectl_prints() -> None:
    assert resource_name("ArgoHelmRepoSecret", "charts") == "argohelmreposecret.ecr.mobb.redhat.com/charts"


FORMS = {
    **dict.fromkeys(("status", "doctor", "refresh"), TABLES),
    **dict.fromkeys(("render", "migrate", "crds", "rbac"), MANIFESTS),
    "version": ("text", "json", "yaml"),
}


@pytest.mark.parametrize("group", [cli, plugin], ids=["command", "plugin"])
def test_commands_have_the_same_forms(group: click.Group) -> None:
    found = {
        name: tuple(option.type.choices)
        for name, command in group.commands.items()
        for option in command.params
        if option.name == "output" and isinstance(option.type, click.Choice)
    }
    assert found == FORMS


@pytest.mark.parametrize("command", ["crds", "rbac"])
def test_manifests_of_the_operator_in_all_forms(command: str) -> None:
    def printed(*args: str) -> str:
        done = CliRunner().invoke(cli, [command, *args])
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout

    objects = list(yaml.safe_load_all(printed()))
    assert json.loads(printed("-o", "json"))["items"] == objects
    names = printed("-o", "name").splitlines()
    assert [name.partition("/")[2] for name in names] == [one["metadata"]["name"] for one in objects]
    assert len(set(names)) > 3


@pytest.mark.parametrize(("form", "stream"), [("yaml", "stdout"), ("json", "stderr")])
def test_render_explains_tokens_when_asked(tmp_path: Path, form: str, stream: str) -> None:
    file = tmp_path / "file"
    file.write_text(yaml.safe_dump(an_object(spec={"aws": {"access": "pull"}})))
    plain, explained = (
        getattr(CliRunner().invoke(cli, ["render", "-f", str(file), "-o", form, *more]), stream)
        for more in ([], ["--explain"])
    )
    assert "session policy" not in plain
    assert "the token is requested with the operator's own identity; limit: pull in all repositories" in explained
    assert '"ecr:BatchGetImage"' in explained


@pytest.mark.parametrize("form", ["json", "name"])
def test_render_keeps_its_remarks_out_of_documents(tmp_path: Path, form: str) -> None:
    file = tmp_path / "file"
    file.write_text(yaml.safe_dump_all([an_object(name="a"), an_object(name="b")]))
    done = CliRunner().invoke(cli, ["render", "-f", str(file), "-o", form])
    assert done.exit_code == 0, done.stderr
    assert done.stderr.splitlines() == ["Note: Of Secret team-a/a", "Note: Of Secret team-a/b"]
    if form == "json":
        assert [one["metadata"]["name"] for one in json.loads(done.stdout)["items"]] == ["a-generated", "b-generated"]
    else:
        assert done.stdout.splitlines() == ["secret/a-generated", "secret/b-generated"]


def test_roles_alone_leave_the_namespace_and_the_service_account_as_they_are() -> None:
    def kinds(*args: str) -> list[str]:
        done = CliRunner().invoke(cli, ["rbac", *args])
        assert done.exit_code == 0, done.output
        return [one["kind"] for one in yaml.safe_load_all(done.stdout)]

    everything, roles = kinds(), kinds("--roles-only")
    assert [kind for kind in everything if kind not in ("Namespace", "ServiceAccount")] == roles
    assert "ClusterRole" in roles
    assert "ValidatingAdmissionPolicy" in roles
    assert len(everything) == len(roles) + 2
