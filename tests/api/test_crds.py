"""The CRDs: structural, explained field by field, and the same as those that are shipped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecr_secret_operator.api.duration import DURATION_PATTERN
from ecr_secret_operator.crds import all_definitions, definition, policy_definition, to_yaml
from ecr_secret_operator.domain.identity.access_policy import AccessPolicySpec
from ecr_secret_operator.domain.identity.limit import TokenLimit
from ecr_secret_operator.domain.kinds import ARGO_HELM_REPO_SECRET, KINDS, Kind
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.outcome import Outcome
from ecr_secret_operator.domain.status.placements import Placements, cluster_status
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import NOW, a_raw_spec, a_resource, an_argo_spec, stored_tokens

SHIPPED = Path(__file__).parents[2] / "deploy" / "crds"
ALLOWED = {
    "additionalProperties",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minItems",
    "minLength",
    "properties",
    "required",
    "type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
}

LONGER = {
    "role_arn": 640,
    "default_role_arn": 640,
    "external_id": 1224,
    "external_ids.items": 1224,
    "role_arns.items": 600,
    "registries.items": 600,
    "include.items": 600,
    "exclude.items": 600,
}
"""Strings with rules that have to be longer than others: as long as AWS lets them be, with room for wildcards."""

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
each_crd = pytest.mark.parametrize("crd", all_definitions(), ids=lambda crd: str(crd["spec"]["names"]["kind"]))


def the_schema(crd: dict[str, Any]) -> dict[str, Any]:
    (version,) = crd["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def schema_of(kind: Kind) -> dict[str, Any]:
    return the_schema(definition(kind))


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from nodes(schema[name], f"{path}.{name}")


@each_crd
def test_the_schema_is_structural(crd: dict[str, Any]) -> None:
    """Every node has a type, and nothing that the API server would refuse or ignore: no $ref, anyOf, title."""
    for path, node in nodes(the_schema(crd)):
        assert node.get("type") in {"object", "string", "integer", "boolean", "array"}, path
        assert node.keys() <= ALLOWED, path


@each_crd
def test_every_field_is_explained(crd: dict[str, Any]) -> None:
    for path, node in nodes(the_schema(crd)):
        if path.endswith((".additionalProperties", ".items")) or path == ".metadata":
            continue
        assert node.get("description"), f"{path} has no description"
        assert "\n" not in node["description"], path


@each_crd
def test_every_cel_rule_has_a_message_and_its_strings_are_bounded(crd: dict[str, Any]) -> None:
    """Without bounds the API server refuses rules for what they might cost."""
    for path, node in nodes(the_schema(crd)):
        for rule in node.get("x-kubernetes-validations", []):
            assert rule["message"], path
            if node["type"] == "string":
                longest = next((limit for name, limit in LONGER.items() if path.endswith(f".{name}")), 512)
                assert node["maxLength"] <= longest, path


@each_crd
def test_every_list_and_map_that_a_rule_may_walk_is_bounded(crd: dict[str, Any]) -> None:
    """A rule's cost is its cost for one entry times how many there may be."""
    for path, node in nodes(the_schema(crd)):
        if path.startswith(".status"):
            continue
        if node["type"] == "array":
            assert node["maxItems"] <= 100, path
        if "additionalProperties" in node:
            assert node["maxProperties"] <= 100, path


@pytest.mark.parametrize(
    ("name", "plural", "short", "heading", "required"),
    [
        ("Secret", "secrets", "ecrsecret", "Registry", {"generated_secret_name", "ecr_registry"}),
        ("ArgoHelmRepoSecret", "argohelmreposecrets", "ecrargo", "URL", {"generated_secret_name", "url"}),
    ],
)
def test_names_columns_and_required_fields(
    name: str, plural: str, short: str, heading: str, required: set[str]
) -> None:
    crd = definition(KINDS[name])
    assert crd["metadata"]["name"] == f"{plural}.ecr.mobb.redhat.com"
    assert crd["spec"]["group"] == "ecr.mobb.redhat.com"
    assert crd["spec"]["scope"] == "Namespaced"
    names = crd["spec"]["names"]
    assert (names["kind"], names["plural"], names["shortNames"]) == (name, plural, [short])
    assert names["categories"] == ["ecr"]
    (version,) = crd["spec"]["versions"]
    assert (version["name"], version["served"], version["storage"]) == ("v1alpha1", True, True)
    assert version["subresources"] == {"status": {}}
    columns = [column["name"] for column in version["additionalPrinterColumns"]]
    assert columns == ["Ready", "Reason", "Secret", heading, "Expires", "Limit", "Age"]
    wide = [column["name"] for column in version["additionalPrinterColumns"] if column.get("priority")]
    assert wide == [heading, "Limit"], "a host makes the lines longer than most terminals are wide"
    assert set(schema_of(KINDS[name])["properties"]["spec"]["required"]) == required


@each_kind
def test_every_field_of_upstream_is_there(kind: Kind) -> None:
    spec = schema_of(kind)["properties"]["spec"]["properties"]
    registry = "url" if kind is ARGO_HELM_REPO_SECRET else "ecr_registry"
    for name in ("generated_secret_name", registry, "frequency", "region"):
        assert spec[name]["type"] == "string"
    assert spec["frequency"]["default"] == "6h"


@each_crd
def test_the_columns_point_to_fields_that_exist(crd: dict[str, Any]) -> None:
    properties = the_schema(crd)["properties"]
    (version,) = crd["spec"]["versions"]
    for column in version["additionalPrinterColumns"]:
        match = re.fullmatch(r"\.(spec|status)\.(\w+).*", column["jsonPath"])
        if match:
            assert match[2] in properties[match[1]]["properties"], column


