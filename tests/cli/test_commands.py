"""`render -f`, `migrate -f`, completion and help: what needs no cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from ecr_secret_operator.cli.files import documents
from ecr_secret_operator.cli.main import cli, plugin
from ecr_secret_operator.cli.options import Failed
from ecr_secret_operator.domain.kinds import SECRET
from ecr_secret_operator.domain.resource import InvalidSpec
from ecr_secret_operator.errors import OperatorError
from tests.doctor.objects import Object, an_object
from tests.migrate.objects import ACCOUNT, PLAIN_KEY, a_cron_job, variables

POLICY = {"apiVersion": "ecr.mobb.redhat.com/v1alpha1", "kind": "AccessPolicy", "metadata": {"name": "p"}, "spec": {}}


POD = {"apiVersion": "v1", "kind": "Pod"}


def written(path: Path, *objects: object) -> str:
    path.write_text(yaml.safe_dump_all(objects))
    return str(path)


def run(*args: str, stdin: str = "") -> Result:
    """Without a cluster, and without a way to one."""
    return CliRunner(env={"KUBECONFIG": "/nowhere", "HOME": "/nowhere"}).invoke(cli, args, input=stdin)


def test_every_resource_of_a_file_is_rendered(tmp_path: Path) -> None:
    charts = an_object("ArgoHelmRepoSecret", name="charts")
    done = run("render", "-f", written(tmp_path / "x", an_object(), POD, charts, POLICY))
    assert done.exit_code == 0, done.output
    made = [one for one in yaml.safe_load_all(done.stdout) if one]
    assert [one["metadata"]["name"] for one in made] == ["ecr-generated", "charts-generated"]
    assert made[1]["stringData"]["password"] == "<token>"
    assert "AccessPolicy p is valid" in done.stdout


def test_lists_and_standard_input_do(tmp_path: Path) -> None:
    both = {"apiVersion": "v1", "kind": "List", "items": [an_object(name="a"), an_object(name="b")]}
    done = run("render", "-f", "-", stdin=json.dumps(both))
    assert [one["metadata"]["name"] for one in yaml.safe_load_all(done.stdout)] == ["a-generated", "b-generated"]


def test_what_is_invalid_is_told_as_the_status_would_and_the_rest_is_rendered(tmp_path: Path) -> None:
    bad, mode = an_object(name="bad", spec={"frequency": "banana"}), {**POLICY, "spec": {"mode": "Never"}}
    done = run("render", "-f", written(tmp_path / "x", bad, an_object(), mode))
    assert done.exit_code == 1
    said = SECRET.parse(bad["spec"])
    assert isinstance(said, InvalidSpec)
    first, second = done.stderr.splitlines()
    assert first == f"Error: Secret team-a/bad: {said.message}"
    assert second.startswith("Error: AccessPolicy p: spec.mode: ")
    assert "ecr-generated" in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: b: c", "is not YAML in line 1"),
        ("a: &b [*b]", "is not YAML in line 1"),
        ("[" * 10_000, "cannot be read: it is nested too deeply"),
        ("kind: List", "has a List without items"),
        ("kind: List\nitems: [{kind: List, items: []}]", "has a List in a List"),
        (None, "cannot be read: No such file or directory"),
    ],
    ids=["no yaml", "endless", "deep", "no items", "list in a list", "no file"],
)
def test_a_file_that_is_of_no_use_is_one_sentence(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "file"
    if text is not None:
        path.write_text(text)
    done = run("render", "-f", str(path))
    assert isinstance(done.exception, OperatorError)
    assert words in str(done.exception)


HOST = "123456789012.dkr.ecr.us-east-2.amazonaws.com"
RESOURCE = f"""apiVersion: ecr.mobb.redhat.com/v1alpha1
kind: Secret
metadata: {{name: ecr, namespace: team-a}}
spec:
  generated_secret_name: pull
  ecr_registry: {HOST}
"""
SEVERAL = """  aws: {role_ar: arn:aws:iam::123456789012:role/a, Access: pull}
  additional_registries:
  - {ecr_registry: public.ecr.aws, aws: {serviceAccount: x}}
  generatedSecretName: pull
  role_arn: arn:aws:iam::123456789012:role/a
  qqq: 1
