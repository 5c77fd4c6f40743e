"""Finds the operator, and reads everything in the cluster that it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from ..doctor.access_review import AccessReview
from ..doctor.credential import Credential, credential
from ..doctor.definitions import definition_names
from ..doctor.identities import KEYS_SECRET
from ..doctor.observed import Keys, ObservedInstallation
from ..doctor.permissions import access_reviews
from ..doctor.workload import Workload, is_operator, sources_of_operator, workload
from ..domain.environment import VariableSources
from ..domain.identity.access_policy import Policy
from ..domain.raw import RawObject, mapping, mappings, text
from ..domain.reader import service_account
from ..errors import Forbidden
from ..kube.objects import CustomObject
from ..kube.policies import convert as convert_policy
from ..kube.resources import served_kinds
from ..kube.reviews import ApiReviews
from ..rbac.installation import NAMESPACE, SERVICE_ACCOUNT
from ..reasons import EventReason
from ..settings import LEASE_NAME
from . import resources, secrets
from .reading import Reader
from .session import ClusterSession
from .sources import read

_APPS, _LEASES = "/apis/apps/v1", "/apis/coordination.k8s.io/v1"
_NETWORK = "/apis/networking.k8s.io/v1"
_GUARDS = "/apis/admissionregistration.k8s.io/v1"
_REVIEW_SECONDS = 60.0
"""For one review, including the wait for the others: doctor asks some dozens."""

_POLICIES = "/apis/ecr.mobb.redhat.com/v1alpha1/accesspolicies"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the operator is.

    Attributes:
        namespace: its own.
        account: its ServiceAccount.
        deployments: those that run it; None where one may not look.
        lease: that it leads by; empty when there is none, None where one may not look.
        sources: the ConfigMaps, and the Secrets without values, that the Deployment takes variables from.
        elsewhere: other namespaces with a Deployment that runs it.
        everywhere: whether the Deployments of all namespaces could be searched.
        known: whether it is there, or is said to be; otherwise the namespace is the usual one.
        account_known: whether a Deployment or the user names the ServiceAccount.
    """

    namespace: str
    account: str
    deployments: Sequence[RawObject] | None
    lease: RawObject | None
    sources: VariableSources = field(default_factory=VariableSources)
    elsewhere: Sequence[str] = ()
    everywhere: bool = True
    known: bool = False
    account_known: bool = False

    @property
    def workload(self) -> Workload:
        """How it runs."""
        return workload(self.deployments[0], self.sources) if self.deployments else Workload()


async def find(session: ClusterSession, namespace: str | None, account: str | None) -> Place:
    """Finds the operator: in the namespace that is given, else in its usual one, else anywhere. Raises ApiError.

    Args:
        session: the way to the cluster.
        namespace: of the operator; None to look for it.
        account: its ServiceAccount; None for that of its Deployment.
    """
    known = account or SERVICE_ACCOUNT
    place = await _in(session, namespace or NAMESPACE, known)
    if not place.deployments and (namespace or not place.lease):
        place = await _anywhere(session, place, known, stay=bool(namespace))
    return replace(
        place,
        account=account or (place.workload.account if place.deployments else SERVICE_ACCOUNT),
        known=bool(namespace or place.deployments or place.lease),
        account_known=bool(account or place.deployments),
    )


async def _in(session: ClusterSession, namespace: str, account: str) -> Place:
    reader = session.reader
    found = await reader.some(f"{_APPS}/namespaces/{namespace}/deployments")
    deployments = None if found is None else [one for one in found if is_operator(one, account)]
    sources = await read(session, sources_of_operator(deployments[0])) if deployments else VariableSources()
    place = Place(namespace, account, deployments, None, sources)
    where = place.workload.lease_namespace or namespace
    return replace(place, lease=await reader.one(f"{_LEASES}/namespaces/{where}/leases/{LEASE_NAME}"))


async def _anywhere(session: ClusterSession, place: Place, account: str, *, stay: bool) -> Place:
    """By its Deployment, else by its Lease; the given place where neither is to be seen.

    Args:
        session: the way to the cluster.
        place: where it was looked for, and is not.
        account: its ServiceAccount.
        stay: whether the given place was asked for; others are named only.
    """
    deployments = await session.reader.some(f"{_APPS}/deployments")
    running = [one for one in deployments or () if is_operator(one, account)]
    leases = await session.reader.some(f"{_LEASES}/leases", fieldSelector=f"metadata.name={LEASE_NAME}") or []
    for one in () if stay else (*running, *leases):
        return await _in(session, text(one, "metadata", "namespace"), account)
    elsewhere = sorted({text(one, "metadata", "namespace") for one in running})
    return replace(place, elsewhere=elsewhere, everywhere=deployments is not None)


