"""The fields of a policy: label selectors as Kubernetes judges them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.api.selectors import LabelSelector, NamespaceSelection
from ecr_secret_operator.domain.identity.access_policy import AccessPolicySpec, Policy, parse_policy
from ecr_secret_operator.domain.resource import InvalidSpec

ROLE = "arn:aws:iam::123456789012:role/team-a-pull"


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def expressions(*requirements: dict[str, Any]) -> dict[str, Any]:
    return {"matchExpressions": list(requirements)}


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ({}, {}, True),
        ({}, {"a": "1"}, True),
        ({"matchLabels": {}}, {}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "2"}, False),
        ({"matchLabels": {"a": "1"}}, {}, False),
        ({"matchLabels": {"a": ""}}, {"a": ""}, True),
        ({"matchLabels": {"a": ""}}, {}, False),
        ({"matchLabels": {"a": "1", "b": "2"}}, {"a": "1"}, False),
        ({"matchLabels": {"a": "*"}}, {"a": "1"}, False),
        (expressions(expression("a", "In", "1", "2")), {"a": "2"}, True),
        (expressions(expression("a", "In", "1", "2")), {"a": "3"}, False),
        (expressions(expression("a", "In", "1")), {}, False),
        (expressions(expression("a", "In", "")), {}, False),
        (expressions(expression("a", "In", "")), {"a": ""}, True),
        (expressions(expression("a", "NotIn", "1", "2")), {"a": "3"}, True),
        (expressions(expression("a", "NotIn", "1", "2")), {"a": "1"}, False),
        (expressions(expression("a", "NotIn", "1")), {}, True),
        (expressions(expression("a", "NotIn", "")), {}, True),
        (expressions(expression("a", "NotIn", "")), {"a": ""}, False),
        (expressions(expression("a", "Exists")), {"a": ""}, True),
        (expressions(expression("a", "Exists")), {"b": "1"}, False),
        (expressions(expression("a", "DoesNotExist")), {"a": ""}, False),
        (expressions(expression("a", "DoesNotExist")), {"b": "1"}, True),
        (expressions(expression("a", "Exists"), expression("b", "Exists")), {"a": "1"}, False),
        (expressions(expression("a", "Exists"), expression("b", "Exists")), {"a": "1", "b": "1"}, True),
        (expressions(expression("a", "Exists"), expression("a", "DoesNotExist")), {"a": "1"}, False),
        ({"matchLabels": {"a": "1"}, **expressions(expression("b", "NotIn", "x"))}, {"a": "1"}, True),
        ({"matchLabels": {"a": "1"}, **expressions(expression("b", "In", "x"))}, {"a": "1"}, False),
    ],
)
def test_a_selector_matches_as_in_kubernetes(
    selector: dict[str, Any], labels: dict[str, str], *, matches: bool
) -> None:
    assert LabelSelector.model_validate(selector).matches(labels) is matches


@pytest.mark.parametrize(
    ("namespaces", "needed"),
    [
        ({}, False),
        ({"include": ["a"], "exclude": ["b"]}, False),
        ({"selector": {}}, False),
        ({"selector": {"matchLabels": {"a": "1"}}}, True),
        ({"selector": expressions(expression("a", "Exists"))}, True),
    ],
)
def test_namespaces_are_watched_only_when_a_policy_selects_them_by_label(
    namespaces: dict[str, Any], *, needed: bool
) -> None:
    assert Policy("p", "1", AccessPolicySpec.model_validate({"namespaces": namespaces})).needs_labels is needed
    assert not Policy("broken", "1", InvalidSpec("spec.mode: no")).needs_labels


@pytest.mark.parametrize("name", ["kube-system", "team-a", "a"])
def test_no_selection_is_every_namespace(name: str) -> None:
    assert NamespaceSelection().selects(name, {})


# Reading one


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (None, "spec is missing, or is not an object"),
        ([], "spec is missing, or is not an object"),
        ({"mode": "Off"}, "spec.mode: "),
        ({"mode": None}, "spec.mode: "),
        ({"ambient_identity": "perhaps"}, "spec.ambient_identity: "),
        ({"registries": "x"}, "spec.registries: "),
        ({"registries": ["a b"]}, "spec.registries.0: 'a b' is not a pattern: it may hold letters"),
        ({"registries": [""]}, "spec.registries.0: '' is not a pattern"),
        ({"registries": ["a", "[ab]"]}, "spec.registries.1: '[ab]' is not a pattern"),
        ({"registries": ["a\n"]}, r"spec.registries.0: 'a\n' is not a pattern"),
        ({"registries": ["a" * 601]}, "at most 600 are allowed"),
        ({"role_arns": ["role/{a,b}"]}, "spec.role_arns.0: "),
        ({"role_arns": ["role/!a"]}, "spec.role_arns.0: "),
        ({"role_arns": ["\u0430"]}, "spec.role_arns.0: "),
        ({"external_ids": [""]}, "spec.external_ids.0: '' is not a pattern of external ids: it may hold letters"),
        ({"external_ids": ["a", "{name}"]}, "spec.external_ids.1: '{name}' is not a pattern of external ids"),
        ({"external_ids": ["{namespace"]}, "spec.external_ids.0: "),
        ({"external_ids": ["a" * 1225]}, "at most 1224 are allowed"),
        ({"limit": {"access": "read"}}, "spec.limit.access: "),
        ({"limit": {"access": ""}}, "spec.limit.access: "),
        ({"limit": "pull"}, "spec.limit: "),
        ({"limit": {"repositories": ["A/*"]}}, "spec.limit.repositories.0: 'A/*' is not a pattern of repository names"),
        ({"limit": {"repositories": ["a", "{name}/*"]}}, "spec.limit.repositories.1: '{name}/*' is not a pattern"),
        ({"limit": {"repositories": ["a" * 257]}}, "at most 256 are allowed"),
        ({"limit": {"repositories": ["a"] * 21}}, "at most 20"),
        ({"limit": {"repositories": [f"{n}{'a' * 240}" for n in range(9)]}}, "are too long for a session policy"),
        ({"regions": ["us-*"]}, "spec.regions.0: 'us-*' is not an AWS region"),
        ({"default_role_arn": "arn:aws:iam::123456789012:role/*"}, "spec.default_role_arn: "),
        ({"default_role_arn": f"{ROLE}\n"}, "spec.default_role_arn: "),
        ({"namespaces": {"include": ["team a"]}}, "spec.namespaces.include.0: "),
        ({"namespaces": {"exclude": [5]}}, "spec.namespaces.exclude.0: "),
        ({"namespaces": {"selector": {"matchLabels": {"a": 5}}}}, "spec.namespaces.selector.matchLabels.a: "),
        *(
            ({"namespaces": {"selector": expressions(bad)}}, "spec.namespaces.selector.matchExpressions.0")
            for bad in (
                expression("a", "In"),
                expression("a", "NotIn"),
                expression("a", "Exists", "1"),
                expression("a", "DoesNotExist", "1"),
                expression("a", "Equals", "1"),
                expression("a", "in", "1"),
                {"operator": "Exists"},
                {"key": "a"},
                {"key": 5, "operator": "Exists"},
                {"key": "a" * 318, "operator": "Exists"},
            )
        ),
    ],
)
def test_a_policy_that_cannot_be_read_says_why(raw: object, says: str) -> None:
    spec = parse_policy(raw)
    assert isinstance(spec, InvalidSpec), spec
    assert says in spec.message
    assert "\n" not in spec.message


def test_unknown_fields_are_ignored_as_the_api_server_ignores_them() -> None:
    assert parse_policy({"colour": "blue"}) == AccessPolicySpec()
