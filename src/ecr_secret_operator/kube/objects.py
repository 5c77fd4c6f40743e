"""The parts of Kubernetes objects that are read, as msgspec structs: the rest is skipped while decoding."""

from __future__ import annotations

from typing import Any

import msgspec

MOST_FINALIZERS = 32
"""How many finalizers are kept of an object that is being deleted: messages name a few."""


class Owner(msgspec.Struct, rename="camel"):
    """An ownerReference."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class Meta(msgspec.Struct, rename="camel"):
    """`metadata` without managedFields, which can be half of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    finalizers: list[str] | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[Owner] | None = None

    @property
    def holders(self) -> tuple[str, ...]:
        """The finalizers of an object that is being deleted; empty for any other object."""
        return tuple((self.finalizers or ())[:MOST_FINALIZERS]) if self.deletion_timestamp is not None else ()


class CustomObject(msgspec.Struct):
    """A custom resource. An old CRD may have accepted anything, so spec and status can have any type."""

    metadata: Meta
    kind: str = ""
    spec: Any = None
    status: Any = None


class SecretObject(msgspec.Struct):
    """A core/v1 Secret."""

    metadata: Meta
    type: str = "Opaque"
    immutable: bool | None = None
    data: dict[str, str] | None = None


class NameRef(msgspec.Struct):
    """An entry of a list that names objects."""

    name: str = ""


class AccountObject(msgspec.Struct, rename="camel"):
    """A core/v1 ServiceAccount."""

    metadata: Meta
    secrets: list[NameRef] | None = None
    image_pull_secrets: list[NameRef] | None = None


class LeaseSpec(msgspec.Struct, rename="camel"):
    """Spec of a coordination.k8s.io/v1 Lease."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class LeaseObject(msgspec.Struct):
    """A coordination.k8s.io/v1 Lease."""

    metadata: Meta
    spec: LeaseSpec = msgspec.field(default_factory=LeaseSpec)


class EventObject(msgspec.Struct):
    """A core/v1 Event."""

    metadata: Meta
    count: int | None = None


class ListMeta(msgspec.Struct):
    """`metadata` of a list."""

    resourceVersion: str = ""  # noqa: N815 - `continue` cannot be renamed by rule
    continue_: str = msgspec.field(default="", name="continue")


class Version(msgspec.Struct, rename="camel"):
    """The part of `metadata` that identifies an object and its version."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class ObjectRef(msgspec.Struct):
    """An object of which only the metadata is decoded."""

    metadata: Meta


class Which(msgspec.Struct):
    """An object of which only its name and version are decoded."""

    metadata: Version
