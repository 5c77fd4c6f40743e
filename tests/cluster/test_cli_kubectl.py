"""The command line as kubectl users expect it, beside kubectl itself on a real control plane."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from ecr_secret_operator_lab.cluster import Cluster, secret_path
from ecr_secret_operator_lab.operator import installed_command
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import Kubectl
from .commands import Result, run, someone
from .deployments import deployment
from .resources import a_resource, apply, get, password_in, wait_ready

GROUP = "ecr.mobb.redhat.com"


@pytest.fixture
def filled(cluster: Cluster, namespace: str) -> str:
    """A namespace with two Secrets and an ArgoHelmRepoSecret, which no operator serves."""
    for name in ("web", "api"):
        apply(cluster, namespace, a_resource(name=name))
    apply(cluster, namespace, a_resource("ArgoHelmRepoSecret", name="charts"))
    return namespace


def shown(kubeconfig: Path, *args: str) -> set[str]:
    """What `status -o name` prints of these resources."""
    done = run(kubeconfig, "status", *args, "-o", "name")
    assert done.returncode == 1, done.stderr
    return set(done.stdout.split())


WEB, API, CHARTS = f"secret.{GROUP}/web", f"secret.{GROUP}/api", f"argohelmreposecret.{GROUP}/charts"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("secret/web",), {WEB}),
        (("secret", "web"), {WEB}),
        (("ecrsecret/web", "ecrargo/charts"), {WEB, CHARTS}),
        (("secrets", "web", "api"), {WEB, API}),
        ((WEB, CHARTS), {WEB, CHARTS}),
        (("ecrsecret",), {WEB, API}),
        (("ecrargo,ecrsecret",), {WEB, API, CHARTS}),
        ((), {WEB, API, CHARTS}),
    ],
    ids=lambda words: " ".join(sorted(words)) if isinstance(words, tuple) else "",
)
def test_status_names_resources_as_kubectl_does(
    filled: str, kubeconfig: Path, kubectl: Kubectl, words: tuple[str, ...], wanted: set[str]
) -> None:
    assert shown(kubeconfig, *words, "-n", filled) == wanted
    if words:  # to kubectl, `secret` is a Secret of the core
        theirs = [re.sub("^secrets?(?=/|$)", "ecrsecret", word) for word in words]
        assert set(kubectl("get", *theirs, "-n", filled, "-o", "name").stdout.split()) == wanted


def test_names_are_those_of_kubectl(filled: str, kubeconfig: Path, kubectl: Kubectl) -> None:
    theirs = kubectl("get", "ecrsecret,ecrargo", "-n", filled, "-o", "name").stdout.split()
    assert shown(kubeconfig, "-n", filled) == set(theirs)


def test_what_does_not_exist_is_an_error_beside_what_does(filled: str, kubeconfig: Path) -> None:
    done = run(kubeconfig, "status", "secret", "web", "none", "-n", filled)
    assert done.returncode == 2
    assert done.stderr == f"Error: there is no Secret none in namespace {filled}\n"
    assert "ecrsecret/web" in done.stdout
    done = run(kubeconfig, "status", "ecrpull/none-at-all")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: there is no ClusterPullSecret none-at-all\n"


def test_a_cluster_resource_is_shown_whatever_the_namespace(filled: str, cluster: Cluster, kubeconfig: Path) -> None:
    body = {**a_resource(namespaces={"include": ["nowhere-at-all"]}), "kind": "ClusterPullSecret"}
    body["metadata"]["name"] = filled
    cluster.create(f"/apis/{GROUP}/v1alpha1/clusterpullsecrets", body)
    try:
        done = run(kubeconfig, "status", f"clusterpullsecret/{filled}", "-n", filled, "-o", "name")
        assert done.stdout == f"clusterpullsecret.{GROUP}/{filled}\n"
        assert f"clusterpullsecret.{GROUP}/{filled}" in run(kubeconfig, "status", "ecrpull", "-o", "name").stdout
    finally:
        cluster.delete(f"/apis/{GROUP}/v1alpha1/clusterpullsecrets/{filled}")


def test_one_resource_is_rendered_in_all_forms(filled: str, kubeconfig: Path) -> None:
    done = run(kubeconfig, "render", "secret", "web", "api", "-n", filled, "-o", "name")
    assert (done.returncode, done.stdout) == (0, "secret/web-generated\nsecret/api-generated\n")
    both = json.loads(run(kubeconfig, "render", "ecrsecret/web", "ecrargo/charts", "-n", filled, "-o", "json").stdout)
    assert [one["metadata"]["name"] for one in both["items"]] == ["web-generated", "charts-generated"]
    done = run(kubeconfig, "render", "secret/web", "secret/none", "-n", filled)
    assert done.returncode == 2
    assert done.stderr == f"Error: there is no Secret none in namespace {filled}\n"
    assert yaml.safe_load(done.stdout)["metadata"]["name"] == "web-generated"


def test_doctor_examines_the_named_resources_only(filled: str, kubeconfig: Path) -> None:
    done = run(kubeconfig, "doctor", "secret", "web", "api", "-n", filled, "-o", "yaml")
    subjects = {one["subject"] for one in yaml.safe_load(done.stdout)["findings"]}
    assert {f"Secret {filled}/web", f"Secret {filled}/api"} <= subjects
    assert f"ArgoHelmRepoSecret {filled}/charts" not in subjects
    only = run(kubeconfig, "doctor", "ecrargo", "-n", filled, "-o", "json")
    subjects = {one["subject"] for one in json.loads(only.stdout)["findings"]}
    assert f"ArgoHelmRepoSecret {filled}/charts" in subjects
    assert f"Secret {filled}/web" not in subjects
    done = run(kubeconfig, "doctor", "secret/web", "secret/none", "-n", filled)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"Error: there is no Secret none in namespace {filled}\n"


def test_doctor_prints_levels_and_causes_by_name(filled: str, kubeconfig: Path) -> None:
    done = run(kubeconfig, "doctor", "-n", filled, "-o", "name")
    assert "ok/api-server" in done.stdout.splitlines()
    assert {line.partition("/")[0] for line in done.stdout.splitlines()} <= {"ok", "warning", "error", "unknown"}


def test_several_are_refreshed_at_once(cluster: Cluster, lasting: str, name: str, kubeconfig: Path) -> None:
    names = [name, f"{name}-2"]
    before = {}
    for one in names:
        apply(cluster, lasting, a_resource(name=one))
        wait_ready(cluster, lasting, one)
        before[one] = password_in(cluster.get(secret_path(lasting, f"{one}-generated")) or {})
    done = run(kubeconfig, "refresh", "secret", *names, "-n", lasting, "--timeout", "1m", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert [one["name"] for one in json.loads(done.stdout)["items"]] == names
    asked = sorted(done.stderr.splitlines())  # at the same time, so in any order
    assert asked == sorted(f"Requested a new token for Secret {lasting}/{one}." for one in names)
    for one in names:
        assert password_in(cluster.get(secret_path(lasting, f"{one}-generated")) or {}) != before[one]


def test_each_refresh_that_fails_is_an_error_of_its_own(filled: str, cluster: Cluster, kubeconfig: Path) -> None:
    done = run(kubeconfig, "refresh", "secret", "web", "api", "none", "-n", filled, "--timeout", "1500ms")
    assert (done.returncode, done.stdout) == (2, "")
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    hint = "does the operator run? See: ecr-secret-operator doctor"
    assert errors == [
        f"Error: Secret {filled}/web was not refreshed within 2s: {hint}",
        f"Error: Secret {filled}/api was not refreshed within 2s: {hint}",
        f"Error: there is no Secret none in namespace {filled}",
    ]
    done = run(kubeconfig, "refresh", "secret/web", "ecrargo/charts", "-n", filled, "--no-wait", "-o", "name")
    assert (done.returncode, done.stdout.split()) == (0, [WEB, CHARTS])
    annotations = (get(cluster, filled, "web") or {})["metadata"]["annotations"]
    assert annotations[f"{GROUP}/refresh"].endswith("Z")


def test_the_versions_of_kubernetes_and_of_the_operator(
    cluster: Cluster, namespace: str, kubeconfig: Path, kubectl: Kubectl
) -> None:
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "example.org/ecr-secret-operator:v1.2.3"
    cluster.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", body)
    theirs = json.loads(kubectl("version", "-o", "json").stdout)["serverVersion"]
    for form, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        done = run(kubeconfig, "version", "--operator-namespace", namespace, "-o", form)
        assert done.returncode == 0, done.stderr
        found = read(done.stdout)
        assert found["serverVersion"] == theirs
        assert found["clientVersion"]["version"].startswith("1.")
        assert found["operatorVersion"] == {
            "version": "1.2.3",
            "image": "example.org/ecr-secret-operator:v1.2.3",
            "namespace": namespace,
            "deployment": "operator",
        }
    client, operator, kubernetes = run(kubeconfig, "version", "--operator-namespace", namespace).stdout.splitlines()
    assert client.startswith("Client Version: 1.")
    image = "example.org/ecr-secret-operator:v1.2.3"
    assert operator == f"Operator Version: 1.2.3 (Deployment {namespace}/operator with image {image})"
    assert kubernetes == f"Kubernetes Version: {theirs['gitVersion']}"


def test_the_version_of_an_operator_that_may_not_be_seen_is_unknown(
    cluster: Cluster, kubectl: Kubectl, namespace: str, kubeconfig: Path, tmp_path: Path
) -> None:
    theirs = someone(cluster, kubectl, kubeconfig, tmp_path / "config", namespace)
    done = wait_for(lambda: run(theirs, "version"), "it answers")
    assert done.returncode == 0, done.stderr
    assert "Operator Version: unknown (you may not read the Deployments in namespace " in done.stdout
    absent = run(kubeconfig, "version", "--operator-namespace", namespace, "-o", "json")
    assert json.loads(absent.stdout)["operatorVersion"] is None
    text = run(kubeconfig, "version", "--operator-namespace", namespace).stdout
    assert f"Operator Version: unknown (no Deployment of the operator in namespace {namespace})" in text


def typed(kubeconfig: Path, *args: str) -> Result:
    """Runs kubectl with the plugin beside it, as a shell runs it."""
    beside = Path(installed_command()).parent
    return subprocess.run(
        [os.environ["ECR_LAB_KUBECTL"], *args],
        env={"PATH": f"{beside}:{os.environ['PATH']}", "KUBECONFIG": str(kubeconfig), "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def completed(kubeconfig: Path, *words: str) -> tuple[list[str], str]:
    """What `kubectl ecr WORDS<Tab>` offers: kubectl's completion scripts run `kubectl __complete`."""
    done = typed(kubeconfig, "__complete", "ecr", *words)
    assert done.returncode == 0, done.stderr
    *lines, directive = done.stdout.splitlines()
    return [line.partition("\t")[0] for line in lines], directive


