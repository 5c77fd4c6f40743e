"""The generated Secret: what is written, and what a stored one says of itself."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.api.registry import parse_registry
from ecr_secret_operator.domain.identity.identity import AMBIENT
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.secret.annotations import (
    COPIED,
    DIGEST,
    EXPIRES_AT,
    ISSUED_AT,
    OWNER,
    TOKENS,
    StoredToken,
)
from ecr_secret_operator.domain.secret.render import differences, manifest, render
from ecr_secret_operator.domain.secret.stored import MANAGED_BY_LABEL, OwnerReference, data_digest
from ecr_secret_operator.domain.times import format_time, parse_time
from ecr_secret_operator.domain.tokens.token import Sensitive
from tests.factories import (
    HOST,
    NOW,
    OTHER_HOST,
    PASSWORD,
    a_desired,
    a_key,
    a_resource,
    a_spec,
    a_stored_secret,
    a_token,
    an_argo_spec,
    stored_tokens,
)

ANOTHER_OWNER = OwnerReference(api_version="apps/v1", kind="Deployment", name="web", uid="d0", controller=False)
MARK = Scope.of(parse_registry(HOST), AMBIENT).mark
METADATA = {"labels": {"team": "a"}, "annotations": {"example.com/note": "x"}}


def without(mapping: Mapping[str, str], key: str) -> dict[str, str]:
    return {name: value for name, value in mapping.items() if name != key}


# What is written


def test_the_manifest_is_all_that_the_api_server_stores() -> None:
    resource = a_resource()
    desired = a_desired(resource)
    config = {"auths": {HOST: {"username": "AWS", "password": PASSWORD, "auth": ""}}}
    config["auths"][HOST]["auth"] = b64encode(f"AWS:{PASSWORD}".encode()).decode()
    raw = json.dumps(config, separators=(",", ":")).encode()
    times = '"issued":"2026-03-01T12:00:00Z","expires":"2026-03-02T00:00:00Z"'
    tokens = f'{{"{HOST}":{{{times},"for":"{MARK}","by":"ambient"}}}}'
    assert manifest(desired) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "ecr-pull",
            "namespace": "team-a",
            "labels": {"app.kubernetes.io/managed-by": "ecr-secret-operator"},
            "annotations": {
                "ecr.mobb.redhat.com/issued-at": "2026-03-01T12:00:00Z",
                "ecr.mobb.redhat.com/expires-at": "2026-03-02T00:00:00Z",
                "ecr.mobb.redhat.com/tokens": tokens,
                "ecr.mobb.redhat.com/owner": "Secret/team-a/pull",
                "ecr.mobb.redhat.com/name": "ecr-pull",
                "ecr.mobb.redhat.com/digest": desired.annotations[DIGEST],
            },
            "ownerReferences": [
                {
                    "apiVersion": "ecr.mobb.redhat.com/v1alpha1",
                    "kind": "Secret",
                    "name": "pull",
                    "uid": resource.uid,
                    "controller": True,
                }
            ],
        },
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": b64encode(raw).decode()},
    }


def test_an_argo_manifest_has_the_label_and_the_six_keys() -> None:
    body = manifest(a_desired(a_resource(spec=an_argo_spec(url=f"oci://{HOST}/charts")), a_token(password="tok")))
    assert body["metadata"]["labels"] == {
        "argocd.argoproj.io/secret-type": "repository",
        "app.kubernetes.io/managed-by": "ecr-secret-operator",
    }
    assert body["type"] == "Opaque"
    assert {key: b64decode(value).decode() for key, value in body["data"].items()} == {
        "username": "AWS",
        "password": "tok",
        "url": f"{HOST}/charts",
        "type": "helm",
        "enableOCI": "true",
        "name": "charts",
    }


def test_metadata_of_the_spec_is_copied_and_noted() -> None:
    desired = a_desired(a_resource(spec=a_spec(metadata=METADATA)))
    assert desired.labels == {"team": "a", MANAGED_BY_LABEL: "ecr-secret-operator"}
    assert desired.annotations["example.com/note"] == "x"
    assert desired.annotations[COPIED] == "label:team annotation:example.com/note"


def test_a_retained_secret_has_no_owner_that_would_take_it_along() -> None:
    body = manifest(a_desired(a_resource(spec=a_spec(deletion_policy="Retain"))))
    assert "ownerReferences" not in body["metadata"]
    assert body["metadata"]["annotations"][OWNER] == "Secret/team-a/pull"


def test_the_plain_secret_reference_of_an_owner_is_kept_whole() -> None:
    owner = OwnerReference(api_version="v1", kind="A", name="a", uid="u", controller=True, block_owner_deletion=True)
    assert owner.manifest() == {
        "apiVersion": "v1",
        "kind": "A",
        "name": "a",
        "uid": "u",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert ANOTHER_OWNER.manifest() == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d0"}


# Digest and seal


def test_rendering_twice_gives_the_same_so_a_restart_writes_nothing() -> None:
    assert a_desired() == a_desired()
    assert a_desired().annotations[DIGEST].startswith("sha256:")


@pytest.mark.parametrize(
    "other",
    [
        a_desired(token=a_token(password="another")),
        a_desired(token=a_token(issued_at=NOW + timedelta(seconds=1))),
        a_desired(token=a_token(lifetime=timedelta(hours=11))),
        a_desired(a_resource(key=a_key(name="another"))),
        a_desired(a_resource(key=a_key(namespace="another"))),
        a_desired(a_resource(spec=a_spec(ecr_registry=OTHER_HOST))),
        a_desired(a_resource(spec=a_spec(ecr_registry=HOST.replace("12345", "54321")))),
        a_desired(a_resource(spec=an_argo_spec())),
        render(a_resource(), a_spec(), {HOST: StoredToken(a_token(), mark="another")}),
        render(a_resource(), a_spec(), {HOST: StoredToken(a_token(), MARK, version="another")}),
    ],
    ids=["password", "issued", "expires", "name", "namespace", "region", "account", "kind", "identity", "keys"],
)
def test_the_seal_depends_on_all_that_decides_whether_a_token_is_good(other: Any) -> None:
    assert other.annotations[DIGEST] != a_desired().annotations[DIGEST]


def test_the_seal_depends_on_the_region_even_where_the_data_do_not() -> None:
    """A hand-made Secret for the new region with the old region's token must not pass for intact."""
    here, there = a_desired(), a_desired(a_resource(spec=a_spec(ecr_registry=OTHER_HOST)))
    forged = a_stored_secret(annotations=here.annotations, data_digest=there.digest)
    assert "annotations" in differences(forged, there)


data = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4)


@given(one=data, other=data)
def test_equal_digests_mean_equal_data(one: dict[str, str], other: dict[str, str]) -> None:
    assert (data_digest("Opaque", one) == data_digest("Opaque", other)) is (one == other)


@given(data)
def test_a_digest_does_not_depend_on_the_order_of_keys(entries: dict[str, str]) -> None:
    assert data_digest("Opaque", entries) == data_digest("Opaque", dict(reversed(entries.items())))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"ab": "c"}, {"a": "bc"}),
        ({"a": "bc"}, {"a": "b", "c": ""}),
        ({"a": ""}, {}),
        ({"a": "x\udcff"}, {"a": "x\udcfe"}),
    ],
)
def test_moving_bytes_between_entries_changes_the_digest(one: dict[str, str], other: dict[str, str]) -> None:
    assert data_digest("Opaque", one) != data_digest("Opaque", other)


def test_the_type_is_in_the_digest() -> None:
    assert data_digest("Opaque", {"a": "b"}) != data_digest("kubernetes.io/dockerconfigjson", {"a": "b"})


# What a stored Secret says of itself


def test_the_token_of_a_stored_secret_is_the_one_that_was_written() -> None:
    assert a_stored_secret(token=a_token()).stored_tokens == stored_tokens(token=a_token())


ENTRY = {"issued": "2026-03-01T12:00:00Z", "expires": "2026-03-02T00:00:00Z", "for": "00"}


