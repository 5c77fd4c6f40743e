"""Links on a real API server: what gets into a ServiceAccount, when, and what comes out of it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, Refused, condition, secret_path
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.accounts import (
    FIELDS,
    MARK,
    MOUNT,
    PULL,
    RECORD,
    account_path,
    an_account,
    entries,
    essence,
    every_version,
    listed,
    record,
    the_account,
    wait_listed,
)
from tests.cluster.foreign import a_secret, encoded
from tests.cluster.linking import link, remove, wait_linked
from tests.cluster.resources import a_resource, apply, edit, get, wait_condition, wait_ready, wait_secret

pytestmark = pytest.mark.xdist_group("linking")  # its operator is started once, by one worker

# What gets in

LISTS: dict[str, dict[str, list[str]]] = {
    "no lists": {},
    "lists with entries": {"pull": ["z-mine", "a-mine"], "mount": ["token"]},
}


@pytest.mark.parametrize("purposes", [(), ("pull",), ("mount",), ("pull", "mount")], ids="+".join)
@pytest.mark.parametrize("lists", LISTS.values(), ids=LISTS.keys())
def test_the_secret_is_put_behind_what_is_there_and_taken_out_without_a_trace(
    cluster: Cluster, lasting: str, name: str, lists: dict[str, list[str]], purposes: tuple[str, ...]
) -> None:
    metadata = {"labels": {"team": "a"}, "annotations": {"example.com/note": "x"}} if lists else {}
    before = an_account(cluster, lasting, name, pull=lists.get("pull"), mount=lists.get("mount"), **metadata)
    apply(cluster, lasting, a_resource(name=name, link=link(name, *purposes)))
    resource = wait_linked(cluster, lasting, name)
    generated = f"{name}-generated"
    assert condition(resource, "Linked")["message"] == f"Secret {generated} is linked to {name}"
    account, wanted = the_account(cluster, lasting, name), purposes or ("pull", "mount")
    for purpose, field in FIELDS.items():
        own = entries(generated) if purpose in wanted else []
        assert account.get(field, []) == [*before.get(field, []), *own]
    assert record(account) == {f"{purpose}:{generated}" for purpose in wanted}
    assert account["metadata"]["labels"] == {**metadata.get("labels", {}), MARK: "true"}
    remove(cluster, lasting, name)
    wait_listed(cluster, lasting, name, pull=lists.get("pull", ()), mount=lists.get("mount", ()))
    assert essence(the_account(cluster, lasting, name)) == essence(before)


def test_a_service_account_that_comes_later_is_linked_then_and_the_resource_says_so(
    cluster: Cluster, lasting: str, name: str
) -> None:
    an_account(cluster, lasting, f"{name}-there")
    both = [*link(name), *link(f"{name}-there")]
    apply(cluster, lasting, a_resource(name=name, link=both))
    resource = wait_condition(cluster, lasting, name, type="Linked", status="False", reason="ServiceAccountMissing")
    assert condition(resource, "Linked")["message"].startswith(f"ServiceAccounts that do not exist: {name}. ")
    assert condition(resource, "Ready")["status"] == "True"
    generated = f"{name}-generated"
    wait_listed(cluster, lasting, f"{name}-there", pull=[generated], mount=[generated])
    an_account(cluster, lasting, name)
    wait_linked(cluster, lasting, name)
    assert listed(the_account(cluster, lasting, name)) == ([generated], [generated])


def test_one_that_is_made_anew_is_linked_anew(cluster: Cluster, lasting: str, name: str) -> None:
    an_account(cluster, lasting, name)
    apply(cluster, lasting, a_resource(name=name, link=link(name, "pull")))
    wait_linked(cluster, lasting, name)
    cluster.delete(account_path(lasting, name))
    wait_condition(cluster, lasting, name, type="Linked", status="False", reason="ServiceAccountMissing")
    an_account(cluster, lasting, name)
    wait_listed(cluster, lasting, name, pull=[f"{name}-generated"])
    wait_linked(cluster, lasting, name)


DAMAGES: dict[str, Object] = {
    "the entry": {PULL: entries("one", "two")},
    "all entries": {PULL: []},
    "the list": {PULL: None},
    "the entry, for others": {PULL: entries("three", "four", "five")},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_what_somebody_removes_is_back_and_what_they_put_there_stays(
    cluster: Cluster, lasting: str, name: str, damage: Object
) -> None:
    an_account(cluster, lasting, name, pull=["one", "two"])
    apply(cluster, lasting, a_resource(name=name, link=link(name, "pull")))
    wait_linked(cluster, lasting, name)
    cluster.patch(account_path(lasting, name), damage)
    theirs = [entry["name"] for entry in damage[PULL] or []]
    wait_listed(cluster, lasting, name, pull=[*theirs, f"{name}-generated"])
    remove(cluster, lasting, name)
    wait_listed(cluster, lasting, name, pull=theirs)


def test_the_label_by_which_it_is_found_is_back_too(cluster: Cluster, lasting: str, name: str) -> None:
    an_account(cluster, lasting, name)
    apply(cluster, lasting, a_resource(name=name, link=link(name)))
    wait_linked(cluster, lasting, name)
    cluster.patch(account_path(lasting, name), {"metadata": {"labels": {MARK: None}}})
    wait_for(
        lambda: the_account(cluster, lasting, name)["metadata"].get("labels") == {MARK: "true"}, "the label is back"
    )


def test_entries_of_others_keep_their_order_wherever_the_operators_own_stands(
    cluster: Cluster, lasting: str, name: str
) -> None:
    before = an_account(cluster, lasting, name, pull=["z", "m", "a"], mount=["z", "m", "a"])
    apply(cluster, lasting, a_resource(name=name, link=link(name)))
    wait_linked(cluster, lasting, name)
    own = f"{name}-generated"
    for place in range(4):
        mixed = entries("z", "m", "a")
        mixed.insert(place, {"name": own})
        changed = cluster.patch(account_path(lasting, name), {PULL: mixed, MOUNT: mixed})
    edit(cluster, lasting, name, link=link(name, "pull"))
    account = wait_listed(cluster, lasting, name, pull=["z", "m", "a", own], mount=["z", "m", "a"])
    assert account[PULL] == changed[PULL]
    mixed = [entries("z")[0], {"name": own}, *entries("m", "a")]
    cluster.patch(account_path(lasting, name), {PULL: mixed})
    remove(cluster, lasting, name)
    wait_listed(cluster, lasting, name, pull=["z", "m", "a"], mount=["z", "m", "a"])
    assert essence(the_account(cluster, lasting, name)) == essence(before)


def test_an_entry_that_a_person_put_there_is_neither_repeated_nor_taken_out(
    cluster: Cluster, lasting: str, name: str
) -> None:
    generated = f"{name}-generated"
    before = an_account(cluster, lasting, name, pull=[generated, "mine"])
    apply(cluster, lasting, a_resource(name=name, link=link(name)))
    wait_linked(cluster, lasting, name)
    account = the_account(cluster, lasting, name)
    assert listed(account) == ([generated, "mine"], [generated])
    assert record(account) == {f"mount:{generated}"}
    remove(cluster, lasting, name)
    wait_listed(cluster, lasting, name, pull=[generated, "mine"])
    assert essence(the_account(cluster, lasting, name)) == essence(before)


def test_without_its_record_an_entry_is_a_persons(cluster: Cluster, lasting: str, name: str) -> None:
    """Who knows who put it there: what cannot be told is left."""
    generated = f"{name}-generated"
    for account in (name, f"{name}-other"):
        an_account(cluster, lasting, account)
    apply(cluster, lasting, a_resource(name=name, link=[*link(name, "pull"), *link(f"{name}-other", "pull")]))
    wait_linked(cluster, lasting, name)
    cluster.patch(account_path(lasting, name), {"metadata": {"annotations": {RECORD: None}}})
    remove(cluster, lasting, name)
    wait_listed(cluster, lasting, f"{name}-other")
    wait_for(lambda: cluster.get(secret_path(lasting, generated)) is None, "the Secret is gone")
    assert listed(the_account(cluster, lasting, name)) == ([generated], [])


# What comes out

Change = Callable[[str], dict[str, Any]]

CHANGES: dict[str, tuple[Change, tuple[list[str], list[str]], list[str]]] = {
    # (the new spec, which purposes are left, those of the other ServiceAccount)
    "another ServiceAccount": (lambda name: {"link": link(f"{name}-other")}, ([], []), ["pull", "mount"]),
    "one more": (
        lambda name: {"link": [*link(name), *link(f"{name}-other", "mount")]},
        (["own"], ["own"]),
        ["mount"],
    ),
    "no longer for mounting": (lambda name: {"link": link(name, "pull")}, (["own"], []), []),
    "no longer for pulling": (lambda name: {"link": link(name, "mount")}, ([], ["own"]), []),
    "an empty list": (lambda _name: {"link": []}, ([], []), []),
    "no list": (lambda _name: {"link": None}, ([], []), []),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_link_follows_the_field(cluster: Cluster, lasting: str, name: str, case: str) -> None:
    change, (pull, mount), other = CHANGES[case]
    generated = f"{name}-generated"
    for account in (name, f"{name}-other"):
        an_account(cluster, lasting, account, pull=["mine"])
    apply(cluster, lasting, a_resource(name=name, link=link(name)))
    wait_linked(cluster, lasting, name)
    edit(cluster, lasting, name, **change(name))
    wait_listed(cluster, lasting, name, pull=["mine", *(generated for _ in pull)], mount=[generated for _ in mount])
    wait_listed(
        cluster,
        lasting,
        f"{name}-other",
        pull=["mine", *(generated for one in other if one == "pull")],
        mount=[generated for one in other if one == "mount"],
    )
    if change(name)["link"]:
        wait_linked(cluster, lasting, name)
    else:
        wait_for(lambda: condition(get(cluster, lasting, name), "Linked") == {}, "nothing is said of links any more")


def test_a_new_name_takes_the_place_of_the_old_one_without_a_moment_between(
    cluster: Cluster, lasting: str, name: str
) -> None:
    an_account(cluster, lasting, name, pull=["mine"])
    apply(cluster, lasting, a_resource(name=name, link=link(name, "pull")))
    wait_linked(cluster, lasting, name)
    names = [f"{name}-generated", *(f"{name}-{number}" for number in range(3))]
    with every_version(cluster, lasting, name) as versions:
        for new in names[1:]:
            edit(cluster, lasting, name, generated_secret_name=new)
            wait_listed(cluster, lasting, name, pull=["mine", new])
            wait_linked(cluster, lasting, name)
    assert versions[0] == ["mine", names[0]]
    assert all(set(version) & set(names) and version[0] == "mine" for version in versions), versions
    assert versions[-1] == ["mine", names[-1]]


def test_a_secret_that_is_deleted_and_comes_back_stays_linked(cluster: Cluster, lasting: str, name: str) -> None:
    an_account(cluster, lasting, name)
    apply(cluster, lasting, a_resource(name=name, link=link(name, "pull")))
    wait_linked(cluster, lasting, name)
    generated = f"{name}-generated"
    uid = wait_secret(cluster, lasting, generated)["metadata"]["uid"]
    with every_version(cluster, lasting, name) as versions:
        cluster.delete(secret_path(lasting, generated))
        wait_for(
            lambda: (
                (cluster.get(secret_path(lasting, generated)) or {"metadata": {"uid": uid}})["metadata"]["uid"] != uid
            ),
            "the Secret is back",
        )
        wait_linked(cluster, lasting, name)
    assert versions == [[generated]]


def test_a_retained_secret_keeps_its_link_until_it_is_deleted_itself(cluster: Cluster, lasting: str, name: str) -> None:
    before = an_account(cluster, lasting, name)
    probe = an_account(cluster, lasting, f"{name}-probe")
    spec = a_resource(name=name, link=[*link(name), *link(f"{name}-probe")], deletion_policy="Retain")
    apply(cluster, lasting, spec)
    wait_linked(cluster, lasting, name)
    edit(cluster, lasting, name, link=link(name))
    wait_for(
        lambda: essence(the_account(cluster, lasting, f"{name}-probe")) == essence(probe), "the other one is unlinked"
    )
    linked, generated = the_account(cluster, lasting, name), f"{name}-generated"
    remove(cluster, lasting, name)
    # The next resource is looked at after the deletion: by then the link would be gone.
    apply(cluster, lasting, a_resource(name=f"{name}-next", link=link(f"{name}-probe")))
    wait_linked(cluster, lasting, f"{name}-next")
    assert the_account(cluster, lasting, name) == linked
    cluster.delete(secret_path(lasting, generated))
    wait_listed(cluster, lasting, name)
    assert essence(the_account(cluster, lasting, name)) == essence(before)


def test_a_resource_that_comes_back_without_a_link_takes_that_of_its_retained_secret_out(
    cluster: Cluster, lasting: str, name: str
) -> None:
    an_account(cluster, lasting, name)
    apply(cluster, lasting, a_resource(name=name, link=link(name), deletion_policy="Retain"))
    wait_linked(cluster, lasting, name)
    remove(cluster, lasting, name)
    apply(cluster, lasting, a_resource(name=name))
    wait_ready(cluster, lasting, name)
    wait_listed(cluster, lasting, name)


def test_while_suspended_links_stay_as_they_are(cluster: Cluster, lasting: str, name: str) -> None:
    for account in (name, f"{name}-other"):
        an_account(cluster, lasting, account)
    apply(cluster, lasting, a_resource(name=name, link=link(name)))
    wait_linked(cluster, lasting, name)
    linked = the_account(cluster, lasting, name)
    edit(cluster, lasting, name, suspend=True, link=[*link(name), *link(f"{name}-other")])
    wait_condition(cluster, lasting, name, type="Ready", status="True", reason="Suspended")
    assert the_account(cluster, lasting, name) == linked
    edit(cluster, lasting, name, suspend=False)
    wait_linked(cluster, lasting, name)
    assert the_account(cluster, lasting, name) == linked
    generated = f"{name}-generated"
    assert listed(the_account(cluster, lasting, f"{name}-other")) == ([generated], [generated])


def test_a_foreign_secret_of_that_name_is_not_linked(cluster: Cluster, lasting: str, name: str) -> None:
    before, generated = an_account(cluster, lasting, name), f"{name}-generated"
    cluster.create(secret_path(lasting), a_secret(encoded(precious="yes"), name=generated))
    apply(cluster, lasting, a_resource(name=name, link=link(name)))
    resource = wait_condition(cluster, lasting, name, type="Ready", status="False", reason="SecretConflict")
    linked = condition(resource, "Linked")
    assert (linked["status"], linked["reason"]) == ("False", "SecretConflict")
    assert the_account(cluster, lasting, name) == before
    cluster.delete(secret_path(lasting, generated))
    wait_ready(cluster, lasting, name, within=20)
    wait_linked(cluster, lasting, name)


def test_two_resources_share_a_service_account_and_each_takes_out_its_own(
    cluster: Cluster, lasting: str, name: str
) -> None:
    an_account(cluster, lasting, name, pull=["mine"])
    for number in range(2):
        apply(cluster, lasting, a_resource(name=f"{name}-{number}", link=link(name, "pull")))
        wait_linked(cluster, lasting, f"{name}-{number}")
    first, second = (f"{name}-{number}-generated" for number in range(2))
    assert listed(the_account(cluster, lasting, name)) == (["mine", first, second], [])
    remove(cluster, lasting, f"{name}-0")
    account = wait_listed(cluster, lasting, name, pull=["mine", second])
    assert record(account) == {f"pull:{second}"}


# What the API server refuses

REFUSED: dict[str, tuple[Any, str]] = {
    "an unknown purpose": (link("builder", "push"), "Unsupported value"),
    "no purpose": ([{"service_account": "builder", "for": []}], "should have at least 1 items"),
    "a purpose twice": (link("builder", "pull", "pull"), "Duplicate value"),
    "a ServiceAccount twice": ([*link("builder", "pull"), *link("builder", "mount")], "Duplicate value"),
    "a name that is none": (link("../builder"), "service_account"),
    "no name": ([{"for": ["pull"]}], "Required value"),
    "too many": ([link(f"builder-{number}")[0] for number in range(33)], "must have at most 32 items"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_link_that_cannot_mean_anything_is_refused(cluster: Cluster, lasting: str, name: str, case: str) -> None:
    links, sentence = REFUSED[case]
    with pytest.raises(Refused, match=sentence):
        apply(cluster, lasting, a_resource(name=name, link=links))
