"""The types of single fields, with their rules.

A rule stands twice where it must: as CEL for the API server, and as a validator for resources that an older CRD let
through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

from ..errors import InvalidField, shown
from .duration import DURATION_PATTERN, parse_duration
from .registry import EXAMPLE_HOST, HOST_PATTERN, parse_registry

GROUP = "ecr.mobb.redhat.com"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

SHORTEST_FREQUENCY = timedelta(minutes=1)

RESERVED_PREFIXES = (f"{GROUP}/", "app.kubernetes.io/managed-by", "argocd.argoproj.io/secret-type")
"""Metadata keys that steer this operator or Argo CD: a resource may not set them on its Secret."""

KEY_LIMIT, VALUE_LIMIT, ANNOTATION_LIMIT = 317, 63, 4096
"""Characters of keys and values of labels (Kubernetes), and of the values of annotations (this operator)."""

SUBDOMAIN = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:[.][a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
_LABEL_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_KEY_PATTERN, _LENGTHS_PATTERN = f"(?:{SUBDOMAIN}/)?{_LABEL_NAME}", "(?:[^/]{1,253}/)?[^/]{1,63}"
_VALUE_PATTERN = f"(?:{_LABEL_NAME})?"

ROLE_ARN_PATTERN = "arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,576}"
"""IAM: a path of at most 512 characters before a name of at most 64; AWS judges the rest."""


Flag = Annotated[bool, Strict()]
"""true or false: texts and numbers are neither to the API server."""


class Model(BaseModel):
    """The base of everything that is read from a custom resource: frozen, and unknown fields are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


def rule(rule: str, message: str) -> dict[str, str]:
    """One CEL validation: the rule over `self`, and the sentence that a user reads when it is false."""
    return {"rule": rule, "message": message}


def cel(*rules: dict[str, str]) -> dict[str, Any]:
    """The rules as a schema has them."""
    return {"x-kubernetes-validations": list(rules)}


def matches(pattern: str, *, of: str = "self") -> str:
    """CEL for: the whole of `self`, or of a field of it, has this form."""
    return f"{of}.matches(r'^{pattern}$')"


def bounded(limit: int) -> AfterValidator:
    """Refuses texts of more characters."""

    def check(text: str) -> str:
        if len(text) > limit:
            raise InvalidField(f"{shown(text)} is too long: {len(text)} characters, at most {limit} are allowed")
        return text

    return AfterValidator(check)


def valid_name(name: str) -> str:
    """Refuses names that Kubernetes would refuse. Raises InvalidField."""
    if not re.fullmatch(SUBDOMAIN, name):
        raise InvalidField(
            f"{shown(name)} is not a name that Kubernetes accepts. Use lower case letters, digits, '-' and '.',"
            " beginning and ending with a letter or digit"
        )
    return name


def _valid_frequency(frequency: str) -> str:
    if parse_duration(frequency) < SHORTEST_FREQUENCY:
        raise InvalidField(f"{shown(frequency)} is too short: at least 1m")
    return frequency


def valid_label_key(key: str) -> bool:
    """Whether Kubernetes accepts a key of labels or annotations."""
    return bool(re.fullmatch(_LENGTHS_PATTERN, key) and re.fullmatch(_KEY_PATTERN, key))


def valid_keys(entries: Mapping[str, str]) -> Mapping[str, str]:
    """Refuses keys of labels or annotations that Kubernetes would refuse, and those that the operator sets."""
    for key in entries:
        if not valid_label_key(key):
            raise InvalidField(f"{shown(key)} is not a metadata key that Kubernetes accepts")
        if key.startswith(RESERVED_PREFIXES):
            raise InvalidField(f"{shown(key)} is set by the operator itself. Leave it out")
    return entries