async def collect_installation(
    session: ClusterSession, place: Place, namespace: str | None, *, now: datetime
) -> ObservedInstallation:
    """Reads everything. Raises ApiError.

    Args:
        session: the way to the cluster.
        place: where the operator is.
        namespace: of the resources to list; None for all that may be seen.
        now: the time.
    """
    reader, running = session.reader, place.workload
    served = await served_kinds(session.client)
    pods = await _pods(reader, place)
    return ObservedInstallation(
        now=now,
        server=session.client.server,
        definitions=await _definitions(reader),
        served=served,
        namespace=place.namespace,
        account=place.account,
        account_seen=await reader.one(f"/api/v1/namespaces/{place.namespace}/serviceaccounts/{place.account}"),
        deployments=place.deployments,
        pods=pods,
        pull_secrets=await _pull_secrets(session, place, pods or ()),
        network_policies=await reader.some(f"{_NETWORK}/namespaces/{place.namespace}/networkpolicies"),
        rivals=await _rivals(session, place),
        lease=place.lease,
        place_known=place.known,
        account_known=place.account_known,
        elsewhere=place.elsewhere,
        everywhere=place.everywhere,
        sources=place.sources,
        permissions=await _permissions(session, place, running),
        guards=await reader.some(f"{_GUARDS}/validatingadmissionpolicies"),
        bindings=await reader.some(f"{_GUARDS}/validatingadmissionpolicybindings"),
        secrets=await _key_secrets(session, place),
        policies=await _policies(reader),
        namespaces=await _namespaces(reader),
        credentials=await _credentials(session, namespace, now),
        slow=await _slow(reader, namespace),
    )


async def _definitions(reader: Reader) -> Mapping[str, RawObject | None]:
    names = definition_names()
    found = [reader.one(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}") for name in names]
    return dict(zip(names, await asyncio.gather(*found), strict=True))


async def _key_secrets(session: ClusterSession, place: Place) -> Mapping[str, Keys | None]:
    names = sorted({KEYS_SECRET, *place.workload.secrets} - {""})
    return {name: await secrets.keys(session.client, place.namespace, name) for name in names}


async def _pods(reader: Reader, place: Place) -> Sequence[RawObject] | None:
    for deployment in place.deployments or ():
        labels = mapping(deployment, "spec", "selector", "matchLabels")
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        return await reader.some(f"/api/v1/namespaces/{place.namespace}/pods", labelSelector=selector)
    return []


async def _pull_secrets(session: ClusterSession, place: Place, pods: Sequence[RawObject]) -> Mapping[str, Keys | None]:
    names = {text(one, "name") for pod in pods for one in mappings(pod, "spec", "imagePullSecrets")} - {""}
    return {name: await secrets.keys(session.client, place.namespace, name) for name in sorted(names)}


async def _rivals(session: ClusterSession, place: Place) -> Sequence[tuple[str, Workload]] | None:
    """Other Deployments that run the operator and have replicas, with their namespaces."""
    found = await session.reader.some(f"{_APPS}/deployments") if place.deployments else []
    if found is None:
        return None
    own = {_identity(one) for one in (place.deployments or ())[:1]}
    others = [one for one in found if _identity(one) not in own and is_operator(one, SERVICE_ACCOUNT)]
    running = [
        (text(one, "metadata", "namespace"), workload(one, await read(session, sources_of_operator(one))))
        for one in others
    ]
    return [(namespace, one) for namespace, one in running if one.replicas]


def _identity(one: RawObject) -> tuple[str, str]:
    return text(one, "metadata", "namespace"), text(one, "metadata", "name")


async def _policies(reader: Reader) -> list[Policy] | None:
    found = await reader.some(_POLICIES)
    return None if found is None else [convert_policy(msgspec.convert(one, CustomObject)) for one in found]


async def _namespaces(reader: Reader) -> Mapping[str, Mapping[str, str]] | None:
    found = await reader.some("/api/v1/namespaces")
    if found is None:
        return None
    return {text(one, "metadata", "name"): mapping(one, "metadata", "labels") for one in found}


async def _slow(reader: Reader, namespace: str | None) -> Sequence[RawObject] | None:
    path = f"/api/v1/namespaces/{namespace}/events" if namespace else "/api/v1/events"
    return await reader.some(path, fieldSelector=f"reason={EventReason.NAMESPACE_SLOW}")


async def _credentials(session: ClusterSession, namespace: str | None, now: datetime) -> list[Credential]:
    try:
        if namespace:
            found = await resources.of_namespace(session.reader, namespace)
        else:
            found = await resources.of_all_that_may_be_seen(session)
    except (resources.NotInstalled, Forbidden):
        return []  # another finding reports what is missing
    return [credential(kind, raw, now=now) for kind, raw in found.resources]


async def _permissions(session: ClusterSession, place: Place, running: Workload) -> Mapping[AccessReview, bool] | None:
    """What the operator's ServiceAccount may do, by the API server; None if the user may not ask."""
    user = service_account(place.namespace, place.account)
    reviews, asked = ApiReviews(session.client, timeout=_REVIEW_SECONDS), access_reviews(running, place.namespace)
    try:
        answers = await asyncio.gather(
            *(
                reviews.may_access(user, verb=one.verb, group=one.group, resource=one.resource, namespace=one.namespace)
                for one in asked
            )
        )
    except Forbidden:
        return None
    return dict(zip(asked, answers, strict=True))
