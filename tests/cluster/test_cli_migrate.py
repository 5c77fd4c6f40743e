"""`render` and `migrate` against a cluster: what is printed is what is generated, and what the API server takes."""

from __future__ import annotations

import os
import re
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecr_secret_operator_lab.cluster import Cluster, Refused, secret_data, secret_path
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.commands import Result, run, someone
from tests.cluster.creating import place
from tests.cluster.resources import a_resource, apply, password_in, wait_ready
from tests.laboratory import Kubectl
from tests.migrate.objects import (
    ACCOUNT,
    CREDS_KEYS,
    HOST,
    KEYS,
    a_cron_job,
    a_generator,
    a_registry_creds,
    an_external_secret,
    variables,
)

pytestmark = pytest.mark.xdist_group("migrate")  # its definitions are made once, by one worker

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

GROUPS = {
    "ExternalSecret": ("external-secrets.io", "v1"),
    "ECRAuthorizationToken": (
        "generators.external-secrets.io",
        "v1alpha1",
    ),
}

VALUES = {
    "AWS_ACCESS_KEY_ID": "AKIAOLDTOOLEXAMPLE01",
    "AWS_SECRET_ACCESS_KEY": "old-tool-secret-old-tool-secret-old-tool",
}


@pytest.fixture(scope="module", autouse=True)
def definitions(cluster: Cluster) -> Iterator[None]:
    """Those of the External Secrets Operator, as far as they count here."""
    names = []
    for kind, (group, version) in GROUPS.items():
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        spec = {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()},
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
            ],
        }
        names.append(f"{kind.lower()}s.{group}")
        cluster.create(CRDS, {"metadata": {"name": names[-1]}, "spec": spec})
    for kind, (group, version) in GROUPS.items():
        path = f"/apis/{group}/{version}/{kind.lower()}s"
        wait_for(partial(served, cluster, path), f"{kind} is served", within=60)
    yield
    for name in names:
        cluster.delete(f"{CRDS}/{name}")


def served(cluster: Cluster, path: str) -> bool:
    """A new definition is none at first, and then says that it is being set up."""
    try:
        return cluster.get(path) is not None
    except Refused:
        return False


@pytest.fixture
def old_tools(cluster: Cluster, namespace: str) -> str:
    """One of each, as their guides have them, in one namespace."""
    target = variables(AWS_REGION="us-west-2", DOCKER_SECRET_NAME="pull", TARGET_NAMESPACE=namespace)
    place(cluster, namespace, a_cron_job(*KEYS, *target))
    place(cluster, namespace, a_registry_creds(*CREDS_KEYS, *variables(awsaccount=ACCOUNT, awsregion="us-west-2")))
    place(cluster, namespace, an_external_secret())
    place(cluster, namespace, a_generator())
    apply(cluster, namespace, a_resource(name="go"))
    data = {name: b64encode(value.encode()).decode() for name, value in VALUES.items()}
    for name in ("k8s-ecr-login-renew-aws-secret", "registry-creds-ecr"):
        cluster.create(secret_path(namespace), {"metadata": {"name": name}, "data": data})
    return namespace


def test_what_migrate_prints_is_what_the_api_server_takes(kubectl: Kubectl, old_tools: str, kubeconfig: Path) -> None:
    done = run(kubeconfig, "migrate", "-n", old_tools, "--account", ACCOUNT)
    assert done.returncode == 0, done.stderr
    made = [one for one in yaml.safe_load_all(done.stdout) if one]
    assert sorted(one["kind"] for one in made) == ["ClusterPullSecret", "Secret", "Secret"]
    assert {one["spec"]["ecr_registry"] for one in made} == {HOST}
    assert f"# From Secret {old_tools}/go (rh-mobb/ecr-secret-operator)" in done.stdout
    taken = kubectl("apply", "--dry-run=server", "-f", "-", stdin=done.stdout)
    assert taken.returncode == 0, taken.stderr
    assert not any(value in done.stdout + done.stderr for value in VALUES.values())


