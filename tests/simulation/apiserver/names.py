"""Names, keys and values that Kubernetes accepts, and what it says of others.

Source: apimachinery, pkg/api/validate/content and pkg/util/validation.
"""

from __future__ import annotations

import re
from functools import lru_cache

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_KEY})?"
_DATA_KEY = "[-._a-zA-Z0-9]+"
_LABEL_CHARACTERS, _SUBDOMAIN_CHARACTERS = 63, 253
_KEY_WORDS = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_PARTS_OF_KEY = 2

_LABEL_RE, _SUBDOMAIN_RE = re.compile(_LABEL), re.compile(_SUBDOMAIN)
_KEY_RE, _VALUE_RE, _DATA_KEY_RE = re.compile(_KEY), re.compile(_VALUE), re.compile(_DATA_KEY)


def _worded(words: str, pattern: str, *examples: str) -> str:
    named = " or ".join(f"'{one}', " for one in examples)  # with the commas that Go's RegexError writes
    return f"{words} (e.g. {named}regex used for validation is '{pattern}')"


def _longest(count: int, unit: str = "bytes") -> str:
    return f"must be no more than {count} {unit}"


@lru_cache(maxsize=4096)
def label_errors(name: str) -> tuple[str, ...]:
    """What is wrong with the name of a namespace."""
    found = [_longest(_LABEL_CHARACTERS, "characters")] if len(name) > _LABEL_CHARACTERS else []
    if not _LABEL_RE.fullmatch(name):
        words = (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and"
            " end with an alphanumeric character"
        )
        dots = "must not contain dots"
        found.append(dots if _SUBDOMAIN_RE.fullmatch(name) else _worded(words, _LABEL, "my-name", "123-abc"))
    return tuple(found)


@lru_cache(maxsize=4096)
def subdomain_errors(name: str, unit: str = "characters") -> tuple[str, ...]:
    """What is wrong with the name of most objects."""
    found = [_longest(_SUBDOMAIN_CHARACTERS, unit)] if len(name) > _SUBDOMAIN_CHARACTERS else []
    if not _SUBDOMAIN_RE.fullmatch(name):
        words = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must"
            " start and end with an alphanumeric character"
        )
        found.append(_worded(words, _SUBDOMAIN, "example.com"))
    return tuple(found)


@lru_cache(maxsize=4096)
def segment_errors(name: str) -> tuple[str, ...]:
    """What is wrong with a name as a part of a path."""
    if name in {".", ".."}:
        return (f"may not be '{name}'",)
    return tuple(f"may not contain '{one}'" for one in "/%" if one in name)


@lru_cache(maxsize=4096)
def key_errors(key: str) -> tuple[str, ...]:
    """What is wrong with the key of a label, or with the name of a finalizer."""
    prefix, slash, name = key.rpartition("/")
    if key.count("/") >= _PARTS_OF_KEY:
        words = _worded(_KEY_WORDS, _KEY, "MyName", "my.name", "123-abc")
        return (f"a valid label key {words} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",)
    found = []
    if slash and not prefix:
        found.append("prefix part must be non-empty")
    elif slash:
        found += [f"prefix part {one}" for one in subdomain_errors(prefix, "bytes")]
    if not name:
        found.append("name part must be non-empty")
    elif len(name) > _LABEL_CHARACTERS:
        found.append(f"name part {_longest(_LABEL_CHARACTERS)}")
    if not _KEY_RE.fullmatch(name):
        found.append(f"name part {_worded(_KEY_WORDS, _KEY, 'MyName', 'my.name', '123-abc')}")
    return tuple(found)


@lru_cache(maxsize=4096)
def value_errors(value: str) -> tuple[str, ...]:
    """What is wrong with the value of a label."""
    found = [_longest(_LABEL_CHARACTERS)] if len(value.encode()) > _LABEL_CHARACTERS else []
    if not _VALUE_RE.fullmatch(value):
        words = f"a valid label must be an empty string or {_KEY_WORDS.removeprefix('must ')}"
        found.append(_worded(words, _VALUE, "MyValue", "my_value", "12345"))
    return tuple(found)


@lru_cache(maxsize=4096)
def data_key_errors(key: str) -> tuple[str, ...]:
    """What is wrong with a key of the data of a Secret."""
    found = [_longest(_SUBDOMAIN_CHARACTERS, "characters")] if len(key) > _SUBDOMAIN_CHARACTERS else []
    if not _DATA_KEY_RE.fullmatch(key):
        words = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        found.append(_worded(words, _DATA_KEY, "key.name", "KEY_NAME", "key-name"))
    if key in {".", ".."}:
        found.append(f"must not be '{key}'")
    elif key.startswith(".."):
        found.append("must not start with '..'")
    return tuple(found)
