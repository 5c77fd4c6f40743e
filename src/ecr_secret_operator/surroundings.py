"""What else in the cluster resources depend on: policies, namespaces, ServiceAccounts and Secrets with AWS keys.

Policies are always watched. Namespaces are watched while a policy selects them by label, or a cluster resource selects
them at all; a ServiceAccount or a Secret is watched, by itself, while a resource names it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from .domain.access import MOST_NAMED, Access, Account, Credentials, Missing, NamespaceLabels, assess
from .domain.generated import Holdings
from .domain.kinds import KINDS
from .domain.policy import Policy
from .domain.ports import Enqueue
from .domain.resource import InvalidSpec, Key, Resource
from .kube import accounts, credentials, namespaces, policies
from .kube.client import Client
from .runtime.cache import Cache
from .runtime.index import Index
from .runtime.ondemand import OnDemand, Sight, Watching
from .runtime.queue import ignore
from .runtime.watcher import Watcher, WatchObserver


class Need(NamedTuple):
    """Something that is watched by itself: a ServiceAccount, a Secret, or all namespaces."""

    kind: str
    namespace: str = ""
    name: str = ""


NAMESPACES = Need("Namespaces")
_MISSING = {Sight.CLEAR: Missing.ABSENT, Sight.NOT_YET: Missing.NOT_YET, Sight.REFUSED: Missing.REFUSED}


class Surroundings:
    """What resources depend on, as last seen, and what it allows them.

    Args:
        client: the API server.
        resources: all resources; must be empty still.
        observer: is told how watches fare.
        own_namespace: the operator's: where cluster resources have the identities that they name.
        policy_required: whether nothing is allowed while there is no policy.

    Attributes:
        namespaces: all of the cluster, as far as they are watched.
    """

    def __init__(
        self,
        client: Client,
        resources: Cache[Key, Resource],
        *,
        observer: WatchObserver,
        own_namespace: str,
        policy_required: bool,
    ) -> None:
        self._client = client
        self.own_namespace = own_namespace
        self._clusters: set[Key] = set()
        self._observer = observer
        self._policy_required = policy_required
        self._resources = resources
        self._policies: Cache[str, Policy] = Cache(lambda policy: policy.name)
        self.namespaces: Cache[str, NamespaceLabels] = Cache(lambda namespace: namespace.name)
        self._accounts: Cache[Need, Account] = Cache(lambda found: Need("ServiceAccount", found.namespace, found.name))
        self._credentials: Cache[Need, Credentials] = Cache(lambda found: Need("Secret", found.namespace, found.name))
        self._by_need = Index(resources, key_of=lambda resource: resource.key, derived=self._needs)
        self._by_namespace = Index(
            resources, key_of=lambda resource: resource.key, derived=lambda resource: [resource.key.namespace]
        )
        self.policy_watcher: Watcher[str, Policy] = Watcher(policies.source(client), self._policies, observer)
        self.on_demand: OnDemand[Need] = OnDemand(self._watcher, settled=self._settled)
        self._running: defaultdict[str, set[Need]] = defaultdict(set)
        self._queued: defaultdict[str, dict[Need, None]] = defaultdict(dict)
        self._enqueue: Enqueue[Key] = ignore
        resources.listen(self._resource_changed, core=True)
        self._policies.listen(self._policy_changed)
        self.namespaces.listen(self._namespace_changed)
        self._accounts.listen(lambda old, new: self._named_changed(old or new))
        self._credentials.listen(lambda old, new: self._named_changed(old or new))

    def on_change(self, enqueue: Enqueue[Key]) -> None:
        """Has every change call this with the keys of the resources that it concerns."""
        self._enqueue = enqueue

    def access(self, resource: Resource, stored: Holdings) -> Access:
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
        return self.namespaces.get(name) or _MISSING[self.on_demand.sight(NAMESPACES)]

    @property
    def namespaces_seen(self) -> Sight:
        """What is known of the namespaces."""
        return self.on_demand.sight(NAMESPACES)

    def account(self, namespace: str, name: str) -> Account | Missing:
        """A ServiceAccount."""
        need = Need("ServiceAccount", namespace, name)
        return self._accounts.get(need) or self._missing(need)

    def credentials(self, namespace: str, name: str) -> Credentials | Missing:
        """A Secret with AWS keys."""
        need = Need("Secret", namespace, name)
        return self._credentials.get(need) or self._missing(need)

    def _missing(self, need: Need) -> Missing:
        queued = need in self._queued.get(need.namespace, ())
        return Missing.TOO_MANY if queued else _MISSING[self.on_demand.sight(need)]

    def _watcher(self, need: Need) -> Watching:
        if need == NAMESPACES:
            return Watcher(namespaces.source(self._client), self.namespaces, self._observer)
        if need.kind == "Secret":
            secret = credentials.source(self._client, need.namespace, need.name)
            return Watcher(secret, self._credentials, self._observer)
        return Watcher(accounts.source(self._client, need.namespace, need.name), self._accounts, self._observer)

    def _needs(self, resource: Resource) -> Iterator[Need]:
        if isinstance(resource.spec, InvalidSpec):
            return
        home = resource.home or self.own_namespace
        for entry in resource.spec.entries:
            if entry.aws.service_account:
                yield Need("ServiceAccount", home, entry.aws.service_account)
            if entry.aws.credentials_secret:
                yield Need("Secret", home, entry.aws.credentials_secret)

    def _resource_changed(self, old: Resource | None, new: Resource | None) -> None:
        found = new or old
        if found and KINDS[found.key.kind].clustered:
            (self._clusters.add if new else self._clusters.discard)(found.key)
            self._watch_namespaces()
        before, after = set(self._needs(old)) if old else set(), set(self._needs(new)) if new else set()
        for need in after:
            self._start(need)
        for need in before - after:
            if not self._by_need.get(need):
                self._stop(need)

    def _start(self, need: Need) -> None:
        """Starts to watch, unless the namespace has as many watches as one may have: then it has to queue."""
        running = self._running[need.namespace]
        if need in running or len(running) < MOST_NAMED:
            running.add(need)
            self.on_demand.start(need)
        else:
            self._queued[need.namespace][need] = None

    def _stop(self, need: Need) -> None:
        queued = self._queued[need.namespace]
        queued.pop(need, None)
        self._running[need.namespace].discard(need)
        self.on_demand.stop(need)
        self._accounts.forget(need)
        self._credentials.forget(need)
        if queued and len(self._running[need.namespace]) < MOST_NAMED:
            following = next(iter(queued))
            del queued[following]
            self._start(following)

    def _policy_changed(self, _old: Policy | None, _new: Policy | None) -> None:
        self._watch_namespaces()
        self._enqueue_all(self._everything())

    @property
    def _by_label(self) -> bool:
        return any(policy.needs_labels for policy in self._policies)

    def _watch_namespaces(self) -> None:
        if self._clusters or self._by_label:
            self.on_demand.start(NAMESPACES)
        elif NAMESPACES in self.on_demand:
            self.on_demand.stop(NAMESPACES)
            for namespace in list(self.namespaces):
                self.namespaces.forget(namespace.name)

    def _namespace_changed(self, old: NamespaceLabels | None, new: NamespaceLabels | None) -> None:
        found = old or new
        if found and not (old and new and (old.labels, old.oversized) == (new.labels, new.oversized)):
            for key in self._by_namespace.get(found.name):
                self._enqueue(key)

    def _named_changed(self, found: Account | Credentials | None) -> None:
        if isinstance(found, Account):
            self._settled(Need("ServiceAccount", found.namespace, found.name))
        elif found:
            self._settled(Need("Secret", found.namespace, found.name))

    def _settled(self, need: Need) -> None:
        if need == NAMESPACES:
            self._enqueue_all(self._everything() if self._by_label else tuple(self._clusters))
        for key in self._by_need.get(need):
            self._enqueue(key)

    def _everything(self) -> tuple[Key, ...]:
        return tuple(resource.key for resource in self._resources)

    def _enqueue_all(self, keys: tuple[Key, ...]) -> None:
        for key in keys:
            self._enqueue(key, patient=True)
