"""Secrets of the operator itself, as it writes them."""

from __future__ import annotations

from typing import Any

from ecr_secret_operator_lab.cluster import Object

OURS = {"app.kubernetes.io/managed-by": "ecr-secret-operator"}

OWNER = {"apiVersion": "ecr.mobb.redhat.com/v1alpha1", "kind": "Secret", "name": "x", "uid": "1"}


def a_secret(data: dict[str, str], kind: str = "Opaque", **metadata: Any) -> Object:
    return {"metadata": {"name": "target", **metadata}, "type": kind, "data": data}
