"""Finds the operator, and looks at all that it needs of the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from ..diagnosis.credential import Credential, credential
from ..diagnosis.definitions import definition_names
from ..diagnosis.identities import KEYS_SECRET
from ..diagnosis.observed import Installation, Keys
from ..diagnosis.permissions import Ask, asks
from ..diagnosis.workload import Workload, is_operator, workload
from ..domain.errors import Forbidden
from ..domain.policy import Policy
from ..domain.raw import mapping, text
from ..domain.reasons import EventReason
from ..kube.objects import CustomObject
from ..kube.policies import convert as convert_policy
from ..kube.resources import served_kinds
from ..rights.installation import NAMESPACE, SERVICE_ACCOUNT
from ..settings import LEASE_NAME
from . import resources, secrets
from .reading import Object, Reader
from .session import Session

_APPS, _LEASES = "/apis/apps/v1", "/apis/coordination.k8s.io/v1"
_GUARDS = "/apis/admissionregistration.k8s.io/v1"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_POLICIES = "/apis/ecr.mobb.redhat.com/v1alpha1/accesspolicies"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the operator is.

    Attributes:
        namespace: its own.
        account: its ServiceAccount.
        deployments: those that run it; None where one may not look.
        lease: that it leads by; empty when there is none, None where one may not look.
    """

    namespace: str
    account: str
    deployments: Sequence[Object] | None
    lease: Object | None

    @property
    def workload(self) -> Workload:
        """How it runs."""
        return workload(self.deployments[0]) if self.deployments else Workload()


async def find(reader: Reader, namespace: str | None, account: str | None) -> Place:
    """Finds the operator: in the namespace that is given, else in its usual one, else anywhere. Raises ApiError.

    Args:
        reader: of the cluster.
        namespace: of the operator; None to look for it.
        account: its ServiceAccount; None for that of its Deployment.
    """
    known = account or SERVICE_ACCOUNT
    place = await _in(reader, namespace or NAMESPACE, known)
    if namespace is None and not place.deployments and not place.lease:
        place = await _anywhere(reader, known) or place
    named = account or place.workload.account or SERVICE_ACCOUNT
    return Place(place.namespace, named, place.deployments, place.lease)


async def _in(reader: Reader, namespace: str, account: str) -> Place:
    found = await reader.some(f"{_APPS}/namespaces/{namespace}/deployments")
    deployments = None if found is None else [one for one in found if is_operator(one, account)]
    where = (workload(deployments[0]) if deployments else Workload()).lease_namespace or namespace
    lease = await reader.one(f"{_LEASES}/namespaces/{where}/leases/{LEASE_NAME}")
    return Place(namespace, account, deployments, lease)


async def _anywhere(reader: Reader, account: str) -> Place | None:
    """By its Deployment, else by its Lease; None where neither is to be seen."""
    deployments = await reader.some(f"{_APPS}/deployments") or []
    running = [one for one in deployments if is_operator(one, account)]
    leases = await reader.some(f"{_LEASES}/leases", fieldSelector=f"metadata.name={LEASE_NAME}") or []
    for one in (*running, *leases):
        return await _in(reader, text(one, "metadata", "namespace"), account)
    return None


async def survey(session: Session, place: Place, namespace: str | None, *, now: datetime) -> Installation:
    """Looks at everything. Raises ApiError.

    Args:
        session: the way to the cluster.
        place: where the operator is.
        namespace: of the resources to list; None for all that may be seen.
        now: the time.
    """
    reader, running = session.reader, place.workload
    served = await served_kinds(session.client)
    names = definition_names()
    definitions = [reader.one(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}") for name in names]
    key_secrets = sorted({KEYS_SECRET, *running.secrets} - {""})
    return Installation(
        now=now,
        server=session.client.server,
        definitions=dict(zip(names, await asyncio.gather(*definitions), strict=True)),
        served=served,
        namespace=place.namespace,
        account=place.account,
        account_seen=await reader.one(f"/api/v1/namespaces/{place.namespace}/serviceaccounts/{place.account}"),
        deployments=place.deployments,
        pods=await _pods(reader, place),
        lease=place.lease,
        rights=await _rights(session, place, running),
        guards=await reader.some(f"{_GUARDS}/validatingadmissionpolicies"),
        bindings=await reader.some(f"{_GUARDS}/validatingadmissionpolicybindings"),
        secrets={name: await _keys(session, place.namespace, name) for name in key_secrets},
        policies=await _policies(reader),
        namespaces=await _namespaces(reader),
        credentials=await _credentials(session, namespace, now),
        slow=await _slow(reader, namespace),
    )


async def _keys(session: Session, namespace: str, name: str) -> Keys | None:
    return await secrets.keys(session.client, namespace, name)


async def _pods(reader: Reader, place: Place) -> Sequence[Object] | None:
    for deployment in place.deployments or ():
        labels = mapping(deployment, "spec", "selector", "matchLabels")
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        return await reader.some(f"/api/v1/namespaces/{place.namespace}/pods", labelSelector=selector)
    return []


async def _policies(reader: Reader) -> list[Policy] | None:
    found = await reader.some(_POLICIES)
    return None if found is None else [convert_policy(msgspec.convert(one, CustomObject)) for one in found]


async def _namespaces(reader: Reader) -> Mapping[str, Mapping[str, str]] | None:
    found = await reader.some("/api/v1/namespaces")
    if found is None:
        return None
    return {text(one, "metadata", "name"): mapping(one, "metadata", "labels") for one in found}


async def _slow(reader: Reader, namespace: str | None) -> Sequence[Object] | None:
    path = f"/api/v1/namespaces/{namespace}/events" if namespace else "/api/v1/events"
    return await reader.some(path, fieldSelector=f"reason={EventReason.NAMESPACE_SLOW}")


async def _credentials(session: Session, namespace: str | None, now: datetime) -> list[Credential]:
    try:
        if namespace:
            found = await resources.of_namespace(session.reader, namespace)
        else:
            found = await resources.of_all_that_may_be_seen(session)
    except (resources.NotInstalled, Forbidden):
        return []  # what is missing is told of otherwise
    return [credential(kind, raw, now=now) for kind, raw in found.resources]


class _Status(msgspec.Struct):
    allowed: bool = False
    denied: bool = False


class _Review(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


async def _rights(session: Session, place: Place, running: Workload) -> Mapping[Ask, bool] | None:
    """What the API server says of the operator's ServiceAccount; None where one may not ask."""
    asked = asks(running, place.namespace)
    try:
        answers = await asyncio.gather(*(_may(session, place, ask) for ask in asked))
    except Forbidden:
        return None
    return dict(zip(asked, answers, strict=True))


async def _may(session: Session, place: Place, ask: Ask) -> bool:
    resource, _, subresource = ask.resource.partition("/")
    spec: dict[str, Any] = {
        "user": f"system:serviceaccount:{place.namespace}:{place.account}",
        "groups": ["system:serviceaccounts", f"system:serviceaccounts:{place.namespace}", "system:authenticated"],
        "resourceAttributes": {
            "group": ask.group,
            "resource": resource,
            "subresource": subresource,
            "verb": ask.verb,
            "namespace": ask.namespace,
        },
    }
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    status = (await session.client.post(_REVIEWS, body, _Review)).status
    return status.allowed and not status.denied
