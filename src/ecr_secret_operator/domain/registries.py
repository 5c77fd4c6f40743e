"""The kinds whose Secret opens registries for pods and builds: their fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from .errors import InvalidField, shown
from .fields import Model, Region, RegistryHost, cel, rule
from .model import AwsSpec, CommonSpec, Entry, check_entry, region_agrees
from .registry import parse_registry

MOST_REGISTRIES = 20
"""How many further registries one Secret may open. A Secret's size allows for several hundred tokens; CEL's budget
for rules over them does not."""


class AdditionalRegistry(Model):
    """One more registry for the same Secret."""

    model_config = ConfigDict(json_schema_extra=cel(region_agrees("ecr_registry")))

    ecr_registry: RegistryHost
    """Host of the registry, as in the resource's own ecr_registry."""

    region: Region = ""
    """AWS region of the registry. Optional: the host names it."""

    aws: AwsSpec = AwsSpec()
    """Whose AWS identity asks for this registry's token. Left out: as for the resource's own ecr_registry. An empty
    object means the operator's own identity."""

    def entry(self, inherited: AwsSpec) -> Entry:
        """As an entry, with the identity that is inherited where none is given."""
        aws = self.aws if "aws" in self.model_fields_set else inherited
        return Entry(parse_registry(self.ecr_registry), aws, "ecr_registry")


def _no_repetition() -> dict[str, str]:
    return rule(
        "!has(self.additional_registries) || !self.additional_registries.exists(more,"
        " more.ecr_registry == self.ecr_registry)",
        "additional_registries repeats ecr_registry: a Secret can hold one token for a host",
    )


class SecretSpec(CommonSpec):
    """What to generate: one kubernetes.io/dockerconfigjson Secret with a token for each registry."""

    model_config = ConfigDict(json_schema_extra=cel(region_agrees("ecr_registry"), _no_repetition()))

    ecr_registry: RegistryHost
    """Host of the ECR registry, such as 123456789012.dkr.ecr.us-east-2.amazonaws.com: in any partition, FIPS and
    dual-stack hosts too; or public.ecr.aws. The generated Secret names it exactly as it is written here."""

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
    """More registries, of other accounts, regions or identities, for the same Secret. One that fails keeps its last
    good token, and does not keep the others from being refreshed; the conditions name it."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The registries that the tokens are for, in the order of the spec."""
        own = Entry(parse_registry(self.ecr_registry), self.aws, "ecr_registry")
        return (own, *(more.entry(self.aws) for more in self.additional_registries))

    @model_validator(mode="after")
    def _distinct(self) -> SecretSpec:
        if len(self.additional_registries) > MOST_REGISTRIES:
            raise InvalidField(f"additional_registries has more than {MOST_REGISTRIES} entries")
        if len(set(self.hosts)) < len(self.hosts):
            twice = next(host for host in self.hosts if self.hosts.count(host) > 1)
            raise InvalidField(f"{shown(twice)} is given more than once: a Secret can hold one token for a host")
        for entry, more in zip(self.entries[1:], self.additional_registries, strict=True):
            check_entry(entry, more.region)
        return self
