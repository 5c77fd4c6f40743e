"""No command prints what a terminal would interpret, whatever the cluster, a file or the environment contains."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecr_secret_operator.cli.main import cli
from ecr_secret_operator_lab.cluster import ECR, Cluster, Object, resource_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import installed_command
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.creating import place
from tests.cluster.deployments import deployment
from tests.cluster.identities import service_account
from tests.hostile import HOSTILE, interpreted
from tests.migrate.objects import KEYS, a_cron_job, variables

from ..laboratory import Kubectl
from .resources import a_resource, apply

pytestmark = pytest.mark.xdist_group("hostile")  # its namespace is filled once, by one worker

ARGUMENT = HOSTILE.replace("\0", "")
"""No argument, path or variable can have a NUL."""
SHOWN = "hidden"
"""Part of the hostile text: it is shown, and only its control characters are escaped."""
OWN = re.compile(r"\x1b\[(?:0|[1-4]|[349][0-79]|;)*m|\x1b\[\?25[lh]|\x1b\[1A|\x1b\[2K|\r")
"""What rich writes at a terminal: styles, colours, hiding the cursor, and going back to draw again."""
TIME = "2026-01-01T00:00:00Z"


def a_hostile_status(**more: Any) -> Object:
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": HOSTILE,
        "message": HOSTILE,
        "lastTransitionTime": TIME,
        "observedGeneration": 1,
    }
    conditions = [{**ready, "type": kind} for kind in ("Ready", "Refreshing", "Linked", "PolicyAllowed")]
    return {"status": {"phase": HOSTILE, "observedGeneration": 1, "conditions": conditions, **more}}


@pytest.fixture(scope="module")
def hostile(kubeconfig: Path, kubectl: Kubectl) -> str:
    """A namespace in which every field that takes any text holds the hostile one."""
    with Cluster(kubeconfig) as cluster:
        namespace = cluster.namespace("test-hostile-output")
        annotated: Object = {"metadata": {"annotations": {"a": HOSTILE}}}
        for kind in ("Secret", "ArgoHelmRepoSecret"):
            spec = {**annotated, "generated_secret_name": f"of-{kind.lower()}"}  # both are served, whichever is older
            if kind == "Secret":
                spec["aws"] = {"service_account": "annotated"}
            apply(cluster, namespace, a_resource(kind, **spec))
            path = resource_path(f"{kind.lower()}s", namespace, "ecr")
            cluster.patch(f"{path}/status", a_hostile_status())
        whole = {**a_resource(**annotated, namespaces={"include": [namespace]}), "kind": "ClusterPullSecret"}
        whole["metadata"]["name"] = namespace
        cluster.create(f"{ECR}/clusterpullsecrets", whole)
        failing = [{"namespace": HOSTILE, "reason": HOSTILE, "message": HOSTILE}]
        status = a_hostile_status(namespaces={"selected": 1, "served": 0, "failing": 1}, failingNamespaces=failing)
        cluster.patch(f"{ECR}/clusterpullsecrets/{namespace}/status", status)
        service_account(cluster, namespace, "annotated", **{"role-arn": HOSTILE})
        place(cluster, namespace, a_cron_job(*KEYS, *variables(AWS_REGION=HOSTILE, DOCKER_REGISTRIES=HOSTILE)))
        _an_operator_that_crashes(cluster, namespace)
        return namespace


def _an_operator_that_crashes(cluster: Cluster, namespace: str) -> None:
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0]["image"] = f"example.org/ecr-secret-operator:1.0-{HOSTILE}"
    cluster.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", body)
    path = f"/api/v1/namespaces/{namespace}/pods"
    pod = body["spec"]["template"]
    wait_for(lambda: cluster.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"), "it takes pods", within=60)
    spec = {"containers": pod["spec"]["containers"]}
    cluster.create(path, {"metadata": {"name": "crashing", "labels": pod["metadata"]["labels"]}, "spec": spec})
    waiting = {"reason": HOSTILE, "message": HOSTILE}
    state: Object = {"name": "manager", "ready": False, "image": "", "imageID": "", "restartCount": 1}
    state |= {"state": {"waiting": waiting}, "lastState": {"terminated": {"exitCode": 1, "message": HOSTILE}}}
    cluster.patch(f"{path}/crashing/status", {"status": {"containerStatuses": [state]}})
    lease: Object = {"metadata": {"name": "bc9c1120.mobb.redhat.com"}, "spec": {"holderIdentity": HOSTILE}}
    lease["spec"] |= {"leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}
    cluster.create(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases", lease)


CASES: Mapping[str, list[list[str]]] = {
    "status": [
        ["-n", "NAMESPACE"],
        ["-n", "NAMESPACE", "-o", "wide"],
        ["-n", "NAMESPACE", "-o", "json"],
        ["-n", "NAMESPACE", "-o", "yaml"],
        ["-n", "NAMESPACE", "-o", "name"],
        ["secret/ecr", "-n", "NAMESPACE"],
        ["secret/none", "-n", "NAMESPACE"],
        [ARGUMENT],
        ["-o", "wide"],
        ["--context", ARGUMENT],
        ["--kubeconfig", ARGUMENT],
        ["-n", ARGUMENT],
        [f"--{ARGUMENT}"],
    ],
    "doctor": [
        ["-n", "NAMESPACE", "--operator-namespace", "NAMESPACE"],
        ["-n", "NAMESPACE", "--operator-namespace", "NAMESPACE", "-o", "json"],
        ["Secret/ecr", "-n", "NAMESPACE", "--operator-namespace", "NAMESPACE"],
        ["-n", "NAMESPACE", "--operator-namespace", "NAMESPACE", "-o", "wide"],
        ["-n", "NAMESPACE", "--operator-namespace", "NAMESPACE", "-o", "yaml"],
        ["-n", "NAMESPACE", "--operator-namespace", "NAMESPACE", "-o", "name"],
        ["--operator-namespace", ARGUMENT],
    ],
    "refresh": [
        ["Secret/ecr", "-n", "NAMESPACE", "--timeout", "1"],
        ["secret", "ecr", "none", "-n", "NAMESPACE", "--no-wait", "-o", "wide"],
        ["Secret/ecr", "-n", ARGUMENT],
        [f"Secret/{ARGUMENT}", "-n", "NAMESPACE"],
        [ARGUMENT],
    ],
    "render": [
        ["Secret/ecr", "-n", "NAMESPACE"],
        ["Secret/ecr", "-n", "NAMESPACE", "-o", "json"],
        ["-f", "FILE"],
        ["-f", "FILE", "--no-strict", "-o", "name"],
        ["-f", ARGUMENT],
    ],
    "version": [
        ["--operator-namespace", "NAMESPACE"],
        ["--operator-namespace", "NAMESPACE", "-o", "json"],
        ["--operator-namespace", "NAMESPACE", "-o", "yaml"],
        ["--operator-namespace", ARGUMENT],
        ["--kubeconfig", ARGUMENT],
    ],
    "migrate": [
        ["-n", "NAMESPACE"],
        ["-n", "NAMESPACE", "-o", "json"],
        ["-f", "FILE"],
        ["-f", "FILE", "-o", "name"],
        ["-f", ARGUMENT],
        ["--account", ARGUMENT],
    ],
    "rbac": [[], ["--namespace", ARGUMENT], ["--token-audience", ARGUMENT]],
    "crds": [[]],
    "completion": [["bash"], [ARGUMENT]],
    "run": [["--watch-namespace", ARGUMENT], ["--metrics-bind-address", ARGUMENT], ["--kubeconfig", ARGUMENT]],
    "dev": [["up"], ["status"], ["env"], ["down"], [ARGUMENT]],
    "demo": [[]],
}
FLAT = [(name, args) for name, several in CASES.items() for args in several]


def test_there_is_a_case_for_every_command() -> None:
    assert set(CASES) == set(cli.commands)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Programs of a control plane that fail with hostile text."""
    directory = tmp_path / "programs"
    directory.mkdir()
    (directory / "text").write_text(HOSTILE)
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "registry", "crane"):
        (directory / name).write_text(f"#!/bin/sh\ncat {directory}/text >&2\nexit 1\n")
        (directory / name).chmod(0o755)
    return directory


