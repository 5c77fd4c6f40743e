"""Admission policies that hold the operator's own ServiceAccount to what it is for, and nobody else.

RBAC can say that the operator may write Secrets, create tokens and patch ServiceAccounts, but not which, or what of
them. These policies say so: Secrets that are its own, or exactly of the Go operator's shape; tokens that the API server
itself does not accept; and of a ServiceAccount no more than entries that it recorded there as its own, beside what a
policy engine may add in the same request.
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
    cause = (
        "The operator does: if it is refused, a mutating webhook or policy changes this in its requests. Exempt"
        f" {installation.username} there."
    )
    validations = {
        f"request.operation == 'DELETE' || {_label('object', MANAGED_BY_LABEL)} == {_literal(MANAGED_BY)}": (
            f"Keep the label {MANAGED_SELECTOR} on the Secret: the operator may store no Secret without it. {cause}"
        ),
        "request.operation == 'DELETE' || variables.storable": (
            f"Use the type {DOCKER_CONFIG_TYPE}, or Opaque with the label {ARGO_LABEL}={' or '.join(ARGO_KINDS)}: the"
            f" operator may store no other Secret. {cause}"
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

PROTECTED = (
    # What a pod with the ServiceAccount is elsewhere
    "amazonaws.com",
    "k8s.aws",
    "gke.io",
    "google.com",
    "azure.workload.identity",
    "azure.com",
    "alibabacloud.com",
    "aliyun.com",
    "oraclecloud.com",
    "hashicorp.com",
    "spiffe.io",
    # What it is, and may, in the cluster
    "openshift.io",
    "authentication.k8s.io",
    # Whose it is, and so who deletes it
    "argoproj.io",
    "fluxcd.io",
    "helm.sh",
    # What the operator goes by
    GROUP,
)
"""Domains whose labels and annotations on a ServiceAccount give power to its pods, or to a tool over it."""

PROTECTED_PATTERN = (
    "^(?:(?:[^/]*[.])?(?:" + "|".join(one.replace(".", "[.]") for one in PROTECTED) + ")|kubernetes[.]io)/"
)
"""Keys of these domains and all below them; of kubernetes.io only the domain itself: others use what is below it."""


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


def _kept(field: str, own: str, *, may_change: str = "") -> str:
    """Whether labels or annotations are kept: none is removed, and none is added that gives power.

    Args:
        field: `labels` or `annotations`.
        own: the operator's key.
        may_change: condition on `key` under which another value may take the place of one that was there.
    """
    before, after = (f"{of}.metadata.?{field}.orValue({{}})" for of in ("oldObject", "object"))
    same = f"object.metadata.{field}[key] == oldObject.metadata.{field}[key]"
    value = f"({same} || {may_change})" if may_change else same
    return (
        f"{before}.all(key, key == {own} || (key in {after} && {value})) &&"
        f" {after}.all(key, key == {own} || key in {before} || {_HARMLESS})"
    )


_HARMLESS = "!key.matches(variables.protected)"


def _still_there(purpose: str, field: str) -> str:
    """Whether the entries of others are still there, in their order, with more before or behind them at most.

    The cost grows with the list, and not with its square, as that of `contains` would: tenants choose how long it is.
    As a rule nothing was added, and to see that costs least.
    """
    ref = f"'{purpose}:' + entry.?name.orValue('')"
    before = f"oldObject.?{field}.orValue([]).filter(entry, !({ref} in variables.before))"
    after = f"object.?{field}.orValue([]).filter(entry, !({ref} in variables.before) && !({ref} in variables.after))"
    names = ".map(entry, entry.?name.orValue('') + '\\n').join('')"
    return (
        f"{before} == {after} || {after}{names}.startsWith({before}{names}) ||"
        f" ('\\n' + {after}{names}).endsWith('\\n' + {before}{names})"
    )


def _accounts(installation: Installation) -> list[Object]:
    """What of ServiceAccounts it may change: links that it recorded itself.

    A policy sees the result of a request, and not who changed what: a policy engine may change the same ServiceAccount
    in the operator's request. So these rules keep what would give or take power, and let pass what an engine adds.
    """
    cause = (
        "The operator changes links only: if it is refused, a mutating webhook or policy changes this in its requests."
        f" Exempt {installation.username} there."
    )
    rest = "Keep the rest of the ServiceAccount as it is"
    token = "automountServiceAccountToken"  # noqa: S105 - a field, not a token
    fixed = [f"object.metadata.?{field} == oldObject.metadata.?{field}" for field in _FIXED]
    validations = {
        _kept("labels", _literal(LINKED_LABEL)): f"{rest}: its labels. {cause}",
        _kept("annotations", _literal(LINKS), may_change=_HARMLESS): f"{rest}: its annotations. {cause}",
        " && ".join((*fixed, f"(object.?{token} == oldObject.?{token} || !object.?{token}.orValue(true))")): (
            f"{rest}: {', '.join((*_FIXED, token))}. {cause}"
        ),
        **{
            _still_there(purpose, field): f"Keep the entries of {field} that others put there, and their order. {cause}"
            for purpose, field in LISTS.items()
        },
        f"variables.after.all(word, word == '' || word in variables.before || ({_listed('object')} &&"
        f" !{_listed('oldObject')}))": f"Record in the annotation {LINKS} only what is put there. {cause}",
    }
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["serviceaccounts"]}
    return _policy(
        installation,
        "serviceaccounts",
        {**rule, "operations": ["UPDATE"]},
        variables={
            "before": _record("oldObject"),
            "after": _record("object"),
            "protected": _literal(PROTECTED_PATTERN),
        },
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
