"""`status` and `refresh`, run as a user runs them, against an operator that works and resources that do not."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from ecr_secret_operator_lab.cluster import Cluster, Refused, secret_path
from ecr_secret_operator_lab.operator import free_port, installed_command
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import Kubectl
from .commands import run, someone
from .resources import HOST, a_resource, apply, edit, get, password_in, wait_condition, wait_ready

READER = {"apiGroups": ["ecr.mobb.redhat.com"], "resources": ["secrets", "argohelmreposecrets"], "verbs": ["list"]}


def test_what_is_good_is_shown_and_exits_with_0(cluster: Cluster, lasting: str, name: str, kubeconfig: Path) -> None:
    apply(cluster, lasting, a_resource(name=name))
    wait_ready(cluster, lasting, name)
    done = run(kubeconfig, "status", "-n", lasting, "-o", "json")
    assert done.returncode in (0, 1), done.stderr  # the others of this namespace come and go
    (found,) = [one for one in json.loads(done.stdout)["items"] if one["name"] == name]
    assert (found["state"], found["ready"], found["reason"]) == ("Ready", True, "Refreshed")
    assert found["registries"] == [{"host": HOST, "identity": "operator"}]
    assert found["secondsLeft"] > 0


def test_what_is_wrong_is_told_and_exits_with_1(cluster: Cluster, lasting: str, name: str, kubeconfig: Path) -> None:
    cluster.create(secret_path(lasting), {"metadata": {"name": f"{name}-generated"}, "stringData": {"mine": "stays"}})
    apply(cluster, lasting, a_resource(name=name))
    wait_condition(cluster, lasting, name, type="Ready", status="False", reason="SecretConflict")
    done = run(kubeconfig, "status", "-n", lasting)
    assert done.returncode == 1, done.stderr
    assert "SecretConflict" in done.stdout
    assert (
        f"Secret {lasting}/{name}: SecretConflict: Secret {name}-generated exists and was not made by this operator"
        in done.stdout
    )


def test_all_namespaces_and_all_forms(cluster: Cluster, namespace: str, kubeconfig: Path) -> None:
    apply(cluster, namespace, a_resource())
    mine = {"kind": "Secret", "namespace": namespace, "name": "ecr", "state": "Pending"}
    for args in (("-o", "json"), ("-A", "-o", "yaml")):
        done = run(kubeconfig, "status", *args)
        assert done.returncode == 1, "nobody serves it"
        found = [one for one in yaml.load(done.stdout, yaml.CSafeLoader)["items"] if one["namespace"] == namespace]
        assert [{key: one[key] for key in mine} for one in found] == [mine]
    wide = run(kubeconfig, "status", "-n", namespace, "-o", "wide")
    assert "The operator has not reported a status yet" in wide.stdout
    assert "FREQUENCY" in wide.stdout


def test_nothing_there_is_nothing_wrong(namespace: str, kubeconfig: Path) -> None:
    done = run(kubeconfig, "status", "-n", namespace)
    assert (done.returncode, done.stdout) == (0, "No resources found.\n")


def test_who_may_list_one_namespace_sees_that_and_is_told_so(
    cluster: Cluster, kubectl: Kubectl, namespace: str, kubeconfig: Path, tmp_path: Path
) -> None:
    """No permission for Secrets is needed, nor one over namespaces."""
    apply(cluster, namespace, a_resource())
    theirs = someone(cluster, kubectl, kubeconfig, tmp_path / "config", namespace, READER)
    done = wait_for(lambda: run(theirs, "status", "-o", "json"), "its permissions are in force")
    assert [one["namespace"] for one in json.loads(done.stdout)["items"]] == [namespace]
    assert f"only {namespace} is shown" in done.stderr
    assert "ClusterPullSecrets are not shown" in done.stderr
    named = run(theirs, "status", "secret/ecr", "-n", namespace, "-o", "name")
    assert named.stdout == "secret.ecr.mobb.redhat.com/ecr\n", "the permission to list is enough"
    everything = run(theirs, "status", "-A")
    assert everything.returncode == 2
    (line,) = everything.stderr.splitlines()
    assert "cannot list resource" in line


@pytest.fixture
def projects(cluster: Cluster) -> Iterator[str]:
    """OpenShift's list of the namespaces that one may see, as far as it counts here: a kind of its own."""
    crds, plural = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "projects"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    name, group = f"{plural}.project.openshift.io", "project.openshift.io"
    names = {"kind": "Project", "plural": plural, "singular": "project"}
    spec = {"group": group, "scope": "Cluster", "names": names, "versions": [version]}
    cluster.create(crds, {"metadata": {"name": name}, "spec": spec})
    path = f"/apis/{group}/v1/{plural}"
    wait_for(partial(_served, cluster, path), "projects are served", within=60)
    yield path
    cluster.delete(f"{crds}/{name}")


