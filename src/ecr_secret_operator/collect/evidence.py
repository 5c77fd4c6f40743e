"""Reads one resource and the objects that it names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from ..api.model import CommonSpec
from ..api.pull_secrets import RegistriesSpec
from ..doctor.credential import CredentialState, credential
from ..doctor.observed import Evidence, Keys, Name, Seen, Users
from ..domain.kinds import Kind
from ..domain.raw import RawObject, mapping, mappings, text
from ..domain.resource import InvalidSpec
from ..domain.secret.stored import StoredSecret
from ..reasons import Reason
from . import secrets
from .reading import Reader
from .session import ClusterSession

_EXAMINED = 3
"""In how many of the failing namespaces of a cluster resource its Secret is read."""


async def examine(
    session: ClusterSession, kind: Kind, raw: RawObject, *, operator_namespace: str, now: datetime
) -> Evidence:
    """Reads a resource and the objects that it names. Raises ApiError."""
    one, spec = credential(kind, raw, now=now), kind.parse(raw.get("spec"))
    namespace = one.key.namespace
    home = operator_namespace if kind.clustered else namespace
    if isinstance(spec, InvalidSpec):
        return Evidence(kind=kind, raw=raw, credential=one, home=home)
    taken = [trouble.namespace for trouble in one.troubles if trouble.reason == Reason.SECRET_CONFLICT]
    places = taken[:_EXAMINED] if kind.clustered else [namespace]
    expired = one.expires_at is not None and one.expires_at <= now and one.state is not CredentialState.READY
    return Evidence(
        kind=kind,
        raw=raw,
        credential=one,
        home=home,
        generated=await _generated(session, places, spec.generated_secret_name),
        looked=frozenset(places),
        accounts=await _accounts(session.reader, spec, home, namespace),
        secrets=await _key_secrets(session, spec, home),
        users=await _users(session.reader, namespace, spec.generated_secret_name)
        if (expired or one.limit) and not kind.clustered
        else None,
    )


async def _generated(session: ClusterSession, places: list[str], name: str) -> Mapping[str, StoredSecret | None]:
    found = await asyncio.gather(*(secrets.generated(session.client, place, name) for place in places))
    return {place: stored for part in found for place, stored in part.items()}


async def _accounts(reader: Reader, spec: CommonSpec, home: str, namespace: str) -> dict[Name, Seen]:
    named = {(home, entry.aws.service_account) for entry in spec.entries if entry.aws.service_account}
    if isinstance(spec, RegistriesSpec) and namespace:
        named |= {(namespace, name) for name in spec.links}
    paths = [f"/api/v1/namespaces/{place}/serviceaccounts/{name}" for place, name in sorted(named)]
    return dict(zip(sorted(named), await asyncio.gather(*map(reader.one, paths)), strict=True))


async def _key_secrets(session: ClusterSession, spec: CommonSpec, home: str) -> dict[Name, Keys | None]:
    named = sorted({entry.aws.credentials_secret for entry in spec.entries if entry.aws.credentials_secret})
    return {(home, name): await secrets.keys(session.client, home, name) for name in named}


async def _users(reader: Reader, namespace: str, secret: str) -> Users | None:
    """Who pulls with a Secret; None where one may see neither pods nor ServiceAccounts."""
    pods = await reader.some(f"/api/v1/namespaces/{namespace}/pods")
    accounts = await reader.some(f"/api/v1/namespaces/{namespace}/serviceaccounts")
    if pods is None and accounts is None:
        return None
    pulling = [one for one in pods or () if _pulls(one.get("spec") or {}, secret)]
    return Users(
        accounts=[text(one, "metadata", "name") for one in accounts or () if _pulls(one, secret)],
        pods=[text(one, "metadata", "name") for one in pulling],
        images=[(text(one, "metadata", "name"), image) for one in pulling for image in _images(one)],
    )


def _images(pod: RawObject) -> list[str]:
    spec = mapping(pod, "spec")
    containers = (*mappings(spec, "initContainers"), *mappings(spec, "containers"))
    return list(dict.fromkeys(text(one, "image") for one in containers))


def _pulls(one: RawObject, secret: str) -> bool:
    return any(text(entry, "name") == secret for entry in mappings(one, "imagePullSecrets"))
