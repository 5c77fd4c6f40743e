"""Creating objects of other tools in a cluster."""

from __future__ import annotations

from ecr_secret_operator_lab.cluster import Cluster, Object


def place(cluster: Cluster, namespace: str, raw: Object) -> None:
    version = raw["apiVersion"]
    base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    body = {**raw, "metadata": {**raw["metadata"], "namespace": namespace}}
    cluster.create(f"{base}/namespaces/{namespace}/{raw['kind'].lower()}s", body)
