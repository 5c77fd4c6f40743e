"""The watches that always run: which there are, and what is known by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..domain.identity.access_policy import Policy
from ..domain.kinds import KINDS, Kind
from ..domain.resource import Resource
from ..domain.secret.stored import StoredSecret
from ..kube import links, policies
from ..kube import resources as kube_resources
from ..kube import secrets as kube_secrets
from ..kube.client import Client
from ..kube.source import Absorb
from ..runtime.parts import run_parts
from ..runtime.reflector import Reflector, WatchObserver
from .stores.bundle import Stores

_Reflector = Reflector[Any, Any]


class Absorbers(NamedTuple):
    """What takes the watch events of the operator's own writes.

    Attributes:
        resource: gives it for a kind of resource.
        secret: it, for generated Secrets.
    """

    resource: Callable[[Kind], Absorb[Resource]]
    secret: Absorb[StoredSecret]


class Informers:
    """The watches of resources, generated Secrets, policies, and ServiceAccounts that have something linked.

    Args:
        client: the API server.
        stores: receive what is watched.
        observer: receives the results of watches.
        namespaces: to watch; empty for all. Cluster resources are watched only if all namespaces are.
        absorb: takes the watch events of the operator's own writes.

    Attributes:
        places: the watched namespaces; None means all.
    """

    def __init__(
        self,
        client: Client,
        stores: Stores,
        observer: WatchObserver,
        *,
        namespaces: Sequence[str],
        absorb: Absorbers,
    ) -> None:
        def resources(kind: Kind, place: str | None) -> _Reflector:
            source = kube_resources.source(client, kind, place, absorb=absorb.resource(kind))
            return Reflector(source, stores.resources.cache, observer)

        self._confined = bool(namespaces)
        self.places: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._of_place: dict[str | None, list[_Reflector]] = {
            place: [
                Reflector(kube_secrets.source(client, place, absorb=absorb.secret), stores.secrets.cache, observer),
                *(resources(kind, place) for kind in KINDS.values() if not kind.clustered),
            ]
            for place in self.places
        }
        self._cluster_resources = [
            resources(kind, None)
            for kind in KINDS.values()
            if kind.clustered and not self._confined  # several that are confined would contradict each other there
        ]
        self._accounts: list[_Reflector] = [
            Reflector(links.source(client, place, linked=True), stores.accounts.labelled, observer)
            for place in self.places
        ]
        self._policies: Reflector[str, Policy] = Reflector(policies.source(client), stores.policies, observer)

    @property
    def _needed(self) -> list[_Reflector]:
        """The reflectors without which no resource can be reconciled."""
        return [reflector for reflectors in self._of_place.values() for reflector in reflectors]

    @property
    def _all(self) -> list[_Reflector]:
        return [*self._needed, *self._cluster_resources, self._policies, *self._accounts]

    def policies_synced(self) -> bool:
        """Whether the policies have been listed."""
        return self._policies.synced.is_set()

    def has_synced(self, namespace: str) -> bool:
        """Whether all resources and generated Secrets of a namespace have been listed, as far as permitted."""
        there = self._of_place.get(namespace) or self._of_place.get(None, [])
        answered = all(reflector.answered.is_set() for reflector in self._cluster_resources)
        return answered and all(reflector.synced.is_set() for reflector in there)

    def cluster_resources_synced(self) -> bool:
        """Whether all cluster resources are known."""
        return not self._confined and all(reflector.synced.is_set() for reflector in self._cluster_resources)

    async def run(self) -> None:
        """Watches until cancelled. Raises the error of a watch that failed."""
        await run_parts({f"watch {reflector.name}": reflector.run() for reflector in self._all})

    async def policies_listed(self) -> None:
        """Waits until the policies have been listed."""
        await self._policies.synced.wait()

    async def synced(self) -> None:
        """Waits until everything has been listed once.

        If the operator is limited to some namespaces, a namespace that it may not list does not delay the others. A
        Secret that was not seen is found by the write that meets it. Policies must have been listed, because
        a policy that was not seen cannot deny. Cluster resources may not be installed, or the operator may not be
        permitted to list them.
        """
        await self.policies_listed()
        for reflector in self._needed:
            await (reflector.answered if self._confined else reflector.synced).wait()
        for reflector in self._cluster_resources:
            await reflector.answered.wait()

    def trouble(self, now: float, silence: float) -> str | None:
        """Why what is cached cannot be relied on; None when it can.

        Args:
            now: monotonic time.
            silence: seconds without an answer from the API server that are too many.
        """
        if not self.policies_synced():
            return f"not listed yet: {self._policies.name}"
        needed = self._needed
        missing = [reflector.name for reflector in needed if not reflector.synced.is_set()]
        refused = [reflector.name for reflector in needed if reflector.answered.is_set() and reflector.name in missing]
        if missing and not (self._confined and missing == refused and len(missing) < len(needed)):
            return f"not listed yet: {', '.join(missing[:5])}"
        unheard = [reflector for reflector in self._all if now - reflector.last_heard > silence]
        if any(reflector.unauthorized for reflector in unheard):
            return "the API server refuses the operator's credentials"
        if unheard:
            return "nothing has been heard from the API server for a while"
        return None

    def silence(self, now: float) -> float:
        """Seconds since the API server last answered, on the watch where that is longest ago.

        Args:
            now: monotonic time.
        """
        return max(now - reflector.last_heard for reflector in self._all)
