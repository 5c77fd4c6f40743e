"""What has to be in a cluster before Argo CD runs: its definitions, its settings, and the project `default`."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from ..cluster import Cluster, Object, Refused, condition
from ..waiting import wait_for

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ESTABLISHED_SECONDS = 30.0
PART_OF = {"app.kubernetes.io/part-of": "argocd"}
"""Argo CD sees only settings with this label (`util/settings/settings.go`)."""


def install(cluster: Cluster, namespace: str, definitions: Iterable[Path]) -> None:
    """Creates what is missing: in a cluster that has it all, nothing happens.

    Args:
        cluster: as an administrator.
        namespace: Argo CD's own; created if need be.
        definitions: YAML files with one CustomResourceDefinition each.

    Raises:
        Refused: the API server does not take one of them.
        NotReached: a definition does not come into force.
    """
    for path in definitions:
        _define(cluster, yaml.load(path.read_text(), _loader()))  # noqa: S506 - a safe loader, the one written in C
    _create(cluster, "/api/v1/namespaces", {"metadata": {"name": namespace}})
    core = f"/api/v1/namespaces/{namespace}"
    _create(cluster, f"{core}/configmaps", {"metadata": {"name": "argocd-cm", "labels": PART_OF}})
    key = {"server.secretkey": secrets.token_urlsafe(32)}
    _create(cluster, f"{core}/secrets", {"metadata": {"name": "argocd-secret", "labels": PART_OF}, "stringData": key})
    _create(cluster, f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/appprojects", default_project())


def default_project() -> Object:
    """The project that may do everything, as Argo CD's own API server makes it at its first start."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default"},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }


def _define(cluster: Cluster, definition: Mapping[str, Any]) -> None:
    _create(cluster, DEFINITIONS, definition)
    name = definition["metadata"]["name"]
    wait_for(
        lambda: condition(cluster.get(f"{DEFINITIONS}/{name}"), "Established").get("status") == "True",
        f"the definition of {name} is in force",
        within=ESTABLISHED_SECONDS,
    )


def _create(cluster: Cluster, path: str, body: Mapping[str, Any]) -> None:
    try:
        cluster.create(path, body)
    except Refused as refusal:
        if refusal.status != HTTPStatus.CONFLICT:
            raise


def _loader() -> Any:  # noqa: ANN401 - yaml's C loader has no type where PyYAML was built without it
    with suppress(AttributeError):
        return yaml.CSafeLoader
    return yaml.SafeLoader
