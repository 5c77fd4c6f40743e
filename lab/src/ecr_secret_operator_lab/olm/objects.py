"""OLM's installation: the objects of its own Helm chart (deploy/chart of its module), as far as tests need them.

The package server is left out. Consoles and `kubectl get packagemanifests` use it, and installing does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..cluster import Object

NAMESPACE = "olm"
MARKETPLACE = "openshift-marketplace"
"""The namespace whose catalogs serve all namespaces: that of OpenShift, which the documentation names."""

IMAGE = "localhost/olm:1"
ACCOUNT = "olm-operator-serviceaccount"
DEPLOYMENTS = ("olm-operator", "catalog-operator")

_ROLE = "system:controller:operator-lifecycle-manager"
_RBAC = "rbac.authorization.k8s.io"
_VERBS = ("watch", "list", "get", "create", "update", "patch", "delete", "deletecollection", "escalate", "bind")
_PORT = 8080


def installation() -> Sequence[Object]:
    """All objects, the definitions excepted, in the order in which to create them."""
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    baseline = {"pod-security.kubernetes.io/enforce": "baseline"}
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": list(_VERBS)}
    return [
        *(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": baseline}}
            for name in (NAMESPACE, MARKETPLACE)
        ),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": NAMESPACE}},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": _ROLE},
            "rules": [everything, {"nonResourceURLs": ["*"], "verbs": ["*"]}],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "olm-operator-binding-olm"},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": _ROLE},
            "subjects": [subject],
        },
        _deployment("olm-operator", ["/bin/olm", f"--namespace={NAMESPACE}"]),
        _deployment("catalog-operator", _catalog_operator()),
    ]


def _catalog_operator() -> list[str]:
    # The user id lets its Pods run where Pod Security enforces the restricted standard, as the chart's default does.
    images = (f"--util-image={IMAGE}", f"--opmImage={IMAGE}", f"--configmapServerImage={IMAGE}")
    return ["/bin/catalog", f"--namespace={MARKETPLACE}", *images, "--set-workload-user-id=true"]


def _deployment(name: str, command: list[str]) -> Object:
    probe = {"httpGet": {"path": "/healthz", "port": _PORT}, "periodSeconds": 1}
    labels = {"app": name}
    container = {
        "name": name,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": [{"name": "OPERATOR_NAME", "value": name}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "livenessProbe": {**probe, "periodSeconds": 10},
        "readinessProbe": probe,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {"serviceAccountName": ACCOUNT, "securityContext": security, "containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