def _served(cluster: Cluster, path: str) -> bool:
    try:
        return cluster.get(path) is not None
    except Refused:
        return False  # it is being set up


def test_on_openshift_one_sees_all_of_ones_projects(
    cluster: Cluster, kubectl: Kubectl, namespace: str, projects: str, kubeconfig: Path, tmp_path: Path
) -> None:
    other = cluster.namespace(f"{namespace}-other")
    for place in (namespace, other):
        cluster.create(
            projects, {"apiVersion": "project.openshift.io/v1", "kind": "Project", "metadata": {"name": place}}
        )
        apply(cluster, place, a_resource())
    theirs = someone(cluster, kubectl, kubeconfig, tmp_path / "config", namespace, READER)
    subject = f"--serviceaccount={namespace}:someone"
    role = ("--verb=list", "--resource=secrets.ecr.mobb.redhat.com,argohelmreposecrets.ecr.mobb.redhat.com")
    made = [
        kubectl("create", "role", "reader", "-n", other, *role),
        kubectl("create", "rolebinding", "reader", "-n", other, "--role=reader", subject),
        kubectl("create", "clusterrole", namespace, "--verb=list", "--resource=projects.project.openshift.io"),
        kubectl("create", "clusterrolebinding", namespace, f"--clusterrole={namespace}", subject),
    ]
    assert all(one.returncode == 0 for one in made), made

    def seen() -> list[str]:
        done = run(theirs, "status", "-o", "json")
        found = [one["namespace"] for one in json.loads(done.stdout or '{"items": []}')["items"]]
        return found if len(found) > 1 else []

    assert wait_for(seen, "their permissions are in force", within=60) == [namespace, other]


def test_no_way_to_look_is_one_line_and_exits_with_2(tmp_path: Path, kubeconfig: Path) -> None:
    config = yaml.safe_load(kubeconfig.read_text())
    cases = {"does not exist": None, "cannot be reached": {"server": f"https://127.0.0.1:{free_port()}"}}
    for words, cluster in cases.items():
        file = tmp_path / "config"
        if cluster:
            file.write_text(yaml.safe_dump({**config, "clusters": [{**config["clusters"][0], "cluster": cluster}]}))
        done = run(file, "status")
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert line.startswith("Error: ")
        assert words in line
    stranger = {"name": config["users"][0]["name"], "user": {"token": "of-nobody"}}
    file.write_text(yaml.safe_dump({**config, "users": [stranger]}))
    for command in ("status", "doctor"):
        done = run(file, command)
        assert done.returncode == 2, command
        assert "refused your credentials" in done.stderr
        assert "of-nobody" not in done.stdout + done.stderr
    done = run(kubeconfig, "status", "--context", "nowhere")
    assert done.returncode == 2
    assert "cannot be used" in done.stderr


