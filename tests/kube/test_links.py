"""ServiceAccounts as far as links are concerned: what is read of them, and the request that changes one."""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.domain.links import LINKED_LABEL, LINKS, LinkedAccount, Ref
from ecr_secret_operator.errors import Conflict, Forbidden, Invalid
from ecr_secret_operator.kube import links
from ecr_secret_operator.kube.links import AccountWriter
from ecr_secret_operator.kube.objects import AccountObject

from .conftest import Api
from .objects import a_meta, decoded

BARE = LinkedAccount(
    namespace="team-a",
    name="aws",
    resource_version="7",
    lists={"pull": (), "mount": ()},
    recorded=frozenset(),
    labels=frozenset(),
    annotations=frozenset(),
    uid="u",
)
OPERATIONS: list[dict[str, Any]] = [{"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}]


def converted(meta: dict[str, Any] | None = None, **fields: Any) -> LinkedAccount:
    return links.convert(decoded(AccountObject, {"metadata": a_meta(**(meta or {})), **fields}))


def test_names_order_record_and_keys_are_kept() -> None:
    found = converted(
        {
            "labels": {LINKED_LABEL: "true", "team": "a"},
            "annotations": {LINKS: "mount:ecr pull:ecr", "example.com/note": "x"},
        },
        imagePullSecrets=[{"name": "b"}, {"name": "ecr"}, {"name": "a"}],
        secrets=[{"name": "ecr"}, {"name": "z", "kind": "Secret", "namespace": "elsewhere"}],
        automountServiceAccountToken=False,
    )
    assert found == LinkedAccount(
        namespace="team-a",
        name="aws",
        resource_version="7",
        lists={"pull": ("b", "ecr", "a"), "mount": ("ecr", "z")},
        recorded=frozenset((Ref("mount", "ecr"), Ref("pull", "ecr"))),
        labels=frozenset((LINKED_LABEL, "team")),
        annotations=frozenset((LINKS, "example.com/note")),
        uid="u",
    )


@pytest.mark.parametrize(
    "fields",
    [{}, {"secrets": None, "imagePullSecrets": None}, {"secrets": [], "imagePullSecrets": []}],
    ids=["absent", "null", "empty"],
)
@pytest.mark.parametrize(
    "meta", [{}, {"labels": None, "annotations": None}, {"labels": {}, "annotations": {}}], ids=repr
)
def test_what_is_missing_is_empty(meta: dict[str, Any], fields: dict[str, Any]) -> None:
    assert converted(meta, **fields) == BARE


def test_an_entry_without_a_name_keeps_its_place() -> None:
    """Else all entries behind it would be counted wrongly."""
    assert converted(imagePullSecrets=[{}, {"name": "ecr"}]).lists["pull"] == ("", "ecr")


def test_one_that_is_being_deleted_says_so() -> None:
    assert converted({"deletionTimestamp": "2026-03-01T12:00:00Z"}).deleting


@pytest.mark.parametrize(
    ("namespace", "asked_for"),
    [("team-a", "GET /api/v1/namespaces/team-a/serviceaccounts"), (None, "GET /api/v1/serviceaccounts")],
)
@pytest.mark.parametrize("selector", [None, f"{LINKED_LABEL}=true"], ids=["all", "linked"])
async def test_all_are_watched_or_only_those_that_have_something(
    api: Api, namespace: str | None, asked_for: str, selector: str | None
) -> None:
    api.answers_with({"metadata": {"resourceVersion": "9"}, "items": [{"metadata": a_meta()}]})
    source = links.source(api.client, namespace, linked=selector is not None)
    assert (await source.list()).items == [BARE]
    ((asked, query, _),) = api.asked
    assert (asked, query.get("labelSelector")) == (asked_for, selector)
    assert source.covers(BARE)
    assert source.covers(converted({"namespace": "team-b"})) is (namespace is None)


async def test_a_change_is_one_json_patch_and_its_answer_is_taken_in(api: Api) -> None:
    stored: list[LinkedAccount] = []
    api.answers_with({"metadata": a_meta(resourceVersion="8"), "imagePullSecrets": [{"name": "ecr"}]})
    await AccountWriter(api.client, on_write=stored.append).change(BARE, OPERATIONS)
    assert api.asked == [("PATCH /api/v1/namespaces/team-a/serviceaccounts/aws", {}, OPERATIONS)]
    assert [(one.resource_version, one.lists["pull"]) for one in stored] == [("8", ("ecr",))]


@pytest.mark.parametrize(("status", "kind"), [(409, Conflict), (403, Forbidden), (422, Invalid)])
async def test_what_is_refused_is_raised_and_nothing_taken_in(api: Api, status: int, kind: type[Exception]) -> None:
    stored: list[LinkedAccount] = []
    api.refuses(status, "no")
    with pytest.raises(kind, match="no"):
        await AccountWriter(api.client, on_write=stored.append).change(BARE, OPERATIONS)
    assert stored == []


def test_of_keys_of_others_one_is_kept() -> None:
    """A patch has to know whether there are any, and no more."""
    many = {f"example.com/{number}": "x" for number in range(1_000)}
    found = converted({"labels": many, "annotations": {**many, LINKS: "pull:ecr"}})
    assert len(found.labels) == 1
    assert len(found.annotations) == 2
    assert LINKS in found.annotations


@pytest.mark.parametrize(
    ("meta", "fields", "named"),
    [
        ({}, {"secrets": [{"name": f"s-{number}"} for number in range(1_001)]}, "secrets"),
        ({}, {"imagePullSecrets": [{"name": f"s-{number}"} for number in range(1_001)]}, "imagePullSecrets"),
        ({"annotations": {LINKS: " ".join(f"pull:s-{number}" for number in range(2_001))}}, {}, f"annotation {LINKS}"),
    ],
)
def test_of_one_with_too_many_entries_that_is_all_that_is_kept(
    meta: dict[str, Any], fields: dict[str, Any], named: str
) -> None:
    found = converted(meta, **fields)
    assert found.oversized == named
    assert found.lists == {"pull": (), "mount": ()}
    assert found.recorded == frozenset()


def test_a_name_that_is_too_long_is_cut() -> None:
    found = converted(secrets=[{"name": "x" * 100_000}, {"name": "ecr"}])
    assert found.lists["mount"] == ("x" * 254, "ecr")
