"""Generated Secrets: read in two ways, by watch (those with our label) and by name, and written with preconditions.

Only the tokens of a Secret whose seal holds are kept in memory. Of every other Secret, such as a foreign one of the
generated name, no value outlives the call that read it. No cache here has data of a Secret as its key.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from ..domain.kinds import SecretData, passwords_of
from ..domain.ports import Existing
from ..domain.secret.annotations import is_sealed
from ..domain.secret.render import Desired, manifest, patch
from ..domain.secret.stored import MANAGED_SELECTOR, StoredSecret, data_digest
from ..domain.tokens.token import Sensitive
from ..errors import AlreadyExists, ApiError, NotFound, Superseded
from .client import Client
from .kept import (
    all_owners,
    allowance,
    is_readable,
    kept_annotations,
    kept_digests,
    kept_keys,
    kept_labels,
    kept_owners,
    kept_tokens,
    kept_type,
)
from .managers import other_managers
from .objects import SecretObject
from .source import Absorb, KubeSource

_passwords: WeakValueDictionary[str, Sensitive] = WeakValueDictionary()
"""One copy of each token in memory, however many Secrets hold it. Lives as long as one of them is cached."""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""Annotation in which `kubectl apply` repeats the object, and so the data of a Secret."""

_KEPT = ("name", "namespace", "labels", "annotations", "ownerReferences", "finalizers")
"""What of `metadata` a Secret that is created again has from before."""


class _Passwords(dict[str, Sensitive]):
    """Registry host to token, of all Secrets with the same data, and the digest of these data."""

    __slots__ = ("__weakref__", "digest")

    def __init__(self, passwords: Mapping[str, Sensitive], digest: str) -> None:
        super().__init__((host, _shared_password(password)) for host, password in passwords.items())
        self.digest = digest


_alike: WeakValueDictionary[bytes, _Passwords] = WeakValueDictionary()
"""By a digest of a Secret's type and data as they were read: a list brings the same data over and over, as a rule."""


def collection(namespace: str | None) -> str:
    """The API path of the Secrets of one namespace, or of all."""
    return f"/api/v1/namespaces/{namespace}/secrets" if namespace else "/api/v1/secrets"


def _decoded(data: dict[str, str] | None) -> SecretData:
    result = {}
    for key, value in (data or {}).items():
        try:
            result[key] = b64decode(value).decode("utf-8", "surrogateescape")
        except ValueError:  # the API server refuses such data
            result[key] = ""
    return result


def convert(raw: SecretObject) -> StoredSecret:
    """A Secret as it is kept in memory: its data become a digest and, where its seal holds, shared tokens."""
    encoded = _encoded_digest(raw)
    known = _alike.get(encoded)
    if known is not None:
        return _stored(raw, known.digest, known)
    if not is_readable(raw):
        return _stored(raw, encoded.hex(), {})
    data = _decoded(raw.data)
    digest = data_digest(raw.type, data)
    if not is_sealed(digest, raw.metadata.annotations or {}):
        return _stored(raw, digest, {})
    tokens = kept_tokens(passwords_of(raw.type, data))
    stored = _stored(raw, digest, tokens)
    if not tokens or stored.owner_key is None:
        return _stored(raw, digest, {})
    known = _alike[encoded] = _Passwords(tokens, digest)
    return replace(stored, passwords=known)


def _encoded_digest(raw: SecretObject) -> bytes:
    """SHA-256 over a Secret's type and data as they were read: cheaper than decoding them."""
    digest = hashlib.sha256(raw.type.encode())
    for key, value in (raw.data or {}).items():
        digest.update(f"\0{key}\0{value}".encode())
    return digest.digest()


def _shared_password(password: Sensitive) -> Sensitive:
    return _passwords.setdefault(password.reveal(), password)


def _stored(raw: SecretObject, digest: str, passwords: Mapping[str, Sensitive]) -> StoredSecret:
    meta = raw.metadata
    if not passwords and meta.annotations:
        meta.annotations.pop(LAST_APPLIED, None)
    owners, data_keys = kept_owners(meta.owner_references), kept_keys(raw.data)
    return StoredSecret(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
        secret_type=kept_type(raw.type),
        immutable=bool(raw.immutable),
        deleting=meta.deletion_timestamp is not None,
        labels=kept_labels(meta.labels, meta.annotations),
        annotations=kept_annotations(meta.annotations),
        owners=owners,
        data_keys=data_keys,
        data_digest=digest,
        passwords=passwords,
        finalizers=meta.holders,
        digests=kept_digests(meta.annotations),
        partial=len(owners) < len(meta.owner_references or ()) or len(data_keys) < len(raw.data or ()),
    )


def _written(raw: SecretObject, sent: Mapping[str, Any], desired: Desired) -> StoredSecret:
    """A Secret that was just written: where its data are what was sent, they need not be taken apart once more."""
    if raw.type != desired.secret_type or raw.data != sent["data"]:
        return convert(raw)
    passwords = {host: _shared_password(one.token.password) for host, one in desired.tokens.items()}
    return _stored(raw, desired.digest, passwords)


def source(
    client: Client, namespace: str | None, *, absorb: Absorb[StoredSecret] = lambda _meta, _read: False
) -> KubeSource[SecretObject, StoredSecret]:
    """The Secrets with the operator's label in one namespace, or in all: no other ever reaches this process."""
    return KubeSource(
        client,
        collection(namespace),
        raw=SecretObject,
        convert=convert,
        covers=lambda secret: namespace is None or secret.namespace == namespace,
        selector=MANAGED_SELECTOR,
        absorb=absorb,
        allowance=allowance,
    )


