"""Statuses of placements that fail."""

from __future__ import annotations

from ecr_secret_operator.domain.status.outcome import Status
from tests.domain.clusters import a_cluster_resource, failed
from tests.domain.outcomes import TAKEN

NEW = a_cluster_resource()


def taken(*namespaces: str) -> dict[str, Status]:
    return failed(NEW, *namespaces, reason=TAKEN.reason, message=TAKEN.message)