@each_kind
def test_all_that_a_status_can_hold_is_in_the_schema(kind: Kind) -> None:
    """What is not there is pruned by the API server, and would be written again and again."""
    spec = an_argo_spec() if kind is ARGO_HELM_REPO_SECRET else kind.parse(a_raw_spec())
    resource = a_resource(status={}, refresh_request="1", spec=spec)
    stored = {host: replace(one, limit=TokenLimit("pull")) for host, one in stored_tokens(resource).items()}
    status = next_status(resource, Outcome(stored=stored, written=True, refreshed=True), now=NOW)
    if kind.clustered:
        denied = next_status(resource, Outcome(failure=Failure(Reason.POLICY_DENIED, "no")), now=NOW)
        status = cluster_status(Placements(resource, 2, {"a": status, "b": denied}), now=NOW)
    schema = schema_of(kind)["properties"]["status"]["properties"]
    assert status.keys() == schema.keys()
    items = schema["conditions"]["items"]
    assert all(condition.keys() == items["properties"].keys() for condition in status["conditions"])
    assert schema["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


@each_kind
def test_a_reason_is_one_word_as_the_api_conventions_ask(kind: Kind) -> None:
    assert all(re.fullmatch("[A-Z][A-Za-z]+", reason) for reason in Reason)


@each_kind
def test_the_region_rule_looks_at_the_field_that_names_the_registry(kind: Kind) -> None:
    field = "url" if kind is ARGO_HELM_REPO_SECRET else "ecr_registry"
    spec = schema_of(kind)["properties"]["spec"]
    (rule,) = (rule for rule in spec["x-kubernetes-validations"] if rule.get("fieldPath") == ".region")
    assert f"self.{field}." in rule["rule"]
    assert field in rule["message"]
    others = [rule for rule in spec["x-kubernetes-validations"] if "region" in rule["rule"]]
    assert others == [rule]


def test_region_role_and_limit_of_a_further_registry_are_held_against_its_own_host() -> None:
    items = schema_of(KINDS["Secret"])["properties"]["spec"]["properties"]["additional_registries"]["items"]
    rules = items["x-kubernetes-validations"]
    assert [(one["fieldPath"], one["message"].split()[0]) for one in rules] == [
        (".region", "region"),
        (".aws", "role_arn"),
        (".aws", "repositories"),
    ]
    assert all("self.ecr_registry." in one["rule"] for one in rules)


@each_kind
def test_each_identity_that_a_resource_may_name_is_a_field(kind: Kind) -> None:
    spec = schema_of(kind)["properties"]["spec"]["properties"]
    aws = spec["aws"]["properties"]
    assert aws.keys() == {"role_arn", "external_id", "service_account", "credentials_secret", "access", "repositories"}
    assert aws["access"]["enum"] == ["pull", "push", "full"]
    assert "default" not in aws["access"], "what is left out is as much as policy allows"
    assert not [path for path, node in nodes(spec["aws"]) if "endpoint" in path], "a resource never names an endpoint"
    if kind.name == "Secret":
        assert spec["additional_registries"]["items"]["properties"]["aws"]["properties"].keys() == aws.keys()


def test_the_policy_is_of_the_cluster_and_has_no_status() -> None:
    crd = policy_definition()
    assert crd["metadata"]["name"] == "accesspolicies.ecr.mobb.redhat.com"
    assert crd["spec"]["scope"] == "Cluster"
    assert crd["spec"]["names"]["shortNames"] == ["ecrpolicy"]
    (version,) = crd["spec"]["versions"]
    assert "subresources" not in version
    properties = the_schema(crd)["properties"]
    assert "status" not in properties
    assert properties["spec"]["properties"].keys() == AccessPolicySpec.model_fields.keys()
    assert "required" not in properties["spec"], "an empty spec is the policy that allows nothing"
    columns = [column["name"] for column in version["additionalPrinterColumns"]]
    assert columns == ["Mode", "Ambient", "Registries", "Roles", "Access", "Repositories", "Age"]


def test_no_two_definitions_share_a_name() -> None:
    names = [crd["spec"]["names"] for crd in all_definitions()]
    spoken = [name for one in names for name in (one["plural"], one["singular"], *one["shortNames"])]
    assert len(set(spoken)) == len(spoken)


def test_patterns_use_nothing_that_re2_lacks() -> None:
    """CEL's matches() is RE2: no look-around, back-references, possessive or atomic groups."""
    text = to_yaml(all_definitions())
    assert "self.matches(r" in text
    for construct in ("(?=", "(?!", "(?<", "(?P=", "(?>", "*+", "++", r"\Z", r"\d"):
        assert construct not in text, construct
    assert DURATION_PATTERN in str(all_definitions())


def test_the_yaml_reads_back_as_it_was_and_without_anchors() -> None:
    text = to_yaml(all_definitions())
    assert list(yaml.safe_load_all(text)) == all_definitions()
    assert not re.search(r"[&*]id\d", text)


def test_the_shipped_files_are_the_generated_ones() -> None:
    files = sorted(SHIPPED.glob("*.yaml"))
    assert files, "deploy/crds holds no definitions"
    shipped = {crd["metadata"]["name"]: crd for path in files for crd in yaml.safe_load_all(path.read_text()) if crd}
    assert shipped == {crd["metadata"]["name"]: crd for crd in all_definitions()}
