"""For which resource a stored Secret was made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.secret.annotations import OWNER
from ecr_secret_operator.domain.secret.stored import OwnerReference
from tests.factories import a_key, a_resource, a_stored_secret

ANOTHER_OWNER = OwnerReference(api_version="apps/v1", kind="Deployment", name="web", uid="d0", controller=False)
RESOURCE = a_resource()
OURS = a_stored_secret(RESOURCE)
RETAINED = replace(OURS, owners=())
RECREATED = a_resource(uid="another-uid")
OTHERS_OWNER = OwnerReference(api_version="ecr.mobb.redhat.com/v1alpha1", kind="Secret", name="other", uid="o")


@pytest.mark.parametrize(
    ("stored", "resource", "made"),
    [
        (OURS, RESOURCE, True),
        (replace(OURS, labels={}), RESOURCE, True),  # someone removed our label
        (replace(OURS, annotations={}), RESOURCE, True),
        (RETAINED, RESOURCE, True),
        (RETAINED, RECREATED, True),  # retained by a resource of this name, or restored from a backup
        (OURS, RECREATED, True),
        (replace(RETAINED, labels={}), RESOURCE, True),  # someone removed our label here, too
        (replace(RETAINED, labels={}, annotations={OWNER: "Secret/team-a/pull"}), RESOURCE, False),  # no proof
        (replace(RETAINED, annotations={}), RESOURCE, False),
        (replace(RETAINED, annotations={OWNER: "Secret/team-b/pull"}), RESOURCE, False),
        (replace(RETAINED, annotations={OWNER: "Other/team-a/pull"}), RESOURCE, False),
        (replace(RETAINED, annotations={OWNER: "nonsense"}), RESOURCE, False),
        (replace(RETAINED, annotations={OWNER: "ArgoHelmRepoSecret/team-a/pull"}), RESOURCE, False),
        (replace(OURS, owners=(OTHERS_OWNER,)), RESOURCE, False),
        (replace(OURS, owners=(ANOTHER_OWNER,)), RESOURCE, True),
        (OURS, a_resource(uid="u2", key=a_key(name="another")), False),
        (OURS, a_resource(uid="u2", key=a_key(kind="ArgoHelmRepoSecret")), False),
    ],
)
def test_whether_a_secret_was_made_for_a_resource(stored: Any, resource: Any, *, made: bool) -> None:
    assert stored.made_for(resource) is made


@pytest.mark.parametrize(
    ("stored", "key"),
    [
        (OURS, RESOURCE.key),
        (RETAINED, RESOURCE.key),
        (replace(OURS, owners=(ANOTHER_OWNER, OTHERS_OWNER)), Key("Secret", "team-a", "other")),
        (replace(RETAINED, annotations={}), None),
        (replace(RETAINED, annotations={OWNER: "Secret/team-b/pull"}), None),
    ],
)
def test_the_owner_is_found_from_the_reference_else_the_annotation(stored: Any, key: Key | None) -> None:
    assert stored.owner_key == key


@pytest.mark.parametrize(
    ("api_version", "kind", "ours"),
    [
        ("ecr.mobb.redhat.com/v1alpha1", "Secret", True),
        ("ecr.mobb.redhat.com/v1", "ArgoHelmRepoSecret", True),
        ("ecr.mobb.redhat.com/v1alpha1", "Other", False),
        ("v1", "Secret", False),
        ("evil.ecr.mobb.redhat.com/v1alpha1", "Secret", False),
        ("ecr.mobb.redhat.com.evil/v1alpha1", "Secret", False),
    ],
)
def test_which_owner_references_are_ours(api_version: str, kind: str, *, ours: bool) -> None:
    assert OwnerReference(api_version=api_version, kind=kind, name="a", uid="u").ours is ours
