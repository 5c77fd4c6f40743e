"""Lists over several pages, and the difference between an object that does not exist and one that is hidden."""

from __future__ import annotations

import pytest

from ecr_secret_operator.collect.reading import Reader
from ecr_secret_operator.errors import Unauthorized, Unavailable

from ..kube.conftest import Api

PODS = "/api/v1/namespaces/a/pods"


async def test_a_list_has_the_objects_of_all_its_pages(api: Api) -> None:
    first, second, third = ({"metadata": {"name": name}} for name in "abc")
    api.answers_with({"metadata": {"continue": "page two"}, "items": [first, second]})
    api.answers_with({"metadata": {"resourceVersion": "7"}, "items": [third]})
    assert await Reader(api.client).items(PODS, labelSelector="app=x") == [first, second, third]
    selector = {"labelSelector": "app=x", "limit": "500"}
    assert [query for _, query, _ in api.asked] == [selector, {**selector, "continue": "page two"}]


@pytest.mark.parametrize(("status", "found"), [(404, []), (403, None)])
async def test_a_kind_that_is_not_installed_is_empty_and_one_that_is_forbidden_is_none(
    api: Api, status: int, found: object
) -> None:
    api.refuses(status, "no")
    assert await Reader(api.client).some(PODS) == found


@pytest.mark.parametrize(("status", "found"), [(404, {}), (403, None)])
async def test_an_object_that_does_not_exist_is_empty_and_one_that_is_forbidden_is_none(
    api: Api, status: int, found: object
) -> None:
    api.refuses(status, "no")
    assert await Reader(api.client).one(f"{PODS}/x") == found


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorized), (503, Unavailable)])
async def test_other_errors_are_raised(api: Api, status: int, error: type[Exception]) -> None:
    api.refuses(status, "no")
    with pytest.raises(error):
        await Reader(api.client).some(PODS)
    api.refuses(status, "no")
    with pytest.raises(error):
        await Reader(api.client).one(f"{PODS}/x")
