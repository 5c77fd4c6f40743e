"""Whatever the API server sends, or something in its place: it is converted, or it is an error of the domain."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Awaitable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ecr_secret_operator.domain.kinds import KINDS, SECRET, Kind
from ecr_secret_operator.domain.links import DesiredLinks, Ref, links_patch
from ecr_secret_operator.errors import ApiError, Unavailable
from ecr_secret_operator.kube import accounts, credentials, links, namespaces, policies, resources, secrets
from ecr_secret_operator.kube.errors import error_of
from ecr_secret_operator.kube.objects import AccountObject, CustomObject, ObjectRef, SecretObject
from tests.factories import PASSWORD
from tests.fuzz import TEXTS, json_of, object_of

from .conftest import Api
from .objects import a_meta

META = st.builds(
    lambda labels, annotations, owners, deleted, generation: a_meta(
        labels=labels, annotations=annotations, ownerReferences=owners, deletionTimestamp=deleted, generation=generation
    ),
    labels=st.none() | st.dictionaries(TEXTS | st.text(), TEXTS | st.text(), max_size=4),
    annotations=st.none()
    | st.dictionaries(
        st.sampled_from(
            [
                "ecr.mobb.redhat.com/links",
                "ecr.mobb.redhat.com/refresh",
                "ecr.mobb.redhat.com/owner",
                "ecr.mobb.redhat.com/digest",
                "ecr.mobb.redhat.com/tokens",
                "eks.amazonaws.com/role-arn",
                "eks.amazonaws.com/audience",
            ]
        )
        | st.text(),
        TEXTS | st.text(),
        max_size=4,
    ),
    owners=st.none()
    | st.lists(
        st.fixed_dictionaries({}, optional=dict.fromkeys(("apiVersion", "kind", "name", "uid"), TEXTS)), max_size=3
    ),
    deleted=st.none() | TEXTS,
    generation=st.integers(0, 9),
)
"""What the API server lets through as metadata."""


def stored(raw: object) -> bytes:
    return json.dumps(raw).encode()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(meta=META, spec=json_of("generated_secret_name", "ecr_registry"), status=json_of("conditions", "type"))
def test_a_resource_of_whatever_shape_is_kept(kind: Kind, meta: dict[str, Any], spec: object, status: object) -> None:
    raw = msgspec.json.decode(stored({"metadata": meta, "spec": spec, "status": status}), type=CustomObject)
    found = resources.convert(kind, raw)
    assert found.key.name == "aws"
    assert isinstance(found.status, dict)
    assert policies.convert(raw).name == "aws"


DATA = st.dictionaries(
    st.sampled_from(
        [
            ".dockerconfigjson",
            "url",
            "password",
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws_session_token",
        ]
    ),
    st.binary(max_size=60).map(lambda raw: b64encode(raw).decode())
    | json_of("auths", "username", "password", "auth").map(lambda raw: b64encode(stored(raw)).decode())
    | st.text(max_size=20),
    max_size=5,
)


@given(meta=META, data=st.none() | DATA, secret_type=st.sampled_from(["Opaque", SECRET.secret_type, ""]))
def test_a_secret_of_whatever_content_is_kept_and_shows_nothing_of_it(
    meta: dict[str, Any], data: dict[str, str] | None, secret_type: str
) -> None:
    full = {**(data or {}), "aws_secret_access_key": b64encode(PASSWORD.encode()).decode()}
    raw = msgspec.json.decode(stored({"metadata": meta, "type": secret_type, "data": full}), type=SecretObject)
    found, keys = secrets.convert(raw), credentials.convert(raw)
    assert found.stored_tokens == {} or "ecr.mobb.redhat.com/digest" in found.annotations
    for shown in (repr(found), repr(keys)):
        assert PASSWORD not in shown
    assert found.owner_key is None or found.owner_key.namespace == "team-a"


NAMES = st.none() | st.lists(st.fixed_dictionaries({}, optional={"name": TEXTS | st.text()}), max_size=5)


@given(meta=META, pull=NAMES, mount=NAMES, ready=st.booleans())
def test_a_service_account_with_whatever_lists_is_kept_and_linked(
    meta: dict[str, Any], pull: list[dict[str, str]] | None, mount: list[dict[str, str]] | None, *, ready: bool
) -> None:
    raw = {"metadata": meta, "imagePullSecrets": pull, "secrets": mount}
    account = links.convert(msgspec.json.decode(stored(raw), type=AccountObject))
    desired = DesiredLinks({Ref("pull", "generated"): ready}, frozenset())
    operations = links_patch(account, desired)
    assert all(one["op"] in {"add", "remove", "replace"} for one in operations)
    reference = msgspec.json.decode(stored(raw), type=ObjectRef)
    assert accounts.convert(reference).name == namespaces.convert(reference).name == "aws"


NONSENSE: tuple[bytes, ...] = (
    b"",
    b"<html>bad gateway</html>",
    b"\xff\xfe\x00",
    b"{",
    b"[" * 5000,
    b"null",
    b'{"details":{"causes":[null]}}',
    b'{"code":"x"}',
    b'{"message":"\xff"}',
    b'{"details":{"retryAfterSeconds":-1}}',
)
STATUS = object_of("message", "reason", "code", "details", "causes", "retryAfterSeconds", "kind").map(stored)


@given(status=st.integers(-1, 999), body=st.binary(max_size=80) | STATUS, after=st.none() | st.text(max_size=30))
@example(500, NONSENSE[4], "9" * 400)
@example(429, b"", "\u0665")
@example(429, b"", "\u00b2")
def test_whatever_an_error_looks_like_it_is_one_sentence(status: int, body: bytes, after: str | None) -> None:
    error = error_of(status, body, retry_after=after)
    assert isinstance(error, ApiError)
    assert str(error)
    assert error.retry_after is None or isinstance(error.retry_after, float)


@pytest.mark.parametrize("body", NONSENSE)
def test_an_error_that_is_nonsense_is_one_sentence(body: bytes) -> None:
    assert str(error_of(503, body))


# What comes instead of what was asked for


def gives(api: Api, body: bytes) -> None:
    """Has it answer 200 and any bytes."""
    api.answers[:] = [(200, body)]


async def trouble(asked: Awaitable[None]) -> ApiError | None:
    """What went wrong; anything but an error of the domain fails the test."""
    try:
        await asked
    except ApiError as error:
        return error
    return None


ROOMY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


async def listed(api: Api) -> None:
    await resources.source(api.client, SECRET, "team-a").list()


async def watched(api: Api) -> None:
    async for _ in resources.source(api.client, SECRET, "team-a").watch("1"):
        pass


async def read(api: Api) -> None:
    await api.client.get("/api/v1/namespaces/team-a/secrets/x", SecretObject)


@pytest.mark.parametrize("body", NONSENSE)
@pytest.mark.parametrize("ask", [listed, watched, read], ids=["list", "watch", "read"])
async def test_an_answer_that_is_nonsense_is_an_api_server_that_does_not_answer(
    api: Api, ask: Any, body: bytes
) -> None:
    """As a proxy gives it in place of the API server. The reflectors go on after this, as after any other failure."""
    gives(api, body + b"\n")
    if ask is watched and not body:
        await ask(api)  # an empty line is nothing
        return
    with pytest.raises(Unavailable, match="makes no sense"):
        await ask(api)


LINES = st.builds(
    lambda kind, raw: stored({"type": kind, "object": raw}),
    st.sampled_from(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "OTHER", ""]) | json_of(),
    st.builds(lambda meta, rest: {**rest, "metadata": meta}, META, object_of("spec", "status", "code"))
    | object_of("metadata", "spec", "status", "code", "message"),
)


@given(lines=st.lists(LINES | st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")), max_size=4))
@ROOMY
async def test_whatever_a_watch_sends_is_an_event_or_an_error_of_the_domain(api: Api, lines: list[bytes]) -> None:
    gives(api, b"\n".join([*lines, b""]))
    error = await trouble(watched(api))
    assert error is None or str(error)


@given(
    page=object_of("metadata", "items", "resourceVersion", "continue"), body=st.binary(max_size=40), sane=st.booleans()
)
@ROOMY
async def test_whatever_a_list_is_it_is_one_or_an_error_of_the_domain(
    api: Api, page: Mapping[str, object], body: bytes, *, sane: bool
) -> None:
    gives(api, stored({**page, "metadata": {}}) if sane else body)
    error = await trouble(listed(api))
    assert error is None or str(error)
