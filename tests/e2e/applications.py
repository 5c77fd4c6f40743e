"""Argo CD's Applications, as their users handle them: applied, synced by hand or by themselves, and looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ecr_secret_operator_lab.cluster import Cluster, Object
from ecr_secret_operator_lab.waiting import NotReached, wait_for

SYNC_SECONDS = 120.0
"""Argo CD itself takes a second or two; a machine with two cores under six test workers takes its time."""


REFRESH = "argocd.argoproj.io/refresh"


@dataclass(frozen=True)
class Application:
    cluster: Cluster
    namespace: str
    name: str

    @property
    def path(self) -> str:
        return f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/applications/{self.name}"

    def get(self) -> Object:
        found = self.cluster.get(self.path)
        assert found, f"there is no Application {self.name}"
        return found

    def edit(self, **source: Any) -> None:
        """Changes fields of the source, as a commit in its Git repository would."""
        self.cluster.patch(self.path, {"spec": {"source": source}})

    def refresh(self, how: str = "normal") -> None:
        """As `argocd app get --refresh`, or `--hard-refresh`, does. Argo CD takes the annotation away when done."""
        self.cluster.patch(self.path, {"metadata": {"annotations": {REFRESH: how}}})
        self._wait(lambda found: REFRESH not in found["metadata"].get("annotations", {}), f"is refreshed ({how})")

    def errors(self) -> str:
        """What Argo CD says is wrong; empty when nothing is."""
        return _errors(self.get())

    def sync(self) -> None:
        """As `argocd app sync` does, with its default strategy."""
        operation = {"initiatedBy": {"username": "admin"}, "sync": {"syncStrategy": {"hook": {}}}}
        self.cluster.patch(self.path, {"operation": operation})

    def wait_compared(self, version: str) -> None:
        """Waits until Argo CD has fetched this version and compared it with the cluster."""
        self._wait(lambda found: _compared(found, version), f"has fetched {version}")

    def wait_synced(self, version: str) -> None:
        """Waits until it is Synced to this version, by an operation that succeeded."""
        self._wait(lambda found: _synced(found, version), f"is synced to {version}")

    def wait_error(self, pattern: str) -> None:
        """Waits until what it says is wrong matches a pattern somewhere."""
        self._wait(lambda found: bool(re.search(pattern, _errors(found))), f"says {pattern!r}")

    def _wait(self, state: Callable[[Object], bool], what: str) -> None:
        def reached() -> bool:
            found = self.get()
            return "status" in found and state(found)

        try:
            wait_for(reached, f"Application {self.name} {what}", within=SYNC_SECONDS)
        except NotReached as error:
            raise AssertionError(f"{error}\n{self.get().get('status')}") from error


def _errors(found: Object) -> str:
    conditions = (found.get("status") or {}).get("conditions") or []
    return "\n".join(f"{one['type']}: {one['message']}" for one in conditions if one["type"].endswith("Error"))


def _compared(found: Object, version: str) -> bool:
    """An OCI artifact's revision is its digest, so there the version is that of the comparison's source."""
    sync = found["status"].get("sync") or {}
    asked = sync.get("comparedTo", {}).get("source", {}).get("targetRevision")
    got = sync.get("revision", "")
    is_version = got == version or (got.startswith("sha256:") and asked == version)
    return is_version and asked == found["spec"]["source"]["targetRevision"] and not _errors(found)


def _synced(found: Object, version: str) -> bool:
    last, sync = found["status"].get("operationState") or {}, found["status"].get("sync") or {}
    done = last.get("phase") == "Succeeded" and last["syncResult"]["revision"] == sync.get("revision")
    return bool(done and _compared(found, version) and sync["status"] == "Synced")
