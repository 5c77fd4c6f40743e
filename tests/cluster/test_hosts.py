"""Every form of ECR host is accepted at admission, and nothing else, in each field that takes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import ECR, Cluster, Refused, resource_path
from tests.api.hosts import HOSTS, NOT_HOSTS

from .resources import PLURALS, a_resource

OTHER = "210987654321.dkr.ecr.ap-south-1.amazonaws.com"
Place = tuple[str, Callable[[str], dict[str, Any]]]
FIELDS: dict[str, Place] = {
    "ecr_registry": ("Secret", lambda host: {"ecr_registry": host}),
    "additional_registries": (
        "Secret",
        lambda host: {"ecr_registry": OTHER, "additional_registries": [{"ecr_registry": host}]},
    ),
    "ecr_registry of the cluster": ("ClusterPullSecret", lambda host: {"ecr_registry": host}),
    "additional_registries of the cluster": (
        "ClusterPullSecret",
        lambda host: {"ecr_registry": OTHER, "additional_registries": [{"ecr_registry": host}]},
    ),
    "url": ("ArgoHelmRepoSecret", lambda host: {"url": host}),
    "url of an oci repository": ("ArgoHelmRepoSecret", lambda host: {"url": host, "repo_type": "oci"}),
    "url of repo-creds": ("ArgoHelmRepoSecret", lambda host: {"url": host, "secret_type": "repo-creds"}),
    "url of oci repo-creds": (
        "ArgoHelmRepoSecret",
        lambda host: {"url": host, "secret_type": "repo-creds", "repo_type": "oci"},
    ),
    "url with oci": ("ArgoHelmRepoSecret", lambda host: {"url": f"oci://{host}/charts"}),
    "url with oci of oci repo-creds": (
        "ArgoHelmRepoSecret",
        lambda host: {"url": f"oci://{host}/charts", "secret_type": "repo-creds", "repo_type": "oci"},
    ),
}
A_CHART_URL = {"path", "slash", "oci", "ECR Public with a path"}
"""What is no host, but is a good URL of an Argo CD repository."""


def dry_run(cluster: Cluster, namespace: str, field: str, host: str) -> str:
    """Why the API server refuses a resource with this host; empty when it does not."""
    kind, spec = FIELDS[field]
    try:
        path = resource_path(PLURALS[kind], namespace) if kind in PLURALS else f"{ECR}/clusterpullsecrets"
        cluster.create(f"{path}?dryRun=All", a_resource(kind, **{"region": None, **spec(host)}))
    except Refused as refusal:
        return refusal.message
    return ""


@pytest.mark.parametrize("field", FIELDS)
def test_every_form_is_accepted(cluster: Cluster, namespace: str, field: str) -> None:
    hosts = [host for host, _, _ in HOSTS] + ["public.ecr.aws"]
    assert {host: refusal for host in hosts if (refusal := dry_run(cluster, namespace, field, host))} == {}


@pytest.mark.parametrize("field", FIELDS)
def test_nothing_else_is(cluster: Cluster, namespace: str, field: str) -> None:
    allowed = A_CHART_URL if field.startswith("url") else set()
    if field.startswith("url with oci"):
        allowed = A_CHART_URL - {"oci", "slash"}
    refusals = {
        name: dry_run(cluster, namespace, field, host) for name, host in NOT_HOSTS.items() if name not in allowed
    }
    helpful = ("must be an Amazon ECR registry host", "Too long", "should be at least 1")
    assert {name: text for name, text in refusals.items() if not any(words in text for words in helpful)} == {}
    assert len(refusals) > 60
