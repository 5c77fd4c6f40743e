"""ServiceAccounts, as far as links are concerned: what resources want of them, and how that stands.

Secrets are linked to ServiceAccounts while resources say so. What was linked once is recorded on the ServiceAccount.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..domain.links import DesiredLinks, LinkedAccount, LinkStatus, Ref, links_of, refs_of
from ..domain.resource import InvalidSpec, Key, Resource, condition_of
from ..domain.secret.removal import Unlinked, why_unlinked
from ..domain.status.outcome import READY
from ..kube import links as kube_links
from ..kube.client import Client
from ..reasons import Reason
from ..runtime.cache import Change
from ..runtime.dynamic import SyncState
from .dynamic import AccountInformers, NamespaceInformer
from .facts import LinkFailure
from .informers import Informers
from .stores.bundle import Stores
from .stores.keys import is_placement


class ServiceAccountClient:
    """The links of ServiceAccounts. Implements the ports ServiceAccounts and Links.

    Args:
        client: the API server.
        stores: the ServiceAccounts, the resources and the Secrets.
        informers: say which resources and Secrets are known.
        namespaces: says whether the namespaces are known.
        accounts: say of which namespaces the ServiceAccounts are known.
        dispatch: called with a change of the failure of a ServiceAccount, which no watch reports.
        check_lead: called before each write; raises ApiError when another replica may lead by now.
    """

    def __init__(
        self,
        client: Client,
        stores: Stores,
        informers: Informers,
        namespaces: NamespaceInformer,
        accounts: AccountInformers,
        *,
        dispatch: Callable[[Change[Any]], None],
        check_lead: Callable[[], None],
    ) -> None:
        self._stores = stores
        self._accounts = stores.accounts
        self._secrets = stores.secrets
        self._informers = informers
        self._namespaces = namespaces
        self._watched = accounts
        self._dispatch = dispatch
        self._check_lead = check_lead
        self._writer = kube_links.AccountWriter(client, on_write=stores.accounts.cache.put)

    # What the reconciler of ServiceAccounts asks

    def account(self, key: Key) -> LinkedAccount | None:
        """A ServiceAccount as last seen; None when there is none."""
        return self._accounts.get(key.namespace, key.name)

    def desired_links(self, account: LinkedAccount) -> DesiredLinks | None:
        """What resources want of a ServiceAccount; None when not all of them have been seen."""
        if not self._informers.has_synced(account.namespace):
            return None
        asked: dict[Ref, bool] = {}
        for resource in self._asking(account.namespace, account.name):
            for ref in refs_of(resource, account.name):
                if not resource.deleting or self._is_made(resource, ref):
                    asked[ref] = asked.get(ref, False) or self._is_ready(resource, ref)
        held = frozenset(ref for ref in account.recorded if ref not in asked and self._is_held(account, ref))
        return DesiredLinks(asked, held)

    def unlinked(self, account: LinkedAccount, ref: Ref) -> Unlinked:
        """Why an entry that is recorded on a ServiceAccount does not stay."""
        found = map(self._stores.get, self._stores.resources.linking(account.namespace, account.name))
        naming = [resource for resource in found if resource and ref in refs_of(resource, account.name)]
        secret = self._secrets.get(account.namespace, ref.secret)
        owner_key = secret.owner_key if secret else None
        return why_unlinked(ref, naming, owner_key, self._stores.get(owner_key) if owner_key else None)

    async def change(self, account: LinkedAccount, operations: Sequence[Mapping[str, Any]]) -> None:
        """Patches the version that was judged. Raises ApiError."""
        self._check_lead()
        await self._writer.change(account, operations)

    async def managers(self, account: LinkedAccount) -> tuple[str, ...]:
        """The field managers besides the operator that have written to it."""
        return await self._writer.managers(account)

    def set_link_error(self, account: LinkedAccount, failure: str) -> None:
        """Stores why a ServiceAccount could not be changed; an empty text clears it."""
        before = self._accounts.failure(account.namespace, account.name)
        if before != failure:
            self._accounts.set_failure(account.namespace, account.name, failure)
            old, new = (LinkFailure(account.namespace, account.name, text) for text in (before, failure))
            self._dispatch(Change(old, new))

    # What the reconciler of resources asks

    def link_status(self, resource: Resource) -> LinkStatus | None:
        """How the links of a resource stand; None when it has none."""
        links = links_of(resource)
        if not links:
            return None
        state = self._watched.state(resource.key.namespace)
        if state is SyncState.FORBIDDEN:
            text = "the operator may not list ServiceAccounts: give its own the permissions of docs/install.md"
            return LinkStatus(failed=tuple((name, text) for name in links))
        if state is SyncState.PENDING:
            return LinkStatus(unseen=True)
        found = {name: self._accounts.get(resource.key.namespace, name) for name in sorted(links)}
        done = [name for name, one in found.items() if one and all(map(one.has, refs_of(resource, name)))]
        failures = {name: self._accounts.failure(resource.key.namespace, name) for name in found}
        return LinkStatus(
            linked=tuple(done),
            absent=tuple(_absence(name, one) for name, one in found.items() if _is_absent(one) and name not in done),
            failed=tuple((name, text) for name, text in failures.items() if text),
            pending=any(not _is_absent(one) and name not in done for name, one in found.items()),
        )

    def _asking(self, namespace: str, name: str) -> Iterator[Resource]:
        for resource in map(self._stores.get, self._stores.resources.linking(namespace, name)):
            if resource and resource.selected and not _is_refused(resource):
                yield resource

    def _is_made(self, resource: Resource, ref: Ref) -> bool:
        secret = self._secrets.get(resource.key.namespace, ref.secret)
        return secret is not None and secret.made_for(resource)

    def _is_ready(self, resource: Resource, ref: Ref) -> bool:
        """Whether a link may be made: not with what is being deleted, whose links stay as long as its Secret does."""
        secret = self._secrets.get(resource.key.namespace, ref.secret)
        going = resource.deleting or (secret is not None and secret.deleting)
        return self._is_made(resource, ref) and not going and not _is_suspended(resource)

    def _is_state_known(self, key: Key) -> bool:
        """Whether the state of a resource or a placement is known, which takes a watch of its namespace."""
        if not is_placement(key):
            return True
        known = self._informers.cluster_resources_synced()
        return known and self._stores.placements.is_state_known(key, self._namespaces.state)

    def _is_held(self, account: LinkedAccount, ref: Ref) -> bool:
        """Whether an existing link stays although no resource asks for it.

        It does while its Secret is there, and outlives its resource; or its resource cannot be seen or read, or is
        about to take another name for it.
        """
        secret = self._secrets.get(account.namespace, ref.secret)
        if secret is None or not secret.managed or secret.owner_key is None:
            return False
        if not self._is_state_known(secret.owner_key):
            return True
        owner = self._stores.get(secret.owner_key)
        if owner is None:
            return not any(one.ours for one in secret.owners)
        if not owner.selected or _is_refused(owner):
            return False
        return isinstance(owner.spec, InvalidSpec) or ref.purpose in links_of(owner).get(account.name, ())


def _is_absent(account: LinkedAccount | None) -> bool:
    """Whether nothing can be linked to a ServiceAccount: one that is being deleted is as good as gone for that."""
    return account is None or account.deleting


def _absence(name: str, account: LinkedAccount | None) -> str:
    return f"{name} (being deleted)" if account else name


def _is_suspended(resource: Resource) -> bool:
    return not isinstance(resource.spec, InvalidSpec) and resource.spec.suspend


def _is_refused(resource: Resource) -> bool:
    """Whether a resource must not be linked: policy denies it, or its Secret's name is taken."""
    reason = condition_of(resource.status, READY).get("reason")
    return reason in (Reason.POLICY_DENIED, Reason.SECRET_CONFLICT)