def noted(**over: object) -> str:
    return json.dumps({HOST: {**ENTRY, **over}})


def sealed(tokens: str) -> dict[str, str]:
    """The annotations with another note, and a seal that holds."""
    desired = a_desired()
    text = f"{desired.digest}\n{tokens}\n{desired.annotations[OWNER]}"
    return {
        **desired.annotations,
        TOKENS: tokens,
        DIGEST: f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()}",
    }


def test_the_note_of_a_token_is_read_as_it_stands() -> None:
    stored = a_stored_secret(annotations=sealed(noted()))
    assert stored.stored_tokens == {HOST: StoredToken(a_token(), mark="00")}
    stored = a_stored_secret(annotations=sealed(noted(**{"with": "11", "more": "x"})))
    assert stored.stored_tokens == {HOST: StoredToken(a_token(), mark="00", version="11")}


@pytest.mark.parametrize(
    "over",
    [
        {"passwords": {}},
        {"passwords": {OTHER_HOST: Sensitive("x")}},
        {"annotations": {}},
        {"annotations": without(a_desired().annotations, TOKENS)},
        *(
            {"annotations": sealed(tokens)}
            for tokens in (
                "",
                "banana",
                "null",
                "5",
                "[]",
                '["x"]',
                "{}",
                f'{{"{HOST}":null}}',
                f'{{"{HOST}":[]}}',
                f'{{"{HOST}":"x"}}',
                f'{{"{HOST}":{{}}}}',
                json.dumps({HOST: without(ENTRY, "issued")}),
                json.dumps({HOST: without(ENTRY, "expires")}),
                json.dumps({HOST: without(ENTRY, "for")}),
                json.dumps({HOST: ENTRY, OTHER_HOST: ENTRY}),  # no password for the other one
                noted(expires="soon"),
                noted(expires=""),
                noted(expires=None),
                noted(expires=2026),
                noted(expires=["2026-03-02T00:00:00Z"]),
                noted(issued="2026-03-01T12:00:00"),
                noted(issued=ENTRY["expires"]),
                noted(issued="2026-03-03T12:00:00Z"),
            )
        ),
    ],
)
def test_without_password_or_sensible_times_it_holds_no_token(over: dict[str, Any]) -> None:
    assert a_stored_secret(**over).stored_tokens == {}


@pytest.mark.parametrize("part", ["data", "note", "owner", "seal"])
def test_when_the_seal_does_not_hold_it_holds_no_token(part: str) -> None:
    annotations = dict(a_desired().annotations)
    over: dict[str, dict[str, Any]] = {
        "data": {"data_digest": "0"},
        "note": {"annotations": {**annotations, TOKENS: noted()}},
        "owner": {"annotations": {**annotations, OWNER: "Secret/team-b/pull"}},
        "seal": {"annotations": without(annotations, DIGEST)},
    }
    assert a_stored_secret(**over[part]).stored_tokens == {}


@pytest.mark.parametrize("absent", [ISSUED_AT, EXPIRES_AT])
def test_the_times_for_people_are_not_what_the_operator_reads(absent: str) -> None:
    """But their loss is drift."""
    stored = a_stored_secret(annotations=without(a_desired().annotations, absent))
    assert stored.stored_tokens == stored_tokens()
    assert differences(stored, a_desired()) == ("annotations",)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T12:00:00Z", NOW),
        ("2026-03-01T13:00:00+01:00", NOW),
        ("2026-03-01T12:00:00.000000Z", NOW),
        ("2026-03-01T12:00:00", None),
        ("2026-13-01T12:00:00Z", None),
        ("12", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_read_only_with_a_zone(text: str | None, moment: datetime | None) -> None:
    assert parse_time(text) == moment


def test_times_are_written_in_utc_with_whole_seconds() -> None:
    there = datetime(2026, 3, 1, 13, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert format_time(there) == "2026-03-01T12:00:00Z"
    assert format_time(there.astimezone(UTC)) == "2026-03-01T12:00:00Z"
