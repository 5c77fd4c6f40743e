"""Asks a real API server whether it takes objects, without storing them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote, urlencode

from ecr_secret_operator_lab.cluster import Cluster, Refused

from .installing import Object

_QUERY = urlencode({"dryRun": "All", "fieldManager": "test", "force": "true", "fieldValidation": "Strict"})


class DryRun:
    """Server-side apply as a dry run. Namespaces that objects are in are created, since nothing can be in others.

    Args:
        cluster: has the kinds, as an administrator.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._resources: dict[tuple[str, str], str] = {}
        self._answers: dict[str, str] = {}

    def refusals(self, objects: Iterable[Object]) -> list[str]:
        """What the API server says of each object that it does not take."""
        return [answer for one in objects if (answer := self._answer(one))]

    def _answer(self, one: Object) -> str:
        """Asks once for each object: most are the same in most renderings."""
        key = json.dumps(one, sort_keys=True)
        if key not in self._answers:
            self._answers[key] = self._asked(one)
        return self._answers[key]

    def _asked(self, one: Object) -> str:
        try:
            path = self._path(one)
            self._cluster.request("PATCH", f"{path}?{_QUERY}", one, content="application/apply-patch+yaml")
        except Refused as refusal:
            return f"{one['kind']} {one['metadata'].get('name')}: {refusal}"
        return ""

    def _path(self, one: Object) -> str:
        version, metadata = one["apiVersion"], one["metadata"]
        place = ""
        if "namespace" in metadata:
            place = f"/namespaces/{quote(metadata['namespace'], safe='')}"
            self._ensure_namespace(metadata["namespace"])
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        return f"{root}{place}/{self._plural(root, version, one['kind'])}/{quote(metadata['name'], safe='')}"

    def _ensure_namespace(self, name: str) -> None:
        if self._cluster.get(f"/api/v1/namespaces/{quote(name, safe='')}") is None:
            self._cluster.namespace(name)

    def _plural(self, root: str, version: str, kind: str) -> str:
        if (version, kind) not in self._resources:
            for resource in self._cluster.request("GET", root)["resources"]:
                if "/" not in resource["name"]:
                    self._resources[version, resource["kind"]] = resource["name"]
        return self._resources[version, kind]
