"""Crane and helm with limited tokens that the operator obtained: 403 outside the limit, with the repository's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, secret_data
from ecr_secret_operator_lab.registry import Tools

from ..cluster.resources import HOST, a_resource, apply, wait_ready, wait_secret
from .accounts import DOCKER_CONFIG
from .charts import write_chart
from .images import content, pull, push

pytestmark = pytest.mark.usefixtures("operator")

ROLE = "arn:aws:iam::123456789012:role/team"
ARN = "arn:aws:ecr:us-east-2:123456789012:repository/"
VERSION = "1.2.3"


def log_in(cluster: Cluster, namespace: str, tools: Tools, name: str, **aws: Any) -> None:
    """Gives the tools the Secret of a resource that the operator serves."""
    apply(cluster, namespace, a_resource(name=name, aws=aws))
    wait_ready(cluster, namespace, name, within=60)
    tools.login(secret_data(wait_secret(cluster, namespace, f"{name}-generated"))[DOCKER_CONFIG])


def denied(action: str, repository: str) -> str:
    return (
        f"is not authorized to perform: {action} on resource: {ARN}{repository}"
        f" because no session policy allows the {action} action"
    )


def test_crane_works_within_the_limit_only(cluster: Cluster, namespace: str, tools: Tools) -> None:
    own, neighbours = f"{namespace}/web", f"{namespace}b/web"
    log_in(cluster, namespace, tools, "all")
    for repository in (own, neighbours):
        assert push(tools, f"{HOST}/{repository}:1", repository).returncode == 0

    names = {"repositories": [f"{namespace}/*"]}
    log_in(cluster, namespace, tools, "pull", access="pull", **names)  # the operator's keys: GetFederationToken
    assert pull(tools, f"{HOST}/{own}:1").returncode == 0
    assert content(tools) == {"app/greeting": own.encode()}
    assert denied("ecr:BatchGetImage", neighbours) in pull(tools, f"{HOST}/{neighbours}:1").stderr
    assert denied("ecr:InitiateLayerUpload", own) in push(tools, f"{HOST}/{own}:2", "new").stderr

    log_in(cluster, namespace, tools, "push", access="push", role_arn=ROLE, **names)
    assert push(tools, f"{HOST}/{own}:2", "new").returncode == 0
    outside = push(tools, f"{HOST}/{neighbours}:2", "new")  # begins with a HEAD, whose answer has no reason
    assert outside.returncode != 0
    assert "403" in outside.stderr
    assert f"/{neighbours}/" in outside.stderr
    assert denied("ecr:BatchDeleteImage", own) in tools.crane("delete", f"{HOST}/{own}:2").stderr

    log_in(cluster, namespace, tools, "full", role_arn=ROLE, **names)
    assert "is not authorized" not in tools.crane("delete", f"{HOST}/{own}:2").stderr
    assert denied("ecr:BatchDeleteImage", neighbours) in tools.crane("delete", f"{HOST}/{neighbours}:1").stderr


def a_chart(tools: Tools) -> Path:
    done = tools.helm("package", str(write_chart(tools.home, "web", VERSION)))
    assert done.returncode == 0, done.stderr
    return tools.home / f"web-{VERSION}.tgz"


def test_helm_works_within_the_limit_only(cluster: Cluster, namespace: str, tools: Tools) -> None:
    own, neighbours, chart = f"oci://{HOST}/{namespace}", f"oci://{HOST}/{namespace}b", a_chart(tools)
    log_in(cluster, namespace, tools, "all")
    for repository in (own, neighbours):
        assert tools.helm("push", str(chart), repository).returncode == 0

    log_in(cluster, namespace, tools, "pull", access="pull", repositories=[f"{namespace}/*"])
    assert "kind: ConfigMap" in tools.helm("template", f"{own}/web", "--version", VERSION).stdout
    refused = tools.helm("pull", f"{neighbours}/web", "--version", VERSION)
    assert refused.returncode != 0
    assert "403" in refused.stderr
    assert f"{namespace}b/web" in refused.stderr
    refused = tools.helm("push", str(chart), own)
    assert refused.returncode != 0
    assert denied("ecr:PutImage", f"{namespace}/web").lower() in refused.stderr.lower()
