"""helm pushes and pulls a chart with the auth file that the operator generated."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ecr_secret_operator_lab.cluster import Cluster, secret_data
from ecr_secret_operator_lab.registry import Refusal, Registry, Tools

from ..cluster.resources import a_resource, apply, wait_ready, wait_secret
from .accounts import DOCKER_CONFIG
from .images import HOST, why_refused

LONG = 60.0
VERSION = "1.2.3"


@pytest.fixture
def chart(tools: Tools) -> Path:
    """A packaged chart called web."""
    source = tools.home / "web"
    (source / "templates").mkdir(parents=True)
    (source / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "web", "version": VERSION}))
    (source / "templates" / "config.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n")
    done = tools.helm("package", str(source))
    assert done.returncode == 0, done.stderr
    return tools.home / f"web-{VERSION}.tgz"


@pytest.mark.usefixtures("operator")
def test_a_chart_comes_back_as_it_was_pushed(
    cluster: Cluster, namespace: str, tools: Tools, chart: Path, registry: Registry
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    repository, before = f"oci://{HOST}/{namespace}", registry.last_request()
    assert tools.helm("push", str(chart), repository).returncode != 0
    assert why_refused(registry, after=before) == {Refusal.NO_CREDENTIALS}

    tools.login(secret_data(wait_secret(cluster, namespace))[DOCKER_CONFIG])
    pushed = tools.helm("push", str(chart), repository)
    assert pushed.returncode == 0, pushed.stderr
    back = tools.home / "back"
    back.mkdir()
    pulled = tools.helm("pull", f"{repository}/web", "--version", VERSION, "--destination", str(back))
    assert pulled.returncode == 0, pulled.stderr
    assert (back / chart.name).read_bytes() == chart.read_bytes()
    shown = tools.helm("template", f"{repository}/web", "--version", VERSION)
    assert "kind: ConfigMap" in shown.stdout
