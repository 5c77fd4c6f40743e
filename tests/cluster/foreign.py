"""Secrets that the operator did not make, in the forms of pull Secrets and Argo CD Secrets."""

from __future__ import annotations

from base64 import b64encode

from ecr_secret_operator_lab.cluster import Object
from tests.cluster.resources import HOST

DOCKER = "kubernetes.io/dockerconfigjson"


def encoded(**data: str) -> dict[str, str]:
    return {key: b64encode(value.encode()).decode() for key, value in data.items()}


def docker(text: str) -> dict[str, str]:
    return {".dockerconfigjson": b64encode(text.encode()).decode()}


def a_secret(data: dict[str, str], kind: str = "Opaque", name: str = "ecr-generated", **labels: str) -> Object:
    return {"metadata": {"name": name, "labels": labels}, "type": kind, "data": data}


ARGO = {"argocd.argoproj.io/secret-type": "repository"}

ARGO_DATA = {
    "username": "AWS",
    "password": "old-token",
    "url": HOST,
    "type": "helm",
    "enableOCI": "true",
    "name": "ecr-generated",
}
