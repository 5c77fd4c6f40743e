"""Images of Pods that are outside the limit of the token with which they are pulled."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ecr_secret_operator.doctor.finding import Finding
from ecr_secret_operator.doctor.limited_images import opens, repository_of
from ecr_secret_operator.doctor.observed import Users
from ecr_secret_operator.domain.identity.limit import TokenLimit
from ecr_secret_operator.domain.secret.annotations import TOKENS, written_tokens
from tests.factories import HOST, stored_tokens

from .installations import a_case, a_secret_of, causes, found
from .objects import an_object

LIMIT = TokenLimit("pull", ("base", "team-a/*"))
DIGEST = "sha256:" + "a" * 64


def findings(*images: tuple[str, str], limit: TokenLimit = LIMIT, tokens: str | None = None) -> list[Finding]:
    raw = an_object()
    raw["status"]["tokenLimit"] = str(limit)
    listed = {host: replace(one, limit=limit) for host, one in stored_tokens().items()}
    secret = a_secret_of(raw)
    annotated = {**secret.annotations, TOKENS: written_tokens(listed) if tokens is None else tokens}
    case = a_case(raw, generated={"team-a": replace(secret, annotations=annotated)}, users=Users(images=images))
    return list(found(None, case))


@pytest.mark.parametrize(
    "image",
    [
        f"{HOST}/team-a/web:1.2",
        f"{HOST}/team-a/web@{DIGEST}",
        f"{HOST}/team-a/web:1.2@{DIGEST}",
        f"{HOST}/base",
        "docker.io/library/nginx:1",
        "nginx",
        HOST,
        f"{HOST}/",
        "",
    ],
)
def test_images_within_the_limit_or_elsewhere_are_fine(image: str) -> None:
    assert causes(findings(("web", image))) == []


def test_the_repository_and_the_pods_are_named_once() -> None:
    outside = [(f"web-{number}", f"{HOST}/team-b/web:{number}") for number in range(5)]
    (one,) = [one for one in findings(*outside) if one.cause == "image-outside-limit"]
    assert one.message == (
        f"The token for {HOST} is limited to pull in base, team-a/*, and does not open team-b/web"
        " (Pod web-0, web-1, web-2, ...)"
    )
    assert "Add team-b/web to aws.repositories: kubectl edit ecrsecret ecr -n team-a" in one.remedy


def test_a_limit_of_access_alone_opens_every_repository() -> None:
    assert causes(findings(("web", f"{HOST}/team-b/web"), limit=TokenLimit("pull"))) == []


@pytest.mark.parametrize("tokens", ["", "[]", "{", json.dumps({HOST: {"repositories": 5}})])
def test_an_annotation_that_cannot_be_read_says_nothing(tokens: str) -> None:
    assert causes(findings(("web", f"{HOST}/team-b/web"), tokens=tokens)) == []


def test_the_limit_of_a_good_resource_is_told() -> None:
    (one,) = [one for one in findings() if one.cause == "resource"]
    assert one.message.endswith(". The limit of its tokens: pull in base, team-a/*")


@pytest.mark.parametrize(
    ("reference", "repository"),
    [("a", "a"), ("a/b", "a/b"), ("a:1", "a"), (f"a@{DIGEST}", "a"), (f"a/b:1@{DIGEST}", "a/b"), ("", "")],
)
def test_the_repository_of_an_image(reference: str, repository: str) -> None:
    assert repository_of(reference) == repository


def test_which_repositories_a_limit_opens() -> None:
    assert opens(TokenLimit("pull"), "x")
    assert opens(LIMIT, "team-a/x/y")
    assert not opens(LIMIT, "team-a")
