"""docs/guides/walk-through.md: its commands for the cluster are run, and print what the page shows.

Steps that need AWS, OpenShift's builds or Argo CD are left to a reader. `oc` is kubectl here.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ecr_secret_operator_lab.operator import installed_command

from .private import World, private_world

pytestmark = pytest.mark.xdist_group("walk-through")

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "walk-through.md").read_text()
FENCE = re.compile(r"^```(bash|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEPS = ("4", "5", "9", "10", "12")
OC = """#!/bin/bash
if [ "$1" = new-project ]; then set -- create namespace "$2"; fi
exec {kubectl} --kubeconfig={kubeconfig} "$@"
"""
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
APPLICATIONS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "applications.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "names": {"kind": "Application", "plural": "applications", "singular": "application"},
        "scope": "Namespaced",
        "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": ANYTHING}}],
    },
}
"""Argo CD's kind without its schema: the page's Application is synced by Argo CD in tests/e2e/test_argocd.py."""


def blocks(step: str, language: str) -> str:
    section = re.search(rf"^## {step}\. .*?(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert section, step
    return "".join(text for found, text in FENCE.findall(section[0]) if found == language)


def plain(text: str) -> list[str]:
    """Lines without what differs from run to run: times, ages and the width of columns."""
    squeezed = (" ".join(line.split()) for line in text.splitlines())
    return [re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\b\d+s\b", "TIME", line) for line in squeezed]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with private_world(tmp_path_factory.mktemp("walk")) as found:
        found.plane.kubectl("create", "--filename=-", input=yaml.safe_dump(APPLICATIONS))
        found.plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        found.cluster.namespace("openshift-gitops")
        found.start()
        yield found


def test_its_commands_print_what_the_page_shows(world: World, tmp_path: Path) -> None:
    (oc := tmp_path / "oc").write_text(
        OC.format(kubectl=shlex.quote(str(world.plane.binaries.kubectl)), kubeconfig=world.plane.kubeconfig)
    )
    oc.chmod(0o755)
    (tmp_path / "ecr-secret-operator").symlink_to(installed_command())
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(world.plane.kubeconfig),
        "AWS_ACCOUNT_ID": "123456789012",
    }
    for step in STEPS:
        done = subprocess.run(
            ["/bin/bash", "-c", f"set -euo pipefail\n{blocks(step, 'bash')}"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, f"step {step}: {done.stdout}{done.stderr}"
        printed, shown = plain(done.stdout), plain(blocks(step, "console"))
        assert [line for line in shown if line not in printed] == [], f"step {step}: {done.stdout}"
    assert len(world.aws.calls("GetAuthorizationToken")) == 2, "one for both resources, and one for the refresh"
