"""ServiceAccounts and the resources that want their Secrets among those of them, found from both ends.

All ServiceAccounts are watched while a resource links one, or while one still has what was linked once; at all other
times only those with the operator's label, and so none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..domain.kinds import KINDS
from ..domain.links import DesiredLinks, LinkedAccount, LinkStatus, Ref, links_of, refs_of
from ..domain.ports import Enqueue
from ..domain.resource import InvalidSpec, Key, Resource, condition_of
from ..domain.secret.removal import Unlinked, why_unlinked
from ..domain.secret.stored import StoredSecret
from ..domain.status.outcome import READY
from ..kube import links as kube_links
from ..kube.client import Client
from ..reasons import Reason
from ..runtime.cache import Cache
from ..runtime.dynamic import DynamicInformers, SyncState
from ..runtime.index import Index
from ..runtime.queue import ignore
from ..runtime.reflector import Reflector, WatchObserver
from .placements import is_cluster

_NamespacedName = tuple[str, str]


def _namespaced_name(found: LinkedAccount | StoredSecret) -> _NamespacedName:
    return found.namespace, found.name


def _linked(resource: Resource) -> list[_NamespacedName]:
    """The ServiceAccounts that a resource links; those of a cluster resource are in any namespace."""
    return [(resource.key.namespace, account) for account in links_of(resource)]


class ServiceAccountStore:
    """What the operator has seen of ServiceAccounts, as far as links are concerned.

    Args:
        client: the API server.
        resources: all resources; must be empty still.
        secrets: all generated Secrets; must be empty still.
        get: gives a resource or a placement.
        has_synced: whether all resources and generated Secrets of a namespace have been listed, as far as permitted.
        is_state_known: whether the state of a resource or a placement is known.
        places: the watched namespaces; None stands for all.
        observer: of the watches.
        check_lead: called before each write; raises ApiError when another replica may lead by now.

    Attributes:
        reflectors: of the ServiceAccounts that have something linked.
        dynamic: of all.
    """

    def __init__(
        self,
        client: Client,
        resources: Cache[Key, Resource],
        secrets: Cache[_NamespacedName, StoredSecret],
        *,
        get: Callable[[Key], Resource | None],
        has_synced: Callable[[str], bool],
        is_state_known: Callable[[Key], bool],
        places: Sequence[str | None],
        observer: WatchObserver,
        check_lead: Callable[[], None],
    ) -> None:
        self._check_lead = check_lead
        self._client = client
        self._secrets = secrets
        self._get = get
        self._has_synced = has_synced
        self._is_state_known = is_state_known
        self._places = places
        self._observer = observer
        self._accounts: Cache[_NamespacedName, LinkedAccount] = Cache(_namespaced_name)
        self._marked: Cache[_NamespacedName, LinkedAccount] = Cache(_namespaced_name)
        self._linking: set[Key] = set()
        self._failures: dict[_NamespacedName, str] = {}
        self._by_link = Index(resources, key_of=lambda resource: resource.key, derived=_linked)
        self._by_name = Index(self._accounts, key_of=_namespaced_name, derived=lambda account: [account.name])
        self._by_record = Index(
            self._accounts,
            key_of=_namespaced_name,
            derived=lambda account: {
                (place, ref.secret) for ref in account.recorded for place in (account.namespace, "")
            },
        )
        self._writer = kube_links.AccountWriter(client, on_write=self._accounts.put)
        self.reflectors = [
            Reflector(kube_links.source(client, place, linked=True), self._marked, observer) for place in places
        ]
        self.dynamic: DynamicInformers[str] = DynamicInformers(self._reflector, settled=self._settled)
        self._enqueue: Enqueue[Key] = ignore
        resources.listen(self._resource_changed)
        secrets.listen(self._secret_changed, core=True)
        self._accounts.listen(self._account_changed)
        self._marked.listen(lambda _old, _new: self._watch())

    def on_change(self, enqueue: Enqueue[Key]) -> None:
        """Has every change call this with the keys of the ServiceAccounts and resources that it concerns."""
        self._enqueue = enqueue

    # What the reconciler of ServiceAccounts asks

    def account(self, key: Key) -> LinkedAccount | None:
        """A ServiceAccount as last seen; None when there is none."""
        return self._accounts.get((key.namespace, key.name))

    def desired_links(self, account: LinkedAccount) -> DesiredLinks | None:
        """What resources want of a ServiceAccount; None when not all of them have been seen."""
        if not self._has_synced(account.namespace):
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
        found = map(self._get, self._linking_keys(account.namespace, account.name))
        naming = [resource for resource in found if resource and ref in refs_of(resource, account.name)]
        secret = self._secrets.get((account.namespace, ref.secret))
        owner_key = secret.owner_key if secret else None
        return why_unlinked(ref, naming, owner_key, self._get(owner_key) if owner_key else None)

    async def change(self, account: LinkedAccount, operations: Sequence[Mapping[str, Any]]) -> None:
        """Patches the version that was judged. Raises ApiError."""
        self._check_lead()
        await self._writer.change(account, operations)

    async def managers(self, account: LinkedAccount) -> tuple[str, ...]:
        """The field managers besides the operator that have written to it."""
        return await self._writer.managers(account)

    def set_link_error(self, account: LinkedAccount, failure: str) -> None:
        """Stores why a ServiceAccount could not be changed; an empty text clears it."""
        place = _namespaced_name(account)
        if self._failures.get(place, "") == failure:
            return
        if failure:
            self._failures[place] = failure
        else:
            del self._failures[place]
        self._enqueue_linking_resources(place)

    # What the reconciler of resources asks

    def link_status(self, resource: Resource) -> LinkStatus | None:
        """How the links of a resource stand; None when it has none."""
        links = links_of(resource)
        if not links:
            return None
        state = self.dynamic.state(self._watched_in(resource.key.namespace))
        if state is SyncState.FORBIDDEN:
            text = "the operator may not list ServiceAccounts: give its own the permissions of docs/install.md"
            return LinkStatus(failed=tuple((name, text) for name in links))
        if state is SyncState.PENDING:
            return LinkStatus(unseen=True)
        found = {name: self._accounts.get((resource.key.namespace, name)) for name in sorted(links)}
        done = [name for name, one in found.items() if one and all(map(one.has, refs_of(resource, name)))]
        failures = {name: self._failures.get((resource.key.namespace, name)) for name in found}
        return LinkStatus(
            linked=tuple(done),
            absent=tuple(_absence(name, one) for name, one in found.items() if _is_absent(one) and name not in done),
            failed=tuple((name, text) for name, text in failures.items() if text),
            pending=any(not _is_absent(one) and name not in done for name, one in found.items()),
        )

    def on_status_changed(self, resource: Resource) -> None:
        """The status of a resource has changed: links of a denied resource are removed."""
        self._enqueue_accounts(resource)

    # What wakes whom

    def _linking_keys(self, namespace: str, name: str) -> Iterator[Key]:
        """The resources and placements whose spec links a ServiceAccount."""
        yield from self._by_link.get((namespace, name))
        yield from (key.placement(namespace) for key in self._by_link.get(("", name)))

    def _asking(self, namespace: str, name: str) -> Iterator[Resource]:
        for resource in map(self._get, self._linking_keys(namespace, name)):
            if resource and resource.selected and not _is_refused(resource):
                yield resource

    def _is_made(self, resource: Resource, ref: Ref) -> bool:
        secret = self._secrets.get((resource.key.namespace, ref.secret))
        return secret is not None and secret.made_for(resource)

    def _is_ready(self, resource: Resource, ref: Ref) -> bool:
        """Whether a link may be made: not with what is being deleted, whose links stay as long as its Secret does."""
        secret = self._secrets.get((resource.key.namespace, ref.secret))
        going = resource.deleting or (secret is not None and secret.deleting)
        return self._is_made(resource, ref) and not going and not _is_suspended(resource)

    def _is_held(self, account: LinkedAccount, ref: Ref) -> bool:
        """Whether what was linked once stays although nobody asks for it.

        It does while its Secret is there, and outlives its resource; or its resource cannot be seen or read, or is
        about to take another name for it.
        """
        secret = self._secrets.get((account.namespace, ref.secret))
        if secret is None or not secret.managed or secret.owner_key is None:
            return False
        if not self._is_state_known(secret.owner_key):
            return True
        owner = self._get(secret.owner_key)
        if owner is None:
            return not any(one.ours for one in secret.owners)
        if not owner.selected or _is_refused(owner):
            return False
        return isinstance(owner.spec, InvalidSpec) or ref.purpose in links_of(owner).get(account.name, ())

    def _resource_changed(self, old: Resource | None, new: Resource | None) -> None:
        found = new or old
        if found is None:
            return
        if bool(links_of(new)) != (found.key in self._linking):
            (self._linking.add if links_of(new) else self._linking.discard)(found.key)
            self._watch()
        if is_cluster(found.key) and old and new and _same(old, new):
            return  # only its status is another: what concerns its links, its placements say
        for resource in (old, new):
            if resource:
                self._enqueue_accounts(resource)

    def _secret_changed(self, old: StoredSecret | None, new: StoredSecret | None) -> None:
        found = new or old
        if found is None:
            return
        for place in self._by_record.get(_namespaced_name(found)):
            self._enqueue_account(place)
        for key in {one.owner_key for one in (old, new) if one and one.owner_key}:
            owner = self._get(key)
            if owner:
                self._enqueue_accounts(owner)

    def _account_changed(self, old: LinkedAccount | None, new: LinkedAccount | None) -> None:
        found = new or old
        if found is None:
            return
        if new is None:
            self._failures.pop(_namespaced_name(found), None)
        asked = self._by_link.get(_namespaced_name(found)) or self._by_link.get(("", found.name))
        if asked or found.recorded:
            self._enqueue(found.key)
        if old is None or new is None or old.lists != new.lists:
            self._enqueue_linking_resources(_namespaced_name(found))

    def _enqueue_accounts(self, resource: Resource) -> None:
        """Wakes those that it links, and those that have its Secret from an earlier spec or an earlier life of it."""
        if not len(self._accounts):
            return
        if not isinstance(resource.spec, InvalidSpec):
            for place in self._by_record.get((resource.key.namespace, resource.spec.generated_secret_name)):
                self._enqueue_account(place)
        clustered = KINDS[resource.key.kind].clustered
        for name in links_of(resource):
            places = [(resource.key.namespace, name)]
            if clustered and not resource.key.namespace:
                places = list(self._by_name.get(name))
            for place in places:
                self._enqueue_account(place)

    def _enqueue_linking_resources(self, place: _NamespacedName) -> None:
        for key in self._linking_keys(*place):
            self._enqueue(key)

    def _enqueue_account(self, place: _NamespacedName) -> None:
        account = self._accounts.get(place)
        if account:
            self._enqueue(account.key)

    # Watches

    def _watched_in(self, namespace: str) -> str:
        return namespace if namespace in self._places else ""

    def _reflector(self, place: str) -> Reflector[_NamespacedName, LinkedAccount]:
        return Reflector(kube_links.source(self._client, place or None, linked=False), self._accounts, self._observer)

    def _watch(self) -> None:
        needed = bool(self._linking or len(self._marked))
        for place in (one or "" for one in self._places):
            if needed:
                self.dynamic.start(place)
            elif place in self.dynamic:
                self.dynamic.stop(place)
        if not needed:
            for account in list(self._accounts):
                self._accounts.forget(_namespaced_name(account))

    def _settled(self, _namespaced_name: str) -> None:
        for key in self._linking:
            self._enqueue(key, low_priority=True)


def _is_absent(account: LinkedAccount | None) -> bool:
    """Whether nothing can be linked to a ServiceAccount: one that is being deleted is as good as gone for that."""
    return account is None or account.deleting


def _absence(name: str, account: LinkedAccount | None) -> str:
    return f"{name} (being deleted)" if account else name


def _same(old: Resource, new: Resource) -> bool:
    return (old.uid, old.generation, old.deleting) == (new.uid, new.generation, new.deleting)


def _is_suspended(resource: Resource) -> bool:
    return not isinstance(resource.spec, InvalidSpec) and resource.spec.suspend


def _is_refused(resource: Resource) -> bool:
    """Whether it is denied, or its Secret's name is somebody else's: neither is to be linked."""
    reason = condition_of(resource.status, READY).get("reason")
    return reason in (Reason.POLICY_DENIED, Reason.SECRET_CONFLICT)
