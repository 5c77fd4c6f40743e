"""The ServiceAccounts, as far as links are concerned, found by name and by the links that they record."""

from __future__ import annotations

from ...domain.links import LinkedAccount
from ...runtime.cache import Cache, Change
from ...runtime.index import Index
from .keys import NamespacedName


def _namespaced_name(account: LinkedAccount) -> NamespacedName:
    return account.namespace, account.name


def _recorded_secrets(account: LinkedAccount) -> set[NamespacedName]:
    """The Secrets that a ServiceAccount records, each with its namespace and without."""
    return {(place, ref.secret) for ref in account.recorded for place in (account.namespace, "")}


class AccountStore:
    """The ServiceAccounts, as far as links are concerned.

    Attributes:
        cache: all ServiceAccounts, while a resource links one.
        labelled: those that have the operator's label, because it has linked something to them.
    """

    def __init__(self) -> None:
        self.cache: Cache[NamespacedName, LinkedAccount] = Cache(_namespaced_name)
        self.labelled: Cache[NamespacedName, LinkedAccount] = Cache(_namespaced_name)
        self._failures: dict[NamespacedName, str] = {}
        self._by_name = Index(self.cache, key_of=_namespaced_name, derived=lambda account: (account.name,))
        self._by_record = Index(self.cache, key_of=_namespaced_name, derived=_recorded_secrets)
        self.cache.listen(self._account_changed)

    def __len__(self) -> int:
        return len(self.cache)

    def get(self, namespace: str, name: str) -> LinkedAccount | None:
        """A ServiceAccount as last seen; None when there is none."""
        return self.cache.get((namespace, name))

    def named(self, name: str) -> tuple[NamespacedName, ...]:
        """The ServiceAccounts of this name in all namespaces."""
        return self._by_name.get(name)

    def recording(self, namespace: str, secret: str) -> tuple[NamespacedName, ...]:
        """The ServiceAccounts that record a link to a Secret.

        Args:
            namespace: of the Secret; empty for all namespaces.
            secret: the Secret's name.
        """
        return self._by_record.get((namespace, secret))

    def failure(self, namespace: str, name: str) -> str:
        """Why a ServiceAccount could not be changed; empty if it could."""
        return self._failures.get((namespace, name), "")

    def set_failure(self, namespace: str, name: str, failure: str) -> None:
        """Stores why a ServiceAccount could not be changed; an empty text clears it."""
        if failure:
            self._failures[namespace, name] = failure
        else:
            self._failures.pop((namespace, name), None)

    def forget_all(self) -> None:
        """Removes all ServiceAccounts: they are no longer watched."""
        for account in list(self.cache):
            self.cache.forget(_namespaced_name(account))

    def _account_changed(self, change: Change[LinkedAccount]) -> None:
        if change.new is None:
            self._failures.pop(_namespaced_name(change.subject), None)
