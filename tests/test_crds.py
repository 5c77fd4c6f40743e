"""The CRDs: structural, explained field by field, and the same as those that are shipped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecr_secret_operator.crds import all_definitions, definition, to_yaml
from ecr_secret_operator.domain.duration import DURATION_PATTERN
from ecr_secret_operator.domain.kinds import KINDS, Kind
from ecr_secret_operator.domain.reasons import Reason
from ecr_secret_operator.domain.status import Outcome, next_status
from tests.factories import NOW, a_resource, a_token, an_argo_spec

SHIPPED = Path(__file__).parents[1] / "deploy" / "crds"
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
    "minLength",
    "properties",
    "required",
    "type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
}

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def schema_of(kind: Kind) -> dict[str, Any]:
    (version,) = definition(kind)["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from nodes(schema[name], f"{path}.{name}")


@each_kind
def test_the_schema_is_structural(kind: Kind) -> None:
    """Every node has a type, and nothing that the API server would refuse or ignore: no $ref, anyOf, title."""
    for path, node in nodes(schema_of(kind)):
        assert node.get("type") in {"object", "string", "integer", "boolean", "array"}, path
        assert node.keys() <= ALLOWED, path


@each_kind
def test_every_field_is_explained(kind: Kind) -> None:
    for path, node in nodes(schema_of(kind)):
        if path.endswith((".additionalProperties", ".items")) or path == ".metadata":
            continue
        assert node.get("description"), f"{path} has no description"
        assert "\n" not in node["description"], path


@each_kind
def test_every_cel_rule_has_a_message_and_its_strings_are_bounded(kind: Kind) -> None:
    """Without bounds the API server refuses rules for what they might cost."""
    for path, node in nodes(schema_of(kind)):
        for rule in node.get("x-kubernetes-validations", []):
            assert rule["message"], path
            if node["type"] == "string":
                assert node["maxLength"] <= 512, path


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
    assert columns == ["Ready", "Reason", "Secret", heading, "Expires", "Age"]
    assert set(schema_of(KINDS[name])["properties"]["spec"]["required"]) == required


@each_kind
def test_every_field_of_upstream_is_there(kind: Kind) -> None:
    spec = schema_of(kind)["properties"]["spec"]["properties"]
    registry = "ecr_registry" if kind.name == "Secret" else "url"
    for name in ("generated_secret_name", registry, "frequency", "region"):
        assert spec[name]["type"] == "string"
    assert spec["frequency"]["default"] == "6h"


@each_kind
def test_the_columns_point_to_fields_that_exist(kind: Kind) -> None:
    properties = schema_of(kind)["properties"]
    (version,) = definition(kind)["spec"]["versions"]
    for column in version["additionalPrinterColumns"]:
        match = re.fullmatch(r"\.(spec|status)\.(\w+).*", column["jsonPath"])
        if match:
            assert match[2] in properties[match[1]]["properties"], column


@each_kind
def test_all_that_a_status_can_hold_is_in_the_schema(kind: Kind) -> None:
    """What is not there is pruned by the API server, and would be written again and again."""
    resource = a_resource(status={}, refresh_request="1", **({"spec": an_argo_spec()} if kind.name != "Secret" else {}))
    status = next_status(resource, Outcome(token=a_token(), written=True, refreshed=True), now=NOW)
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
    field = "ecr_registry" if kind.name == "Secret" else "url"
    (rule,) = schema_of(kind)["properties"]["spec"]["x-kubernetes-validations"]
    assert f"self.{field}." in rule["rule"]
    assert field in rule["message"]
    assert rule["fieldPath"] == ".region"


def test_patterns_use_nothing_that_re2_lacks() -> None:
    """CEL's matches() is RE2: no look-around, back-references, possessive or atomic groups."""
    text = to_yaml(all_definitions())
    assert "self.matches(r" in text
    for construct in ("(?=", "(?!", "(?<", "(?P=", "(?>", "*+", "++", r"\Z", r"\d"):
        assert construct not in text, construct
    assert DURATION_PATTERN in text


def test_the_yaml_reads_back_as_it_was_and_without_anchors() -> None:
    text = to_yaml(all_definitions())
    assert list(yaml.safe_load_all(text)) == all_definitions()
    assert not re.search(r"[&*]id\d", text)


def test_the_shipped_files_are_the_generated_ones() -> None:
    files = sorted(SHIPPED.glob("*.yaml"))
    assert files, "deploy/crds holds no definitions"
    shipped = {crd["metadata"]["name"]: crd for path in files for crd in yaml.safe_load_all(path.read_text()) if crd}
    assert shipped == {crd["metadata"]["name"]: crd for crd in all_definitions()}