def test_kubectl_completes_the_plugin(filled: str, kubeconfig: Path) -> None:
    assert completed(kubeconfig, "ref") == (["refresh"], ":4")
    assert completed(kubeconfig, "status", "-o", "") == (["table", "wide", "json", "yaml", "name"], ":4")
    assert completed(kubeconfig, "refresh", "ecrs") == (["ecrsecret/"], ":6")
    assert completed(kubeconfig, "refresh", "-n", filled, "ecrsecret/") == (["ecrsecret/api", "ecrsecret/web"], ":4")
    assert completed(kubeconfig, "refresh", "-n", filled, "secret", "w") == (["web"], ":4")
    assert completed(kubeconfig, "refresh", "-n", filled, "ecrargo,secret", "") == (["api", "charts", "web"], ":4")


@pytest.mark.parametrize("command", [(), ("status",), ("refresh",), ("dev",), ("dev", "up")], ids=" ".join)
def test_help_of_the_plugin_is_about_the_plugin(kubeconfig: Path, command: tuple[str, ...]) -> None:
    done = typed(kubeconfig, "ecr", *command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(" ".join(("Usage: kubectl ecr", *command)))
    assert " ".join(("  kubectl ecr", *command)) in done.stdout.partition("Examples:")[2]
    assert "ecr-secret-operator " not in done.stdout


def test_errors_of_the_plugin_are_about_the_plugin(filled: str, kubeconfig: Path) -> None:
    done = typed(kubeconfig, "ecr", "refresh", "secret/web", "-n", filled, "--timeout", "1s")
    assert done.returncode == 1
    assert "See: kubectl ecr doctor" in done.stderr
    wrong = typed(kubeconfig, "ecr", "refresh")
    assert wrong.returncode == 2
    assert "Try 'kubectl ecr refresh --help' for help." in wrong.stderr
