"""What the custom resources have in common: their fields, meaning and defaults, stated once.

The CRDs, `kubectl explain`, admission and the operator's own parsing all come from these classes, from those of each
kind (`registries`, `argo`), and from `fields`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from ..errors import InvalidField, shown
from .duration import parse_duration
from .fields import (
    ANNOTATION_LIMIT,
    KEY_RULE,
    RESERVED_RULE,
    VALUE_LIMIT,
    VALUE_RULE,
    ExternalId,
    Flag,
    Frequency,
    Model,
    ObjectName,
    OptionalName,
    Region,
    RoleArn,
    bounded,
    cel,
    rule,
    valid_keys,
    valid_label_values,
)
from .limits import PUBLIC_RULE, OptionalAccess, RepositoryPatterns
from .registry import GOV_REGIONS, PARTITIONS, PUBLIC_HOST, PUBLIC_REGION, Registry

DEFAULT_FREQUENCY = "6h"
MOST_KEYS = 64
"""How many labels, and how many annotations, a resource may put on its Secret."""


class GeneratedMetadata(Model):
    """Labels and annotations for the generated Secret."""

    labels: Annotated[
        Mapping[str, Annotated[str, Field(json_schema_extra={"maxLength": VALUE_LIMIT})]],
        Field(max_length=MOST_KEYS, json_schema_extra=cel(RESERVED_RULE, KEY_RULE, VALUE_RULE)),
        AfterValidator(valid_keys),
        AfterValidator(valid_label_values),
    ] = {}
    """Labels to put on the generated Secret. You cannot override those of the operator."""

    annotations: Annotated[
        Mapping[
            str, Annotated[str, bounded(ANNOTATION_LIMIT), Field(json_schema_extra={"maxLength": ANNOTATION_LIMIT})]
        ],
        Field(max_length=MOST_KEYS, json_schema_extra=cel(RESERVED_RULE, KEY_RULE)),
        AfterValidator(valid_keys),
    ] = {}
    """Annotations to put on the generated Secret. You cannot override those of the operator."""


def _only_one(*fields: str) -> str:
    given = ", ".join(f"has(self.{field}) && self.{field} != ''" for field in fields)
    return f"[{given}].filter(given, given).size() <= 1"


class AwsSpec(Model):
    """AWS identity that requests the token. Empty: the operator's own."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            rule(
                _only_one("role_arn", "service_account", "credentials_secret"),
                "at most one of role_arn, service_account and credentials_secret may be given",
            ),
            rule(
                "!has(self.external_id) || self.external_id == '' || (has(self.role_arn) && self.role_arn != '')",
                "external_id needs role_arn",
            ),
        )
    )

    role_arn: RoleArn = ""
    """ARN of an IAM role that the operator assumes with its own identity. The role's trust policy must allow that
    identity."""

    external_id: ExternalId = ""
    """External id that the trust policy of role_arn requires."""

    service_account: OptionalName = ""
    """Name of a ServiceAccount with the annotation eks.amazonaws.com/role-arn. It is in the resource's namespace; for a
    ClusterPullSecret, in the operator's. The operator requests a token of that ServiceAccount and assumes the role with
    it, as a pod does (IRSA). The audience is sts.amazonaws.com, or that of the annotation
    eks.amazonaws.com/audience."""

    credentials_secret: OptionalName = ""
    """Name of a Secret with aws_access_key_id, aws_secret_access_key and, for temporary keys, aws_session_token. It is
    in the resource's namespace; for a ClusterPullSecret, in the operator's. A change takes effect at once."""

    access: OptionalAccess = None
    """What the token may do at the registry. full: all that the identity may. push: read and upload, but neither delete
    nor administer repositories. pull: read only. Optional. Defaults to full, or to the limit of an AccessPolicy. push
    and pull add a session policy, which is possible for roles and for the keys of an IAM user."""

    repositories: RepositoryPatterns = ()
    """Repositories of the registry's account that the token is limited to: patterns of names, such as team-a/*. * also
    matches /. Optional. Defaults to all repositories, or to those in the limit of an AccessPolicy. Not valid for
    public.ecr.aws."""

    @model_validator(mode="after")
    def _consistent(self) -> AwsSpec:
        given = [name for name in ("role_arn", "service_account", "credentials_secret") if getattr(self, name)]
        if len(given) > 1:
            raise InvalidField(f"{' and '.join(given)} are given: at most one of them may be")
        if self.external_id and not self.role_arn:
            raise InvalidField("external_id needs role_arn")
        return self


OWN_IDENTITY = AwsSpec()
NO_METADATA = GeneratedMetadata()
"""What most specs leave out: one object for all of them."""


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """One registry that a generated Secret is to open, and as whom.

    Attributes:
        field: the field that names the registry.
    """

    registry: Registry
    aws: AwsSpec
    field: str


def check_entry(entry: RegistryEntry, region: str) -> None:
    """Refuses a region, a role or a limit that contradicts the registry. Raises InvalidField."""
    registry, role = entry.registry, entry.aws.role_arn
    if entry.aws.repositories and registry.public:
        raise InvalidField(PUBLIC_RULE)
    if region and region != registry.region:
        raise InvalidField(
            f"region {shown(region)} contradicts {entry.field} {shown(registry.host)}: a token is good for one region"
            " only. Leave region out, or correct one of the two"
        )
    if role and role.split(":")[1] != registry.partition:
        raise InvalidField(
            f"role_arn {shown(role)} is of another AWS partition than {shown(registry.host)}, which is in"
            f" {registry.partition}: no role can be assumed across partitions"
        )