status: {fase: Updated}
"""
UNKNOWN = [
    'unknown field "spec.aws.role_ar": did you mean "role_arn"?',
    'unknown field "spec.aws.Access": did you mean "access"?',
    'unknown field "spec.additional_registries[0].aws.serviceAccount": did you mean "service_account"?',
    'unknown field "spec.generatedSecretName": did you mean "generated_secret_name"?',
    'unknown field "spec.role_arn": did you mean "spec.aws.role_arn"?',
    'unknown field "spec.qqq"',
    'unknown field "status.fase": did you mean "phase"?',
]
DOUBTFUL: dict[str, tuple[str, list[str]]] = {
    "unknown fields": (RESOURCE + SEVERAL, [f"Secret team-a/ecr: {'; '.join(UNKNOWN)}"]),
    "in metadata": (
        RESOURCE.replace("namespace:", "lables: {a: b}, namespace:"),
        ['Secret team-a/ecr: unknown field "metadata.lables": did you mean "labels"?'],
    ),
    "of a policy": (
        json.dumps({**POLICY, "spec": {"namespaces": {"selector": {"matchLabel": {}}}}}),
        ['AccessPolicy p: unknown field "spec.namespaces.selector.matchLabel": did you mean "matchLabels"?'],
    ),
    "a kind": (
        RESOURCE.replace("kind: Secret", "kind: Secrett"),
        ["""kind 'Secrett' is not known: did you mean "Secret"?"""],
    ),
    "no kind": (RESOURCE.replace("kind: Secret", ""), ["document 1 of standard input: kind is missing"]),
    "a version": (RESOURCE.replace("v1alpha1", "v1beta1"), ["is not known: write ecr.mobb.redhat.com/v1alpha1"]),
    "a group": (RESOURCE.replace("mobb", "mob"), ["did you mean ecr.mobb.redhat.com/v1alpha1?"]),
    "no version beside": (f"{RESOURCE}---\nkind: Pod\n", ["document 2 of standard input: apiVersion is missing"]),
    "a Secret of the core": (
        RESOURCE.replace("ecr.mobb.redhat.com/v1alpha1", "v1"),
        ["Secret team-a/ecr: apiVersion 'v1' is not that of this operator: did you mean ecr.mobb.redhat.com/v1alpha1?"],
    ),
    "another's kind": (
        json.dumps({"apiVersion": "v1", "kind": "ClusterPullSecret", "metadata": {"name": "a"}}),
        ["ClusterPullSecret a: apiVersion 'v1' is not that of this operator"],
    ),
    "a key twice": (
        f"{RESOURCE}  region: us-east-2\n  region: us-east-2\n",
        ["Secret team-a/ecr: the key 'region' is repeated in line 8"],
    ),
    "a key twice in JSON": (
        '{"apiVersion": "ecr.mobb.redhat.com/v1alpha1", "kind": "Secret", "kind": "Secret"}',
        ["the key 'kind' is repeated"],
    ),
    "no object": (f"{RESOURCE}---\n- 1\n", ["document 2 of standard input is not an object"]),
    "nothing": ("", ["standard input holds no resource of ecr.mobb.redhat.com"]),
    "empty documents": ("---\n---\n# x\n", ["standard input holds no resource of ecr.mobb.redhat.com"]),
    "another kind": (json.dumps(POD), ["standard input holds no resource of ecr.mobb.redhat.com"]),
    "text": ("hello", ["document 1 of standard input is not an object"]),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_would_not_be_applied_as_it_is_meant_is_refused(case: str) -> None:
    written, wanted = DOUBTFUL[case]
    done = run("render", "-f", "-", stdin=written)
    assert done.exit_code == 1
    said = done.stderr.splitlines()
    assert len(said) == len(wanted)
    for line, words in zip(said, wanted, strict=True):
        assert line.startswith("Error: ")
        assert words in line


def render(text: str, *args: str) -> Result:
    return run("render", "-f", "-", *args, stdin=text)


@pytest.mark.parametrize("case", ["unknown fields", "in metadata", "of a policy", "a key twice"])
def test_what_the_api_server_would_drop_is_a_warning_without_strict(case: str) -> None:
    text, wanted = DOUBTFUL[case]
    done = render(text, "--no-strict")
    assert done.exit_code == 0
    said = [line.removeprefix("Warning: ") for line in done.stderr.splitlines()]
    assert all(line.startswith("Warning: ") for line in done.stderr.splitlines())
    assert "; ".join(said).replace("; Secret team-a/ecr: ", "; ").startswith(wanted[0])
    assert "is valid" in done.stdout or yaml.safe_load(done.stdout)["metadata"]["name"] == "pull"
    assert render(text, "--strict").stderr == render(text).stderr
    assert render(text, "--strict").exit_code == 1


@pytest.mark.parametrize("case", ["a kind", "no kind", "a version", "a group", "no object", "nothing"])
def test_what_is_no_resource_is_an_error_without_strict_too(case: str) -> None:
    text, wanted = DOUBTFUL[case]
    done = render(text, "--no-strict")
    assert done.exit_code == 1
    assert wanted[0] in done.stderr


def test_a_value_that_is_wrong_is_an_error_beside_the_warnings() -> None:
    done = render(f"{RESOURCE}  qqq: 1\n  frequency: banana\n", "--no-strict")
    assert (done.exit_code, done.stdout) == (1, "")
    warning, error = done.stderr.splitlines()
    assert warning == 'Warning: Secret team-a/ecr: unknown field "spec.qqq"'
    assert error.startswith("Error: Secret team-a/ecr: spec.frequency: 'banana' is not a duration")


NAME = "generated_secret_name: pull"
AS_KUBECTL_READS: dict[str, tuple[str, dict[str, object]]] = {
    "an empty field": (f"{RESOURCE}  region:\n  frequency: null\n", {}),
    "a date": (RESOURCE.replace(NAME, "generated_secret_name: 2026-01-01"), {"generated_secret_name": "2026-01-01"}),
    "words": (f"{RESOURCE}  suspend: y\n", {"suspend": True}),
    "more words": (f"{RESOURCE}  suspend: Off\n", {"suspend": False}),
    "a number as key": (
        f"{RESOURCE}  metadata: {{labels: {{1: b, true: 'c'}}}}\n",
        {"metadata": {"labels": {"1": "b", "true": "c"}}},
    ),
    "a merged key": (f"{RESOURCE}  <<: {{region: us-east-2, {NAME}}}\n", {"region": "us-east-2"}),
    "a foreign tag": (f"{RESOURCE}  region: !region us-east-2\n", {"region": "us-east-2"}),
    "empty documents": (f"---\n---\n{RESOURCE}---\n# nothing\n---\n", {}),
    "a byte order mark": (f"\ufeff{RESOURCE}", {}),
    "a typed list": (
        json.dumps({**POLICY, "kind": "AccessPolicyList", "items": [{"metadata": {"name": "a"}, "spec": {}}]}),
        {},
    ),
    "JSON with tabs, one after the other": ("{\n\t" + json.dumps(POLICY)[1:] + json.dumps(POLICY), {}),
    "YAML that begins as JSON does": ("{" + json.dumps(POLICY)[1:-1] + ",}\n---\napiVersion: v1\nkind: Pod", {}),
    "what is not of the operator": (f"{RESOURCE}---\napiVersion: v1\nkind: IpAllowList\nx: 1\nx: 2\n", {}),
}


@pytest.mark.parametrize("case", AS_KUBECTL_READS)
def test_files_are_read_as_kubectl_reads_them(case: str) -> None:
    done = run("render", "-f", "-", stdin=AS_KUBECTL_READS[case][0])
    assert (done.exit_code, done.stderr) == (0, "")


def test_standard_input_is_utf_8_whatever_the_locale() -> None:
    command = str(Path(sys.executable).with_name("ecr-secret-operator"))
    environment = {"PATH": "/usr/bin", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    written = f"{RESOURCE}  frequency: 600000000000\N{MICRO SIGN}s\n"
    done = subprocess.run(
        [command, "render", "-f", "-"], env=environment, input=written.encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("case", [case for case, (_, wanted) in AS_KUBECTL_READS.items() if wanted])
def test_values_are_those_that_kubectl_sends(tmp_path: Path, case: str) -> None:
    written, wanted = AS_KUBECTL_READS[case]
    (tmp_path / "file").write_text(written)
    (document,) = documents(str(tmp_path / "file"))
    assert document.raw["spec"] | wanted == document.raw["spec"]


@pytest.mark.parametrize(
    "args",
    [
        ("render",),
        ("render", "Secret/x", "-f", "y"),
        ("status", "-A", "-n", "x"),
        ("status", "-w", "-o", "json"),
        ("status", "-w", "-o", "name"),
        ("status", "secret/a", "-A"),
        ("status", "ecrpolicy"),
        ("refresh",),
        ("refresh", "secret"),
        ("refresh", "ecrpolicy/a"),
        ("render", "secret"),
        ("version", "-o", "wide"),
        ("migrate", "--account", "123"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(args: tuple[str, ...]) -> None:
    assert run(*args).exit_code == 2


def test_migrate_reads_files_and_shows_no_key(tmp_path: Path) -> None:
    job: Object = a_cron_job(*variables(AWS_REGION="us-west-2", AWS_ACCESS_KEY_ID=PLAIN_KEY, DOCKER_SECRET_NAME="x"))
    done = run("migrate", "-f", written(tmp_path / "x", job), "--account", ACCOUNT)
    assert done.exit_code == 0, done.output
    assert "1 installation of another tool found, 1 resource made, 1 needs something done first." in done.stderr
    assert [one["kind"] for one in yaml.safe_load_all(done.stdout) if one] == ["Secret"]
    assert PLAIN_KEY not in done.output


def test_migrate_finds_nothing_and_says_so(tmp_path: Path) -> None:
    done = run("migrate", "-f", written(tmp_path / "x", {"kind": "Pod"}))
    assert (done.exit_code, done.stdout) == (0, "")
    assert "0 installations of other tools found, 0 resources made, 0 need something done first." in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("group", "prog", "command"),
    [(cli, "ecr-secret-operator", "ecr-secret-operator"), (plugin, "kubectl ecr", "kubectl-ecr")],
    ids=["command", "plugin"],
)
def test_completion_prints_a_script(group: click.Group, prog: str, command: str, shell: str) -> None:
    done = CliRunner().invoke(group, ["completion", shell], prog_name=prog)
    assert done.exit_code == 0, done.output
    assert command in done.stdout
    assert f"_{command.replace('-', '_').upper()}_COMPLETE=" in done.stdout


def test_the_variable_of_the_script_is_the_one_that_is_looked_for() -> None:
    words = {
        "_ECR_SECRET_OPERATOR_COMPLETE": "bash_complete",
        "COMP_WORDS": "ecr-secret-operator ref",
        "COMP_CWORD": "1",
    }
    done = CliRunner(env=words).invoke(
        cli, [], prog_name="ecr-secret-operator", complete_var="_ECR_SECRET_OPERATOR_COMPLETE"
    )
    assert done.stdout == "plain,refresh\n"


def test_the_plugin_has_all_commands_but_run() -> None:
    assert set(plugin.commands) == set(cli.commands) - {"run"}


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """All commands below a group, as they are typed."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


