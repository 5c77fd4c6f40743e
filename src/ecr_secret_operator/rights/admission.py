"""Admission policies that hold the operator's own ServiceAccount to what it is for, and nobody else.

RBAC can say that the operator may write Secrets, create tokens and patch ServiceAccounts, but not which, or what of
them. These policies say so: Secrets that are its own, or exactly of the Go operator's shape; tokens that the API server
itself does not accept; and of a ServiceAccount no more than entries that it recorded there as its own.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from ..domain.fields import GROUP
from ..domain.generated import DIGEST, MANAGED_BY, MANAGED_BY_LABEL, MANAGED_SELECTOR
from ..domain.kinds import ARGO_LABEL, DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE, USERNAME
from ..domain.links import LINKED_LABEL, LINKS, LISTS
from ..domain.registry import PUBLIC_HOST
from .installation import Installation

Object = dict[str, Any]

LONGEST_TOKEN_SECONDS = 3600
ARGO_KINDS = ("repository", "repo-creds")

# CEL sees the data of a Secret in base64, and cannot decode it: so these expressions match base64. Each three bytes
# become four characters, of six bits each. Three digits (0x30 to 0x39, 0011dddd) become:
#   1st  001100 to 001110: M, N, O; with O, that is for 8 and 9, only D and T can follow
#   2nd  dd0011: D, T, j, z
#   3rd  dddd00, of ten digits only: A, E, I, M, Q, U, Y, c, g, k
#   4th  11dddd, of ten digits only: w, x, y, z, 0, 1, 2, 3, 4, 5
_TWO_DIGITS_AND = "(?:[MN][DTjz]|O[DT])[AEIMQUYcgk]"
"""Two digits and the upper two bits of a third byte that has none set there: a digit, '.' or '-'."""

_LAST_DIGIT = "[w-z0-5]"
_THREE_DIGITS = _TWO_DIGITS_AND + _LAST_DIGIT


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


DOCKER_CONFIG_PATTERN = (
    "^(?:"
    + _base64('{"auths":')  # nine bytes
    + f"eyI{_LAST_DIGIT}"  # two bytes more, and the account's first digit
    + f"(?:{_THREE_DIGITS}){{3}}"  # nine digits more
    + f"{_TWO_DIGITS_AND}u"  # the last two, and '.'
    + f"{_base64('dkr')}L[mW]Vjci"  # then '.ecr' or '-ecr', and the upper bits of '.' or '-'
    + "|"
    + _base64('{"auths":{"' + PUBLIC_HOST + '":')  # 27 bytes
    + ")"
)
"""How the base64 of a dockerconfigjson begins that the Go operator wrote for a registry in ECR."""

ARGO_URL_PATTERN = (
    f"^(?:{_base64('oci://')})?"  # six bytes, so that what follows stands as it does without them
    f"(?:(?:{_THREE_DIGITS}){{4}}"  # the account's twelve digits
    f"{_base64('.dk')}ci[51]lY3I"  # then 'r.ecr' or 'r-ecr', and the upper bits of '.' or '-'
    f"|{_base64(PUBLIC_HOST).rstrip('=')}[=v])"  # the end, or '/'
)
"""How the base64 of an Argo CD repository URL begins that is in ECR."""

_ARGO_KEYS = ("username", "password", "url", "type", "enableOCI", "name")


def admission_policies(installation: Installation) -> list[Object]:
    """The policies and their bindings."""
    return [*_secrets(installation), *_tokens(installation), *_accounts(installation)]


def _literal(value: str | Sequence[str]) -> str:
    """A CEL literal: those of JSON are."""
    return json.dumps(value if isinstance(value, str) else list(value))


def _label(of: str, key: str) -> str:
    return f"{of}.metadata.?labels[?{_literal(key)}].orValue('')"


def _data(key: str) -> str:
    return f"oldObject.data[?{_literal(key)}].orValue('')"


_STORABLE = (
    f"object.type == {_literal(DOCKER_CONFIG_TYPE)} ||"
    f" (object.type == 'Opaque' && {_label('object', ARGO_LABEL)} in {_literal(ARGO_KINDS)})"
)
_OURS = (
    f"{_label('oldObject', MANAGED_BY_LABEL)} == {_literal(MANAGED_BY)} ||"
    f" {_literal(DIGEST)} in oldObject.metadata.?annotations.orValue({{}}) ||"
    " oldObject.metadata.?ownerReferences.orValue([])"
    f".exists(owner, owner.apiVersion.startsWith({_literal(GROUP + '/')}))"
)
_DOCKER_BY_UPSTREAM = (
    f"oldObject.type == {_literal(DOCKER_CONFIG_TYPE)} && size(oldObject.data) == 1 &&"
    f" {_data(DOCKER_CONFIG_KEY)}.matches({_literal(DOCKER_CONFIG_PATTERN)})"
)
_ARGO_BY_UPSTREAM = (
    f"oldObject.type == 'Opaque' && {_label('oldObject', ARGO_LABEL)} == 'repository' &&"
    f" oldObject.data.all(key, key in {_literal(_ARGO_KEYS)}) && size(oldObject.data) == {len(_ARGO_KEYS)} &&"
    f" {_data('username')} == {_literal(_base64(USERNAME))} &&"
    f" {_data('type')} == {_literal(_base64('helm'))} && {_data('enableOCI')} == {_literal(_base64('true'))} &&"
    f" {_data('url')}.matches({_literal(ARGO_URL_PATTERN)})"
)
_BY_UPSTREAM = (
    "size(oldObject.metadata.?ownerReferences.orValue([])) == 0 &&"
    f" !({_literal(MANAGED_BY_LABEL)} in oldObject.metadata.?labels.orValue({{}})) &&"
    " !oldObject.?immutable.orValue(false) && has(oldObject.data) &&"
    f" (({_DOCKER_BY_UPSTREAM}) || ({_ARGO_BY_UPSTREAM}))"
)


def _secrets(installation: Installation) -> list[Object]:
    """Which Secrets it may create, update and delete."""
    variables = {"ours": _OURS, "byUpstream": _BY_UPSTREAM, "storable": _STORABLE}
    validations = {
        f"request.operation == 'DELETE' || {_label('object', MANAGED_BY_LABEL)} == {_literal(MANAGED_BY)}": (
            f"Keep the label {MANAGED_SELECTOR} on the Secret: the operator may store no Secret without it."
        ),
        "request.operation == 'DELETE' || variables.storable": (
            f"Use the type {DOCKER_CONFIG_TYPE}, or Opaque with the label {ARGO_LABEL}={' or '.join(ARGO_KINDS)}: the"
            " operator may store no other Secret."
        ),
        "request.operation != 'UPDATE' || variables.ours || variables.byUpstream": (
            "Choose another generated_secret_name, or remove this Secret: the operator did not make it and may not"
            " change it."
        ),
        "request.operation != 'DELETE' || variables.ours": (
            "Choose another generated_secret_name, or remove this Secret: the operator did not make it and may not"
            " delete it."
        ),
    }
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"]}
    return _policy(
        installation,
        "secrets",
        {**rule, "operations": ["CREATE", "UPDATE", "DELETE"]},
        variables=variables,
        validations=validations,
    )


def _tokens(installation: Installation) -> list[Object]:
    """Which tokens of ServiceAccounts it may create: none that lets it in as somebody else here."""
    validations = {
        "object.spec.?audiences.orValue([]).size() > 0 && object.spec.audiences.all(audience, audience in"
        f" {_literal(installation.audiences)})": (
            f"Name only the audiences {', '.join(installation.audiences)}: the operator may create tokens for AWS, and"
            " none that the API server accepts."
        ),
        f"object.spec.?expirationSeconds.orValue({LONGEST_TOKEN_SECONDS}) <= {LONGEST_TOKEN_SECONDS}": (
            f"Ask for {LONGEST_TOKEN_SECONDS} seconds at most: the operator may create no token that lasts longer."
        ),
    }
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["serviceaccounts/token"]}
    return _policy(installation, "tokens", {**rule, "operations": ["CREATE"]}, variables={}, validations=validations)


_FIXED = ("ownerReferences", "finalizers")
_MARKS = {"labels": LINKED_LABEL, "annotations": LINKS}


def _record(of: str) -> str:
    return f"{of}.metadata.?annotations[?{_literal(LINKS)}].orValue('').split(' ')"


def _listed(of: str) -> str:
    """Whether a ServiceAccount has the entry that a word of the record stands for."""
    lists = (
        f"(word.startsWith('{purpose}:') && {of}.?{field}.orValue([]).exists(entry, word == '{purpose}:' +"
        " entry.?name.orValue('')))"
        for purpose, field in LISTS.items()
    )
    return f"({' || '.join(lists)})"


def _only_recorded(purpose: str, field: str) -> dict[str, str]:
    """For one list of a ServiceAccount: what may be taken out of it, and put into it.

    The cost grows with the list, and not with its square: tenants choose how long it is.
    """
    before, after = f"oldObject.?{field}.orValue([])", f"object.?{field}.orValue([])"
    ref = f"'{purpose}:' + entry.?name.orValue('')"
    given_up = f"filter(entry, {ref} in variables.before && !({ref} in variables.after)).size()"
    return {
        f"{before}.filter(entry, !({ref} in variables.before)) == {after}.filter(entry, !({ref} in variables.before)"
        f" && !({ref} in variables.after))": (
            f"Keep the entries of {field} that the operator did not put there, and their order: it may take out, and"
            f" put in, only what the annotation {LINKS} records."
        ),
        f"{after}.{given_up} <= {before}.{given_up}": (
            f"Record in the annotation {LINKS} what is put into {field}: the operator may add nothing else."
        ),
    }


def _accounts(installation: Installation) -> list[Object]:
    """What of ServiceAccounts it may change: links that it recorded itself."""
    others = "object.metadata.?{0}.orValue({{}}).all(key, key == {1} || (key in oldObject.metadata.?{0}.orValue({{}})"
    others += " && object.metadata.{0}[key] == oldObject.metadata.{0}[key]))"
    others += (
        " && oldObject.metadata.?{0}.orValue({{}}).all(key, key == {1} || key in object.metadata.?{0}.orValue({{}}))"
    )
    fresh = f"{_listed('object')} && !{_listed('oldObject')}"
    validations = {
        " && ".join(
            (
                *(others.format(field, _literal(key)) for field, key in _MARKS.items()),
                *(f"object.metadata.?{field} == oldObject.metadata.?{field}" for field in _FIXED),
                "object.?automountServiceAccountToken == oldObject.?automountServiceAccountToken",
            )
        ): "Keep the rest of the ServiceAccount as it is: the operator may change links only.",
        **{
            expression: message
            for purpose, field in LISTS.items()
            for expression, message in _only_recorded(purpose, field).items()
        },
        f"variables.after.all(word, word == '' || word in variables.before || ({fresh}))": (
            f"Record in the annotation {LINKS} only what is put there: what others put there stays theirs."
        ),
    }
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["serviceaccounts"]}
    return _policy(
        installation,
        "serviceaccounts",
        {**rule, "operations": ["UPDATE"]},
        variables={"before": _record("oldObject"), "after": _record("object")},
        validations=validations,
    )


def _policy(
    installation: Installation, name: str, rule: Object, *, variables: dict[str, str], validations: dict[str, str]
) -> list[Object]:
    """A policy for the operator's ServiceAccount alone, and its binding."""
    full = f"{installation.prefix}-{name}"
    expression = f"request.userInfo.username == {_literal(installation.username)}"
    spec: Object = {
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
