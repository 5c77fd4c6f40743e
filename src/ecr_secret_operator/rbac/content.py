"""What the operator may store in a Secret, in CEL: tokens for Amazon ECR registries, and nothing else.

A dockerconfigjson can be a hundred kilobytes of base64, nearly all of it tokens, and an expression may cost only so
much. So the tokens are not decoded. The fixed texts before and behind each password are found in base64 and become one
character. What is between them has to be free of quotes, so that it is one JSON string. The rest is decoded, and
compared as a whole.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from ..api.argo_secrets import NO_PROXY_PATTERN, PROXY_PATTERN, REPO_CREDS, REPOSITORY
from ..api.fields import SUBDOMAIN
from ..api.registry import HOST_PATTERN, OCI_SCHEME, PATH_PATTERN
from ..domain.kinds import ARGO_LABEL, DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE, USERNAME
from .cel import BETWEEN, base64, data, decoding, label, literal

_ANY_KEYS = ("username", "password", "url", "type", "enableOCI", "proxy", "noProxy")
ARGO_KEYS: Mapping[str, tuple[str, ...]] = {REPOSITORY: (*_ANY_KEYS, "name", "project"), REPO_CREDS: _ANY_KEYS}
"""The types of Argo CD's Secrets that the operator writes, and the keys that it writes there."""

_BEFORE_PASSWORD = f'":{{"username":"{USERNAME}","password":"'
_BEFORE_AUTH = '","auth":"'
PASSWORD, AUTH = "|", "~"
"""The characters that stand for these two texts. No base64 has them."""

# Base64 has four characters for three bytes. None of the three is a quote (0x22), if
#   the 1st character is not I, which is 0x20 to 0x23
#   the 2nd is one of [CSiy], with which 0x2_ begins, and the 3rd is not one of [IJKL], with which 0x_2 ends
#   the 3rd is one of _LOW, with which a byte below 0x40 begins, and the 4th is not i
_LOW = "048AEMQUYcgkosw"
_GROUP = f"[^I](?:[^CSiy](?:[{_LOW}I][^i]|[^{_LOW}I].)|[CSiy](?:[{_LOW}][^i]|[^{_LOW}IJKL].))"
UNQUOTED_PATTERN = f"^(?:{_GROUP})*$"
"""Whole groups of base64 without a quote in them."""