class CommonSpec(Model, ABC):
    """What every kind that generates a Secret has in common."""

    generated_secret_name: ObjectName
    """Name of the Secret to generate. It is in the resource's namespace; for a ClusterPullSecret, in every selected
    one. If another client created a Secret of this name, the operator does not change it, and the resource reports
    SecretConflict. If you change the name, the operator removes the old Secret."""

    frequency: Frequency = DEFAULT_FREQUENCY
    """Longest time between two refreshes of the token, as a Go duration such as 10h or 1h30m. The minimum is 1m. ECR's
    tokens expire after 12 hours. A frequency that would leave less than a sixth of that is shortened, and an event
    reports it."""

    region: Region = ""
    """AWS region of the registry. Optional: the host contains it. A region that differs from that of the host is
    rejected, because a token is valid in one region only."""

    aws: AwsSpec = Field(default_factory=lambda: OWN_IDENTITY)
    """AWS identity that requests the token. Optional. Defaults to the operator's own, or to the one that an
    AccessPolicy sets."""

    suspend: Flag = False
    """true: the operator keeps the stored Secret, and neither refreshes nor repairs it until this is false again."""

    deletion_policy: Literal["Delete", "Retain"] = "Delete"
    """What happens to the generated Secret when this resource is deleted. Delete: it is deleted. Retain: it stays, with
    its last token. A change takes effect at once, or when suspend becomes false."""

    metadata: GeneratedMetadata = Field(default_factory=lambda: NO_METADATA)
    """Labels and annotations to put on the generated Secret."""

    @property
    def interval(self) -> timedelta:
        """The frequency as a duration."""
        return parse_duration(self.frequency)

    @property
    def caution(self) -> str:
        """A caution for the author of a valid value; empty for none."""
        return ""

    @property
    @abstractmethod
    def entries(self) -> tuple[RegistryEntry, ...]:
        """The registries that the token or tokens are for, in the order of the spec."""

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """Their hosts."""
        return tuple(entry.registry.host for entry in self.entries)

    @model_validator(mode="after")
    def _entries_agree(self) -> CommonSpec:
        check_entry(self.entries[0], self.region)
        return self


def region_agrees(field: str) -> dict[str, str]:
    """The CEL rule, over an object, that its region agrees with its registry host."""
    host = _host_in(field)
    return {
        "rule": f"!has(self.region) || self.region == '' || {host}.contains('.' + self.region + '.')"
        f" || ({host} == '{PUBLIC_HOST}' && self.region == '{PUBLIC_REGION}')",
        "message": f"region contradicts {field}: a token is good for one region only; leave region out, or correct one",
        "fieldPath": ".region",
    }


def _host_in(field: str) -> str:
    """CEL for the registry host in a field of an object."""
    return f"self.{field}.replace('oci://', '').split('/')[0]"


_PARTITION_RULE = "role_arn is of another AWS partition than {field}: no role can be assumed across partitions"


def _in_partition_of(host: str) -> str:
    """CEL for: `self.aws.role_arn` is none, or a role of the AWS partition of this registry host."""
    signs = [(f"{host}.endsWith('.{suffix}')", one.name) for one in reversed(PARTITIONS) for suffix in one.own_suffixes]
    signs.append((f"{host}.contains('.{GOV_REGIONS}')", "aws-us-gov"))
    partition = "".join(f"{sign} ? '{name}' : " for sign, name in signs) + "'aws'"
    return (
        "!has(self.aws) || !has(self.aws.role_arn) || self.aws.role_arn == ''"
        f" || self.aws.role_arn.startsWith('arn:' + ({partition}) + ':')"
    )


def partition_agrees(field: str) -> dict[str, str]:
    """The CEL rule, over an object, that its role is of the AWS partition of its registry host."""
    message = _PARTITION_RULE.format(field=field)
    return {**rule(_in_partition_of(_host_in(field)), message), "fieldPath": ".aws"}


def partition_agrees_with(entries: str, field: str) -> dict[str, str]:
    """The same of the entries of a list that have no identity of their own."""
    condition = f"has(more.aws) || ({_in_partition_of(f'more.{field}')})"
    message = _PARTITION_RULE.format(field=f"{entries}[].{field}")
    return {**rule(f"!has(self.{entries}) || self.{entries}.all(more, {condition})", message), "fieldPath": ".aws"}


def _limits_repositories(entry: str) -> str:
    return f"has({entry}.aws) && has({entry}.aws.repositories) && {entry}.aws.repositories.size() > 0"


def repositories_agree(field: str) -> dict[str, str]:
    """The CEL rule, over an object, that it does not limit repositories of ECR Public."""
    condition = f"{_host_in(field)} != '{PUBLIC_HOST}' || !({_limits_repositories('self')})"
    return {**rule(condition, PUBLIC_RULE), "fieldPath": ".aws"}


def repositories_agree_with(entries: str, field: str) -> dict[str, str]:
    """The same of the entries of a list that inherit the identity of the object."""
    public = f"self.{entries}.exists(more, more.{field} == '{PUBLIC_HOST}' && !has(more.aws))"
    condition = f"!has(self.{entries}) || !({_limits_repositories('self')}) || !{public}"
    return {**rule(condition, f"{entries}: {PUBLIC_RULE}"), "fieldPath": ".aws"}