def test_watching_ends_with_ctrl_c_and_the_last_answer(namespace: str, cluster: Cluster, kubeconfig: Path) -> None:
    apply(cluster, namespace, a_resource())
    terminal, side = pty.openpty()
    watching = subprocess.Popen(
        [installed_command(), "status", "-n", namespace, "--watch"],
        env={**os.environ, "KUBECONFIG": str(kubeconfig), "COLUMNS": "200", "TERM": "xterm"},
        stdout=side,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    try:
        os.close(side)
        seen = b""

        def shown() -> bool:
            nonlocal seen
            seen += os.read(terminal, 65536)
            return b"Pending" in seen

        wait_for(shown, "it shows the resource", within=60)
        watching.send_signal(signal.SIGINT)
        end = time.monotonic() + 30
        while watching.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        assert watching.returncode == 1
    finally:
        watching.kill()
        watching.wait()
        os.close(terminal)


def test_watching_without_a_terminal_prints_each_change(namespace: str, cluster: Cluster, kubeconfig: Path) -> None:
    apply(cluster, namespace, a_resource())
    command = [installed_command(), "status", "-n", namespace, "--watch"]
    env = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as watching:
        try:
            assert watching.stdout
            lines = iter(watching.stdout.readline, b"")
            assert b"Pending" in next(line for line in lines if b"ecrsecret/" in line)
            apply(cluster, namespace, a_resource(name="another"))
            assert next(line for line in lines if b"ecrsecret/another" in line)
        finally:
            watching.kill()


def test_a_refresh_waits_for_the_new_token(cluster: Cluster, lasting: str, name: str, kubeconfig: Path) -> None:
    apply(cluster, lasting, a_resource(name=name))
    wait_ready(cluster, lasting, name)
    before = password_in(cluster.get(secret_path(lasting, f"{name}-generated")) or {})
    done = run(kubeconfig, "refresh", f"ecrsecret/{name}", "-n", lasting)
    assert done.returncode == 0, done.stderr
    assert "Ready" in done.stdout
    after = password_in(cluster.get(secret_path(lasting, f"{name}-generated")) or {})
    assert after != before
    assert after not in done.stdout + done.stderr


def test_a_refresh_that_nobody_can_do_says_why(cluster: Cluster, lasting: str, name: str, kubeconfig: Path) -> None:
    apply(cluster, lasting, a_resource(name=name))
    wait_ready(cluster, lasting, name)
    edit(cluster, lasting, name, suspend=True)
    wait_condition(cluster, lasting, name, type="Ready", reason="Suspended")
    done = run(kubeconfig, "refresh", f"Secret/{name}", "-n", lasting)
    assert done.returncode == 1
    (_, line) = done.stderr.splitlines()
    assert "Suspended: spec.suspend is true" in line


def test_a_refresh_without_an_operator_ends_in_time(cluster: Cluster, namespace: str, kubeconfig: Path) -> None:
    apply(cluster, namespace, a_resource())
    done = run(kubeconfig, "refresh", "Secret/ecr", "-n", namespace, "--timeout", "1s")
    assert done.returncode == 1
    assert "was not refreshed within 1s: does the operator run?" in done.stderr
    asked = run(kubeconfig, "refresh", "secrets.ecr.mobb.redhat.com/ecr", "-n", namespace, "--no-wait")
    assert asked.returncode == 0
    annotations = (get(cluster, namespace) or {})["metadata"]["annotations"]
    assert annotations["ecr.mobb.redhat.com/refresh"].endswith("Z")


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("Secret/none", "there is no Secret none in namespace"),
        ("ecrpull/none", "there is no ClusterPullSecret none"),
        ("Pod/none", "there is no resource type 'Pod'. The types are secret (ecrsecret), argohelmreposecret"),
        ("none", "there is no resource type 'none'"),
    ],
)
def test_a_refresh_of_nothing_is_a_sentence(namespace: str, kubeconfig: Path, word: str, words: str) -> None:
    done = run(kubeconfig, "refresh", word, "-n", namespace)
    assert done.returncode == 2
    assert words in done.stderr


def test_kubectl_has_it_as_a_plugin(kubectl: Kubectl, namespace: str, kubeconfig: Path) -> None:
    beside = Path(installed_command()).parent
    for args in (("ecr", "status", "-n", namespace), ("ecr", "--help")):
        done = subprocess.run(
            [os.environ["ECR_LAB_KUBECTL"], *args],
            env={"PATH": f"{beside}:{os.environ['PATH']}", "KUBECONFIG": str(kubeconfig), "HOME": os.environ["HOME"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "kubectl ecr" in done.stdout
    assert " run " not in done.stdout
