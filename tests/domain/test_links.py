"""Links: what is asked of a ServiceAccount, and the patch that brings it there without touching what others put in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecr_secret_operator.api.pull_secrets import MOST_LINKS, PURPOSES, RegistriesSpec
from ecr_secret_operator.domain.kinds import CLUSTER_PULL_SECRET, SECRET
from ecr_secret_operator.domain.links import (
    ACCOUNT_KIND,
    LINKED,
    LINKED_LABEL,
    LINKED_SELECTOR,
    LINKS,
    LISTS,
    DesiredLinks,
    LinkedAccount,
    Ref,
    links_of,
    links_patch,
    read_record,
    refs_of,
)
from ecr_secret_operator.domain.resource import InvalidSpec, Key
from tests.factories import a_raw_spec, a_resource, a_spec, an_argo_spec

PULL, MOUNT = Ref("pull", "ecr-pull"), Ref("mount", "ecr-pull")
BOTH = {PULL: True, MOUNT: True}
NOTHING: Mapping[Ref, bool] = {}

Raw = dict[str, Any]


def an_account(
    *,
    pull: Sequence[str] | None = None,
    mount: Sequence[str] | None = None,
    record: str | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Raw:
    """A ServiceAccount as the API server has it; with a record it is marked as the operator marks it."""
    marks = {} if record is None else {LINKED_LABEL: LINKED}
    notes = {} if record is None else {LINKS: record}
    metadata: Raw = {"name": "builder", "namespace": "team-a", "resourceVersion": "7"}
    for field, own, others in (("labels", marks, labels), ("annotations", notes, annotations)):
        if own or others is not None:
            metadata[field] = {**(others or {}), **own}
    account: Raw = {"metadata": metadata}
    for field, names in (("imagePullSecrets", pull), ("secrets", mount)):
        if names is not None:
            account[field] = [{"name": name} for name in names]
    return account


def names(raw: Raw, field: str) -> list[str]:
    return [entry["name"] for entry in raw.get(field) or []]


def seen(raw: Raw) -> LinkedAccount:
    meta = raw["metadata"]
    return LinkedAccount(
        namespace=meta["namespace"],
        name=meta["name"],
        resource_version=meta["resourceVersion"],
        lists={purpose: tuple(names(raw, field)) for purpose, field in LISTS.items()},
        recorded=read_record(meta.get("annotations")),
        labels=frozenset(meta.get("labels") or ()),
        annotations=frozenset(meta.get("annotations") or ()),
    )


def patched(raw: Raw, operations: Sequence[Mapping[str, Any]]) -> Raw:
    """What RFC 6902 makes of an object; fails where an operation does not fit."""
    document = deepcopy(raw)
    for operation in operations:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place: Any = document
        for part in way:
            place = place[part]
        kind, value = operation["op"], operation.get("value")
        if isinstance(place, list):
            if kind == "remove":
                del place[int(last)]
            else:
                assert (kind, last) == ("add", "-")
                place.append(value)
        elif kind == "remove":
            del place[last]
        else:
            assert kind == "add" or last in place
            place[last] = value
    return document


def desired_links(asked: Mapping[Ref, bool], *held: Ref) -> DesiredLinks:
    return DesiredLinks(asked, frozenset(held))


def relinked(raw: Raw, asked: Mapping[Ref, bool], *held: Ref) -> Raw:
    """The ServiceAccount after a links_patch, after which another one has nothing to do."""
    account = seen(raw)
    operations = links_patch(account, desired_links(asked, *held))
    after = patched(raw, operations)
    assert links_patch(seen(after), desired_links(asked, *held)) == []
    return after


# What is linked


@pytest.mark.parametrize("before", [None, [], ["one"], ["one", "two", "three"]], ids=["absent", "empty", "one", "more"])
@pytest.mark.parametrize("purpose", PURPOSES)
def test_an_entry_is_added_behind_those_of_others(before: list[str] | None, purpose: str) -> None:
    lists = {purpose: before}
    raw = an_account(pull=lists.get("pull"), mount=lists.get("mount"))
    field = LISTS[purpose]  # type: ignore[index] # of PURPOSES
    after = relinked(raw, {ref: True for ref in BOTH if ref.purpose == purpose})
    assert names(after, field) == [*(before or []), "ecr-pull"]
    (other,) = set(LISTS.values()) - {field}
    assert other not in after


def test_both_purposes_and_several_secrets_are_one_patch() -> None:
    raw = an_account(pull=["mine"])
    after = relinked(raw, {**BOTH, Ref("pull", "another"): True})
    assert names(after, "imagePullSecrets") == ["mine", "another", "ecr-pull"]
    assert names(after, "secrets") == ["ecr-pull"]
    assert after["metadata"]["annotations"] == {LINKS: "mount:ecr-pull pull:another pull:ecr-pull"}
    assert after["metadata"]["labels"] == {LINKED_LABEL: LINKED}


def test_a_secret_that_is_not_there_yet_is_not_linked() -> None:
    assert links_patch(seen(an_account()), desired_links({PULL: False, MOUNT: False})) == []


def test_of_two_only_the_one_that_is_there_is_linked() -> None:
    after = relinked(an_account(), {PULL: True, MOUNT: False})
    assert (names(after, "imagePullSecrets"), "secrets" in after) == (["ecr-pull"], False)


def test_an_entry_that_somebody_put_there_is_neither_repeated_nor_recorded() -> None:
    raw = an_account(pull=["ecr-pull", "mine"])
    assert links_patch(seen(raw), desired_links({PULL: True})) == []
    after = relinked(raw, BOTH)
    assert names(after, "imagePullSecrets") == ["ecr-pull", "mine"]
    assert after["metadata"]["annotations"][LINKS] == "mount:ecr-pull"


def test_an_entry_that_somebody_removed_is_back() -> None:
    raw = an_account(pull=["mine"], mount=["ecr-pull"], record="mount:ecr-pull pull:ecr-pull")
    after = relinked(raw, BOTH)
    assert names(after, "imagePullSecrets") == ["mine", "ecr-pull"]
    assert after["metadata"] == raw["metadata"]


def test_nothing_is_patched_when_all_is_as_it_is_wanted() -> None:
    raw = an_account(pull=["a", "ecr-pull", "b"], mount=["ecr-pull"], record="mount:ecr-pull pull:ecr-pull")
    assert links_patch(seen(raw), desired_links(BOTH)) == []
    assert links_patch(seen(an_account()), desired_links(NOTHING)) == []


# What is unlinked


@pytest.mark.parametrize("others", [[], ["before"], ["before", "after"], ["a", "b", "c", "d"]], ids=repr)
def test_only_what_is_recorded_is_taken_out_wherever_it_stands(others: list[str]) -> None:
    for place in range(len(others) + 1):
        entries = [*others[:place], "ecr-pull", *others[place:]]
        raw = an_account(pull=entries, mount=entries, record="mount:ecr-pull pull:ecr-pull")
        after = relinked(raw, NOTHING)
        assert names(after, "imagePullSecrets") == others
        assert names(after, "secrets") == others


def test_several_are_taken_out_at_once() -> None:
    raw = an_account(pull=["x", "a", "y", "b", "z"], record="pull:a pull:b")
    assert names(relinked(raw, NOTHING), "imagePullSecrets") == ["x", "y", "z"]


def test_with_the_last_one_the_marks_go_and_those_of_others_stay() -> None:
    raw = an_account(
        pull=["ecr-pull"], record="pull:ecr-pull", labels={"team": "a"}, annotations={"example.com/note": "x"}
    )
    after = relinked(raw, NOTHING)
    assert after["metadata"]["labels"] == {"team": "a"}
    assert after["metadata"]["annotations"] == {"example.com/note": "x"}
    assert after["imagePullSecrets"] == []


def test_what_nobody_recorded_stays_although_nobody_asks_for_it() -> None:
    assert links_patch(seen(an_account(pull=["ecr-pull"])), desired_links(NOTHING)) == []


def test_what_is_held_stays_and_so_does_its_record() -> None:
    raw = an_account(pull=["ecr-pull"], record="pull:ecr-pull")
    assert links_patch(seen(raw), desired_links(NOTHING, PULL)) == []
    after = relinked(raw, {MOUNT: True}, PULL)
    assert after["metadata"]["annotations"] == {LINKS: "mount:ecr-pull pull:ecr-pull"}


def test_what_is_asked_for_stays_while_its_secret_is_away() -> None:
    raw = an_account(pull=["ecr-pull"], record="pull:ecr-pull")
    assert links_patch(seen(raw), desired_links({PULL: False})) == []


def test_one_secret_takes_the_place_of_another_in_one_patch() -> None:
    raw = an_account(pull=["ecr-pull"], record="pull:ecr-pull")
    after = relinked(raw, {Ref("pull", "moved"): True})
    assert names(after, "imagePullSecrets") == ["moved"]
    assert after["metadata"]["annotations"] == {LINKS: "pull:moved"}


def test_a_recorded_entry_that_is_gone_only_leaves_the_record() -> None:
    after = relinked(an_account(pull=["mine"], record="pull:ecr-pull"), NOTHING)
    assert names(after, "imagePullSecrets") == ["mine"]
    assert not after["metadata"]["annotations"]
    assert not after["metadata"]["labels"]


def test_of_an_entry_that_somebody_repeated_one_stays() -> None:
    raw = an_account(pull=["ecr-pull", "mine", "ecr-pull"], record="pull:ecr-pull")
    assert links_patch(seen(raw), desired_links({PULL: True})) == []
    assert names(relinked(raw, NOTHING), "imagePullSecrets") == ["ecr-pull", "mine"]


# Marks


def test_marks_are_put_beside_those_of_others() -> None:
    raw = an_account(labels={"team": "a"}, annotations={"example.com/note": "x"})
    metadata = relinked(raw, {PULL: True})["metadata"]
    assert metadata["labels"] == {"team": "a", LINKED_LABEL: LINKED}
    assert metadata["annotations"] == {"example.com/note": "x", LINKS: "pull:ecr-pull"}


def test_a_label_that_somebody_took_off_is_put_back() -> None:
    """Without it, nobody would find after a restart what was linked."""
    raw = an_account(pull=["ecr-pull"], record="pull:ecr-pull")
    del raw["metadata"]["labels"]
    after = relinked(raw, {PULL: True})
    assert after["metadata"]["labels"] == {LINKED_LABEL: LINKED}
    assert names(after, "imagePullSecrets") == ["ecr-pull"]


def test_every_patch_names_the_version_that_was_judged() -> None:
    for raw, asked in ((an_account(), BOTH), (an_account(pull=["ecr-pull"], record="pull:ecr-pull"), NOTHING)):
        version, *others = links_patch(seen(raw), desired_links(asked))
        assert version == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
        assert others


@pytest.mark.parametrize(
    ("annotations", "record"),
    [
        (None, set()),
        ({}, set()),
        ({LINKS: ""}, set()),
        ({LINKS: "pull:ecr-pull"}, {PULL}),
        ({LINKS: "mount:ecr-pull pull:ecr-pull"}, {PULL, MOUNT}),
        ({LINKS: "  pull:a  pull:b "}, {Ref("pull", "a"), Ref("pull", "b")}),
        ({LINKS: "push:a nonsense pull:a Pull:b mount"}, {Ref("pull", "a")}),
        ({LINKS: "pull:mount:a"}, {Ref("pull", "mount:a")}),
        ({"other": "pull:a"}, set()),
    ],
    ids=lambda value: repr(sorted(value) if isinstance(value, set) else value),
)
def test_a_record_is_read_as_far_as_it_can_be(annotations: Mapping[str, str] | None, record: set[Ref]) -> None:
    assert read_record(annotations) == record


def test_a_record_that_cannot_be_read_is_written_anew_with_what_is_added() -> None:
    after = relinked(an_account(record="nonsense"), {PULL: True})
    assert after["metadata"]["annotations"] == {LINKS: "pull:ecr-pull"}


# Whatever it is, the patch fits

_NAMES = ("a", "b", "c", "d")
_REFS = tuple(Ref(purpose, name) for purpose in PURPOSES for name in _NAMES)
_refs: st.SearchStrategy[frozenset[Ref]] = st.frozensets(st.sampled_from(_REFS))
_entries = st.none() | st.lists(st.sampled_from((*_NAMES, "x", "y", "z")), unique=True)
_marks: st.SearchStrategy[dict[str, str] | None] = st.none() | st.just({}) | st.just({"example.com/other": "x"})


@st.composite
def accounts(draw: st.DrawFn, entries: st.SearchStrategy[list[str] | None] = _entries) -> Raw:
    recorded, labelled = draw(_refs), draw(st.booleans())
    record = " ".join(map(str, recorded)) if recorded else None
    raw = an_account(
        pull=draw(entries), mount=draw(entries), record=record, labels=draw(_marks), annotations=draw(_marks)
    )
    if recorded and not labelled:
        del raw["metadata"]["labels"][LINKED_LABEL]
    return raw


def _without_marks(raw: Raw, field: str) -> dict[str, str]:
    kept: Mapping[str, str] = raw["metadata"].get(field) or {}
    return {key: value for key, value in kept.items() if key not in (LINKS, LINKED_LABEL)}


@settings(max_examples=300)
@given(raw=accounts(), asked=st.dictionaries(st.sampled_from(_REFS), st.booleans()), held=_refs)
def test_a_patch_does_what_is_wanted_and_nothing_else(raw: Raw, asked: dict[Ref, bool], held: frozenset[Ref]) -> None:
    before = seen(raw)
    after = seen(changed := relinked(raw, asked, *held))
    put_there = {ref for ref, ready in asked.items() if ready and not before.has(ref)}
    for purpose in PURPOSES:
        theirs = [name for name in before.lists[purpose] if Ref(purpose, name) not in before.recorded]
        left = [name for name in after.lists[purpose] if Ref(purpose, name) not in before.recorded | put_there]
        assert left == theirs, "the entries of others are there, in their order"
        assert len(set(after.lists[purpose])) == len(after.lists[purpose]), "none twice"
    assert all(after.has(ref) for ref, ready in asked.items() if ready)
    for ref in before.recorded:
        wanted = ref in asked or ref in held
        assert after.has(ref) == ((before.has(ref) or ref in put_there) if wanted else False)
        assert (ref in after.recorded) == wanted
    assert after.recorded - before.recorded == put_there - before.recorded
    assert (LINKED_LABEL in after.labels) >= bool(after.recorded), "else it would not be found after a restart"
    assert (LINKS in after.annotations) == bool(after.recorded)
    for field in ("labels", "annotations"):
        assert _without_marks(changed, field) == _without_marks(raw, field)
    assert changed.keys() - raw.keys() <= set(LISTS.values())


_repeated = st.none() | st.lists(st.sampled_from(("a", "b", "x")), max_size=8)


@settings(max_examples=100)
@given(raw=accounts(_repeated), asked=st.dictionaries(st.sampled_from(_REFS), st.booleans()), held=_refs)
def test_repeated_entries_do_no_harm(raw: Raw, asked: dict[Ref, bool], held: frozenset[Ref]) -> None:
    before, after = seen(raw), seen(relinked(raw, asked, *held))
    for purpose, entries in before.lists.items():
        for name in set(entries):
            gone = Ref(purpose, name) in before.recorded - asked.keys() - held
            assert after.lists[purpose].count(name) == entries.count(name) - gone


# What resources ask for


def parsed(*links: Any, kind: Any = SECRET) -> RegistriesSpec | InvalidSpec:
    spec = kind.parse(a_raw_spec(link=list(links)))
    assert isinstance(spec, RegistriesSpec | InvalidSpec)
    return spec


@pytest.mark.parametrize("kind", [SECRET, CLUSTER_PULL_SECRET], ids=lambda kind: str(kind.name))
@pytest.mark.parametrize(
    ("purposes", "expected"),
    [
        ({}, {"pull", "mount"}),
        ({"for": ["pull"]}, {"pull"}),
        ({"for": ["mount"]}, {"mount"}),
        ({"for": ["mount", "pull"]}, {"pull", "mount"}),
    ],
    ids=["left out", "pull", "mount", "both"],
)
def test_a_link_is_for_what_it_names_and_for_both_when_it_names_nothing(
    kind: Any, purposes: dict[str, Any], expected: set[str]
) -> None:
    spec = parsed({"service_account": "builder", **purposes}, {"service_account": "default"}, kind=kind)
    assert isinstance(spec, RegistriesSpec)
    assert spec.links == {"builder": expected, "default": {"pull", "mount"}}


def test_without_the_field_nothing_is_linked() -> None:
    assert a_spec().links == {}
    assert links_of(a_resource()) == {}


REFUSED: dict[str, tuple[list[Any], str]] = {
    "empty for": ([{"service_account": "a", "for": []}], "for is empty. Write pull, mount or both"),
    "unknown purpose": ([{"service_account": "a", "for": ["push"]}], "spec.link.0.for.0"),
    "a purpose that is no text": ([{"service_account": "a", "for": [1]}], "spec.link.0.for.0"),
    "for that is no list": ([{"service_account": "a", "for": "pull"}], "spec.link.0.for"),
    "no name": ([{"for": ["pull"]}], "spec.link.0.service_account"),
    "an empty name": ([{"service_account": ""}], "spec.link.0.service_account"),
    "a name with a path": ([{"service_account": "../x"}], "is not a name that Kubernetes accepts"),
    "a name with its namespace": ([{"service_account": "team-b/builder"}], "is not a name that Kubernetes accepts"),
    "a name in capitals": ([{"service_account": "Builder"}], "is not a name that Kubernetes accepts"),
    "an endless name": ([{"service_account": "x" * 300}], "too long"),
    "a name that is none": ([{"service_account": 7}], "spec.link.0.service_account"),
    "no object": (["builder"], "spec.link.0"),
    "the same twice": (
        [{"service_account": "a", "for": ["pull"]}, {"service_account": "a", "for": ["mount"]}],
        "link names a ServiceAccount more than once",
    ),
    "too many": (
        [{"service_account": f"a-{number}"} for number in range(MOST_LINKS + 1)],
        f"link has more than {MOST_LINKS} entries",
    ),
}


@pytest.mark.parametrize(("links", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_link_that_cannot_mean_anything_is_refused_with_a_sentence(links: list[Any], sentence: str) -> None:
    spec = parsed(*links)
    assert isinstance(spec, InvalidSpec)
    assert sentence in spec.message


def test_as_many_as_may_be_are_taken() -> None:
    spec = parsed(*({"service_account": f"a-{number}"} for number in range(MOST_LINKS)))
    assert isinstance(spec, RegistriesSpec)
    assert len(spec.links) == MOST_LINKS


def test_a_purpose_that_is_given_twice_counts_once() -> None:
    """The API server refuses it; what was stored before it did is served."""
    spec = parsed({"service_account": "a", "for": ["pull", "pull"]})
    assert isinstance(spec, RegistriesSpec)
    assert spec.links == {"a": {"pull"}}


@pytest.mark.parametrize(
    "spec", [None, InvalidSpec("no"), an_argo_spec(), a_spec()], ids=["gone", "invalid", "argo", "none"]
)
def test_what_has_no_links_has_none(spec: Any) -> None:
    assert links_of(a_resource(spec=spec) if spec else None) == {}
    if spec:
        assert refs_of(a_resource(spec=spec), "builder") == frozenset()


def test_what_is_asked_for_is_the_generated_secret() -> None:
    spec = a_spec(link=[{"service_account": "builder"}, {"service_account": "default", "for": ["pull"]}])
    resource = a_resource(spec=spec)
    assert refs_of(resource, "builder") == {PULL, MOUNT}
    assert refs_of(resource, "default") == {PULL}
    assert refs_of(resource, "other") == frozenset()


def test_a_service_account_stands_in_the_queue_under_a_key_of_its_own() -> None:
    account = seen(an_account(pull=["a"]))
    assert account.key == Key(ACCOUNT_KIND, "team-a", "builder")
    assert account.has(Ref("pull", "a"))
    assert not account.has(Ref("mount", "a"))
    assert not replace(account, lists={"pull": (), "mount": ()}).has(Ref("pull", "a"))
    assert f"{LINKED_LABEL}={LINKED}" == LINKED_SELECTOR
