"""AWS keys out of a Secret, however they got in there; and nothing of them where it could be shown."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from ecr_secret_operator.domain.identity.sources import KeySecret
from ecr_secret_operator.kube import credentials
from ecr_secret_operator.kube.objects import SecretObject

from .conftest import Api
from .objects import a_meta, decoded

KEY_ID, SECRET_KEY, TOKEN = (
    "AKIATEAMAEXAMPLE0001",
    "team-a-secret/team-a-secret+team-a-secret",
    "IQoJ" + "b3JpZ2lu/+" * 60,
)
KEYS = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET_KEY}
GIVEN = tuple[str, str, str | None]


def a_secret(data: dict[str, str] | None) -> SecretObject:
    """With data that are encoded already."""
    raw = {"metadata": a_meta(), "type": "Opaque", **({} if data is None else {"data": data})}
    return decoded(SecretObject, raw)


def encoded(**values: str) -> dict[str, str]:
    return {name: b64encode(value.encode()).decode() for name, value in values.items()}


def converted(**values: str) -> KeySecret:
    return credentials.convert(a_secret(encoded(**values)))


def given(found: KeySecret) -> GIVEN | None:
    keys = found.keys
    if keys is None:
        return None
    token = keys.session_token.reveal() if keys.session_token else None
    return keys.access_key_id, keys.secret_access_key.reveal(), token


def test_keys_of_a_user() -> None:
    found = converted(**KEYS)
    assert (found.namespace, found.name, found.resource_version, found.lacking) == ("team-a", "aws", "7", "")
    assert given(found) == (KEY_ID, SECRET_KEY, None)


def test_keys_of_a_session() -> None:
    assert given(converted(**KEYS, aws_session_token=TOKEN)) == (KEY_ID, SECRET_KEY, TOKEN)


def test_other_entries_do_not_count() -> None:
    assert given(converted(**KEYS, region="x", AWS_SESSION_TOKEN="x", config="[default]")) == (KEY_ID, SECRET_KEY, None)


@pytest.mark.parametrize(
    ("before", "after"), [("", "\n"), ("", "\r\n"), (" ", " "), ("\n", "\n\n"), ("\t", "\t"), ("", " \n ")]
)
def test_white_space_around_them_does_not_count(before: str, after: str) -> None:
    """As `echo KEY | base64` and editors leave it."""
    values = {name: f"{before}{value}{after}" for name, value in {**KEYS, "aws_session_token": TOKEN}.items()}
    found = converted(**values)
    assert given(found) == (KEY_ID, SECRET_KEY, TOKEN)
    plain = converted(**KEYS, aws_session_token=TOKEN)
    assert found.keys
    assert plain.keys
    assert found.keys.version == plain.keys.version, "it is no new version either"


@pytest.mark.parametrize("length", range(1, 9))
def test_every_length_of_padding_is_read(length: int) -> None:
    assert given(converted(**{**KEYS, "aws_secret_access_key": "x" * length})) == (KEY_ID, "x" * length, None)


@pytest.mark.parametrize(
    ("data", "lacking"),
    [
        (None, "aws_access_key_id"),
        ({}, "aws_access_key_id"),
        (encoded(aws_session_token=TOKEN), "aws_access_key_id"),
        (encoded(aws_secret_access_key=SECRET_KEY), "aws_access_key_id"),
        (encoded(aws_access_key_id=KEY_ID), "aws_secret_access_key"),
        (encoded(aws_access_key_id="", aws_secret_access_key=SECRET_KEY), "aws_access_key_id"),
        (encoded(aws_access_key_id=" \n", aws_secret_access_key=SECRET_KEY), "aws_access_key_id"),
        (encoded(aws_access_key_id=KEY_ID, aws_secret_access_key="\n"), "aws_secret_access_key"),
        (encoded(AWS_ACCESS_KEY_ID=KEY_ID, AWS_SECRET_ACCESS_KEY=SECRET_KEY), "aws_access_key_id"),
    ],
)
def test_the_first_thing_that_is_missing_is_named(data: dict[str, str] | None, lacking: str) -> None:
    found = credentials.convert(a_secret(data))
    assert (found.keys, found.lacking) == (None, lacking)


@pytest.mark.parametrize(
    "value",
    ["QUtJQ", "Q", "=", "_w==", b64encode(b"\xff\xfe\x00").decode(), "é", "QUtJQé"],
    ids=["cut", "one", "padding", "url", "utf-16", "latin", "latin at the end"],
)
@pytest.mark.parametrize("name", KEYS)
def test_what_is_no_text_in_base64_is_missing_and_never_an_error(name: str, value: str) -> None:
    """The API server refuses most of it. A conversion that raised would take the whole operator with it."""
    found = credentials.convert(a_secret({**encoded(**KEYS), name: value}))
    assert found.lacking in ("", name)
    assert (found.keys is None) == bool(found.lacking)


@pytest.mark.parametrize("value", ["", "\n", "=", b64encode(b"\xff").decode()])
def test_a_session_token_that_is_none_is_left_out(value: str) -> None:
    data = {**encoded(**KEYS), "aws_session_token": value if value != "\n" else b64encode(b"\n").decode()}
    assert given(credentials.convert(a_secret(data))) == (KEY_ID, SECRET_KEY, None)


def test_each_part_of_the_keys_makes_a_version_of_its_own() -> None:
    kinds: list[dict[str, str]] = [
        KEYS,
        {**KEYS, "aws_access_key_id": KEY_ID + "2"},
        {**KEYS, "aws_secret_access_key": SECRET_KEY + "2"},
        {**KEYS, "aws_session_token": TOKEN},
        {**KEYS, "aws_session_token": TOKEN + "2"},
        {**KEYS, "aws_access_key_id": KEY_ID + "t", "aws_secret_access_key": SECRET_KEY[1:]},
    ]
    versions = [found.version for kind in kinds if (found := converted(**kind).keys)]
    assert len(set(versions)) == len(kinds)
    assert all(SECRET_KEY[:8] not in version for version in versions)


def test_no_secret_is_in_what_is_kept() -> None:
    shown = repr(converted(**KEYS, aws_session_token=TOKEN))
    assert SECRET_KEY not in shown
    assert TOKEN[:40] not in shown


# The source


async def test_one_secret_is_watched_and_no_other(api: Api) -> None:
    item: dict[str, Any] = {"metadata": a_meta(), "data": encoded(**KEYS)}
    api.answers_with({"metadata": {"resourceVersion": "9"}, "items": [item]})
    source = credentials.source(api.client, "team-a", "aws")
    listing = await source.list()
    assert listing.resource_version == "9"
    assert [given(found) for found in listing.items] == [(KEY_ID, SECRET_KEY, None)]
    ((request, query, _),) = api.asked
    assert request == "GET /api/v1/namespaces/team-a/secrets"
    assert query["fieldSelector"] == "metadata.name=aws"
    assert "labelSelector" not in query, "a Secret with keys is the user's, and has no label of ours"
    assert source.name == "/api/v1/namespaces/team-a/secrets/aws"


def test_its_list_says_nothing_of_others(api: Api) -> None:
    source = credentials.source(api.client, "team-a", "aws")
    for namespace, name, covered in (("team-a", "aws", True), ("team-a", "aws2", False), ("team-b", "aws", False)):
        assert source.covers(KeySecret(namespace, name, "1", None)) is covered


@pytest.mark.parametrize(
    ("name", "characters"),
    [("aws_access_key_id", 129), ("aws_secret_access_key", 1_025), ("aws_session_token", 16_385)],
)
def test_what_is_too_long_is_not_kept(name: str, characters: int) -> None:
    """A Secret holds up to one MB, and a namespace may name 32 of them."""
    found = converted(**{**KEYS, name: "x" * characters})
    assert (found.keys, found.oversized) == (None, name)
    assert converted(**{**KEYS, name: "x" * (characters - 1)}).keys is not None