def markings(text: str, mark: str, ends: tuple[str, str, str]) -> Mapping[str, str]:
    """What to replace in base64, so that a text becomes a mark, with whole groups before and behind it.

    A text begins at the first, second or third byte of a group, so it has three forms in base64. Each is without the
    characters at its ends that hold bits of a neighbour too.

    Args:
        text: the text.
        mark: one character.
        ends: how the group before the mark is completed, for each of the three. The group behind it begins with `A`.
    """
    found = {}
    for start, end in enumerate(ends):
        bits = 8 * (start + len(text))
        form = b64encode(bytes(start) + text.encode()).decode()[-(-8 * start // 6) : bits // 6]
        found[form] = f"{end}{mark}{'A' * (bits // 6 % 4)}"
    return found


_MARKINGS = {
    **markings(_BEFORE_PASSWORD, PASSWORD, ("", "Ii", "i")),  # quotes, as the text begins with one
    **markings(_BEFORE_AUTH, AUTH, ("", "AA", "A")),
}
_MARKED = data("object", DOCKER_CONFIG_KEY) + "".join(
    f".replace({literal(form)}, {literal(marked)})" for form, marked in _MARKINGS.items()
)
_OPEN = "(variables.entries.size() == 2 ? 8 : 200)"
"""How many characters at the end of an entry are decoded: those that contain the next host, of at most 128 letters, or
where there is one host only, the last brackets."""
_FIRST, _LAST = (f"entry.split({literal(AUTH)})[{place}]" for place in (0, f"entry.split({literal(AUTH)}).size() - 1"))
_FREE = f"matches({literal(UNQUOTED_PATTERN)})"

DOCKER_PATTERN = f'^[{{]"auths":(?:[{{,]"{HOST_PATTERN}"{{0,2}}[{BETWEEN}][^"{BETWEEN}]*"[}}])+[}}][}}]$'
"""A dockerconfigjson without its tokens and the texts around them: `|` for each, and the last letters of a token.

What this lets pass and is no JSON, such as a comma in the place of the first brace, the API server refuses itself.
"""

_FIELDS = ("url", "name", "project", "proxy", "noProxy")
_END = "end == variables.entries[0] || end.size() <= "
_DECODED = f"variables.ends.map(end, {_END}{_OPEN} ? end : end.substring(end.size() - {_OPEN}))"
_ARGO_URL = HOST_PATTERN + PATH_PATTERN

VARIABLES = {
    "docker": f"object.type == {literal(DOCKER_CONFIG_TYPE)}",
    "argo": label("object", ARGO_LABEL),
    "entries": f"{_MARKED}.split({literal(PASSWORD)})",
    "ends": f"variables.entries.map(entry, {_LAST})",
    "passwordsAreFree": f"variables.entries.all(entry, !entry.contains({literal(AUTH)}) || {_FIRST}.{_FREE})",
    "endsAreFree": f"variables.ends.all(end, {_END}{_OPEN} || end.substring(0, end.size() - {_OPEN}).{_FREE})",
    **decoding("plain", f"(variables.docker ? {_DECODED} : [{', '.join(data('object', key) for key in _FIELDS)}])"),
    "fields": f"variables.plain.split({literal(BETWEEN)})",
}
"""Of `object`: its type; the entries of a dockerconfigjson, and what is behind the mark in each; whether their tokens
are free of quotes; and decoded, the last part of each entry, or the fields of an Argo CD Secret.

Each variable is an expression with a budget of its own, so what costs most is not in one.
"""

STORABLE = (
    "(variables.docker && variables.argo == '') ||"
    f" (object.type == 'Opaque' && variables.argo in {literal(tuple(ARGO_KEYS))})"
)
"""Whether it has a type and label that the operator writes."""

DOCKER_CONTENT = " && ".join(
    (
        "has(object.data)",
        f"object.data.all(key, key == {literal(DOCKER_CONFIG_KEY)})",
        f"!variables.entries[0].contains({literal(AUTH)})",
        f"variables.entries.filter(entry, entry.contains({literal(AUTH)})).size() == variables.entries.size() - 1",
        f"variables.entries.all(entry, entry.split({literal(AUTH)}).size() <= 2)",
        "variables.ends.all(end, end.size() % 4 == 0)",
        "variables.passwordsAreFree",
        "variables.endsAreFree",
        f"variables.plain.matches({literal(DOCKER_PATTERN)})",
    )
)
"""Whether a dockerconfigjson holds user and password for ECR registries, as the operator writes them."""

_KEYS = " || ".join(
    f"(variables.argo == {literal(kind)} && object.data.all(key, key in {literal(keys)}))"
    for kind, keys in ARGO_KEYS.items()
)


def _type(repo_type: str, oci: str, url: str) -> str:
    same = (
        f"{data('object', 'type')} == {literal(base64(repo_type))}",
        f"{data('object', 'enableOCI')} == {literal(base64(oci) if oci else '')}",
        f"variables.fields[0].matches({literal(f'^{url}$')})",
    )
    return f"({' && '.join(same)})"


ARGO_CONTENT = " && ".join(
    (
        "has(object.data)",
        f"({_KEYS})",
        f"{data('object', 'username')} == {literal(base64(USERNAME))}",
        f"({_type('helm', 'true', _ARGO_URL)} || {_type('oci', '', OCI_SCHEME + _ARGO_URL)})",
        f"(variables.argo == {literal(REPO_CREDS)} || variables.fields[1] == object.metadata.name)",
        f"variables.fields[2].matches({literal(f'^(?:{SUBDOMAIN})?$')})",
        f"variables.fields[3].matches({literal(f'^(?:{PROXY_PATTERN})?$')})",
        f"variables.fields[4].matches({literal(f'^{NO_PROXY_PATTERN}$')})",
    )
)
"""Whether an Argo CD Secret holds user and password for a place in ECR, as the operator writes them."""
