"""Cluster resources, their placements, and what placements say of themselves, for several test modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ecr_secret_operator.api.pull_secrets import ClusterPullSecretSpec
from ecr_secret_operator.domain.kinds import CLUSTER_PULL_SECRET
from ecr_secret_operator.domain.resource import Key, Resource
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.outcome import Outcome, Status
from ecr_secret_operator.domain.status.placements import Placements, cluster_status
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import NOW, a_raw_spec, a_resource, a_token, stored_tokens

WHOLE = Key("ClusterPullSecret", "", "pull")
OWN_NAMESPACE = "operators"


def a_cluster_spec(**over: object) -> ClusterPullSecretSpec:
    spec = CLUSTER_PULL_SECRET.parse(a_raw_spec(**over))
    assert isinstance(spec, ClusterPullSecretSpec), spec
    return spec


def a_cluster_resource(**over: Any) -> Resource:
    """One that has said nothing yet."""
    return a_resource(**{"key": WHOLE, "spec": a_cluster_spec(), "status": {}, **over})


def a_placement(
    namespace: str = "team-a", *, whole: Resource | None = None, selected: bool = True, status: Status | None = None
) -> Resource:
    """The placement of a namespace, which has said nothing yet."""
    whole = whole or a_cluster_resource()
    return whole.placement(namespace, status or {}, selected=selected, identities_in=OWN_NAMESPACE)


def said(resource: Resource, outcome: Outcome, *, now: Any = NOW) -> Status:
    """What a placement of a cluster resource says of itself after an outcome."""
    return next_status(a_placement(whole=resource), outcome, now=now)


def good(resource: Resource, **over: Any) -> Outcome:
    """The outcome of a placement that was served."""
    return Outcome(**{"stored": stored_tokens(resource, a_token()), "written": True, "refreshed": True, **over})


def served(resource: Resource, *namespaces: str, **over: Any) -> dict[str, Status]:
    return dict.fromkeys(namespaces, said(resource, good(resource, **over)))


def failed(resource: Resource, *namespaces: str, reason: Reason, message: str, **over: Any) -> dict[str, Status]:
    """What placements say that have no token, unless `stored` is given."""
    return dict.fromkeys(namespaces, said(resource, Outcome(failure=Failure(reason, message), **over)))


def placements_of(resource: Resource, statuses: Mapping[str, Status], **over: Any) -> Placements:
    return Placements(**{"resource": resource, "selected": len(statuses), "statuses": statuses, **over})


def stored(resource: Resource, placements: Placements, *, now: Any = NOW) -> Resource:
    """The resource as it is once this has been published."""
    return replace(resource, status=cluster_status(placements, now=now))
