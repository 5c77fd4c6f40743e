"""The generated Secret as it should be, and how it differs from the stored one. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...api.fields import API_VERSION
from ...api.model import CommonSpec
from ..kinds import KINDS, SecretData
from ..resource import Resource
from ..times import format_time
from .annotations import (
    COPIED,
    DIGEST,
    EXPIRES_AT,
    ISSUED_AT,
    NAME,
    OWNER,
    TOKENS,
    Copied,
    StoredTokens,
    seal,
    written_tokens,
)
from .stored import MANAGED_BY, MANAGED_BY_LABEL, OwnerReference, StoredSecret, data_digest


@dataclass(frozen=True, slots=True)
class Desired:
    """The generated Secret as it is to be stored.

    Attributes:
        data: decoded, with the token in clear, and so left out of the repr.
        digest: over type and data.
        owner: the ownerReference to set; None for a Secret that outlives its resource.
        tokens: the tokens in it, by registry.
    """

    namespace: str
    name: str
    secret_type: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner: OwnerReference | None
    digest: str
    tokens: StoredTokens
    data: SecretData = field(repr=False)


def render(resource: Resource, spec: CommonSpec, tokens: StoredTokens) -> Desired:
    """The Secret that this resource wants, with these tokens: one at least, and of its registries only."""
    kind = KINDS[resource.key.kind]
    ordered = {host: tokens[host] for host in spec.hosts if host in tokens}
    data = kind.render(spec, {host: one.token.password.reveal() for host, one in ordered.items()})
    digest, listed = data_digest(kind.secret_type, data), written_tokens(ordered)
    owner = OwnerReference(api_version=API_VERSION, kind=kind.name, name=resource.key.name, uid=resource.uid)
    first = min((one.token for one in ordered.values()), key=lambda token: token.expires_at)
    return Desired(
        namespace=resource.key.namespace,
        name=spec.generated_secret_name,
        secret_type=kind.secret_type,
        labels={**spec.metadata.labels, **kind.labels(spec), MANAGED_BY_LABEL: MANAGED_BY},
        annotations={
            **spec.metadata.annotations,
            **Copied.of(spec.metadata.labels, spec.metadata.annotations).annotation,
            ISSUED_AT: format_time(first.issued_at),
            EXPIRES_AT: format_time(first.expires_at),
            TOKENS: listed,
            OWNER: str(resource.key),
            NAME: spec.generated_secret_name,
            DIGEST: seal(digest, listed, str(resource.key)),
        },
        owner=owner if spec.deletion_policy == "Delete" else None,
        digest=digest,
        tokens=ordered,
        data=data,
    )


def _no_longer_copied(stored: StoredSecret, desired: Desired) -> tuple[list[str], list[str]]:
    """Labels and annotations that an earlier spec put there and this one does not."""
    copied = Copied.parse(stored.annotations.get(COPIED, ""))
    annotations = list(copied.annotations)
    if COPIED not in desired.annotations and COPIED in stored.annotations:
        annotations.append(COPIED)
    return (
        [key for key in copied.labels if key in stored.labels and key not in desired.labels],
        [key for key in annotations if stored.has_annotation(key) and key not in desired.annotations],
    )


def differences(stored: StoredSecret, desired: Desired) -> tuple[str, ...]:
    """What of the stored Secret is not as desired, in words for an event; empty when it is intact.

    Labels and annotations that others added are theirs and do not count.
    """
    ours = [owner.points_to for owner in stored.owners if owner.ours]
    labels, annotations = _no_longer_copied(stored, desired)
    annotated = all(stored.has_annotation(key, text) for key, text in desired.annotations.items())
    checks = (
        ("type", stored.secret_type == desired.secret_type),
        ("data", stored.data_digest == desired.digest),
        ("labels", desired.labels.items() <= stored.labels.items() and not labels),
        ("annotations", annotated and not annotations),
        ("ownerReferences", ours == ([desired.owner.points_to] if desired.owner else [])),
    )
    return tuple(name for name, same in checks if not same)


def needs_replacing(stored: StoredSecret, secret_type: str) -> bool:
    """Whether an update cannot do it: a Secret's type never changes, nor do the data of an immutable one."""
    return stored.secret_type != secret_type or stored.immutable


def manifest(desired: Desired) -> dict[str, Any]:
    """The Secret as a POST takes it. Holds the token in clear: for the request alone."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": desired.name,
            "namespace": desired.namespace,
            "labels": dict(desired.labels),
            "annotations": dict(desired.annotations),
            **({"ownerReferences": [desired.owner.manifest()]} if desired.owner else {}),
        },
        "type": desired.secret_type,
        "data": _encoded(desired.data),
    }


def patch(stored: StoredSecret, desired: Desired) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) that makes the stored Secret as desired, and leaves what others added.

    It names the uid and resourceVersion that were judged: the API server answers 409 if either is another one by now.
    """
    labels, annotations = _no_longer_copied(stored, desired)
    others = [owner for owner in stored.owners if not owner.ours]
    controlled = any(owner.controller for owner in others)  # there may be one controller only
    ours = [replace(desired.owner, controller=not controlled)] if desired.owner else []
    return {
        "metadata": {
            "uid": stored.uid,
            "resourceVersion": stored.resource_version,
            "labels": {**dict.fromkeys(labels), **desired.labels},
            "annotations": {**dict.fromkeys(annotations), **desired.annotations},
            "ownerReferences": [owner.manifest() for owner in (*others, *ours)],
        },
        "data": {**dict.fromkeys(set(stored.data_keys) - set(desired.data)), **_encoded(desired.data)},
    }


def _encoded(data: SecretData) -> dict[str, str]:
    return {key: b64encode(value.encode()).decode() for key, value in data.items()}
