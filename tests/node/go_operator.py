"""A stand-in for the Go operator v0.6.0 in OLM: its names, kinds and permissions, in a bundle whose Pod only waits.

Source: bundle/manifests of rh-mobb/ecr-secret-operator v0.6.0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from tools.deploying.release import NAME

from ecr_secret_operator_lab.cluster import Object
from ecr_secret_operator_lab.node import BUSYBOX

from ..e2e.installing import DEPLOYMENT

VERSION = "0.6.0"
CHANNEL = "alpha"
GROUP = "ecr.mobb.redhat.com"
LABELS: Mapping[str, str] = {
    f"operators.operatorframework.io.bundle.{name}": value
    for name, value in {
        "mediatype.v1": "registry+v1",
        "manifests.v1": "manifests/",
        "metadata.v1": "metadata/",
        "package.v1": NAME,
        "channels.v1": CHANNEL,
        "channel.default.v1": CHANNEL,
    }.items()
}
KINDS = {"Secret": "ecr_registry", "ArgoHelmRepoSecret": "url"}
"""The kinds, each with its field beside those that both have."""


def bundle() -> Mapping[str, tuple[bytes, int]]:
    """The files of the bundle's image."""
    manifests = {"version": _service_version(), **{kind.lower(): _definition(kind) for kind in KINDS}}
    files = {f"manifests/{name}.yaml": one for name, one in manifests.items()}
    files["metadata/annotations.yaml"] = {"annotations": dict(LABELS)}
    return {path: (yaml.safe_dump(one).encode(), 0o644) for path, one in files.items()}


def catalog(rendered: Object) -> str:
    """The catalog, in JSON, with what `opm render` makes of the bundle."""
    package = {"schema": "olm.package", "name": NAME, "defaultChannel": CHANNEL}
    entries = [{"name": f"{NAME}.v{VERSION}"}]
    channel = {"schema": "olm.channel", "package": NAME, "name": CHANNEL, "entries": entries}
    return "".join(json.dumps(one) + "\n" for one in (package, channel, rendered))


def _definition(kind: str) -> Object:
    fields = (KINDS[kind], "frequency", "generated_secret_name", "region")
    text = {"type": "string"}
    status = {"lastUpdatedTime": {**text, "format": "date-time"}, "phase": text}
    properties: dict[str, Any] = {
        "spec": {"type": "object", "properties": dict.fromkeys(fields, text), "required": list(fields)},
        "status": {"type": "object", "properties": status},
    }
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
    }
    singular = kind.lower()
    names = {"kind": kind, "listKind": f"{kind}List", "plural": f"{singular}s", "singular": singular}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{singular}s.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def _service_version() -> Object:
    owned = [
        {"name": f"{kind.lower()}s.{GROUP}", "kind": kind, "version": "v1alpha1", "displayName": kind} for kind in KINDS
    ]
    modes = ("OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces")
    secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "get", "list", "update", "watch"]}
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"]}
    permissions = {
        "clusterPermissions": [{"serviceAccountName": DEPLOYMENT, "rules": [secrets]}],
        "permissions": [{"serviceAccountName": DEPLOYMENT, "rules": [leases]}],
    }
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {"name": f"{NAME}.v{VERSION}", "namespace": "placeholder"},
        "spec": {
            "displayName": "ECR Secret Operator",
            "version": VERSION,
            "installModes": [{"type": mode, "supported": True} for mode in modes],
            "customresourcedefinitions": {"owned": owned},
            "install": {"strategy": "deployment", "spec": {**permissions, "deployments": [_deployment()]}},
        },
    }


def _deployment() -> Object:
    labels = {"control-plane": "controller-manager"}
    container = {
        "name": "manager",
        "image": BUSYBOX,
        "command": ["tail", "-f", "/dev/null"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "serviceAccountName": DEPLOYMENT,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "strategy": {}, "template": template}
    return {"name": DEPLOYMENT, "label": labels, "spec": spec}
