"""Set-ups of other tools, as their guides write them."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

ACCOUNT = "210987654321"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ecr"
HOST = f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com"
PLAIN_KEY = "AKIAPLAINTEXTKEY0001"


def from_secret(name: str, secret: str, key: str) -> Object:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def variables(**values: str) -> list[Object]:
    return [{"name": name, "value": value} for name, value in values.items()]


KEYS = [
    from_secret("AWS_ACCESS_KEY_ID", "k8s-ecr-login-renew-aws-secret", "AWS_ACCESS_KEY_ID"),
    from_secret("AWS_SECRET_ACCESS_KEY", "k8s-ecr-login-renew-aws-secret", "AWS_SECRET_ACCESS_KEY"),
]


def a_cron_job(*env: Object, namespace: str = "default", **over: Any) -> Object:
    """nabsul/k8s-ecr-login-renew, as its deploy.yaml has it."""
    container = {"name": "k8s-ecr-login-renew", "image": "nabsul/k8s-ecr-login-renew:v1.7.1", "env": [*env], **over}
    pod = {"serviceAccountName": "k8s-ecr-login-renew-account", "containers": [container], "restartPolicy": "Never"}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "k8s-ecr-login-renew-cron", "namespace": namespace},
        "spec": {"schedule": "0 */6 * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
    }


def an_account(name: str, namespace: str, role: str = ROLE) -> Object:
    metadata = {"name": name, "namespace": namespace, "annotations": {"eks.amazonaws.com/role-arn": role}}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def a_registry_creds(*env: Object, args: tuple[str, ...] = (), kind: str = "Deployment") -> Object:
    """upmc-enterprises/registry-creds, as its deployment.yaml has it."""
    container = {"name": "registry-creds", "image": "upmcenterprises/registry-creds:1.10", "env": [*env]}
    labels = {"name": "registry-creds"}
    pod = {"containers": [{**container, "args": [*args]}]}
    return {
        "apiVersion": "v1" if kind == "ReplicationController" else "apps/v1",
        "kind": kind,
        "metadata": {"name": "registry-creds", "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


CREDS_KEYS = [
    from_secret("AWS_ACCESS_KEY_ID", "registry-creds-ecr", "AWS_ACCESS_KEY_ID"),
    from_secret("AWS_SECRET_ACCESS_KEY", "registry-creds-ecr", "AWS_SECRET_ACCESS_KEY"),
]


def a_generator(name: str = "ecr-gen", namespace: str = "team-a", **spec: Any) -> Object:
    return {
        "apiVersion": "generators.external-secrets.io/v1alpha1",
        "kind": "ECRAuthorizationToken",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"region": "us-west-2", **spec},
    }


DOCKER = {
    "type": "kubernetes.io/dockerconfigjson",
    "data": {
        ".dockerconfigjson": '{"auths":{"{{ .proxy_endpoint }}":{"username":"{{ .username }}",'
        '"password":"{{ .password }}"}}}'
    },
}


def an_external_secret(
    *, template: Object | None = None, generator: Object | None = None, target: Object | None = None, **spec: Any
) -> Object:
    reference = {
        "apiVersion": "generators.external-secrets.io/v1alpha1",
        "kind": "ECRAuthorizationToken",
        "name": "ecr-gen",
        **(generator or {}),
    }
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "ecr", "namespace": "team-a"},
        "spec": {
            "refreshInterval": "1h0m0s",
            "target": {"name": "ecr-pull", "template": DOCKER if template is None else template, **(target or {})},
            "dataFrom": [{"sourceRef": {"generatorRef": reference}}],
            **spec,
        },
    }
