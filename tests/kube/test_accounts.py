"""ServiceAccounts: the role that an annotation names, and tokens that prove who asks."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from ecr_secret_operator.domain.identity.identity import AccountRole
from ecr_secret_operator.domain.identity.sources import RoleAccount
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.kube import accounts
from ecr_secret_operator.kube.accounts import AccountTokens
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.connection import Connection
from ecr_secret_operator.kube.objects import ObjectRef
from ecr_secret_operator.reasons import Reason

from .conftest import Api
from .objects import a_meta, decoded

ROLE = "arn:aws:iam::210987654321:role/ecr-pull"
IDENTITY = AccountRole("team-a", "aws", ROLE, "an.audience")
JWT = f"{urlsafe_b64encode(json.dumps({'alg': 'RS256'}).encode()).decode()}.e30.c2ln"


def converted(**over: Any) -> RoleAccount:
    return accounts.convert(decoded(ObjectRef, {"metadata": a_meta(**over)}))


def test_role_and_audience_are_those_of_the_annotations() -> None:
    found = converted(annotations={"eks.amazonaws.com/role-arn": ROLE, "eks.amazonaws.com/audience": "an.audience"})
    assert found == RoleAccount("team-a", "aws", "7", ROLE, "an.audience")


@pytest.mark.parametrize(
    ("annotations", "role", "audience"),
    [
        (None, "", ""),
        ({}, "", ""),
        ({"eks.amazonaws.com/role-arn": ""}, "", ""),
        ({"eks.amazonaws.com/role-arn": ROLE}, ROLE, ""),
        ({"eks.amazonaws.com/audience": "an.audience"}, "", "an.audience"),
        ({"eks.amazonaws.com/Role-ARN": ROLE, "role-arn": ROLE, "amazonaws.com/role-arn": ROLE}, "", ""),
        ({"eks.amazonaws.com/role-arn": "nonsense \n"}, "nonsense \n", ""),
    ],
    ids=["absent", "empty", "empty value", "role alone", "audience alone", "other keys", "nonsense"],
)
def test_what_is_missing_is_empty_and_nonsense_is_left_to_be_judged(
    annotations: dict[str, str] | None, role: str, audience: str
) -> None:
    found = converted(**({} if annotations is None else {"annotations": annotations}))
    assert (found.role_arn, found.audience) == (role, audience)


def test_null_annotations_are_none() -> None:
    assert converted(annotations=None).role_arn == ""


async def test_one_service_account_is_watched_and_no_other(api: Api) -> None:
    api.answers_with({"metadata": {"resourceVersion": "9"}, "items": [{"metadata": a_meta()}]})
    source = accounts.source(api.client, "team-a", "aws")
    assert [found.name for found in (await source.list()).items] == ["aws"]
    ((request, query, _),) = api.asked
    assert (request, query["fieldSelector"]) == (
        "GET /api/v1/namespaces/team-a/serviceaccounts",
        "metadata.name=aws",
    )
    for namespace, name, covered in (("team-a", "aws", True), ("team-a", "aws2", False), ("team-b", "aws", False)):
        assert source.covers(RoleAccount(namespace, name, "1", "", "")) is covered


# Tokens


async def test_a_token_is_asked_for_its_audience_and_a_short_life(api: Api) -> None:
    api.answers_with({"status": {"token": JWT, "expirationTimestamp": "2026-03-01T12:10:00Z"}}, 201)
    found = await AccountTokens(api.client).of(IDENTITY)
    assert found.reveal() == JWT
    assert JWT not in repr(found)
    ((request, _, body),) = api.asked
    assert request == "POST /api/v1/namespaces/team-a/serviceaccounts/aws/token"
    assert body == {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": ["an.audience"], "expirationSeconds": 600},
    }


@pytest.mark.parametrize(
    ("status", "message", "reason", "text"),
    [
        (404, 'serviceaccounts "aws" not found', Reason.IDENTITY_UNAVAILABLE, "does not exist"),
        (403, 'cannot create resource "serviceaccounts/token"', Reason.IDENTITY_UNAVAILABLE, "serviceaccounts/token"),
        (422, "spec.audiences: Invalid value", Reason.IDENTITY_UNAVAILABLE, "audience an.audience"),
        (409, "the object has been modified", Reason.IDENTITY_UNAVAILABLE, "modified"),
        (500, "etcdserver: no leader", Reason.KUBERNETES_ERROR, "no leader"),
        (503, "unavailable", Reason.KUBERNETES_ERROR, "unavailable"),
        (429, "too many requests", Reason.KUBERNETES_ERROR, "too many"),
    ],
)
async def test_each_refusal_has_its_reason_and_names_the_service_account(
    api: Api, status: int, message: str, reason: Reason, text: str
) -> None:
    api.refuses(status, message)
    with pytest.raises(TokenError) as caught:
        await AccountTokens(api.client).of(IDENTITY)
    assert caught.value.reason is reason
    assert "ServiceAccount team-a/aws" in str(caught.value)
    assert text in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "answer", [{}, {"status": {}}, {"status": {"token": None}}, {"status": {"token": ""}}, "<html>"], ids=repr
)
async def test_an_answer_without_a_token_is_no_token(api: Api, answer: Any) -> None:
    """From whatever stands between: a webhook, a proxy."""
    api.answers_with(answer, 201)
    with pytest.raises(TokenError) as caught:
        await AccountTokens(api.client).of(IDENTITY)
    assert caught.value.reason is Reason.KUBERNETES_ERROR
    assert "ServiceAccount team-a/aws" in str(caught.value)


async def test_an_api_server_that_is_gone_is_told_as_such() -> None:
    client = Client(Connection("http://127.0.0.1:9"), user_agent="test")
    with pytest.raises(TokenError) as caught:
        await AccountTokens(client).of(IDENTITY)
    await client.close()
    assert caught.value.reason is Reason.KUBERNETES_ERROR
    assert "the API server" in str(caught.value)


def test_of_texts_that_are_too_long_so_much_is_kept_that_this_can_be_seen() -> None:
    long = "x" * 100_000
    found = converted(annotations={"eks.amazonaws.com/role-arn": long, "eks.amazonaws.com/audience": long})
    assert (len(found.role_arn), len(found.audience)) == (641, 1_025)
