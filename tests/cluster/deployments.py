"""A Deployment of the operator, as it is installed."""

from __future__ import annotations

from ecr_secret_operator_lab.cluster import Object
from ecr_secret_operator_lab.permissions import SERVICE_ACCOUNT


def deployment() -> Object:
    container = {
        "name": "manager",
        "image": "example.org/ecr-secret-operator:1",
        "args": ["run", "--leader-elect"],
        "envFrom": [{"secretRef": {"name": "aws-ecr-cloud-credentials"}}],
    }
    labels = {"app": "ecr-secret-operator"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "operator"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"serviceAccountName": SERVICE_ACCOUNT, "containers": [container]},
            },
        },
    }
