"""What is asked of the API server about the permissions of a user."""

from __future__ import annotations

import pytest

from ecr_secret_operator.domain.reader import service_account
from ecr_secret_operator.kube.reviews import ApiReviews

from .conftest import Api


@pytest.mark.parametrize(
    ("status", "allowed"),
    [({"allowed": True}, True), ({"allowed": False}, False), ({"allowed": True, "denied": True}, False), ({}, False)],
)
async def test_access_is_allowed_unless_an_authorizer_denies_it(
    api: Api, status: dict[str, bool], allowed: object
) -> None:
    api.answers_with({"status": status}, 201)
    found = await ApiReviews(api.client).may_access(
        service_account("operators", "ecr"), verb="create", group="", resource="serviceaccounts/token", namespace="a"
    )
    assert found is allowed
    ((request, _, body),) = api.asked
    assert request == "POST /apis/authorization.k8s.io/v1/subjectaccessreviews"
    assert body["spec"] == {
        "user": "system:serviceaccount:operators:ecr",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:operators", "system:authenticated"],
        "resourceAttributes": {
            "group": "",
            "resource": "serviceaccounts",
            "subresource": "token",
            "verb": "create",
            "namespace": "a",
        },
    }
