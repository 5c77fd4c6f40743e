"""The admission policy on Secrets: which the operator may write over or delete, and what it may store.

What is stored is judged as it is after the request, on each verb. So the token of the operator's ServiceAccount is no
way to a Secret that points Argo CD or a kubelet anywhere but to ECR.
"""

from __future__ import annotations

from ..api.fields import GROUP
from ..api.registry import HOST_PATTERN, OCI_SCHEME
from ..domain.kinds import ARGO_LABEL, DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE, USERNAME
from ..domain.raw import Manifest
from ..domain.secret.annotations import DIGEST
from ..domain.secret.stored import MANAGED_BY, MANAGED_BY_LABEL, MANAGED_SELECTOR
from .cel import BETWEEN, base64, data, decoding, label, literal, policy
from .content import ARGO_CONTENT, ARGO_KEYS, DOCKER_CONTENT, STORABLE, VARIABLES
from .installation import Installation

_OF_OUR_GROUP = f"owner.apiVersion.startsWith({literal(GROUP + '/')})"
_OWNERS = "{}.metadata.?ownerReferences.orValue([])"
_OURS = (
    f"{label('oldObject', MANAGED_BY_LABEL)} == {literal(MANAGED_BY)} ||"
    f" {literal(DIGEST)} in oldObject.metadata.?annotations.orValue({{}}) ||"
    f" {_OWNERS.format('oldObject')}.exists(owner, {_OF_OUR_GROUP})"
)

_UPSTREAM_KEYS = ("username", "password", "url", "type", "enableOCI", "name")
_ENOUGH = 240
"""So many characters of base64 contain the host at the beginning of a URL or dockerconfigjson."""


def _beginning(value: str) -> str:
    return f"{value}.substring(0, {value}.size() < {_ENOUGH} ? {value}.size() : {_ENOUGH})"


_BEFORE = f"[{_beginning(data('oldObject', DOCKER_CONFIG_KEY))}, {_beginning(data('oldObject', 'url'))}]"
_DOCKER_BEGINNING = f'^[{{]"auths":[{{]"{HOST_PATTERN}":'
_DOCKER_BY_UPSTREAM = (
    f"oldObject.type == {literal(DOCKER_CONFIG_TYPE)} && size(oldObject.data) == 1 &&"
    f" variables.before.matches({literal(_DOCKER_BEGINNING)})"
)
_ARGO_BY_UPSTREAM = (
    f"oldObject.type == 'Opaque' && {label('oldObject', ARGO_LABEL)} == 'repository' &&"
    f" oldObject.data.all(key, key in {literal(_UPSTREAM_KEYS)}) && size(oldObject.data) == {len(_UPSTREAM_KEYS)} &&"
    f" {data('oldObject', 'username')} == {literal(base64(USERNAME))} &&"
    f" {data('oldObject', 'type')} == {literal(base64('helm'))} &&"
    f" {data('oldObject', 'enableOCI')} == {literal(base64('true'))} &&"
    f" variables.before.matches({literal(f'^[{BETWEEN}](?:{OCI_SCHEME})?{HOST_PATTERN}(?:/|$)')})"
)
_BY_UPSTREAM = (
    f"size({_OWNERS.format('oldObject')}) == 0 &&"
    f" !({literal(MANAGED_BY_LABEL)} in oldObject.metadata.?labels.orValue({{}})) &&"
    " !oldObject.?immutable.orValue(false) && has(oldObject.data) &&"
    f" (({_DOCKER_BY_UPSTREAM}) || ({_ARGO_BY_UPSTREAM}))"
)

_SAME_FINALIZERS = (
    "object.metadata.?finalizers.orValue([]).all(one, request.operation == 'UPDATE' &&"
    " one in oldObject.metadata.?finalizers.orValue([]))"
)
_NO_OTHER_OWNERS = (
    f"{_OWNERS.format('object')}.all(owner, {_OF_OUR_GROUP} || (request.operation == 'UPDATE' &&"
    f" {_OWNERS.format('oldObject')}.exists(before, before.uid == owner.uid)))"
)

_VARIABLES = {**VARIABLES, **decoding("before", _BEFORE), "ours": _OURS, "byUpstream": _BY_UPSTREAM}


def _conditions_of_content(cause: str) -> dict[str, str]:
    """What a Secret has to satisfy as it is stored: CEL expressions, each with the message of a refusal."""
    kinds = " or ".join(ARGO_KEYS)
    return {
        f"{label('object', MANAGED_BY_LABEL)} == {literal(MANAGED_BY)}": (
            f"Keep the label {MANAGED_SELECTOR} on the Secret: the operator may store no Secret without it. {cause}"
        ),
        STORABLE: (
            f"Use the type {DOCKER_CONFIG_TYPE} without the label {ARGO_LABEL}, or Opaque with {ARGO_LABEL}={kinds}:"
            f" the operator may store no other Secret. {cause}"
        ),
        f"!variables.docker || ({DOCKER_CONTENT})": (
            f"Keep {DOCKER_CONFIG_KEY} as the operator writes it: user and password for Amazon ECR registries, and"
            f" nothing else. {cause}"
        ),
        f"variables.docker || ({ARGO_CONTENT})": (
            "Keep the data as the operator writes it: the keys of an Argo CD repository in Amazon ECR, and nothing"
            f" else. {cause}"
        ),
        f"{_SAME_FINALIZERS} && {_NO_OTHER_OWNERS}": (
            f"Keep finalizers and ownerReferences as they are: the operator adds only its own ownerReference. {cause}"
        ),
    }


def secrets_policy(installation: Installation) -> list[Manifest]:
    """The policy, and its binding, that limit which Secrets the operator creates, updates and deletes."""
    cause = (
        "The operator does: if it is refused, a mutating webhook or policy changes this in its requests. Exempt"
        f" {installation.username} there."
    )
    stored = _conditions_of_content(cause)
    validations = {
        **{f"request.operation == 'DELETE' || ({wanted})": message for wanted, message in stored.items()},
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
    return policy(
        installation,
        "secrets",
        {**rule, "operations": ["CREATE", "UPDATE", "DELETE"]},
        variables=_VARIABLES,
        validations=validations,
    )
