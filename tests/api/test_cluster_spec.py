"""The fields of the kinds that generate a dockerconfigjson: links, and the namespaces of a ClusterPullSecret."""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.api.pull_secrets import MOST_LINKS, RegistriesSpec
from ecr_secret_operator.api.selectors import NamespaceSelection
from ecr_secret_operator.domain.kinds import CLUSTER_PULL_SECRET, KINDS, Kind
from ecr_secret_operator.domain.resource import InvalidSpec
from tests.domain.clusters import a_cluster_spec
from tests.factories import HOST, OTHER_HOST, a_raw_spec

CLUSTERED = CLUSTER_PULL_SECRET
of_each_kind = pytest.mark.parametrize("kind", [KINDS["Secret"], CLUSTERED], ids=lambda kind: kind.name)


def problem_of(raw: object, kind: Kind = CLUSTERED) -> str:
    spec = kind.parse(raw)
    assert isinstance(spec, InvalidSpec), spec
    return spec.message


def read(kind: Kind, **over: object) -> RegistriesSpec:
    spec = kind.parse(a_raw_spec(**over))
    assert isinstance(spec, RegistriesSpec), spec
    return spec


def test_the_least_serves_every_namespace() -> None:
    spec = a_cluster_spec()
    assert spec.namespaces == NamespaceSelection()
    assert spec.hosts == (HOST,)
    assert spec.namespaces.selects("kube-system", {})


def test_it_has_all_that_a_namespaced_resource_has() -> None:
    more = [{"ecr_registry": OTHER_HOST}]
    spec = a_cluster_spec(
        additional_registries=more, suspend=True, aws={"role_arn": "arn:aws:iam::123456789012:role/a"}
    )
    assert spec.hosts == (HOST, OTHER_HOST)
    assert [entry.aws.role_arn for entry in spec.entries] == ["arn:aws:iam::123456789012:role/a"] * 2
    assert set(KINDS["Secret"].spec.model_fields) | {"namespaces"} == set(CLUSTERED.spec.model_fields)


@pytest.mark.parametrize(
    ("namespaces", "selected"),
    [
        ({}, {"team-a", "team-b", "kube-system", "other"}),
        ({"include": ["team-*"]}, {"team-a", "team-b"}),
        ({"include": ["team-?"], "exclude": ["*-b"]}, {"team-a"}),
        ({"include": ["team-a", "other"]}, {"team-a", "other"}),
        ({"exclude": ["kube-*"]}, {"team-a", "team-b", "other"}),
        ({"include": ["Team-*"]}, set()),
        ({"exclude": ["*"]}, set()),
        ({"selector": {"matchLabels": {"pull": "yes"}}}, {"team-a", "kube-system"}),
        ({"selector": {"matchLabels": {"pull": "yes"}}, "exclude": ["kube-*"]}, {"team-a"}),
        (
            {"selector": {"matchExpressions": [{"key": "pull", "operator": "DoesNotExist"}]}, "include": ["team-*"]},
            {"team-b"},
        ),
    ],
)
def test_labels_and_patterns_must_all_hold(namespaces: dict[str, Any], selected: set[str]) -> None:
    cluster = {"team-a": {"pull": "yes"}, "team-b": {}, "kube-system": {"pull": "yes"}, "other": {"pull": "no"}}
    if "DoesNotExist" not in str(namespaces):
        cluster["team-b"] = {"pull": "no"}
    selection = a_cluster_spec(namespaces=namespaces).namespaces
    assert {name for name, labels in cluster.items() if selection.selects(name, labels)} == selected


@pytest.mark.parametrize(
    ("over", "field", "says"),
    [
        ({"namespaces": []}, "spec.namespaces: ", "Input should be"),
        ({"namespaces": {"include": "team-a"}}, "spec.namespaces.include: ", "should be a valid tuple"),
        ({"namespaces": {"include": ["[a-z]"]}}, "spec.namespaces.include.0: ", "'[a-z]' is not a pattern"),
        ({"namespaces": {"exclude": [""]}}, "spec.namespaces.exclude.0: ", "'' is not a pattern"),
        ({"namespaces": {"include": ["a\n"]}}, "spec.namespaces.include.0: ", "is not a pattern"),
        ({"namespaces": {"include": ["a" * 601]}}, "spec.namespaces.include.0: ", "601 characters"),
        (
            {"namespaces": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
            "spec.namespaces.selector.matchExpressions.0: ",
            "values are needed",
        ),
        ({"ecr_registry": None}, "spec.ecr_registry: ", "valid string"),
        ({"region": "eu-west-1"}, "spec: ", "contradicts ecr_registry"),
    ],
)
def test_what_cannot_mean_anything_is_named(over: dict[str, Any], field: str, says: str) -> None:
    message = problem_of(a_raw_spec(**over))
    assert message.startswith(field), message
    assert says in message


# Links


@of_each_kind
def test_a_link_is_for_pulling_and_mounting_unless_it_says_what_for(kind: Kind) -> None:
    spec = read(
        kind,
        link=[
            {"service_account": "default", "for": ["pull"]},
            {"service_account": "builder", "for": ["mount"]},
            {"service_account": "both"},
        ],
    )
    assert spec.links == {"default": {"pull"}, "builder": {"mount"}, "both": {"pull", "mount"}}
    assert read(kind).links == {}


@of_each_kind
@pytest.mark.parametrize(
    ("link", "says"),
    [
        ([{}], "spec.link.0.service_account: "),
        ([{"service_account": ""}], "spec.link.0.service_account: "),
        ([{"service_account": "a/b"}], "spec.link.0.service_account: "),
        ([{"service_account": "a", "for": []}], "for is empty. Write pull, mount or both"),
        ([{"service_account": "a", "for": ["push"]}], "spec.link.0.for.0: "),
        (
            [{"service_account": "a"}, {"service_account": "a", "for": ["pull"]}],
            "names a ServiceAccount more than once",
        ),
        ([{"service_account": f"a-{number}"} for number in range(MOST_LINKS + 1)], "more than 32 entries"),
        ("default", "spec.link: "),
    ],
)
def test_a_link_that_cannot_mean_anything_is_named(kind: Kind, link: Any, says: str) -> None:
    assert says in problem_of(a_raw_spec(link=link), kind)


@of_each_kind
def test_as_many_links_as_are_allowed_are(kind: Kind) -> None:
    links = [{"service_account": f"a-{number}"} for number in range(MOST_LINKS)]
    assert len(read(kind, link=links).links) == MOST_LINKS
