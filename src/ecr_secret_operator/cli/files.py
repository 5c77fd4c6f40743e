"""Files with resources, read as kubectl reads them.

kubectl reads YAML with the words of YAML 1.1 (`yes` and `on` are true), but takes `2026-01-01` and `1:30` for texts,
and makes every key a text. A file that begins with `{` is JSON, also several documents without separators.
Sources: sigs.k8s.io/yaml (goyaml.v2, resolve.go), k8s.io/apimachinery, `pkg/util/yaml`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import yaml

from ..errors import OperatorError, shown

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file, or one item of a list.

    Attributes:
        raw: what it holds.
        repeated: sentences on keys that are there more than once; kubectl takes the last, the API server refuses them.
    """

    raw: Any
    repeated: Sequence[str] = ()


def documents(path: str) -> list[Document]:
    """The documents of a YAML or JSON file that are not empty, `-` for standard input; in place of lists their items.

    Raises:
        OperatorError: it cannot be read, or is neither YAML nor JSON.
    """
    try:
        written = _read(path).removeprefix(_BOM)
        found = list(_json(written) if written.lstrip().startswith("{") else _yaml(written))
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            f"{named(path)} cannot be read: {getattr(error, 'strerror', '') or 'it is no text'}"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""  # without the text, which may be a Secret's
        raise OperatorError(f"{named(path)} is not YAML{where}") from error
    except (RecursionError, ValueError) as error:
        raise OperatorError(
            f"{named(path)} cannot be read: it is nested too deeply, or has a malformed number"
        ) from error
    return [item for one in found if one.raw is not None for item in _items(path, one)]


def named(path: str) -> str:
    """The name of a file, as messages show it."""
    return "standard input" if path == "-" else path


def _items(path: str, document: Document) -> Iterator[Document]:
    """The items of a list; a document that is none as it is. Items of a typed list need no kind of their own."""
    raw = document.raw
    kind = raw.get("kind") if isinstance(raw, dict) else None
    items = raw.get("items") if isinstance(raw, dict) else None
    if kind == "List" and not isinstance(items, list):
        raise OperatorError(f"{named(path)} has a List without items")
    if not isinstance(kind, str) or not kind.endswith("List") or not isinstance(items, list):
        yield document
        return
    own = {"apiVersion": raw.get("apiVersion"), "kind": kind.removesuffix("List")} if kind != "List" else {}
    for item in items:
        if isinstance(item, dict) and item.get("kind") == "List":
            raise OperatorError(f"{named(path)} has a List in a List, which kubectl does not accept")
        yield Document({**own, **item} if isinstance(item, dict) else item, document.repeated)


def _read(path: str) -> str:
    if path == "-":
        if (stream := getattr(sys.stdin, "buffer", None)) is None:
            raise OperatorError("standard input cannot be read: it is closed")
        return str(stream.read(), "utf-8")  # whatever the locale says
    with open(os.path.expanduser(path), encoding="utf-8") as file:  # noqa: PTH111, PTH123 - as it was typed
        return file.read()


def _json(written: str) -> Iterator[Document]:
    """The documents of JSON; as YAML where it is none, which may begin with { too."""
    repeated: list[str] = []

    def pairs(entries: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in entries]
        repeated.extend(_twice(name) for name in dict.fromkeys(names) if names.count(name) > 1)
        return dict(entries)

    decoder, at, found = json.JSONDecoder(object_pairs_hook=pairs), 0, []
    try:
        while at < len(written):
            raw, at = decoder.raw_decode(written, len(written) - len(written[at:].lstrip()))
            found.append(Document(raw, tuple(repeated)))
            repeated.clear()
            at = len(written) - len(written[at:].lstrip())
    except json.JSONDecodeError:
        yield from _yaml(written)
        return
    yield from found


def _yaml(written: str) -> Iterator[Document]:
    loader = _Loader(written)
    try:
        while loader.check_data():  # type: ignore[no-untyped-call] # PyYAML's
            loader.deep_construct = True  # so that a value that contains itself is refused
            raw = loader.get_data()
            yield Document(raw, tuple(loader.repeated))
            loader.repeated.clear()
    finally:
        loader.dispose()


def _twice(name: str, line: int | None = None) -> str:
    where = "" if line is None else f" in line {line + 1}"
    return f"the key {shown(name)} is repeated{where}. Remove one of the two"


class _Loader(yaml.SafeLoader):
    """Reads YAML as kubectl does. Merged keys (`<<`) are no repetition."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.repeated: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        """The mapping, with keys that are texts."""
        own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        seen: set[str] = set()
        for key in own:
            name = self._key(key)
            if name in seen:
                self.repeated.append(_twice(name, key.start_mark.line))
            seen.add(name)
        self.flatten_mapping(node)
        return {self._key(key): self.construct_object(value, deep=deep) for key, value in node.value}

    def _key(self, node: yaml.Node) -> str:
        key = self.construct_object(node, deep=True)
        if isinstance(key, bool):
            return str(key).lower()
        if not isinstance(key, str | int | float):
            raise yaml.constructor.ConstructorError(None, None, "a key that is no text", node.start_mark)
        return str(key)


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int | float:
    plain = loader.construct_scalar(node).replace("_", "")
    sign, digits = (plain[:1], plain[1:]) if plain[:1] in ("+", "-") else ("", plain)
    octal = re.fullmatch("0[0-7]+", digits)
    try:
        return int(f"{sign}0o{digits}" if octal else plain, 0)
    except ValueError:
        return float(plain.replace(".inf", "inf").replace(".nan", "nan"))


def _foreign(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> object:
    """A value with a tag that says nothing to kubectl: the value."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(cast("yaml.ScalarNode", node))


_WORDS = {
    True: ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"),
    False: ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"),
}
_BOOLEANS = {word: value for value, words in _WORDS.items() for word in words}


def _boolean(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return _BOOLEANS.get(loader.construct_scalar(node), False)


_DIGITS = "0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_]*"
_NUMBERS = rf"[-+]?(?:{_DIGITS}|(?:[.][0-9]+|[0-9]+(?:[.][0-9]*)?)(?:[eE][-+]?[0-9]+)?)|[-+]?[.]inf|[.]nan"
_TAGS = {
    "null": r"~|null|Null|NULL|",
    "bool": "|".join(_BOOLEANS),
    "float": _NUMBERS,
    "merge": "<<",
}
for _tag, _pattern in _TAGS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), None)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:bool", _boolean)
_Loader.add_multi_constructor("!", _foreign)
