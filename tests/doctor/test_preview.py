"""What would be generated is what is generated, but for the token."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest

from ecr_secret_operator.doctor.preview import MASK, explanations, preview, remarks
from ecr_secret_operator.domain.kinds import KINDS
from ecr_secret_operator.domain.resource import InvalidSpec, Key
from ecr_secret_operator.domain.secret.annotations import DIGEST, EXPIRES_AT, ISSUED_AT, TOKENS
from ecr_secret_operator.domain.secret.render import manifest
from tests.factories import PASSWORD, a_desired, a_resource

from .objects import Object, an_object

RESOURCES = [
    an_object(),
    an_object(spec={"metadata": {"labels": {"a": "b"}}, "additional_registries": [{"ecr_registry": "public.ecr.aws"}]}),
    an_object("ArgoHelmRepoSecret", spec={"repo_type": "oci", "project": "web"}),
    an_object(spec={"deletion_policy": "Retain"}),
]


@pytest.mark.parametrize("raw", RESOURCES, ids=["plain", "metadata and two registries", "argo", "retained"])
def test_it_is_what_the_operator_writes(raw: Object) -> None:
    """Compared with the manifest of the domain, with the mask in place of the token."""
    kind, meta = KINDS[raw["kind"]], raw["metadata"]
    resource = a_resource(
        spec=kind.parse(raw["spec"]), key=Key(kind.name, meta["namespace"], meta["name"]), uid=meta["uid"]
    )
    written, shown = manifest(a_desired(resource)), preview(raw)
    assert not isinstance(shown, InvalidSpec)
    data = {key: b64decode(value).decode() for key, value in written.pop("data").items()}
    assert {key: _masked(value) for key, value in data.items()} == {
        key: _masked(value) for key, value in shown.pop("stringData").items()
    }
    for one in (written, shown):
        for name in (ISSUED_AT, EXPIRES_AT, TOKENS, DIGEST):
            del one["metadata"]["annotations"][name]
    assert shown == written


def _masked(value: str) -> str:
    from base64 import b64encode  # noqa: PLC0415 - beside what it is for

    basic = b64encode(f"AWS:{PASSWORD}".encode()).decode()
    return value.replace(basic, f"<base64 of AWS:{MASK}>").replace(PASSWORD, MASK)


@pytest.mark.parametrize(
    "spec", [{"frequency": "banana"}, {"ecr_registry": "x"}, {"generated_secret_name": None}], ids=str
)
def test_what_is_invalid_is_told_as_the_status_would(spec: dict[str, Any]) -> None:
    raw = an_object(spec=spec)
    assert preview(raw) == KINDS["Secret"].parse(raw["spec"])
    assert list(remarks(raw)) == []


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (an_object("ClusterPullSecret"), "every namespace that spec.namespaces selects"),
        (
            an_object(spec={"link": [{"service_account": "builder", "for": ["mount"]}]}),
            "ServiceAccounts: builder (mount)",
        ),
        (an_object(spec={"suspend": True}), "spec.suspend is true"),
        (an_object(spec={"frequency": "24h"}), "refreshed every 10h"),
        (an_object("ArgoHelmRepoSecret", spec={"secret_type": "repo-creds"}), "end the url with /"),
    ],
    ids=["cluster", "link", "suspended", "clamped", "open end"],
)
def test_what_else_is_to_be_known_is_said(raw: Object, words: str) -> None:
    (sentence,) = remarks(raw)
    assert words in sentence


ROLE = "arn:aws:iam::123456789012:role/ecr-pull"


@pytest.mark.parametrize(
    ("aws", "words", "limit"),
    [
        ({}, "the operator's own identity", "none"),
        ({"role_arn": ROLE, "access": "pull"}, f"role {ROLE}", "pull in all repositories"),
        ({"service_account": "puller", "repositories": ["a/*"]}, "the role of ServiceAccount puller", "full in a/*"),
        ({"credentials_secret": "aws", "access": "push"}, "the keys in Secret aws", "push in all repositories"),
    ],
)
def test_the_identity_and_the_limit_of_a_token_are_explained(aws: Object, words: str, limit: str) -> None:
    raw = an_object(spec={"aws": aws})
    first, *policies = explanations(raw)
    host = raw["spec"]["ecr_registry"]
    assert first == f"{host}: the token is requested with {words}; limit: {limit}"
    assert len(policies) == (limit != "none")
    for policy in policies:
        document = json.loads(policy.partition("session policy: ")[2])
        assert document["Statement"][0]["Action"] == ["ecr:GetAuthorizationToken"]


def test_nothing_is_explained_of_what_is_invalid() -> None:
    assert list(explanations(an_object(spec={"frequency": "banana"}))) == []
