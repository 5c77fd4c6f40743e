"""The forms of output: `-o` means the same for every command."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import yaml

from ..api.fields import GROUP
from ..domain.printable import one_line, printable_json

_Command = TypeVar("_Command", bound=Callable[..., object])

TABLES = ("table", "wide", "json", "yaml", "name")
"""Of commands that show a list to people."""
MANIFESTS = ("yaml", "json", "name")
"""Of commands that print objects for `kubectl apply`."""


def output_option(forms: Sequence[str], text: str = "") -> Callable[[_Command], _Command]:
    """The option -o. The first of the forms is the default."""
    return click.option(
        "-o", "--output", type=click.Choice(forms), default=forms[0], show_default=True, help=text or "Output format."
    )


def written(data: Any, form: str) -> str:  # noqa: ANN401 - whatever JSON can hold
    """A document as `json` or `yaml`, in ASCII: it stays valid whatever the encoding of the output is."""
    if form == "json":
        return printable_json(json.dumps(data, indent=2))
    return yaml.safe_dump(data, sort_keys=False, width=120).rstrip("\n")


def manifests(objects: Sequence[dict[str, Any]], form: str) -> str:
    """Objects as a YAML stream, as one JSON document, or by name. JSON has a List unless there is exactly one."""
    if form == "yaml":
        from ..crds import to_yaml  # noqa: PLC0415 - as little as possible at start

        return to_yaml(objects).rstrip("\n") if objects else ""
    if form == "name":
        return "\n".join(_name(one) for one in objects)
    return written(objects[0] if len(objects) == 1 else {"apiVersion": "v1", "kind": "List", "items": objects}, "json")


def resource_name(kind: str, name: str) -> str:
    """A resource of this operator as `kubectl get -o name` prints it; every command accepts it."""
    return one_line(f"{kind.lower()}.{GROUP}/{name}")


def _name(one: dict[str, Any]) -> str:
    group = one["apiVersion"].rpartition("/")[0]
    return one_line(f"{one['kind'].lower()}{f'.{group}' if group else ''}/{one['metadata']['name']}")
