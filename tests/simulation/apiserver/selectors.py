"""Label selectors, and field selectors of names and namespaces."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from .messages import Object, bad_request

Matcher = Callable[[Object], bool]

_SET = re.compile(r"(?P<key>[^\s=!,()]+)\s+(?P<operator>in|notin)\s+\((?P<values>[^)]*)\)")
_EQUAL = re.compile(r"(?P<key>[^\s=!,()]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s=!,()]*)")
_EXISTS = re.compile(r"(?P<absent>!?)\s*(?P<key>[^\s=!,()]+)")
_FIELDS = ("metadata.name", "metadata.namespace")


def everything(_: Object) -> bool:
    """Matches every object."""
    return True


def matcher(query: Mapping[str, str]) -> Matcher:
    """What the selectors of a request match. Raises Refused."""
    labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
    if not labels and not fields:
        return everything
    return _matcher(labels, fields)


@lru_cache(maxsize=1024)
def _matcher(labels: str, fields: str) -> Matcher:
    tests = [*_requirements(labels), *_field_requirements(fields)]
    return tests[0] if len(tests) == 1 else lambda found: all(test(found) for test in tests)


def _requirements(selector: str) -> list[Matcher]:
    tests: list[Matcher] = []
    rest = selector.strip()
    while rest:
        for pattern, make in ((_SET, _in_set), (_EQUAL, _equal), (_EXISTS, _exists)):
            match = pattern.match(rest)
            if match and (match.end() == len(rest) or rest[match.end() :].lstrip().startswith(",")):
                tests.append(make(match))
                rest = rest[match.end() :].lstrip().removeprefix(",").strip()
                break
        else:
            raise bad_request(f'unable to parse requirement: found "{rest}"')
    return tests


def _labels(found: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = found["metadata"].get("labels") or {}
    return labels


def _in_set(match: re.Match[str]) -> Matcher:
    key, values = match["key"], {one.strip() for one in match["values"].split(",")}
    if match["operator"] == "in":
        return lambda found: _labels(found).get(key) in values
    return lambda found: _labels(found).get(key) not in values


def _equal(match: re.Match[str]) -> Matcher:
    key, value = match["key"], match["value"]
    if match["operator"] == "!=":
        return lambda found: _labels(found).get(key) != value
    return lambda found: _labels(found).get(key) == value


def _exists(match: re.Match[str]) -> Matcher:
    key, absent = match["key"], bool(match["absent"])
    return lambda found: (key in _labels(found)) != absent


def _field_requirements(selector: str) -> list[Matcher]:
    tests: list[Matcher] = []
    for part in filter(None, selector.split(",")):
        name, mark, value = part.partition("!=" if "!=" in part else "=")
        if name not in _FIELDS:
            raise bad_request(f'Unable to find field label "{name}"')
        tests.append(_field_test(name.rpartition(".")[2], value.removeprefix("="), wanted=mark != "!="))
    return tests


def _field_test(field: str, value: str, *, wanted: bool) -> Matcher:
    return lambda found: (found["metadata"].get(field, "") == value) is wanted
