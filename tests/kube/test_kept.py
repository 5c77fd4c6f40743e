"""Whatever a tenant puts into a Secret with the operator's label, what is kept of it in memory is bounded."""

from __future__ import annotations

import gc
import json
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from ecr_secret_operator.domain.kinds import DOCKER_CONFIG_KEY
from ecr_secret_operator.domain.resource import Resource
from ecr_secret_operator.domain.secret.annotations import COPIED, DIGEST, NAME, OWNER, TOKENS, seal
from ecr_secret_operator.domain.secret.render import Desired, differences, manifest, render
from ecr_secret_operator.domain.secret.stored import MANAGED_BY_LABEL, StoredSecret, data_digest
from ecr_secret_operator.errors import Superseded
from ecr_secret_operator.kube.objects import SecretObject
from ecr_secret_operator.kube.secrets import SecretWriter, convert
from tests.cluster.weight import HEAVY
from tests.factories import HOST, a_desired, a_resource, a_spec, spec_of, stored_tokens

from .conftest import Api

LONG = {f"example.com/note-{number}": f"{number}-" + "x" * 4000 for number in range(60)}
LABELS = {f"example.com/label-{number}": f"value-{number}" for number in range(64)}
VERSION = {"uid": "5ec2e7aa", "resourceVersion": "200", "namespace": "team-a"}


def a_raw(body: dict[str, Any], **meta: Any) -> SecretObject:
    whole = {**body, "metadata": {**VERSION, **body["metadata"], **meta}}
    return msgspec.json.decode(msgspec.json.encode(whole), type=SecretObject)


def with_metadata(**annotations: str) -> tuple[Resource, Desired]:
    resource = a_resource(spec=a_spec(metadata={"labels": LABELS, "annotations": annotations}))
    return resource, render(resource, spec_of(resource), stored_tokens(resource))


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("kind", HEAVY)
def test_of_a_secret_of_a_megabyte_a_few_kibibytes_are_kept(kind: str) -> None:
    bodies = [json.dumps({**HEAVY[kind](number, "team-a"), "kind": "Secret"}).encode() for number in range(6)]
    convert(msgspec.json.decode(bodies.pop(), type=SecretObject))
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    kept = [convert(msgspec.json.decode(body, type=SecretObject)) for body in bodies]
    gc.collect()
    now, _ = tracemalloc.get_traced_memory()
    assert sum(map(len, bodies)) > 1_000_000
    assert (now - before) / len(kept) < 40_000, "and not hundreds of thousands"


def test_what_the_operator_wrote_is_recognized_as_intact_however_much_a_resource_asked_for() -> None:
    _, desired = with_metadata(**LONG)
    stored = convert(a_raw(manifest(desired)))
    assert differences(stored, desired) == ()
    assert stored.stored_tokens.keys() == {HOST}
    assert (stored.partial, stored.reduced) == (False, False)
    kept = sum(len(key) + len(text) for key, text in stored.annotations.items())
    assert kept < 10_000, "long annotations are kept as digests"


@pytest.mark.parametrize(
    "changed",
    [
        {"example.com/note-0": "another"},
        {"example.com/note-0": "0-" + "y" * 4000},
        {"example.com/note-0": None},
    ],
)
def test_a_change_of_a_long_annotation_is_seen(changed: dict[str, str | None]) -> None:
    _, desired = with_metadata(**LONG)
    body = manifest(desired)
    annotations = {key: text for key, text in {**desired.annotations, **changed}.items() if text is not None}
    assert differences(convert(a_raw(body, annotations=annotations)), desired) == ("annotations",)


def test_a_long_annotation_that_is_asked_for_no_longer_is_seen() -> None:
    _, before = with_metadata(**LONG)
    _, after = with_metadata()
    assert differences(convert(a_raw(manifest(before))), after) == ("annotations",)


def test_labels_and_annotations_of_others_are_not_kept() -> None:
    body = manifest(a_desired())
    body["metadata"]["labels"]["example.com/theirs"] = "x"
    body["metadata"]["annotations"]["example.com/theirs"] = "x"
    stored = convert(a_raw(body))
    assert stored.labels.keys() == {MANAGED_BY_LABEL}
    assert "example.com/theirs" not in stored.annotations
    assert differences(stored, a_desired()) == ()


