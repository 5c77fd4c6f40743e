"""Drift of a stored Secret: how it is found, and the patch that puts it right and leaves what others added."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.domain.secret.annotations import COPIED, DIGEST, EXPIRES_AT, TOKENS
from ecr_secret_operator.domain.secret.render import differences, manifest, patch
from ecr_secret_operator.domain.secret.stored import MANAGED_BY_LABEL, OwnerReference, data_digest
from tests.factories import a_desired, a_resource, a_spec, a_stored_secret

ANOTHER_OWNER = OwnerReference(api_version="apps/v1", kind="Deployment", name="web", uid="d0", controller=False)
ANOTHER_CONTROLLER = OwnerReference(api_version="apps/v1", kind="Job", name="job", uid="j0", controller=True)
OTHERS_OWNER = OwnerReference(api_version="ecr.mobb.redhat.com/v1alpha1", kind="Secret", name="other", uid="o")
METADATA = {"labels": {"team": "a"}, "annotations": {"example.com/note": "x"}}


def without(mapping: Mapping[str, str], key: str) -> dict[str, str]:
    return {name: value for name, value in mapping.items() if name != key}


RICH = a_resource(spec=a_spec(metadata=METADATA))
RICH_SECRET = a_stored_secret(RICH)
OWNER_REFERENCE = RICH_SECRET.owners[0]


@pytest.mark.parametrize(
    ("over", "found"),
    [
        ({}, ()),
        ({"data_digest": "0"}, ("data",)),
        ({"data_digest": data_digest("kubernetes.io/dockerconfigjson", {})}, ("data",)),
        ({"secret_type": "Opaque"}, ("type",)),
        ({"labels": {}}, ("labels",)),
        ({"labels": without(RICH_SECRET.labels, "team")}, ("labels",)),
        ({"labels": {**RICH_SECRET.labels, "team": "b"}}, ("labels",)),
        ({"labels": {**RICH_SECRET.labels, MANAGED_BY_LABEL: "Helm"}}, ("labels",)),
        ({"labels": {**RICH_SECRET.labels, "others": "x"}}, ()),
        ({"annotations": {}}, ("annotations",)),
        ({"annotations": {**RICH_SECRET.annotations, "example.com/note": "y"}}, ("annotations",)),
        ({"annotations": {**RICH_SECRET.annotations, DIGEST: "sha256:0"}}, ("annotations",)),
        ({"annotations": {**RICH_SECRET.annotations, EXPIRES_AT: "2030-01-01T00:00:00Z"}}, ("annotations",)),
        ({"annotations": {**RICH_SECRET.annotations, TOKENS: "{}"}}, ("annotations",)),
        ({"annotations": {**RICH_SECRET.annotations, COPIED: "label:team"}}, ("annotations",)),
        ({"annotations": {**RICH_SECRET.annotations, "others": "x"}}, ()),
        ({"owners": ()}, ("ownerReferences",)),
        ({"owners": (ANOTHER_OWNER,)}, ("ownerReferences",)),
        ({"owners": (ANOTHER_OWNER, OWNER_REFERENCE)}, ()),
        ({"owners": (replace(OWNER_REFERENCE, uid="old"),)}, ("ownerReferences",)),
        ({"owners": (replace(OWNER_REFERENCE, controller=False),)}, ()),
        ({"owners": (replace(OWNER_REFERENCE, block_owner_deletion=True),)}, ()),
        ({"owners": (OWNER_REFERENCE, OTHERS_OWNER)}, ("ownerReferences",)),
        ({"immutable": True, "uid": "u", "resource_version": "9", "data_keys": ()}, ()),
        (
            {"secret_type": "Opaque", "data_digest": "0", "labels": {}, "annotations": {}, "owners": ()},
            ("type", "data", "labels", "annotations", "ownerReferences"),
        ),
    ],
)
def test_drift_is_found_and_what_others_added_is_not_drift(over: dict[str, Any], found: tuple[str, ...]) -> None:
    assert differences(replace(RICH_SECRET, **over), a_desired(RICH)) == found


def test_an_extra_data_key_changes_the_digest_that_is_compared() -> None:
    desired = a_desired()
    stored = a_stored_secret(data_digest=data_digest(desired.secret_type, {**desired.data, "extra": "x"}))
    assert differences(stored, desired) == ("data",)


def test_metadata_that_the_spec_no_longer_has_is_drift() -> None:
    assert differences(RICH_SECRET, a_desired(a_resource())) == ("labels", "annotations")


def test_turning_to_retain_drops_the_owner_reference_and_back() -> None:
    retain = a_resource(spec=a_spec(deletion_policy="Retain"))
    assert differences(a_stored_secret(), a_desired(retain)) == ("ownerReferences",)
    assert differences(a_stored_secret(retain), a_desired()) == ("ownerReferences",)
    assert patch(a_stored_secret(), a_desired(retain))["metadata"]["ownerReferences"] == []


# The patch


def merged(target: object, change: object) -> object:
    """A JSON merge patch, applied (RFC 7386, section 2)."""
    if not isinstance(change, dict):
        return change
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def test_a_patch_names_the_version_that_was_judged() -> None:
    metadata = patch(a_stored_secret(uid="u-1", resource_version="4711"), a_desired())["metadata"]
    assert (metadata["uid"], metadata["resourceVersion"]) == ("u-1", "4711")


def test_a_patch_removes_data_that_do_not_belong_there() -> None:
    change = patch(a_stored_secret(data_keys=(".dockerconfigjson", "extra", "more")), a_desired())
    assert change["data"] == {**manifest(a_desired())["data"], "extra": None, "more": None}


def test_a_patch_keeps_what_others_added() -> None:
    stored = replace(
        RICH_SECRET,
        labels={**RICH_SECRET.labels, "others": "x"},
        annotations={**RICH_SECRET.annotations, "others": "y"},
        owners=(ANOTHER_OWNER, OWNER_REFERENCE),
    )
    metadata = patch(stored, a_desired(RICH))["metadata"]
    assert "others" not in metadata["labels"]
    assert "others" not in metadata["annotations"]
    assert metadata["ownerReferences"] == [ANOTHER_OWNER.manifest(), OWNER_REFERENCE.manifest()]


def test_a_patch_replaces_a_reference_to_an_earlier_resource_of_the_name() -> None:
    stored = replace(RICH_SECRET, owners=(replace(OWNER_REFERENCE, uid="old"), ANOTHER_OWNER))
    owners = patch(stored, a_desired(RICH))["metadata"]["ownerReferences"]
    assert [owner["uid"] for owner in owners] == ["d0", RICH.uid]


@pytest.mark.parametrize(
    ("others", "controller"),
    [
        ((), True),
        ((ANOTHER_OWNER,), True),
        ((ANOTHER_OWNER, ANOTHER_CONTROLLER), False),
    ],
)
def test_a_patch_leaves_one_controller_because_the_api_server_refuses_two(
    others: tuple[OwnerReference, ...], *, controller: bool
) -> None:
    owners = patch(a_stored_secret(owners=(*others, OTHERS_OWNER)), a_desired())["metadata"]["ownerReferences"]
    assert owners[:-1] == [owner.manifest() for owner in others]
    assert owners[-1] == replace(OWNER_REFERENCE, controller=controller).manifest()


def test_a_patch_takes_back_only_what_was_copied() -> None:
    stored = replace(
        RICH_SECRET,
        labels={**RICH_SECRET.labels, "others": "x"},
        annotations={**RICH_SECRET.annotations, "others": "y"},
    )
    metadata = patch(stored, a_desired(a_resource()))["metadata"]
    assert metadata["labels"] == {**a_desired().labels, "team": None}
    assert metadata["annotations"] == {**a_desired().annotations, "example.com/note": None, COPIED: None}


def test_a_forged_note_cannot_make_the_operator_drop_its_own_metadata() -> None:
    forged = {**a_desired().annotations, COPIED: f"label:{MANAGED_BY_LABEL} annotation:{DIGEST} label:absent nonsense"}
    metadata = patch(a_stored_secret(annotations=forged), a_desired())["metadata"]
    assert metadata["labels"] == a_desired().labels
    assert metadata["annotations"] == {**a_desired().annotations, COPIED: None}


@pytest.mark.parametrize(
    "stored",
    [
        RICH_SECRET,
        replace(RICH_SECRET, data_keys=("a", "b"), labels={"x": "y"}, annotations={"x": "y"}, owners=()),
        replace(RICH_SECRET, owners=(ANOTHER_OWNER, OTHERS_OWNER)),
        replace(RICH_SECRET, owners=(ANOTHER_CONTROLLER,)),
        a_stored_secret(a_resource(spec=a_spec(metadata={"labels": {"old": "1"}, "annotations": {"old": "2"}}))),
    ],
)
def test_what_a_patch_leaves_behind_is_intact(stored: Any) -> None:
    """Applied as the API server does; then judged again: the operator must not find work in its own work."""
    desired = a_desired(RICH)
    before = {
        "metadata": {"labels": dict(stored.labels), "annotations": dict(stored.annotations)},
        "data": dict.fromkeys(stored.data_keys, "eA=="),
    }
    after: Any = merged(before, patch(stored, desired))
    owners = tuple(
        OwnerReference(
            api_version=owner["apiVersion"],
            kind=owner["kind"],
            name=owner["name"],
            uid=owner["uid"],
            controller=owner.get("controller", False),
        )
        for owner in after["metadata"]["ownerReferences"]
    )
    decoded = {key: b64decode(value).decode() for key, value in after["data"].items()}
    again = replace(
        stored,
        labels=after["metadata"]["labels"],
        annotations=after["metadata"]["annotations"],
        owners=owners,
        data_digest=data_digest(stored.secret_type, decoded),
    )
    assert differences(again, desired) == ()
    assert decoded == desired.data
