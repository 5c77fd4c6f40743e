"""Which keys a change wakes: one table, from what has changed to the routes that find the keys. Pure.

Event handlers only make a `Change` and enqueue what `wakes` gives for it. For a new event, add a route to `TABLE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, auto
from typing import Any, NamedTuple

from ..api.selectors import NamespaceLabels
from ..domain.identity.sources import KeySecret, RoleAccount
from ..domain.links import LinkedAccount, links_of
from ..domain.resource import Key, Resource
from ..domain.secret.ownership import claimed
from ..domain.secret.stored import StoredSecret
from ..runtime.cache import Change
from .facts import AccountsListed, IdentityListed, LinkFailure, NamespacesListed, PoliciesChanged
from .stores.bundle import Stores
from .stores.identities import name_of
from .stores.keys import NamespacedName, is_cluster
from .stores.resources import target_of

Wake = tuple[Key, bool]
"""A key to enqueue, and whether it has low priority."""


class Priority(Enum):
    """The priority of the keys that a route finds."""

    NORMAL = auto()
    LOW = auto()
    LOW_IF_LISTED = auto()
    """Low for a change that a list reported: it is one of many."""


class Route(NamedTuple):
    """Some of the keys that a change wakes.

    Attributes:
        find: gives the keys.
        priority: of these keys.
        with_placements: whether a cluster resource wakes its placements, too. It has normal priority then, and its
            placements have low priority, because there may be thousands.
    """

    find: Callable[[Change[Any], Stores], Iterable[Key]]
    priority: Priority = Priority.NORMAL
    with_placements: bool = False


def wakes(change: Change[Any], stores: Stores) -> Iterator[Wake]:
    """The keys that a change wakes. A reconcile is not woken by its own write. A key may come several times.

    Args:
        change: of an object of a type in `TABLE`. The stores already contain it.
        stores: find the objects that have to do with it.
    """
    author = change.author
    for find, priority, with_placements in TABLE[type(change.subject)]:
        for key in find(change, stores):
            if key == author:
                continue
            if with_placements and is_cluster(key):
                yield key, False
                for namespace in stores.placements.namespaces_of(key):
                    yield key.placement(namespace), True
            else:
                yield key, priority is Priority.LOW or (priority is Priority.LOW_IF_LISTED and change.listed)


# Resources and placements. A placement changes when its status is set.


def _itself(change: Change[Resource], _stores: Stores) -> Iterable[Key]:
    return (change.subject.key,)


def _if_its_placements_depend_on_it(change: Change[Resource], _stores: Stores) -> Iterable[Key]:
    """A cluster resource, if it is new or gone, or something has changed that its placements depend on."""
    old, new = change.old, change.new
    if not is_cluster(change.subject.key):
        return ()
    unchanged = old and new and _placement_inputs(old) == _placement_inputs(new)
    return () if unchanged else (change.subject.key,)


def _placement_inputs(resource: Resource) -> tuple[str, int, str, bool]:
    return resource.uid, resource.generation, resource.refresh_request, resource.deleting


def _its_cluster_resource(change: Change[Resource], _stores: Stores) -> Iterable[Key]:
    cluster = change.subject.cluster
    return (cluster,) if cluster else ()


def _rivals_for_its_name(change: Change[Resource], stores: Stores) -> Iterable[Key]:
    """The other resources that name the Secret on which a resource has, or had, a claim."""
    old = change.old
    if old is None or claimed(old) == claimed(change.new):
        return ()
    key, name = old.key, target_of(old)
    if not name:
        return ()
    naming = stores.resources.naming_anywhere(name) if is_cluster(key) else stores.resources.naming(key.namespace, name)
    return (one for one in naming if one != key)


def _accounts_of_a_resource(change: Change[Resource], stores: Stores) -> Iterable[Key]:
    """The ServiceAccounts that a resource links, and those that have its Secret from before.

    A change of the status of a cluster resource wakes none: the statuses of its placements do.
    """
    old, new = change.old, change.new
    if not len(stores.accounts):
        return ()
    if old and new and is_cluster(new.key) and _identity(old) == _identity(new):
        return ()
    return _accounts((old, new), stores)


def _identity(resource: Resource) -> tuple[str, int, bool]:
    return resource.uid, resource.generation, resource.deleting


def _accounts(resources: Iterable[Resource | None], stores: Stores) -> Iterator[Key]:
    """The ServiceAccounts that resources link, and those that record a link to the Secrets of these resources."""
    for resource in resources:
        if resource:
            namespace, name = resource.key.namespace, target_of(resource)
            if name:
                yield from _known(stores.accounts.recording(namespace, name), stores)
            for account in links_of(resource):
                places = stores.accounts.named(account) if is_cluster(resource.key) else ((namespace, account),)
                yield from _known(places, stores)


def _known(places: Iterable[NamespacedName], stores: Stores) -> Iterator[Key]:
    """The keys of those of these ServiceAccounts that exist."""
    for namespace, name in places:
        account = stores.accounts.get(namespace, name)
        if account:
            yield account.key


# Generated Secrets


def _owner_and_those_that_name_it(change: Change[StoredSecret], stores: Stores) -> Iterable[Key]:
    return dict.fromkeys((*_owners(change), *stores.resources.naming(change.subject.namespace, change.subject.name)))


def _owners(change: Change[StoredSecret]) -> Iterable[Key]:
    """The resources that a Secret was made for: before, and now."""
    return dict.fromkeys(one.owner_key for one in (change.old, change.new) if one and one.owner_key)


def _accounts_of_a_secret(change: Change[StoredSecret], stores: Stores) -> Iterable[Key]:
    """The ServiceAccounts that record a link to a Secret, and those that its owner links.

    Only when the Secret is new or gone, or has another owner.
    """
    old, new = change.old, change.new
    if not len(stores.accounts) or (old and new and (old.uid, old.owner_key) == (new.uid, new.owner_key)):
        return
    secret = change.subject
    yield from _known(stores.accounts.recording(secret.namespace, secret.name), stores)
    yield from _accounts(map(stores.get, _owners(change)), stores)


# ServiceAccounts, as far as links are concerned


def _account_with_links(change: Change[LinkedAccount], stores: Stores) -> Iterable[Key]:
    """A ServiceAccount that a resource links, or that records a link."""
    account = change.subject
    return (account.key,) if account.recorded or stores.resources.is_linked(account.namespace, account.name) else ()


def _resources_that_link_it(change: Change[LinkedAccount], stores: Stores) -> Iterable[Key]:
    """Only when the ServiceAccount is new or gone, or its lists have changed."""
    old, new, account = change.old, change.new, change.subject
    if old and new and old.lists == new.lists:
        return ()
    return stores.resources.linking(account.namespace, account.name)


def _resources_that_report_it(change: Change[LinkFailure], stores: Stores) -> Iterable[Key]:
    return stores.resources.linking(change.subject.namespace, change.subject.name)


def _resources_with_links(_change: Change[AccountsListed], stores: Stores) -> Iterable[Key]:
    return stores.resources.with_links()


# Namespaces and policies


def labels_changed(change: Change[NamespaceLabels]) -> bool:
    """Whether a namespace is new or gone, or has other labels."""
    old, new = change.old, change.new
    return old is None or new is None or (old.labels, old.oversized) != (new.labels, new.oversized)


def _resources_in_it(change: Change[NamespaceLabels], stores: Stores) -> Iterable[Key]:
    return stores.resources.in_namespace(change.subject.name) if labels_changed(change) else ()


def _placements_in_it(change: Change[NamespaceLabels], stores: Stores) -> Iterator[Key]:
    """The placements that a namespace has, had or is to have, and their cluster resources."""
    versions, name = [one for one in (change.old, change.new) if one], change.subject.name
    for resource in filter(None, map(stores.resources.get, stores.resources.cluster_keys())):
        selected = any(stores.placements.selects(resource, one) for one in versions)
        if selected or stores.placements.has_status(resource, name):
            yield resource.key.placement(name)
            yield resource.key


def _all_resources(_change: Change[PoliciesChanged], stores: Stores) -> Iterable[Key]:
    return stores.resources.keys()


def _resources_that_select(_change: Change[NamespacesListed], stores: Stores) -> Iterable[Key]:
    """All resources while a policy selects namespaces by label, otherwise all cluster resources."""
    return stores.resources.keys() if stores.selects_by_label else stores.resources.cluster_keys()


# Identities


def _resources_that_need_it(change: Change[RoleAccount] | Change[KeySecret], stores: Stores) -> Iterable[Key]:
    return stores.identities.needed_by(name_of(change.subject))


def _resources_that_wait_for_it(change: Change[IdentityListed], stores: Stores) -> Iterable[Key]:
    return stores.identities.needed_by(change.subject.named)


TABLE: Mapping[type, tuple[Route, ...]] = {
    Resource: (
        Route(_itself, Priority.LOW_IF_LISTED),
        Route(_if_its_placements_depend_on_it, with_placements=True),
        Route(_its_cluster_resource),
        Route(_rivals_for_its_name, with_placements=True),
        Route(_accounts_of_a_resource),
    ),
    StoredSecret: (
        Route(_owner_and_those_that_name_it),
        Route(_accounts_of_a_secret),
    ),
    LinkedAccount: (
        Route(_account_with_links),
        Route(_resources_that_link_it),
    ),
    LinkFailure: (Route(_resources_that_report_it),),
    NamespaceLabels: (
        Route(_resources_in_it),
        Route(_placements_in_it),
    ),
    PoliciesChanged: (Route(_all_resources, Priority.LOW, with_placements=True),),
    RoleAccount: (Route(_resources_that_need_it, with_placements=True),),
    KeySecret: (Route(_resources_that_need_it, with_placements=True),),
    NamespacesListed: (Route(_resources_that_select, Priority.LOW, with_placements=True),),
    AccountsListed: (Route(_resources_with_links, Priority.LOW, with_placements=True),),
    IdentityListed: (Route(_resources_that_wait_for_it, with_placements=True),),
}
"""From the type of what has changed to what that wakes."""