PROGRAMS = {"ecr-secret-operator": cli, "kubectl ecr": plugin}
CALLS = [(program, *path) for program, group in PROGRAMS.items() for path in commands(group)]


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_help_shows_the_name_by_which_the_command_was_called(call: tuple[str, ...]) -> None:
    program, *path = call
    shown = CliRunner(env={"COLUMNS": "400"}).invoke(PROGRAMS[program], [*path, "--help"], prog_name=program).stdout
    assert shown.startswith(f"Usage: {' '.join(call)}")
    (other,) = set(PROGRAMS) - {program}
    assert [word for word in PROGRAMS[other].commands if f"{other} {word}" in shown] == []
    _, _, lines = shown.partition("Examples:")
    examples = [line for line in lines.splitlines() if line.strip()]
    assert examples
    typed = [" ".join((program, *path))] if path else [f"{program} {word}" for word in PROGRAMS[program].commands]
    for line in examples:
        assert any(command in line for command in typed), line


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_list_of_commands_has_whole_sentences(program: str) -> None:
    """At 80 columns."""
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(PROGRAMS[program], ["--help"], prog_name=program).stdout
    listed = shown.partition("Commands:")[2].partition("Examples:")[0].strip().splitlines()
    assert len(listed) == len(PROGRAMS[program].commands)
    assert [line for line in listed if not line.rstrip().endswith(".") or line.rstrip().endswith("...")] == []


@pytest.mark.parametrize(
    ("program", "file"), [("ecr-secret-operator", "ecr-secret-operator"), ("kubectl ecr", "kubectl-ecr")]
)
def test_help_of_completion_names_the_files_that_shells_look_for(program: str, file: str) -> None:
    shown = CliRunner().invoke(PROGRAMS[program], ["completion", "--help"], prog_name=program).stdout
    assert f"/_{file}\n" in shown
    assert f"/{file}.fish\n" in shown


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_error_shows_the_name_by_which_the_command_was_called(program: str) -> None:
    with click.Context(PROGRAMS[program], info_name=program):
        said = str(Failed("See: ecr-secret-operator doctor. The namespace is ecr-secret-operator"))
    assert said == f"See: {program} doctor. The namespace is ecr-secret-operator"


def test_a_full_disk_is_an_error_of_one_line() -> None:
    program = "import sys; sys.argv[0] = 'ecr-secret-operator'; from ecr_secret_operator.cli.main import main; main()"
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", program, "version", "--client"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    sentence = "Error: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, sentence)
