"""The chart's values: what is written of them, without Helm."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools.deploying.values import Values
from tools.deploying.valuesfiles import DIALECT, defaults_yaml, json_schema, markdown

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "chart"
PASSED_ON = "extraEnv", "affinity", "tolerations"
"""Some that Kubernetes judges, and not the schema."""


@pytest.fixture
def schema() -> dict[str, Any]:
    return dict(json.loads(json_schema()))


def leaves(values: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute, field in type(values).model_fields.items():
        value, name = getattr(values, attribute), f"{prefix}{field.alias}"
        found |= leaves(value, f"{name}.") if hasattr(type(value), "model_fields") else {name: value}
    return found


def test_the_defaults_are_those_of_the_model() -> None:
    assert yaml.safe_load(defaults_yaml()) == Values().model_dump(by_alias=True)


def test_the_schema_describes_and_closes_everything(schema: dict[str, Any]) -> None:
    def walk(part: dict[str, Any], path: str) -> None:
        assert part["type"], path
        assert "$ref" not in part
        for name, field in part.get("properties", {}).items():
            assert field["description"].endswith("."), f"{path}.{name}"
            walk(field, f"{path}.{name}")
        if "properties" in part:
            assert part["additionalProperties"] is False, path

    assert schema["$schema"] == DIALECT
    walk(schema, "")
    for name in PASSED_ON:
        assert "properties" not in schema["properties"][name]


def test_no_pattern_is_one_that_helm_cannot_read(schema: dict[str, Any]) -> None:
    """Go's expressions look neither ahead nor behind."""
    assert not re.search(r"\(\?[=!<]", json.dumps(schema))


def test_the_table_has_every_value_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([A-Za-z.]+)` \| `(.*?)` \|", markdown(), re.MULTILINE))
    assert {name: json.loads(value) for name, value in rows.items()} == leaves(Values())
    assert markdown() in (CHART / "README.md").read_text()