def valid_label_values(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Refuses values that no label may have."""
    for value in labels.values():
        if not re.fullmatch(_VALUE_PATTERN, value) or len(value) > VALUE_LIMIT:
            raise InvalidField(f"{shown(value)} is not a label value that Kubernetes accepts")
    return labels


RESERVED_RULE = rule(
    "self.all(key, " + " && ".join(f"!key.startsWith('{prefix}')" for prefix in RESERVED_PREFIXES) + ")",
    f"keys that begin with {', '.join(RESERVED_PREFIXES)} are set by the operator itself: leave them out",
)

KEY_RULE = rule(
    f"self.all(key, {matches(_LENGTHS_PATTERN, of='key')} && {matches(_KEY_PATTERN, of='key')})",
    "keys must be metadata keys that Kubernetes accepts, such as team or example.com/team",
)
VALUE_RULE = rule(
    f"self.all(key, {matches(_VALUE_PATTERN, of='self[key]')})",
    "values must be label values that Kubernetes accepts: at most 63 letters, digits, '-', '_' and '.', beginning and"
    " ending with a letter or digit",
)

_NAME_RULE = (
    "must be a name that Kubernetes accepts: lower case letters, digits, '-' and '.', beginning and ending with a"
    " letter or digit"
)

ObjectName = Annotated[
    str,
    bounded(253),
    AfterValidator(valid_name),
    Field(json_schema_extra={"minLength": 1, "maxLength": 253, **cel(rule(matches(SUBDOMAIN), _NAME_RULE))}),
]


def _absent_or(check: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda text: check(text) if text else text)


OptionalName = Annotated[
    str,
    bounded(253),
    _absent_or(valid_name),
    Field(json_schema_extra={"maxLength": 253, **cel(rule(f"self == '' || {matches(SUBDOMAIN)}", _NAME_RULE))}),
]

Frequency = Annotated[
    str,
    bounded(64),
    AfterValidator(_valid_frequency),
    Field(
        json_schema_extra={
            "maxLength": 64,
            **cel(
                rule(
                    matches(DURATION_PATTERN),
                    "must be a duration: a number with a unit, such as 10h or 1h30m",
                ),
                rule(
                    f"!{matches(DURATION_PATTERN)} || duration(self) >= duration('1m')",
                    "must be at least 1m",
                ),
            ),
        }
    ),
]

_REGION_PATTERN = "[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}"


def _valid_region(region: str) -> str:
    if region and not re.fullmatch(_REGION_PATTERN, region):
        raise InvalidField(f"{shown(region)} is not an AWS region, such as us-east-2. Leave it out to take the host's")
    return region


Region = Annotated[
    str,
    bounded(32),
    AfterValidator(_valid_region),
    Field(
        json_schema_extra={
            "maxLength": 32,
            **cel(
                rule(
                    f"self == '' || {matches(_REGION_PATTERN)}",
                    "must be an AWS region, such as us-east-2; leave it out to take it from the registry host",
                )
            ),
        }
    ),
]


def _valid_role(arn: str) -> str:
    if not re.fullmatch(ROLE_ARN_PATTERN, arn):
        raise InvalidField(
            f"{shown(arn)} is not the ARN of an IAM role, such as arn:aws:iam::123456789012:role/ecr-pull"
        )
    return arn


RoleArn = Annotated[
    str,
    bounded(640),
    _absent_or(_valid_role),
    Field(
        json_schema_extra={
            "maxLength": 640,
            **cel(
                rule(
                    f"self == '' || {matches(ROLE_ARN_PATTERN)}",
                    "must be the ARN of an IAM role, such as arn:aws:iam::123456789012:role/ecr-pull",
                )
            ),
        }
    ),
]

_EXTERNAL_ID_PATTERN = "[A-Za-z0-9_+=,.@:/-]{2,}"
"""STS, AssumeRole: ExternalId."""


def _valid_external_id(text: str) -> str:
    if not re.fullmatch(_EXTERNAL_ID_PATTERN, text):
        raise InvalidField("is not an external id: 2 to 1224 letters, digits and any of _+=,.@:/-")
    return text


ExternalId = Annotated[
    str,
    bounded(1224),
    _absent_or(_valid_external_id),
    Field(
        json_schema_extra={
            "maxLength": 1224,
            **cel(
                rule(
                    f"self == '' || {matches(_EXTERNAL_ID_PATTERN)}",
                    "must be 2 to 1224 letters, digits and any of _+=,.@:/-",
                )
            ),
        }
    ),
]

RegistryHost = Annotated[
    str,
    bounded(128),
    AfterValidator(lambda host: parse_registry(host).host),
    Field(
        json_schema_extra={
            "maxLength": 128,
            **cel(
                rule(
                    matches(HOST_PATTERN),
                    "must be an Amazon ECR registry host alone, without https:// and without a path, such as"
                    f" {EXAMPLE_HOST}",
                )
            ),
        }
    ),
]
