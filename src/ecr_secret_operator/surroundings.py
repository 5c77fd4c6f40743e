"""What else in the cluster resources depend on: policies, namespaces, ServiceAccounts and Secrets with AWS keys.

Policies are always watched. Namespaces are watched while a policy selects them by label; a ServiceAccount or a Secret
is watched, by itself, while a resource names it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from .domain.access import MOST_NAMED, Access, Account, Credentials, Missing, NamespaceLabels, assess
from .domain.generated import Holdings
from .domain.policy import Policy
from .domain.resource import InvalidSpec, Key, Resource
from .kube import accounts, credentials, namespaces, policies
from .kube.client import Client
from .runtime.cache import Cache
from .runtime.index import Index
from .runtime.ondemand import OnDemand, Sight, Watching
from .runtime.watcher import Watcher, WatchObserver


class Need(NamedTuple):
    """Something that is watched by itself: a ServiceAccount, a Secret, or all namespaces."""

    kind: str
    namespace: str = ""
    name: str = ""


NAMESPACES = Need("Namespaces")
_MISSING = {Sight.CLEAR: Missing.ABSENT, Sight.NOT_YET: Missing.NOT_YET, Sight.REFUSED: Missing.REFUSED}


def _needs(resource: Resource) -> Iterator[Need]:
    if isinstance(resource.spec, InvalidSpec):
        return
    for entry in resource.spec.entries:
        if entry.aws.service_account:
            yield Need("ServiceAccount", resource.key.namespace, entry.aws.service_account)
        if entry.aws.credentials_secret:
            yield Need("Secret", resource.key.namespace, entry.aws.credentials_secret)


class Surroundings:
    """What resources depend on, as last seen, and what it allows them.

    Args:
        client: the API server.
        resources: all resources; must be empty still.
        observer: is told how watches fare.
        policy_required: whether nothing is allowed while there is no policy.
    """

    def __init__(
        self, client: Client, resources: Cache[Key, Resource], *, observer: WatchObserver, policy_required: bool
    ) -> None:
        self._client = client
        self._observer = observer
        self._policy_required = policy_required
        self._resources = resources
        self._policies: Cache[str, Policy] = Cache(lambda policy: policy.name)
        self._namespaces: Cache[str, NamespaceLabels] = Cache(lambda namespace: namespace.name)
        self._accounts: Cache[Need, Account] = Cache(lambda found: Need("ServiceAccount", found.namespace, found.name))
        self._credentials: Cache[Need, Credentials] = Cache(lambda found: Need("Secret", found.namespace, found.name))
        self._by_need = Index(resources, key_of=lambda resource: resource.key, derived=_needs)
        self._by_namespace = Index(
            resources, key_of=lambda resource: resource.key, derived=lambda resource: [resource.key.namespace]
        )
        self.policy_watcher: Watcher[str, Policy] = Watcher(policies.source(client), self._policies, observer)
        self.on_demand: OnDemand[Need] = OnDemand(self._watcher, settled=self._settled)
        self._running: defaultdict[str, set[Need]] = defaultdict(set)
        self._queued: defaultdict[str, dict[Need, None]] = defaultdict(dict)
        self._enqueue: Callable[[Key], None] = lambda _key: None
        resources.listen(self._resource_changed)
        self._policies.listen(self._policy_changed)
        self._namespaces.listen(self._namespace_changed)
        self._accounts.listen(lambda old, new: self._named_changed(old or new))
        self._credentials.listen(lambda old, new: self._named_changed(old or new))

    def on_change(self, enqueue: Callable[[Key], None]) -> None:
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
        found = self._namespaces.get(namespace)
        return found.labels if found else _MISSING[self.on_demand.sight(NAMESPACES)]

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
            return Watcher(namespaces.source(self._client), self._namespaces, self._observer)
        if need.kind == "Secret":
            secret = credentials.source(self._client, need.namespace, need.name)
            return Watcher(secret, self._credentials, self._observer)
        return Watcher(accounts.source(self._client, need.namespace, need.name), self._accounts, self._observer)

    def _resource_changed(self, old: Resource | None, new: Resource | None) -> None:
        before, after = set(_needs(old)) if old else set(), set(_needs(new)) if new else set()
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
        if any(policy.needs_labels for policy in self._policies):
            self.on_demand.start(NAMESPACES)
        elif NAMESPACES in self.on_demand:
            self.on_demand.stop(NAMESPACES)
            for namespace in list(self._namespaces):
                self._namespaces.forget(namespace.name)
        self._enqueue_all()

    def _namespace_changed(self, old: NamespaceLabels | None, new: NamespaceLabels | None) -> None:
        found = old or new
        if found and not (old and new and old.labels == new.labels):
            for key in self._by_namespace.get(found.name):
                self._enqueue(key)

    def _named_changed(self, found: Account | Credentials | None) -> None:
        if isinstance(found, Account):
            self._settled(Need("ServiceAccount", found.namespace, found.name))
        elif found:
            self._settled(Need("Secret", found.namespace, found.name))

    def _settled(self, need: Need) -> None:
        if need == NAMESPACES:
            self._enqueue_all()
        for key in self._by_need.get(need):
            self._enqueue(key)

    def _enqueue_all(self) -> None:
        for resource in self._resources:
            self._enqueue(resource.key)
