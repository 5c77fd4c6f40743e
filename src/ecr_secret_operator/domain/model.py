"""The custom resources: their fields, meaning, defaults and rules, stated once.

The CRDs, `kubectl explain`, admission and the operator's own parsing all come from these classes. A rule stands twice
where it must: as CEL for the API server, and as a validator for resources that an older CRD let through.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from .duration import DURATION_PATTERN, parse_duration
from .errors import InvalidField, shown
from .registry import (
    EXAMPLE_HOST,
    HOST_PATTERN,
    PATH_PATTERN,
    PUBLIC_HOST,
    PUBLIC_REGION,
    Registry,
    parse_chart_url,
    parse_registry,
)

GROUP = "ecr.mobb.redhat.com"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

DEFAULT_FREQUENCY = "6h"
SHORTEST_FREQUENCY = timedelta(minutes=1)

RESERVED_PREFIXES = (f"{GROUP}/", "app.kubernetes.io/managed-by", "argocd.argoproj.io/secret-type")
"""Metadata keys that steer this operator or Argo CD: a resource may not set them on its Secret."""

_SUBDOMAIN = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:[.][a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
_LABEL_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_QUALIFIED = re.compile(rf"(?:{_SUBDOMAIN}/)?{_LABEL_NAME}")
_LABEL_VALUE = re.compile(rf"(?:{_LABEL_NAME})?")


def rule(rule: str, message: str) -> dict[str, str]:
    """One CEL validation: the rule over `self`, and the sentence that a user reads when it is false."""
    return {"rule": rule, "message": message}


def _cel(*rules: dict[str, str]) -> dict[str, Any]:
    return {"x-kubernetes-validations": list(rules)}


def _matches(pattern: str) -> str:
    return f"self.matches(r'^{pattern}$')"


def _bounded(limit: int) -> AfterValidator:
    def check(text: str) -> str:
        if len(text) > limit:
            raise InvalidField(f"{shown(text)} is too long: {len(text)} characters, at most {limit} are allowed")
        return text

    return AfterValidator(check)


def _valid_name(name: str) -> str:
    if not re.fullmatch(_SUBDOMAIN, name):
        raise InvalidField(
            f"{shown(name)} is not a name for a Secret. Use lower case letters, digits, '-' and '.', beginning and"
            " ending with a letter or digit"
        )
    return name


def _valid_frequency(frequency: str) -> str:
    if parse_duration(frequency) < SHORTEST_FREQUENCY:
        raise InvalidField(f"{shown(frequency)} is too short: at least 1m")
    return frequency


def _valid_keys(entries: Mapping[str, str]) -> Mapping[str, str]:
    for key in entries:
        prefix, _, name = key.rpartition("/")
        fits = len(prefix) <= 253 and len(name) <= 63  # noqa: PLR2004 - Kubernetes' limits
        if not fits or not _QUALIFIED.fullmatch(key):
            raise InvalidField(f"{shown(key)} is not a metadata key that Kubernetes accepts")
        if key.startswith(RESERVED_PREFIXES):
            raise InvalidField(f"{shown(key)} is set by the operator itself. Leave it out")
    return entries


def _valid_label_values(labels: Mapping[str, str]) -> Mapping[str, str]:
    for value in labels.values():
        if not _LABEL_VALUE.fullmatch(value) or len(value) > 63:  # noqa: PLR2004 - Kubernetes' limit
            raise InvalidField(f"{shown(value)} is not a label value that Kubernetes accepts")
    return labels


_RESERVED_RULE = rule(
    "self.all(key, " + " && ".join(f"!key.startsWith('{prefix}')" for prefix in RESERVED_PREFIXES) + ")",
    f"keys that begin with {', '.join(RESERVED_PREFIXES)} are set by the operator itself: leave them out",
)

SecretName = Annotated[
    str,
    _bounded(253),
    AfterValidator(_valid_name),
    Field(
        json_schema_extra={
            "minLength": 1,
            "maxLength": 253,
            **_cel(
                rule(
                    _matches(_SUBDOMAIN),
                    "must be a name for a Secret: lower case letters, digits, '-' and '.', beginning and ending with a"
                    " letter or digit",
                )
            ),
        }
    ),
]

Frequency = Annotated[
    str,
    _bounded(64),
    AfterValidator(_valid_frequency),
    Field(
        json_schema_extra={
            "maxLength": 64,
            **_cel(
                rule(
                    _matches(DURATION_PATTERN),
                    "must be a duration: a number with a unit, such as 10h or 1h30m",
                ),
                rule(
                    f"!{_matches(DURATION_PATTERN)} || duration(self) >= duration('1m')",
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
    _bounded(32),
    AfterValidator(_valid_region),
    Field(
        json_schema_extra={
            "maxLength": 32,
            **_cel(
                rule(
                    f"self == '' || {_matches(_REGION_PATTERN)}",
                    "must be an AWS region, such as us-east-2; leave it out to take it from the registry host",
                )
            ),
        }
    ),
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class GeneratedMetadata(_Model):
    """Labels and annotations for the generated Secret."""

    labels: Annotated[
        Mapping[str, str],
        AfterValidator(_valid_keys),
        AfterValidator(_valid_label_values),
        Field(
            json_schema_extra={
                "maxProperties": 64,
                "additionalProperties": {"type": "string", "maxLength": 63},
                **_cel(_RESERVED_RULE),
            }
        ),
    ] = {}
    """Labels to put on the generated Secret. The operator's own cannot be overridden."""

    annotations: Annotated[
        Mapping[str, str],
        AfterValidator(_valid_keys),
        Field(
            json_schema_extra={
                "maxProperties": 64,
                "additionalProperties": {"type": "string", "maxLength": 4096},
                **_cel(_RESERVED_RULE),
            }
        ),
    ] = {}
    """Annotations to put on the generated Secret. The operator's own cannot be overridden."""


