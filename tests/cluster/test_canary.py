"""No token or key of a whole run shows anywhere but in the generated Secrets."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

from ecr_secret_operator_lab.cluster import Cluster, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import DEFAULT_SECRET_ACCESS_KEY, FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from .resources import PLURALS, a_resource, apply, edit, wait_condition, wait_ready


def _busy_life(cluster: Cluster, namespace: str, aws: FakeAws) -> None:
    """Everything that writes a log line, an event, a status or a metric."""
    aws.settings(lifetime_seconds=10)
    cluster.create(secret_path(namespace), {"metadata": {"name": "taken"}, "data": {"precious": "eWVz"}})
    apply(cluster, namespace, a_resource(link=[{"service_account": "default"}, {"service_account": "missing"}]))
    apply(cluster, namespace, a_resource("ArgoHelmRepoSecret", name="argo"))
    apply(cluster, namespace, a_resource(name="conflict", generated_secret_name="taken"))
    wait_ready(cluster, namespace)
    wait_ready(cluster, namespace, "argo", "ArgoHelmRepoSecret")
    cluster.patch(secret_path(namespace, "ecr-generated"), {"data": {"more": "eA=="}})
    for fault in ("AccessDenied", "malformed", "bad-token", "InternalError"):
        known = max(call.number for call in aws.calls())
        aws.fail(fault)
        aws.wait_for_calls(1, after=known, timeout=60)
        aws.fix()
    wait_condition(cluster, namespace, type="Refreshing", status="True", within=60)
    edit(cluster, namespace, generated_secret_name="moved")
    wait_ready(cluster, namespace)
    tokens = len(aws.tokens())
    wait_for(lambda: len(aws.tokens()) > tokens, "one more rotation", within=60)


def test_tokens_and_keys_are_nowhere_but_in_the_secrets(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    _busy_life(cluster, namespace, aws)
    metrics = operator.probe("/metrics")[1]
    command_line = Path(f"/proc/{operator.process.pid}/cmdline").read_text()
    said = {
        "logs": operator.output(),
        "events": json.dumps(cluster.items(f"/api/v1/namespaces/{namespace}/events")),
        "resources": json.dumps([cluster.items(resource_path(plural, namespace)) for plural in PLURALS.values()]),
        "accounts": json.dumps(cluster.items(f"/api/v1/namespaces/{namespace}/serviceaccounts")),
        "metrics": metrics,
        "arguments": command_line,
    }
    canaries = [DEFAULT_SECRET_ACCESS_KEY]
    for token in aws.tokens():
        canaries += [token.password[:40], token.password[-40:]]
        canaries.append(b64encode(f"AWS:{token.password}".encode()).decode()[8:60])
    assert len(canaries) > 6
    assert "debug" in said["logs"], "the run was at the most talkative level"
    for place, text in said.items():
        assert len(text) > 40, place
        assert not [canary for canary in canaries if canary in text], f"found in {place}"
    annotations = json.dumps([secret["metadata"] for secret in cluster.items(secret_path(namespace))])
    assert not [canary for canary in canaries if canary in annotations], "found in a Secret's metadata"