def test_the_command_that_it_prints_copies_the_keys(
    cluster: Cluster, old_tools: str, kubeconfig: Path, tmp_path: Path
) -> None:
    printed = run(kubeconfig, "migrate", "-n", old_tools, "--account", ACCOUNT).stdout
    commands = re.findall(r"(kubectl get secret k8s-ecr-login-renew-aws-secret .*)$", printed, re.MULTILINE)
    (tmp_path / "kubectl").symlink_to(os.environ["ECR_LAB_KUBECTL"])
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)}
    done = subprocess.run(["/bin/sh", "-c", commands[0]], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    copied = cluster.get(secret_path(old_tools, "ecr-aws-keys"))
    assert copied
    assert secret_data(copied) == {name.lower(): value for name, value in VALUES.items()}
    assert not any(value in done.stdout + done.stderr for value in VALUES.values())


def test_what_one_may_not_list_is_left_out_and_said(
    cluster: Cluster, kubectl: Kubectl, old_tools: str, kubeconfig: Path, tmp_path: Path
) -> None:
    """No permission for Secrets is needed, whatever is found."""
    jobs: dict[str, Any] = {"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["list"]}
    theirs = someone(cluster, kubectl, kubeconfig, tmp_path / "config", old_tools, jobs)

    def answer() -> Result | None:
        done = run(theirs, "migrate", "-n", old_tools)
        return None if "CronJobs are omitted" in done.stderr else done

    done = wait_for(answer, "their permissions are in force", within=60)
    assert [one["kind"] for one in yaml.safe_load_all(done.stdout) if one] == ["Secret"]
    assert "Note: Deployments are omitted" in done.stderr


def comments(done: Result) -> str:
    """On one line each, as they were before they were wrapped."""
    return " ".join(done.stdout.replace("#", " ").split())


def env_from(cluster: Cluster, namespace: str) -> None:
    """A CronJob all of whose settings and keys come from a ConfigMap and a Secret."""
    settings = {"AWS_REGION": "us-west-2", "DOCKER_SECRET_NAME": "from-config", "TARGET_NAMESPACE": namespace}
    references = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}, "prefix": "AWS_"}]
    place(cluster, namespace, a_cron_job(envFrom=references))
    place(
        cluster,
        namespace,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": settings},
    )
    data = {name.removeprefix("AWS_"): b64encode(value.encode()).decode() for name, value in VALUES.items()}
    cluster.create(secret_path(namespace), {"metadata": {"name": "keys"}, "data": data})


def test_settings_of_env_from_are_read_and_values_of_secrets_are_not_shown(
    cluster: Cluster, kubectl: Kubectl, namespace: str, kubeconfig: Path
) -> None:
    env_from(cluster, namespace)
    done = run(kubeconfig, "migrate", "-n", namespace, "--account", ACCOUNT)
    assert done.returncode == 0, done.stderr
    (made,) = [one for one in yaml.safe_load_all(done.stdout) if one]
    assert made["metadata"] == {"name": "from-config", "namespace": namespace}
    assert made["spec"]["ecr_registry"] == HOST
    assert made["spec"]["aws"] == {"credentials_secret": "ecr-aws-keys"}
    assert '"aws_access_key_id":"{{index .data "ACCESS_KEY_ID"}}"' in done.stdout
    assert not any(value in done.stdout + done.stderr for value in VALUES.values())
    taken = kubectl("apply", "--dry-run=server", "-f", "-", stdin=done.stdout)
    assert taken.returncode == 0, taken.stderr


def test_what_env_from_names_and_one_may_not_read_is_said(
    cluster: Cluster, kubectl: Kubectl, namespace: str, kubeconfig: Path, tmp_path: Path
) -> None:
    env_from(cluster, namespace)
    jobs: dict[str, Any] = {"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["list"]}
    theirs = someone(cluster, kubectl, kubeconfig, tmp_path / "config", namespace, jobs)

    def answer() -> Result | None:
        done = run(theirs, "migrate", "-n", namespace)
        return None if "CronJobs are omitted" in done.stderr else done

    done = wait_for(answer, "their permissions are in force", within=60)
    assert f"but you may not read ConfigMap {namespace}/settings" in comments(done)
    assert f"but you may not read Secret {namespace}/keys" in comments(done)
    assert "1 needs something done first" in done.stderr


def test_what_env_from_names_and_does_not_exist_is_said(cluster: Cluster, namespace: str, kubeconfig: Path) -> None:
    absent = [{"configMapRef": {"name": "none"}}, {"secretRef": {"name": "optional", "optional": True}}]
    place(cluster, namespace, a_cron_job(envFrom=absent))
    done = run(kubeconfig, "migrate", "-n", namespace, "--account", ACCOUNT)
    assert f"ConfigMap {namespace}/none does not exist" in comments(done)
    assert "optional" not in done.stdout


def test_what_render_prints_is_what_is_generated(cluster: Cluster, lasting: str, name: str, kubeconfig: Path) -> None:
    apply(cluster, lasting, a_resource(name=name))
    wait_ready(cluster, lasting, name)
    stored = cluster.get(secret_path(lasting, f"{name}-generated"))
    assert stored
    done = run(kubeconfig, "render", f"Secret/{name}", "-n", lasting)
    assert done.returncode == 0, done.stderr
    shown = yaml.safe_load(done.stdout)
    token = password_in(stored)
    basic = b64encode(f"AWS:{token}".encode()).decode()
    wanted = (
        secret_data(stored)[".dockerconfigjson"].replace(basic, "<base64 of AWS:<token>>").replace(token, "<token>")
    )
    assert shown["stringData"] == {".dockerconfigjson": wanted}
    assert shown["type"] == stored["type"]
    assert shown["metadata"]["labels"] == stored["metadata"]["labels"]
    assert shown["metadata"]["annotations"].keys() == stored["metadata"]["annotations"].keys()
    (owner,) = stored["metadata"]["ownerReferences"]
    assert shown["metadata"]["ownerReferences"] == [owner]
    assert token not in done.stdout
