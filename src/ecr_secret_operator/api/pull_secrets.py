"""The kinds whose Secret opens registries for pods and builds: their fields."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, model_validator

from ..errors import InvalidField, shown
from .fields import Model, ObjectName, Region, RegistryHost, cel, rule
from .model import (
    OWN_IDENTITY,
    AwsSpec,
    CommonSpec,
    RegistryEntry,
    check_entry,
    partition_agrees,
    partition_agrees_with,
    region_agrees,
    repositories_agree,
    repositories_agree_with,
)
from .registry import parse_registry
from .selectors import NamespaceSelection

MOST_REGISTRIES = 20
"""How many further registries one Secret may open. A Secret's size allows for several hundred tokens; CEL's budget
for rules over them does not."""


class AdditionalRegistry(Model):
    """One more registry for the same Secret."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            region_agrees("ecr_registry"), partition_agrees("ecr_registry"), repositories_agree("ecr_registry")
        )
    )

    ecr_registry: RegistryHost
    """Host of the registry, in the same form as ecr_registry of the resource."""

    region: Region = ""
    """AWS region of the registry. Optional: the host contains it."""

    aws: AwsSpec = Field(default_factory=lambda: OWN_IDENTITY)
    """AWS identity that requests the token of this registry. Optional. Defaults to the identity for ecr_registry of the
    resource. If you set it, it inherits nothing, neither access nor repositories. An empty object means the operator's
    own identity."""

    def entry(self, inherited: AwsSpec) -> RegistryEntry:
        """As an entry, with the identity that is inherited where none is given."""
        aws = self.aws if "aws" in self.model_fields_set else inherited
        return RegistryEntry(parse_registry(self.ecr_registry), aws, "ecr_registry")


def _no_repetition() -> dict[str, str]:
    return rule(
        "!has(self.additional_registries) || !self.additional_registries.exists(more,"
        " more.ecr_registry == self.ecr_registry)",
        "additional_registries repeats ecr_registry: a Secret can hold one token for a host",
    )


Purpose = Literal["pull", "mount"]
"""What a ServiceAccount has a Secret for: pods that pull (`imagePullSecrets`), or whatever mounts it (`secrets`)."""

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
MOST_LINKS = 32


class Link(Model):
    """One ServiceAccount that gets the generated Secret."""

    service_account: ObjectName
    """Name of the ServiceAccount, in the namespace of the generated Secret. If it does not exist yet, it is linked when
    it is created."""

    purposes: Annotated[
        tuple[Purpose, ...],
        Field(
            alias="for",
            max_length=len(PURPOSES),
            json_schema_extra={"minItems": 1, "x-kubernetes-list-type": "set"},
        ),
    ] = PURPOSES
    """Lists of the ServiceAccount to add the Secret to, as with oc secrets link. pull: imagePullSecrets, with which its
    pods pull. mount: secrets, with which OpenShift's builds push. Optional. Defaults to both."""

    @model_validator(mode="after")
    def _has_a_purpose(self) -> Link:
        if not self.purposes:
            raise InvalidField("for is empty. Write pull, mount or both, or leave it out for both")
        return self


class RegistriesSpec(CommonSpec):
    """What the kinds that generate a kubernetes.io/dockerconfigjson Secret have in common."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            region_agrees("ecr_registry"),
            partition_agrees("ecr_registry"),
            partition_agrees_with("additional_registries", "ecr_registry"),
            repositories_agree("ecr_registry"),
            repositories_agree_with("additional_registries", "ecr_registry"),
            _no_repetition(),
        )
    )

    ecr_registry: RegistryHost
    """Host of the ECR registry, such as 123456789012.dkr.ecr.us-east-2.amazonaws.com. Hosts of all partitions, FIPS and
    dual-stack hosts, and public.ecr.aws are valid. The generated Secret contains the host exactly as you write it."""

    additional_registries: Annotated[
        tuple[AdditionalRegistry, ...],
        Field(
            json_schema_extra={
                "maxItems": MOST_REGISTRIES,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["ecr_registry"],
            }
        ),
    ] = ()
    """More registries for the same Secret, for example of other accounts, regions or identities. If one fails, it keeps
    its last valid token, the others are still refreshed, and the conditions name it."""

    link: Annotated[
        tuple[Link, ...],
        Field(
            json_schema_extra={
                "maxItems": MOST_LINKS,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["service_account"],
            }
        ),
    ] = ()
    """ServiceAccounts that get the generated Secret, as with oc secrets link. The operator adds the Secret when it
    holds a token, and again if another client removes it. It removes the Secret when this resource is deleted or no
    longer names the ServiceAccount. Entries of other clients stay."""

    @cached_property
    def entries(self) -> tuple[RegistryEntry, ...]:
        """The registries that the tokens are for, in the order of the spec."""
        own = RegistryEntry(parse_registry(self.ecr_registry), self.aws, "ecr_registry")
        return (own, *(more.entry(self.aws) for more in self.additional_registries))

    @cached_property
    def links(self) -> Mapping[str, frozenset[Purpose]]:
        """What each linked ServiceAccount gets the Secret for."""
        return {one.service_account: frozenset(one.purposes) for one in self.link}

    @model_validator(mode="after")
    def _links_are_distinct(self) -> RegistriesSpec:
        if len(self.link) > MOST_LINKS:
            raise InvalidField(f"link has more than {MOST_LINKS} entries")
        if len(self.links) < len(self.link):
            raise InvalidField("link names a ServiceAccount more than once. Name all that it is for in one entry")
        return self

    @model_validator(mode="after")
    def _distinct(self) -> RegistriesSpec:
        if len(self.additional_registries) > MOST_REGISTRIES:
            raise InvalidField(f"additional_registries has more than {MOST_REGISTRIES} entries")
        if len(set(self.hosts)) < len(self.hosts):
            twice = next(host for host in self.hosts if self.hosts.count(host) > 1)
            raise InvalidField(f"{shown(twice)} is given more than once: a Secret can hold one token for a host")
        for entry, more in zip(self.entries[1:], self.additional_registries, strict=True):
            check_entry(entry, more.region)
        return self


class SecretSpec(RegistriesSpec):
    """What to generate: one kubernetes.io/dockerconfigjson Secret with a token for each registry."""


class ClusterPullSecretSpec(RegistriesSpec):
    """The Secret to generate: the same kubernetes.io/dockerconfigjson Secret in every selected namespace."""

    namespaces: NamespaceSelection = NamespaceSelection()
    """Namespaces that get the Secret. A new one gets it within seconds, and one that is no longer selected loses it.
    Optional. Defaults to all namespaces."""
