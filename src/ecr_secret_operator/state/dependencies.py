"""What else in the cluster resources depend on: policies, namespaces, ServiceAccounts and Secrets with AWS keys.

Policies are always watched. Namespaces are watched while a policy selects them by label, or a cluster resource selects
them at all. A ServiceAccount or a Secret is watched while a resource names it that policy does not deny anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from ..api.selectors import NamespaceLabels
from ..domain.identity.authorization import Authorization, assess, needed
from ..domain.identity.policy import Policy
from ..domain.identity.sources import KeySecret, Missing, Named, RoleAccount
from ..domain.kinds import KINDS
from ..domain.ports import Enqueue
from ..domain.resource import Key, Resource
from ..domain.secret.annotations import StoredTokens
from ..kube import namespaces, policies
from ..kube.client import Client
from ..runtime.cache import Cache
from ..runtime.dynamic import DynamicInformers, SyncState
from ..runtime.index import Index
from ..runtime.parts import run_parts
from ..runtime.queue import ignore
from ..runtime.reflector import Reflector, WatchObserver
from .identity_watches import MISSING, IdentityWatches

NAMESPACES = "namespaces"

_JUDGED_AT_ONCE = 200
"""Resources. A hundred policies take 0.2 ms for each."""


class DependencyStore:
    """What resources depend on, as last seen, and what it allows them.

    Args:
        client: the API server.
        resources: all resources; must be empty still.
        observer: is told how watches fare.
        own_namespace: the operator's: where cluster resources have the identities that they name.
        policy_required: whether nothing is allowed while there is no policy.
        most_identity_watches: of ServiceAccounts and Secrets with AWS keys, in all namespaces.

    Attributes:
        namespaces: all of the cluster, as far as they are watched.
        policy_reflector: of the policies.
    """

    def __init__(
        self,
        client: Client,
        resources: Cache[Key, Resource],
        *,
        observer: WatchObserver,
        own_namespace: str,
        policy_required: bool,
        most_identity_watches: int,
    ) -> None:
        self._client = client
        self.own_namespace = own_namespace
        self._clusters: set[Key] = set()
        self._observer = observer
        self._policy_required = policy_required
        self._resources = resources
        self._policies: Cache[str, Policy] = Cache(lambda policy: policy.name)
        self.namespaces: Cache[str, NamespaceLabels] = Cache(lambda namespace: namespace.name)
        self._identities = IdentityWatches(
            client,
            observer=observer,
            most=most_identity_watches,
            reserved=own_namespace,
            changed=self._identity_changed,
        )
        self._outdated = asyncio.Event()
        self._by_namespace = Index(
            resources, key_of=lambda resource: resource.key, derived=lambda resource: [resource.key.namespace]
        )
        self.policy_reflector: Reflector[str, Policy] = Reflector(policies.source(client), self._policies, observer)
        self._namespace_watch: DynamicInformers[str] = DynamicInformers(
            self._namespace_reflector, settled=self._namespaces_settled
        )
        self._enqueue: Enqueue[Key] = ignore
        resources.listen(self._resource_changed, core=True)
        self._policies.listen(self._policy_changed)
        self.namespaces.listen(self._namespace_changed)

    async def watch(self) -> None:
        """Watches until cancelled. Ends otherwise only with an error that is a bug."""
        parts = {
            f"watch {self.policy_reflector.name}": self.policy_reflector.run(),
            "watch namespaces while that is needed": self._namespace_watch.run(),
            "watch identities while that is needed": self._identities.dynamic.run(),
            "authorize again after changes": self._keep_judged(),
        }
        await run_parts(parts)

    async def _keep_judged(self) -> None:
        await self.policy_reflector.synced.wait()
        self._outdated.set()
        while True:
            await self._outdated.wait()
            self._outdated.clear()
            await self._judge_all()

    @property
    def identity_watches(self) -> IdentityWatches:
        """The watches of ServiceAccounts and Secrets with AWS keys."""
        return self._identities

    def on_change(self, enqueue: Enqueue[Key]) -> None:
        """Has every change call this with the keys of the resources that it concerns."""
        self._enqueue = enqueue

    def authorize(self, resource: Resource, stored: StoredTokens) -> Authorization:
        """What a resource may do now, and as whom; `stored` are the tokens that it has."""
        return assess(resource, self, stored=stored, policy_required=self._policy_required)

    def policies(self) -> Sequence[Policy]:
        """All AccessPolicies."""
        return tuple(self._policies)

    def labels(self, namespace: str) -> Mapping[str, str] | Missing:
        """The labels of a namespace."""
        found = self.namespace(namespace)
        if isinstance(found, Missing):
            return found
        return Missing.TOO_MANY if found.oversized else found.labels

    def namespace(self, name: str) -> NamespaceLabels | Missing:
        """A namespace."""
        return self.namespaces.get(name) or MISSING[self._namespace_watch.state(NAMESPACES)]

    @property
    def namespaces_state(self) -> SyncState:
        """What is known of the namespaces."""
        return self._namespace_watch.state(NAMESPACES)

    def account(self, namespace: str, name: str) -> RoleAccount | Missing:
        """A ServiceAccount."""
        return self._identities.account(namespace, name)

    def credentials(self, namespace: str, name: str) -> KeySecret | Missing:
        """A Secret with AWS keys."""
        return self._identities.credentials(namespace, name)

    def _resource_changed(self, old: Resource | None, new: Resource | None) -> None:
        found = new or old
        if found and KINDS[found.key.kind].clustered:
            (self._clusters.add if new else self._clusters.discard)(found.key)
            self._watch_namespaces()
        if found:
            self._watch_identities(found.key)

    def _watch_identities(self, *keys: Key) -> None:
        """Watches what resources name, as far as policy lets them use that."""
        needs: dict[Key, frozenset[Named]] = {}
        for key in keys:
            resource = self._resources.get(key)
            names: frozenset[Named] | None = frozenset()
            if resource and self.policy_reflector.synced.is_set():
                names = needed(resource, self, policy_required=self._policy_required)
            elif resource:
                names = None
            if names is not None:
                here = self.own_namespace
                needs[key] = frozenset(one._replace(namespace=one.namespace or here) for one in names)
        self._identities.need(needs)

    def _identity_changed(self, keys: tuple[Key, ...]) -> None:
        for key in keys:
            self._enqueue(key)

    def _policy_changed(self, _old: Policy | None, _new: Policy | None) -> None:
        self._watch_namespaces()
        self._outdated.set()

    @property
    def _by_label(self) -> bool:
        return any(policy.needs_labels for policy in self._policies)

    def _watch_namespaces(self) -> None:
        if self._clusters or self._by_label:
            self._namespace_watch.start(NAMESPACES)
        elif NAMESPACES in self._namespace_watch:
            self._namespace_watch.stop(NAMESPACES)
            for namespace in list(self.namespaces):
                self.namespaces.forget(namespace.name)

    def _namespace_reflector(self, _need: str) -> Reflector[str, NamespaceLabels]:
        return Reflector(namespaces.source(self._client), self.namespaces, self._observer)

    def _namespace_changed(self, old: NamespaceLabels | None, new: NamespaceLabels | None) -> None:
        found = old or new
        if found and not (old and new and (old.labels, old.oversized) == (new.labels, new.oversized)):
            for key in self._by_namespace.get(found.name):
                self._watch_identities(key)
                self._enqueue(key)

    def _namespaces_settled(self, _need: str) -> None:
        if self._by_label:
            self._outdated.set()
        else:
            self._enqueue_all(tuple(self._clusters))

    async def _judge_all(self) -> None:
        """Policies or labels have changed for all resources. Other tasks run between parts of them."""
        keys = [resource.key for resource in self._resources]
        for begin in range(0, len(keys), _JUDGED_AT_ONCE):
            part = tuple(keys[begin : begin + _JUDGED_AT_ONCE])
            self._watch_identities(*part)
            self._enqueue_all(part)
            await asyncio.sleep(0)

    def _enqueue_all(self, keys: tuple[Key, ...]) -> None:
        for key in keys:
            self._enqueue(key, low_priority=True)