@pytest.fixture
def environment(kubeconfig: Path, programs: Path, tmp_path: Path) -> dict[str, str]:
    """One with hostile text wherever a variable may have any."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **clean,
        "KUBECONFIG": str(kubeconfig),
        "AWS_PROFILE": ARGUMENT,
        "KUBEBUILDER_ASSETS": str(programs),
        "ECR_LAB_PROGRAMS": str(programs),
        "ECR_SECRET_OPERATOR_CACHE": str(tmp_path / "cache"),
        "COLUMNS": "400",
        "TERM": "xterm",
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with hostile text: what is valid, what is not, and other tools' objects."""
    spec: Object = {"metadata": {"annotations": {"a": HOSTILE}}}
    argo = a_resource("ArgoHelmRepoSecret", url=HOSTILE)
    link = a_resource(name=HOSTILE, link=[{"service_account": HOSTILE}])
    job = a_cron_job(*KEYS, *variables(AWS_REGION=HOSTILE, TARGET_NAMESPACE=HOSTILE), namespace=HOSTILE)
    path = tmp_path / "objects.json"
    path.write_text(json.dumps({"kind": "List", "items": [a_resource(**spec), argo, link, job]}))
    return path


def printed(command: list[str], environment: Mapping[str, str]) -> tuple[str, str]:
    """Both streams of a command that writes into pipes."""
    done = subprocess.run(command, env=environment, input=b"", capture_output=True, check=False, timeout=120)
    return done.stdout.decode(), done.stderr.decode()


def seen(command: list[str], environment: Mapping[str, str]) -> str:
    """What a command writes to a terminal."""
    terminal, side = pty.openpty()
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=side, stderr=side) as process:
        os.close(side)
        found = b""
        while chunk := _read(terminal):
            found += chunk
        process.wait(120)
    os.close(terminal)
    return found.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side is closed
        return b""