def test_copies_without_end_are_cut_between_two_of_them() -> None:
    """What is cut must not name another annotation by accident: it would be removed."""
    marks = " ".join(f"annotation:example.com/note-{number}" for number in range(20_000))
    body = manifest(a_desired())
    body["metadata"]["annotations"] |= {COPIED: marks, "example.com/note-1": "x"}
    stored = convert(a_raw(body))
    assert len(stored.annotations[COPIED]) < 50_000
    assert set(stored.annotations[COPIED].split(" ")) <= set(marks.split(" "))
    assert differences(stored, a_desired()) == ("annotations",)


FORGED = {
    "the registry of another cloud": {"registry.example.com": "x" * 100},
    "more registries than a resource may name": {
        f"{number:012}.dkr.ecr.us-east-2.amazonaws.com": "x" * 100 for number in range(22)
    },
    "a token that is too long": {HOST: "x" * 20_000},
}


@pytest.mark.parametrize("passwords", FORGED.values(), ids=FORGED.keys())
def test_tokens_that_are_none_of_the_operators_are_not_kept(passwords: dict[str, str]) -> None:
    """Whose seal holds: anybody can compute it."""
    config = json.dumps({"auths": {host: {"password": text} for host, text in passwords.items()}})
    body = manifest(a_desired())
    annotations = body["metadata"]["annotations"]
    body["data"] = {DOCKER_CONFIG_KEY: b64encode(config.encode()).decode()}
    digest = data_digest(body["type"], {DOCKER_CONFIG_KEY: config})
    annotations[DIGEST] = seal(digest, annotations[TOKENS], annotations[OWNER])
    stored = convert(a_raw(body))
    assert stored.passwords == {}
    assert stored.data_digest == digest


def test_tokens_of_a_secret_without_an_owner_are_not_kept() -> None:
    body = manifest(a_desired())
    body["metadata"]["ownerReferences"] = []
    assert convert(a_raw(body)).passwords.keys() == {HOST}, "the annotation names its owner"
    elsewhere = a_raw(body, namespace="team-b")
    assert convert(elsewhere).passwords == {}


# Updates of what is kept in part


def crowded() -> tuple[dict[str, Any], Desired]:
    desired = a_desired()
    body = manifest(desired)
    other = {"apiVersion": "v1", "kind": "ConfigMap", "controller": False}
    body["metadata"] |= VERSION
    body["metadata"]["ownerReferences"] = [
        *({**other, "name": f"other-{number}", "uid": f"uid-{number}"} for number in range(40)),
        *body["metadata"]["ownerReferences"],
    ]
    body["data"] |= {f"more-{number}": "" for number in range(40)}
    return body, desired


def writer(api: Api) -> SecretWriter:
    return SecretWriter(api.client, on_seen=lambda _: None)


async def test_before_an_update_a_secret_with_many_owners_and_keys_is_read_whole(api: Api) -> None:
    body, desired = crowded()
    stored = convert(a_raw(body))
    assert stored.partial
    assert len(stored.owners) + len(stored.data_keys) < 30
    assert "ownerReferences" not in differences(stored, desired), "the operator's own is among those that are kept"
    api.answers_with(body)
    api.answers_with(body)
    await writer(api).update(stored, desired)
    (read, _, _), (wrote, _, patch) = api.asked
    assert (read.split()[0], wrote.split()[0]) == ("GET", "PATCH")
    assert len(patch["metadata"]["ownerReferences"]) == 41, "those of others stay"
    assert {key for key, value in patch["data"].items() if value is None} == {f"more-{number}" for number in range(40)}


async def test_one_that_changed_meanwhile_is_judged_again(api: Api) -> None:
    body, desired = crowded()
    api.answers_with({**body, "metadata": {**body["metadata"], "resourceVersion": "201"}})
    with pytest.raises(Superseded):
        await writer(api).update(convert(a_raw(body)), desired)


def test_an_ordinary_one_needs_no_reading() -> None:
    stored = convert(a_raw(manifest(a_desired())))
    assert isinstance(stored, StoredSecret)
    assert not stored.partial
    assert stored.annotations[NAME] == stored.name


def test_what_says_whose_a_secret_is_stays_when_it_is_reduced() -> None:
    from ecr_secret_operator.kube.kept import reduced, weigh  # noqa: PLC0415

    resource, desired = with_metadata(**LONG)
    body = manifest(replace(desired))
    found = reduced(convert(a_raw(body)))
    assert found.made_for(resource)
    assert found.original
    assert found.managed
    assert found.stored_tokens == {}
    assert weigh(found) is None
