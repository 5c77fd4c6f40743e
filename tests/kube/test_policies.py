"""AccessPolicies and namespaces as they are kept in memory: whatever is stored, nothing raises."""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.api.selectors import NamespaceLabels
from ecr_secret_operator.domain.identity.access_policy import AccessPolicySpec, Policy
from ecr_secret_operator.domain.resource import InvalidSpec
from ecr_secret_operator.kube import namespaces, policies
from ecr_secret_operator.kube.objects import CustomObject, ObjectRef

from .conftest import Api
from .objects import a_meta, decoded


def converted(spec: Any) -> Policy:
    return policies.convert(decoded(CustomObject, {"metadata": a_meta(namespace=""), "spec": spec}))


def test_a_policy_is_read() -> None:
    policy = converted({"registries": ["123456789012.dkr.ecr.*.amazonaws.com"], "ambient_identity": True})
    assert (policy.name, policy.resource_version) == ("aws", "7")
    assert isinstance(policy.spec, AccessPolicySpec)
    assert policy.spec.registries == ("123456789012.dkr.ecr.*.amazonaws.com",)
    assert policy.spec.ambient_identity
    assert not policy.needs_labels


@pytest.mark.parametrize(
    "selector",
    [{"matchLabels": {"team": "a"}}, {"matchExpressions": [{"key": "team", "operator": "Exists"}]}],
    ids=["labels", "expressions"],
)
def test_one_that_selects_by_label_says_so(selector: Any) -> None:
    assert converted({"namespaces": {"selector": selector}}).needs_labels
    assert not converted({"namespaces": {"include": ["team-*"]}}).needs_labels


@pytest.mark.parametrize(
    "spec",
    [
        None,
        [],
        "all",
        7,
        {"registries": "all"},
        {"registries": [7]},
        {"registries": ["a b"]},
        {"regions": ["everywhere"]},
        {"mode": "Sometimes"},
        {"default_role_arn": "admin"},
        {"namespaces": []},
        {"namespaces": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
        {"namespaces": {"selector": {"matchLabels": {"a": None}}}},
    ],
    ids=repr,
)
def test_one_that_cannot_be_read_is_still_a_policy_and_allows_nothing(spec: Any) -> None:
    policy = converted(spec)
    assert isinstance(policy.spec, InvalidSpec)
    assert policy.spec.message
    assert not policy.needs_labels
    assert policy.name == "aws"


def test_an_absent_spec_is_none_that_can_be_read() -> None:
    policy = policies.convert(decoded(CustomObject, {"metadata": a_meta()}))
    assert isinstance(policy.spec, InvalidSpec)


def test_an_empty_spec_allows_nothing_but_is_good() -> None:
    assert converted({}).spec == AccessPolicySpec()


def test_fields_of_a_later_version_do_not_matter() -> None:
    assert converted({"mode": "Audit", "later": {"x": 1}}).spec == AccessPolicySpec(mode="Audit")


async def test_all_policies_of_the_cluster_are_watched(api: Api) -> None:
    api.answers_with({"metadata": {"resourceVersion": "9"}, "items": [{"metadata": a_meta(), "spec": {}}]})
    source = policies.source(api.client)
    (policy,) = (await source.list()).items
    ((request, query, _),) = api.asked
    assert request == "GET /apis/ecr.mobb.redhat.com/v1alpha1/accesspolicies"
    assert query == {"limit": "500"}
    assert source.covers(policy)


@pytest.mark.parametrize("labels", [None, {}, {"team": "a", "kubernetes.io/metadata.name": "team-a"}])
def test_of_a_namespace_the_labels_count(labels: dict[str, str] | None) -> None:
    raw = a_meta(name="team-a", namespace="", labels=labels, annotations={"x": "y"})
    found = namespaces.convert(decoded(ObjectRef, {"metadata": raw}))
    assert found == NamespaceLabels("team-a", "7", labels or {})


async def test_all_namespaces_are_watched(api: Api) -> None:
    api.answers_with({"metadata": {"resourceVersion": "9"}, "items": []})
    assert (await namespaces.source(api.client).list()).items == []
    assert [request for request, _, _ in api.asked] == ["GET /api/v1/namespaces"]