@contextmanager
def _superseded_if_gone(stored: StoredSecret) -> Iterator[None]:
    """Raises Superseded when the API server has no Secret any more where one was judged."""
    try:
        yield
    except NotFound:
        raise Superseded(f"Secret {stored.name} was deleted since it was judged") from None


class SecretWriter:
    """Reads and writes single Secrets.

    Args:
        client: the API server.
        on_seen: called with each Secret that has the operator's label, when it was read.
    """

    def __init__(self, client: Client, *, on_seen: Callable[[StoredSecret], None]) -> None:
        self._client = client
        self._on_seen = on_seen

    async def read(self, namespace: str, name: str) -> Existing | None:
        """Reads a Secret, whether or not the operator made it; None if there is none. Raises ApiError."""
        try:
            raw = await self._client.get(f"{collection(namespace)}/{name}", SecretObject)
        except NotFound:
            return None
        stored = convert(raw)
        if stored.managed:
            self._on_seen(stored)
        return Existing(stored, _decoded(raw.data))

    async def managers(self, namespace: str, name: str) -> tuple[str, ...]:
        """Reads the field managers, other than the operator, that have written to a Secret. Never raises ApiError."""
        return await other_managers(self._client, f"{collection(namespace)}/{name}")

    async def create(self, desired: Desired) -> StoredSecret:
        """Creates a Secret. Server-side apply would take over one that exists.

        Raises:
            ApiError: it was not created; AlreadyExists when the name is taken.
        """
        body = manifest(desired)
        return _written(await self._client.post(collection(desired.namespace), body, SecretObject), body, desired)

    async def update(self, stored: StoredSecret, desired: Desired) -> StoredSecret:
        """Updates the version that was judged, and no other.

        Raises:
            ApiError: it was not updated; Conflict when another version is stored.
            Superseded: another version, or none, was found.
        """
        path = f"{collection(stored.namespace)}/{stored.name}"
        with _superseded_if_gone(stored):
            body = patch(await self._complete(stored) if stored.partial else stored, desired)
            return _written(await self._client.patch(path, body, SecretObject), body, desired)

    async def replace(self, stored: StoredSecret, desired: Desired) -> StoredSecret:
        """Deletes the version that was judged, and creates its successor, for changes that no update can make.

        The successor is tried in a dry run first, and the stored Secret is restored if it is refused nevertheless.

        Args:
            stored: the version that was judged.
            desired: its successor.

        Raises:
            ApiError: it was not replaced; Conflict when another version is stored; AlreadyExists when the name is taken
                after the deletion.
            Superseded: another version, or none, was found before the deletion.
        """
        with _superseded_if_gone(stored):
            before = await self._whole(stored)
            await self._check_accepted(desired)
            await self.delete(stored)
        try:
            return await self.create(desired)
        except AlreadyExists:
            raise
        except ApiError:
            await self._restore(stored.namespace, before)
            raise

    async def _check_accepted(self, desired: Desired) -> None:
        """Raises ApiError when the creation would be refused.

        The API server looks for an object of the same name last, after admission, quotas and validation: so it answers
        AlreadyExists to what it would have accepted (k8s.io/apiserver, registry/generic/registry/store.go, Create).
        """
        try:
            await self._client.check_post(collection(desired.namespace), manifest(desired))
        except AlreadyExists:
            return
        except ApiError as error:
            text = f"Secret {desired.name} can only be replaced, and its replacement is refused: {error}"
            raise error.worded(text) from None

    async def _complete(self, stored: StoredSecret) -> StoredSecret:
        """Reads all ownerReferences and names of data. Raises ApiError; Superseded for another version."""
        raw = await self._client.get(f"{collection(stored.namespace)}/{stored.name}", SecretObject)
        if (raw.metadata.uid, raw.metadata.resource_version) != (stored.uid, stored.resource_version):
            raise Superseded(f"Secret {stored.name} changed since it was judged")
        return replace(convert(raw), owners=all_owners(raw.metadata.owner_references), data_keys=tuple(raw.data or ()))

    async def _whole(self, stored: StoredSecret) -> Sensitive:
        """Reads the manifest that restores a stored Secret. Raises ApiError; Superseded for another version."""
        found = await self._client.get(f"{collection(stored.namespace)}/{stored.name}", dict[str, Any])
        meta = found["metadata"]
        if (meta["uid"], meta["resourceVersion"]) != (stored.uid, stored.resource_version):
            raise Superseded(f"Secret {stored.name} changed since it was judged")
        kept = {key: meta[key] for key in _KEPT if key in meta}
        return Sensitive(msgspec.json.encode({**found, "metadata": kept}).decode())

    async def _restore(self, namespace: str, before: Sensitive) -> None:
        """Creates a Secret again, if the API server allows it. The watch reports it."""
        with suppress(ApiError):
            await self._client.post(collection(namespace), msgspec.json.decode(before.reveal()), SecretObject)

    async def delete(self, stored: StoredSecret) -> None:
        """Deletes the version that was judged, and no other. A finalizer can hold it until the watch reports its end.

        Raises:
            ApiError: it was not deleted; Conflict when another version is stored.
        """
        path = f"{collection(stored.namespace)}/{stored.name}"
        await self._client.delete(path, uid=stored.uid, resource_version=stored.resource_version)
