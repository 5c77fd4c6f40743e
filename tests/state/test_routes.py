"""The routing table: which keys each change wakes, and with which priority. Pure: stores in memory, and no watch.

`test_changes.py` holds the same for changes that reach the caches by lists, watches and writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.api.selectors import NamespaceLabels
from ecr_secret_operator.domain.identity.access_policy import Policy, parse_policy
from ecr_secret_operator.domain.identity.sources import KeySecret, Named, RoleAccount
from ecr_secret_operator.domain.links import LinkedAccount, Ref
from ecr_secret_operator.domain.resource import InvalidSpec, Key, Resource
from ecr_secret_operator.runtime.cache import Change
from ecr_secret_operator.state.facts import (
    AccountsListed,
    IdentityListed,
    LinkFailure,
    NamespacesListed,
    PoliciesChanged,
)
from ecr_secret_operator.state.routes import TABLE, Wake, labels_changed, wakes
from ecr_secret_operator.state.stores.bundle import Stores
from tests.domain.clusters import OWN_NAMESPACE, WHOLE, a_cluster_resource, a_cluster_spec
from tests.factories import a_resource, a_spec, a_stored_secret

LINK = [{"service_account": "builder"}]
PULL, RIVAL, OTHER = (Key("Secret", "team-a", name) for name in ("pull", "rival", "other"))
IN_A, IN_B = WHOLE.placement("team-a"), WHOLE.placement("team-b")
BUILDER, BUILDER_B = Key("ServiceAccount", "team-a", "builder"), Key("ServiceAccount", "team-b", "builder")
EVERYWHERE = a_cluster_spec(namespaces={"include": ["team-*"]})
NAMED = Named("ServiceAccount", "team-a", "aws")
DENIED = {"conditions": [{"type": "Ready", "status": "False", "reason": "PolicyDenied"}]}


def a_pull(**over: Any) -> Resource:
    return a_resource(**{"key": PULL, **over})


def a_whole(**over: Any) -> Resource:
    return a_cluster_resource(**{"spec": EVERYWHERE, **over})


def an_account(namespace: str = "team-a", *, recorded: bool = False, pull: tuple[str, ...] = ()) -> LinkedAccount:
    return LinkedAccount(
        namespace=namespace,
        name="builder",
        resource_version="300",
        lists={"pull": pull, "mount": ()},
        recorded=frozenset({Ref("pull", "ecr-pull")} if recorded else ()),
        labels=frozenset(),
        annotations=frozenset(),
    )


def a_namespace(name: str, **labels: str) -> NamespaceLabels:
    return NamespaceLabels(name, "400", labels)


def stores_with(*objects: Resource | LinkedAccount | NamespaceLabels | Policy) -> Stores:
    stores = Stores(OWN_NAMESPACE)
    for found in objects:
        if isinstance(found, Resource):
            stores.resources.cache.put(found)
        elif isinstance(found, LinkedAccount):
            stores.accounts.cache.put(found)
        elif isinstance(found, NamespaceLabels):
            stores.namespaces.put(found)
        else:
            stores.policies.put(found)
    return stores


def high(*keys: Key) -> set[Wake]:
    return {(key, False) for key in keys}


def low(*keys: Key) -> set[Wake]:
    return {(key, True) for key in keys}


Row = tuple[Stores, Change[Any], set[Wake]]

BY_LABEL = Policy("p", "500", parse_policy({"namespaces": {"selector": {"matchLabels": {"team": "a"}}}}))
LINKING = a_pull(spec=a_spec(link=LINK))
LINKING_EVERYWHERE = a_whole(
    spec=a_cluster_spec(namespaces={"include": ["team-*"]}, link=[{"service_account": "builder"}])
)
NAMESPACES = (a_namespace("team-a"), a_namespace("team-b"), a_namespace("other"))

ROWS: Mapping[str, Callable[[], Row]] = {
    # Resources
    "a watch reports a resource": lambda: (stores_with(), Change(None, a_pull()), high(PULL)),
    "a list reports a resource": lambda: (stores_with(), Change(None, a_pull(), listed=True), low(PULL)),
    "a list reports that a resource is gone": lambda: (stores_with(), Change(a_pull(), None, listed=True), low(PULL)),
    "a reconcile writes the status of its resource": lambda: (
        stores_with(),
        Change(a_pull(), a_pull(status={}), author=PULL),
        set(),
    ),
    "another reconcile writes a resource": lambda: (stores_with(), Change(None, a_pull(), author=RIVAL), high(PULL)),
    "a resource is gone whose name another one and a cluster resource want": lambda: (
        stores_with(a_resource(key=RIVAL), a_whole(spec=a_cluster_spec())),
        Change(a_pull(), None),
        high(PULL, RIVAL, IN_A),
    ),
    "a resource is denied whose name another one wants": lambda: (
        stores_with(a_resource(key=RIVAL)),
        Change(a_pull(), a_pull(status=DENIED), author=PULL),
        high(RIVAL),
    ),
    "a resource keeps its name": lambda: (
        stores_with(a_resource(key=RIVAL)),
        Change(a_pull(), a_pull(status={"phase": "x"})),
        high(PULL),
    ),
    "a resource is gone whose spec was invalid": lambda: (
        stores_with(a_resource(key=RIVAL)),
        Change(a_pull(spec=InvalidSpec("no")), None),
        high(PULL),
    ),
    "a resource that links a ServiceAccount is new": lambda: (
        stores_with(an_account()),
        Change(None, LINKING),
        high(PULL, BUILDER),
    ),
    "a resource no longer links a ServiceAccount": lambda: (
        stores_with(an_account()),
        Change(LINKING, a_pull()),
        high(PULL, BUILDER),
    ),
    "a resource changes whose Secret a ServiceAccount records": lambda: (
        stores_with(an_account(recorded=True), an_account("team-b", recorded=True)),
        Change(a_pull(), a_pull(generation=2)),
        high(PULL, BUILDER),
    ),
    "a resource links a ServiceAccount that does not exist": lambda: (
        stores_with(an_account("team-b")),
        Change(None, LINKING),
        high(PULL),
    ),
    # Cluster resources and placements
    "a cluster resource is new": lambda: (
        stores_with(a_whole(), *NAMESPACES),
        Change(None, a_whole()),
        high(WHOLE) | low(IN_A, IN_B),
    ),
    "a list reports a cluster resource": lambda: (
        stores_with(a_whole(), *NAMESPACES),
        Change(None, a_whole(), listed=True),
        high(WHOLE) | low(WHOLE, IN_A, IN_B),
    ),
    "the status of a cluster resource changes": lambda: (
        stores_with(a_whole(), an_account(recorded=True), *NAMESPACES),
        Change(a_whole(), a_whole(status={"phase": "x"})),
        high(WHOLE),
    ),
    "a cluster resource gets a new spec": lambda: (
        stores_with(a_whole(generation=2), an_account(recorded=True), *NAMESPACES),
        Change(a_whole(), a_whole(generation=2)),
        high(WHOLE, BUILDER) | low(IN_A, IN_B),
    ),
    "a cluster resource links a ServiceAccount in two namespaces": lambda: (
        stores_with(an_account(), an_account("team-b")),
        Change(None, LINKING_EVERYWHERE),
        high(WHOLE, BUILDER, BUILDER_B),
    ),
    "a cluster resource is gone whose name resources in all namespaces want": lambda: (
        stores_with(a_resource(key=RIVAL), a_resource(key=Key("Secret", "team-b", "x"))),
        Change(a_whole(), None),
        high(WHOLE, RIVAL, Key("Secret", "team-b", "x")),
    ),
    "a cluster resource is gone whose name another cluster resource wants": lambda: (
        stores_with(a_whole(), *NAMESPACES),
        Change(a_whole(key=Key("ClusterPullSecret", "", "first"), uid="first"), None),
        high(Key("ClusterPullSecret", "", "first"), WHOLE) | low(IN_A, IN_B),
    ),
    "a reconcile sets the status of its placement": lambda: (
        stores_with(a_whole(), an_account(), *NAMESPACES),
        _placement_change(LINKING_EVERYWHERE, {"phase": "x"}),
        high(WHOLE, BUILDER),
    ),
    "a placement is denied whose name a resource wants": lambda: (
        stores_with(a_whole(), a_pull(), *NAMESPACES),
        _placement_change(a_whole(), DENIED),
        high(WHOLE, PULL),
    ),
    # Generated Secrets
    "a Secret appears": lambda: (stores_with(a_pull()), Change(None, a_stored_secret(a_pull())), high(PULL)),
    "a list reports a Secret": lambda: (
        stores_with(a_pull()),
        Change(None, a_stored_secret(a_pull()), listed=True),
        high(PULL),
    ),
    "a reconcile writes its Secret": lambda: (
        stores_with(a_pull(), a_resource(key=RIVAL)),
        Change(None, a_stored_secret(a_pull()), author=PULL),
        high(RIVAL),
    ),
    "a Secret gets another owner": lambda: (
        stores_with(),
        Change(a_stored_secret(a_pull()), a_stored_secret(a_resource(key=RIVAL))),
        high(PULL, RIVAL),
    ),
    "a Secret is gone that a cluster resource names": lambda: (
        stores_with(a_whole(spec=a_cluster_spec())),
        Change(a_stored_secret(a_pull()), None),
        high(PULL, IN_A),
    ),
    "a Secret appears whose owner links a ServiceAccount": lambda: (
        stores_with(LINKING, an_account()),
        Change(None, a_stored_secret(LINKING), author=PULL),
        high(BUILDER),
    ),
    "a Secret is gone that a ServiceAccount records": lambda: (
        stores_with(an_account(recorded=True)),
        Change(a_stored_secret(a_pull()), None),
        high(PULL, BUILDER),
    ),
    "a Secret is edited that a ServiceAccount records": lambda: (
        stores_with(an_account(recorded=True)),
        Change(a_stored_secret(a_pull()), a_stored_secret(a_pull(), annotations={})),
        high(PULL),
    ),
    # ServiceAccounts
    "a ServiceAccount appears that a resource links": lambda: (
        stores_with(LINKING),
        Change(None, an_account()),
        high(BUILDER, PULL),
    ),
    "a ServiceAccount appears that a placement links": lambda: (
        stores_with(LINKING_EVERYWHERE),
        Change(None, an_account()),
        high(BUILDER, IN_A),
    ),
    "the lists of a ServiceAccount change": lambda: (
        stores_with(LINKING),
        Change(an_account(), an_account(pull=("x",))),
        high(BUILDER, PULL),
    ),
    "something else of a ServiceAccount changes": lambda: (
        stores_with(LINKING),
        Change(an_account(), an_account()),
        high(BUILDER),
    ),
    "a ServiceAccount is gone that records a link": lambda: (
        stores_with(),
        Change(an_account(recorded=True), None),
        high(BUILDER),
    ),
    "a ServiceAccount appears that nothing links": lambda: (stores_with(a_pull()), Change(None, an_account()), set()),
    "a ServiceAccount cannot be changed": lambda: (
        stores_with(LINKING, a_resource(key=OTHER)),
        Change(None, LinkFailure("team-a", "builder", "refused")),
        high(PULL),
    ),
    "the ServiceAccounts are listed": lambda: (
        stores_with(LINKING, a_resource(key=OTHER), LINKING_EVERYWHERE, *NAMESPACES),
        Change(None, AccountsListed()),
        low(PULL, IN_A, IN_B) | high(WHOLE),
    ),
    # Policies and namespaces
    "policies change": lambda: (
        stores_with(a_pull(), a_whole(), *NAMESPACES),
        Change(None, PoliciesChanged()),
        low(PULL, IN_A, IN_B) | high(WHOLE),
    ),
    "the namespaces are listed for a cluster resource": lambda: (
        stores_with(a_pull(), a_whole(), *NAMESPACES),
        Change(None, NamespacesListed()),
        low(IN_A, IN_B) | high(WHOLE),
    ),
    "the namespaces are listed for a policy": lambda: (
        stores_with(a_pull(), BY_LABEL),
        Change(None, NamespacesListed()),
        low(PULL),
    ),
    "a namespace gets another label": lambda: (
        stores_with(a_pull(), a_resource(key=Key("Secret", "team-b", "x"))),
        Change(a_namespace("team-a"), a_namespace("team-a", team="a")),
        high(PULL),
    ),
    "a namespace changes, but no label": lambda: (
        stores_with(a_pull()),
        Change(a_namespace("team-a"), a_namespace("team-a")),
        set(),
    ),
    "a namespace appears that a cluster resource selects": lambda: (
        stores_with(a_whole()),
        Change(None, a_namespace("team-a")),
        high(WHOLE, IN_A),
    ),
    "a namespace appears that a cluster resource does not select": lambda: (
        stores_with(a_whole()),
        Change(None, a_namespace("other")),
        set(),
    ),
    # Identities
    "the role of a ServiceAccount changes": lambda: (
        _needing(a_pull(), a_resource(key=OTHER)),
        Change(None, RoleAccount("team-a", "aws", "1", "", "")),
        high(PULL),
    ),
    "a Secret of the same name appears": lambda: (
        _needing(a_pull()),
        Change(None, KeySecret("team-a", "aws", "1", None)),
        set(),
    ),
    "an identity is listed": lambda: (_needing(a_pull()), Change(None, IdentityListed(NAMED)), high(PULL)),
    "an identity is listed that a cluster resource names": lambda: (
        _needing(a_whole(), *NAMESPACES),
        Change(None, IdentityListed(NAMED)),
        high(WHOLE) | low(IN_A, IN_B),
    ),
}


def _placement_change(whole: Resource, status: Mapping[str, Any]) -> Change[Resource]:
    placement = whole.placement("team-a", {}, selected=True, identities_in=OWN_NAMESPACE)
    return Change(placement, replace(placement, status=status), author=placement.key)


def _needing(resource: Resource, *others: Resource | NamespaceLabels) -> Stores:
    """Stores in which one resource needs an identity."""
    stores = stores_with(resource, *others)
    stores.identities.set_needs({resource.key: frozenset({NAMED})})
    return stores


@pytest.mark.parametrize("name", ROWS)
def test_the_keys_that_a_change_wakes(name: str) -> None:
    stores, change, expected = ROWS[name]()
    assert set(wakes(change, stores)) == expected


def test_every_type_of_the_table_has_a_row() -> None:
    assert {type(row()[1].subject) for row in ROWS.values()} == TABLE.keys()


def test_what_the_table_does_not_contain_is_an_error() -> None:
    with pytest.raises(KeyError):
        list(wakes(Change(None, "text"), stores_with()))


def test_the_table_only_reads() -> None:
    """Finding the keys twice finds the same."""
    stores, change, _ = ROWS["a cluster resource gets a new spec"]()
    assert list(wakes(change, stores)) == list(wakes(change, stores))


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (None, a_namespace("a"), True),
        (a_namespace("a"), None, True),
        (a_namespace("a"), a_namespace("a"), False),
        (a_namespace("a"), a_namespace("a", team="x"), True),
        (a_namespace("a"), replace(a_namespace("a"), oversized=True), True),
        (a_namespace("a"), replace(a_namespace("a"), terminating=True), False),
    ],
)
def test_whether_labels_have_changed(
    old: NamespaceLabels | None, new: NamespaceLabels | None, *, changed: bool
) -> None:
    assert labels_changed(Change(old, new)) is changed


def test_a_namespace_is_gone_whose_placement_has_a_status() -> None:
    """The namespace is not selected any more, but its placement is still being removed."""
    stores = stores_with(a_whole(), a_namespace("other"))
    placement = stores.get(WHOLE.placement("other"))
    assert placement
    stores.placements.set_status(placement, {"phase": "x"})
    change = Change(a_namespace("other"), replace(a_namespace("other"), terminating=True))
    assert set(wakes(change, stores)) == high(WHOLE, WHOLE.placement("other"))