class CommonSpec(_Model, ABC):
    """What every kind that generates a Secret has in common."""

    registry_field: ClassVar[str]
    """The field that names the registry."""

    generated_secret_name: SecretName
    """Name of the Secret to generate, in the resource's namespace. A Secret of this name that the operator did not
    make is left as it is, and the resource says SecretConflict. When the name changes, the Secret of the old name is
    removed."""

    frequency: Frequency = DEFAULT_FREQUENCY
    """Longest time between two refreshes of the token, as a Go duration: 10h, 1h30m. At least 1m. An ECR token lives
    12 hours; a frequency that would leave less than a sixth of that is shortened, and an event says so."""

    region: Region = ""
    """AWS region of the registry. Optional: the registry host names it. A region that contradicts the host is
    refused, because a token is good for one region only."""

    suspend: bool = False
    """True: keep what is stored, and neither refresh nor repair it until this is false again."""

    deletion_policy: Literal["Delete", "Retain"] = "Delete"
    """What becomes of the generated Secret when this resource is deleted. Delete removes it; Retain keeps it, with the
    token that it has."""

    metadata: GeneratedMetadata = GeneratedMetadata()
    """Labels and annotations to put on the generated Secret."""

    @property
    def interval(self) -> timedelta:
        """The frequency as a duration."""
        return parse_duration(self.frequency)

    @property
    @abstractmethod
    def registry(self) -> Registry:
        """The registry that the token is for."""

    @model_validator(mode="after")
    def _region_agrees(self) -> CommonSpec:
        if self.region and self.region != self.registry.region:
            raise InvalidField(
                f"region {shown(self.region)} contradicts {self.registry_field} {shown(self.registry.host)}: a token is"
                " good for one region only. Leave region out, or correct one of the two"
            )
        return self


class SecretSpec(CommonSpec):
    """What to generate: one kubernetes.io/dockerconfigjson Secret with a token for one registry."""

    registry_field: ClassVar[str] = "ecr_registry"

    ecr_registry: Annotated[
        str,
        _bounded(128),
        Field(
            json_schema_extra={
                "maxLength": 128,
                **_cel(
                    rule(
                        _matches(HOST_PATTERN),
                        "must be an Amazon ECR registry host alone, without https:// and without a path, such as"
                        f" {EXAMPLE_HOST}",
                    )
                ),
            }
        ),
    ]
    """Host of the ECR registry, such as 123456789012.dkr.ecr.us-east-2.amazonaws.com: in any partition, FIPS and
    dual-stack hosts too; or public.ecr.aws. The generated Secret names it exactly as it is written here."""

    @field_validator("ecr_registry")
    @classmethod
    def _is_registry(cls, host: str) -> str:
        return parse_registry(host).host

    @property
    def registry(self) -> Registry:
        """The registry that the token is for."""
        return parse_registry(self.ecr_registry)


class ArgoHelmRepoSecretSpec(CommonSpec):
    """What to generate: one Argo CD repository Secret with a token for one registry."""

    registry_field: ClassVar[str] = "url"

    url: Annotated[
        str,
        _bounded(512),
        Field(
            json_schema_extra={
                "maxLength": 512,
                **_cel(
                    rule(
                        _matches(f"(?:oci://)?{HOST_PATTERN}{PATH_PATTERN}"),
                        "must be an Amazon ECR registry host, with or without a path and oci://, such as"
                        f" {EXAMPLE_HOST} or {EXAMPLE_HOST}/charts (https:// does not work for OCI charts in Argo CD)",
                    )
                ),
            }
        ),
    ]
    """Where the charts are: an ECR registry host, or host and path, as the Application's repoURL names it. Argo CD
    compares the two as a whole, so HOST does not serve an Application whose repoURL is HOST/charts. oci:// may be
    written; it is left out of the Secret, as Argo CD wants it for Helm charts."""

    @field_validator("url")
    @classmethod
    def _is_in_ecr(cls, url: str) -> str:
        parse_chart_url(url)
        return url

    @property
    def registry(self) -> Registry:
        """The registry that the token is for."""
        return parse_chart_url(self.url).registry


def region_rule(spec: type[CommonSpec]) -> dict[str, str]:
    """The CEL rule, over the whole spec, that region agrees with the registry host."""
    field = spec.registry_field
    host = f"self.{field}.replace('oci://', '').split('/')[0]"
    return {
        "rule": f"!has(self.region) || self.region == '' || {host}.contains('.' + self.region + '.')"
        f" || ({host} == '{PUBLIC_HOST}' && self.region == '{PUBLIC_REGION}')",
        "message": f"region contradicts {field}: a token is good for one region only; leave region out, or correct one",
        "fieldPath": ".region",
    }
