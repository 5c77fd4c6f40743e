"""ServiceAccounts, as far as links are concerned: how they are watched and changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..api.pull_secrets import Purpose
from ..domain.links import (
    LINKED_LABEL,
    LINKED_SELECTOR,
    LINKS,
    LISTS,
    MOST_ENTRIES,
    LinkedAccount,
    read_record,
)
from .client import Client
from .managers import other_managers
from .objects import AccountObject, NameRef
from .sharing import SHORT_TEXTS
from .source import KubeSource

_NAME_CHARACTERS = 254
"""One more than the name of a Secret may have: what is longer names none."""


def _names(listed: list[NameRef] | None) -> tuple[str, ...]:
    return tuple(SHORT_TEXTS.one(entry.name[:_NAME_CHARACTERS]) for entry in listed or ())


def _few(present: Mapping[str, str] | None, own: str) -> frozenset[str]:
    """The operator's own key if it is there, and one more if there are others: more is not asked for."""
    other = next((key for key in present or () if key != own), None)
    return frozenset(key for key in (own if own in (present or {}) else None, other) if key is not None)


def convert(raw: AccountObject) -> LinkedAccount:
    """Converts a ServiceAccount to what is kept in memory of it. If it has too many entries, none of them is kept."""
    meta = raw.metadata
    recorded = read_record(meta.annotations)
    lists: dict[Purpose, list[NameRef] | None] = {"pull": raw.image_pull_secrets, "mount": raw.secrets}
    oversized = next((LISTS[purpose] for purpose, listed in lists.items() if len(listed or ()) > MOST_ENTRIES), "")
    if len(recorded) > 2 * MOST_ENTRIES:
        oversized = f"annotation {LINKS}"
    return LinkedAccount(
        namespace=meta.namespace,
        name=meta.name,
        resource_version=meta.resource_version,
        lists={purpose: () if oversized else _names(listed) for purpose, listed in lists.items()},
        recorded=frozenset() if oversized else recorded,
        labels=_few(meta.labels, LINKED_LABEL),
        annotations=_few(meta.annotations, LINKS),
        deleting=meta.deletion_timestamp is not None,
        uid=meta.uid,
        oversized=oversized,
    )


def _collection(namespace: str | None) -> str:
    return f"/api/v1/namespaces/{namespace}/serviceaccounts" if namespace else "/api/v1/serviceaccounts"


def source(client: Client, namespace: str | None, *, linked: bool) -> KubeSource[AccountObject, LinkedAccount]:
    """The list and watch of the ServiceAccounts of one namespace, or of all.

    Args:
        client: the API server.
        namespace: None for all.
        linked: only those that the operator has put something into.
    """
    return KubeSource(
        client,
        _collection(namespace),
        raw=AccountObject,
        convert=convert,
        covers=lambda account: namespace is None or account.namespace == namespace,
        selector=LINKED_SELECTOR if linked else "",
    )


class AccountWriter:
    """Changes ServiceAccounts.

    Args:
        client: the API server.
        on_write: called with each ServiceAccount as it is stored after a write.
    """

    def __init__(self, client: Client, *, on_write: Callable[[LinkedAccount], None]) -> None:
        self._client = client
        self._on_write = on_write

    async def managers(self, account: LinkedAccount) -> tuple[str, ...]:
        """Reads the field managers, other than the operator, that have written to a ServiceAccount."""
        return await other_managers(self._client, f"{_collection(account.namespace)}/{account.name}")

    async def change(self, account: LinkedAccount, operations: Sequence[Mapping[str, Any]]) -> None:
        """Applies a patch to the version that was judged. Raises ApiError; Conflict if another version is stored."""
        path = f"{_collection(account.namespace)}/{account.name}"
        self._on_write(convert(await self._client.json_patch(path, operations, AccountObject)))