@pytest.mark.parametrize(("name", "args"), FLAT, ids=[f"{name} {' '.join(args)[:40]!a}" for name, args in FLAT])
def test_no_command_prints_what_a_terminal_interprets(
    hostile: str, file: Path, environment: dict[str, str], name: str, args: list[str]
) -> None:
    words = [{"NAMESPACE": hostile, "FILE": str(file)}.get(word, word) for word in args]
    command = [installed_command(), name, *words]
    output, errors = printed(command, environment)
    assert "Traceback" not in errors
    assert interpreted(output) == []
    assert interpreted(errors) == []
    if name not in ("dev", "demo"):  # these show the logs of programs, which have many lines
        assert "\nError: forged" not in output + errors, "a line break of foreign text starts no line"
    assert interpreted(OWN.sub("", seen(command, environment))) == []
    if "json" in args:
        assert HOSTILE in json.dumps(json.loads(output), ensure_ascii=False) or SHOWN in output
    listing = "name" not in args and "secret/none" not in args
    if (name in ("status", "doctor", "version") and "NAMESPACE" in args and listing) or name == "demo":
        assert SHOWN in output
    if args == ["up"]:
        assert SHOWN in errors


LOCALES = {
    "C": {"LC_ALL": "C"},
    "C without UTF-8 mode": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
}


@pytest.mark.parametrize("locale", LOCALES.values(), ids=LOCALES.keys())
@pytest.mark.parametrize("name", CASES)
def test_no_command_fails_where_the_locale_is_c(
    hostile: str, file: Path, environment: dict[str, str], name: str, locale: dict[str, str]
) -> None:
    """Output goes into a pipe. What the encoding does not have is escaped; documents stay valid."""
    args = [{"NAMESPACE": hostile, "FILE": str(file)}.get(word, word) for word in CASES[name][0]]
    output, errors = printed([installed_command(), name, *args], {**environment, **locale})
    assert "Traceback" not in errors
    if "PYTHONIOENCODING" in locale:
        assert (output + errors).isascii()
    if name == "status":
        assert "hidden" in output
        for form, read in (("json", json.loads), ("yaml", yaml.safe_load)):
            output, _ = printed([installed_command(), name, *args, "-o", form], {**environment, **locale})
            assert {one["message"] for one in read(output)["items"]} == {HOSTILE}


def test_the_time_left_is_drawn_without_block_characters_where_there_are_none(
    cluster: Cluster, namespace: str, environment: dict[str, str]
) -> None:
    apply(cluster, namespace, a_resource())
    ready = {"type": "Ready", "status": "True", "reason": "Refreshed", "message": "café", "observedGeneration": 1}
    ends = (datetime.now(UTC) + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {"conditions": [{**ready, "lastTransitionTime": TIME}], "observedGeneration": 1, "expiresAt": ends}
    cluster.patch(f"{resource_path('secrets', namespace, 'ecr')}/status", {"status": status})
    for locale, bar in ((LOCALES["C without UTF-8 mode"], "###    5h"), ({}, "███    5h")):
        output, errors = printed([installed_command(), "status", "-n", namespace], {**environment, **locale})
        assert errors == ""
        assert bar in output


def test_machine_output_keeps_the_text(hostile: str, environment: dict[str, str]) -> None:
    for form, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        output, _ = printed([installed_command(), "status", "-n", hostile, "-o", form], environment)
        (found,) = [one for one in read(output)["items"] if one["kind"] == "Secret"]
        assert found["message"] == HOSTILE
        assert output.isascii()
    output, _ = printed([installed_command(), "render", "Secret/ecr", "-n", hostile], environment)
    assert yaml.safe_load(output)["metadata"]["annotations"]["a"] == HOSTILE


def test_the_log_of_the_operator_at_a_terminal(
    hostile: str, operator_kubeconfig: Path, environment: dict[str, str], aws: FakeAws
) -> None:
    options = ["--watch-namespace", hostile, "--metrics-bind-address", "0", "--health-probe-bind-address", "0"]
    command = [installed_command(), "run", "--kubeconfig", str(operator_kubeconfig), *options]
    terminal, side = pty.openpty()
    with subprocess.Popen(
        command, env={**environment, **aws.environment()}, stdin=subprocess.DEVNULL, stdout=side, stderr=side
    ) as process:
        os.close(side)
        found = b""

        def reported() -> bool:
            nonlocal found
            found += _read(terminal)
            return found.count(SHOWN.encode()) > 1

        try:
            wait_for(reported, "hostile text is in the log", within=60)
        finally:
            process.terminate()
    os.close(terminal)
    assert interpreted(OWN.sub("", found.decode())) == []


@pytest.mark.parametrize("form", ["table", "wide"])
def test_watching_at_a_terminal(hostile: str, environment: dict[str, str], form: str) -> None:
    command = [installed_command(), "status", "-n", hostile, "--watch", "-o", form]
    terminal, side = pty.openpty()
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=side, stderr=side) as process:
        os.close(side)
        found = b""

        def shown() -> bool:
            nonlocal found
            found += _read(terminal)
            return SHOWN.encode() in found

        try:
            wait_for(shown, "the resource is shown", within=60)
        finally:
            process.terminate()
    os.close(terminal)
    assert interpreted(OWN.sub("", found.decode())) == []
