"""ServiceAccounts, as far as links are concerned: how they are watched and changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..domain.links import LINKED_SELECTOR, LinkedAccount, read_record
from .client import Client
from .managers import other_managers
from .objects import AccountObject, ObjectName
from .source import KubeSource


def _names(listed: list[ObjectName] | None) -> tuple[str, ...]:
    return tuple(entry.name for entry in listed or ())


def convert(raw: AccountObject) -> LinkedAccount:
    """A ServiceAccount as it is kept in memory."""
    meta = raw.metadata
    return LinkedAccount(
        namespace=meta.namespace,
        name=meta.name,
        resource_version=meta.resource_version,
        lists={"pull": _names(raw.image_pull_secrets), "mount": _names(raw.secrets)},
        recorded=read_record(meta.annotations),
        labels=frozenset(meta.labels or ()),
        annotations=frozenset(meta.annotations or ()),
        deleting=meta.deletion_timestamp is not None,
        uid=meta.uid,
    )


def _collection(namespace: str | None) -> str:
    return f"/api/v1/namespaces/{namespace}/serviceaccounts" if namespace else "/api/v1/serviceaccounts"


def source(client: Client, namespace: str | None, *, linked: bool) -> KubeSource[AccountObject, LinkedAccount]:
    """The ServiceAccounts of one namespace, or of all.

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
        on_write: told of each as it is stored after a write.
    """

    def __init__(self, client: Client, *, on_write: Callable[[LinkedAccount], None]) -> None:
        self._client = client
        self._on_write = on_write

    async def managers(self, account: LinkedAccount) -> tuple[str, ...]:
        """The field managers besides the operator that have written to a ServiceAccount."""
        return await other_managers(self._client, f"{_collection(account.namespace)}/{account.name}")

    async def change(self, account: LinkedAccount, operations: Sequence[Mapping[str, Any]]) -> None:
        """Applies a patch to the version that was judged; Conflict when it is no longer the stored one."""
        path = f"{_collection(account.namespace)}/{account.name}"
        self._on_write(convert(await self._client.json_patch(path, operations, AccountObject)))
