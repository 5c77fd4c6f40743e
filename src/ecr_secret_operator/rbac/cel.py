"""CEL expressions for admission policies, and the policy objects that hold them.

The CEL of admission has no function that decodes base64, and the data of a Secret are base64 there. `decoding` does it
with what Kubernetes 1.30 has.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits

from ..domain.raw import Manifest
from .installation import Installation

_ALPHABET = ascii_uppercase + ascii_lowercase + digits + "+/"
_DECODED = ascii_letters + digits + ' "*+,-./:=_{}'
_ZERO, _ONE, _BORDER = "<", ">", "#"
_BETWEEN, BETWEEN = "@" * 8, "|"
"""What is between texts, before they are decoded and after."""


def literal(value: str | Sequence[str]) -> str:
    """The CEL literal for a value: JSON is a subset of CEL."""
    return json.dumps(value if isinstance(value, str) else list(value))


def base64(text: str) -> str:
    """A text in base64, as in the data of a Secret."""
    return b64encode(text.encode()).decode()


def label(of: str, key: str) -> str:
    """The CEL expression for a label of `object` or `oldObject`; it is empty if the label does not exist."""
    return f"{of}.metadata.?labels[?{literal(key)}].orValue('')"


def data(of: str, key: str) -> str:
    """The CEL expression for a value of a Secret's data, in base64; it is empty if the key does not exist."""
    return f"{of}.data[?{literal(key)}].orValue('')"


def decoding(name: str, texts: str) -> dict[str, str]:
    """Variables, the last of them of this name, for a list of base64 texts decoded: one text with `|` between them.

    A character that is none of those that occur in hosts, URLs and names is left as its eight bits, `<` and `>`, and so
    is no part of any such thing. CEL takes its time for each step, so there is none for each character: each step
    replaces all of one kind.
    """
    bits = {letter: f"{value:06b}" for value, letter in enumerate(_ALPHABET)} | {"=": "=" * 6}
    bytes_ = {f"{ord(letter):08b}": letter for letter in _DECODED} | {
        _BETWEEN: BETWEEN,
        **dict.fromkeys(("00======", "0000====", "========"), ""),  # padding
        _BORDER: "",
    }
    joined, split = f"{texts}.join({literal(_BETWEEN)})", f".findAll('.{{8}}').join({literal(_BORDER)})"
    return {
        f"{name}Bits": f"{joined}{_replacing(bits)}{split}",
        name: f"variables.{name}Bits{_replacing(bytes_)}",
    }


def _replacing(replacements: Mapping[str, str]) -> str:
    def symbols(text: str) -> str:
        return text.replace("0", _ZERO).replace("1", _ONE) if len(text) > 1 else text

    return "".join(f".replace({literal(symbols(old))}, {literal(symbols(new))})" for old, new in replacements.items())


def policy(
    installation: Installation,
    name: str,
    rule: Manifest,
    *,
    variables: Mapping[str, str],
    validations: Mapping[str, str],
) -> list[Manifest]:
    """A policy for the operator's ServiceAccount alone, and its binding."""
    full = f"{installation.prefix}-{name}"
    expression = f"request.userInfo.username == {literal(installation.username)}"
    spec: Manifest = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "the-operator", "expression": expression}],
        **(
            {"variables": [{"name": key, "expression": value} for key, value in variables.items()]} if variables else {}
        ),
        "validations": [
            {"expression": wanted, "message": message, "reason": "Forbidden"} for wanted, message in validations.items()
        ],
    }
    api = {"apiVersion": "admissionregistration.k8s.io/v1"}
    binding = {"policyName": full, "validationActions": ["Deny"]}
    return [
        {**api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": full}, "spec": spec},
        {**api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": full}, "spec": binding},
    ]
