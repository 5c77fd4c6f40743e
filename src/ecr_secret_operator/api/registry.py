"""The grammar of ECR registry hosts, anchored at both ends.

A host decides which AWS endpoint is asked and which registry a live token is written for, so what is not
certainly an ECR host is refused. Forms: "Amazon ECR private registry endpoints" of the ECR user guide; partitions,
region shapes and suffixes: the `partitions.json` that the AWS SDKs share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ..errors import InvalidField, shown

EXAMPLE_HOST = "123456789012.dkr.ecr.us-east-2.amazonaws.com"
OCI_SCHEME = "oci://"


@dataclass(frozen=True, slots=True)
class Partition:
    """One AWS partition.

    Attributes:
        name: as ARNs contain it.
        region: the shape of its region names, a regular expression without groups.
        suffix: the DNS suffix of `dkr.ecr` hosts.
        dual_stack_suffix: the DNS suffix of `dkr-ecr` hosts; empty where there are none.
    """

    name: str
    region: str
    suffix: str
    dual_stack_suffix: str = ""

    @property
    def own_suffixes(self) -> tuple[str, ...]:
        """The suffixes that tell it from the partition `aws`."""
        shared = ("amazonaws.com", "on.aws")
        return tuple(one for one in (self.suffix, self.dual_stack_suffix) if one and one not in shared)


GOV_REGIONS = "us-gov-"
"""Begins the regions of `aws-us-gov`, whose hosts end as those of `aws` do."""

PARTITIONS = (
    Partition("aws", r"(?:af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-[0-9]{1,2}", "amazonaws.com", "on.aws"),
    Partition("aws-us-gov", r"us-gov-[a-z]+-[0-9]{1,2}", "amazonaws.com", "on.aws"),
    Partition("aws-cn", r"cn-[a-z]+-[0-9]{1,2}", "amazonaws.com.cn", "on.amazonwebservices.com.cn"),
    Partition("aws-eusc", r"eusc-[a-z]{2}-[a-z]+-[0-9]{1,2}", "amazonaws.eu"),
    Partition("aws-iso", r"us-iso-[a-z]+-[0-9]{1,2}", "c2s.ic.gov"),
    Partition("aws-iso-b", r"us-isob-[a-z]+-[0-9]{1,2}", "sc2s.sgov.gov"),
    Partition("aws-iso-e", r"eu-isoe-[a-z]+-[0-9]{1,2}", "cloud.adc-e.uk"),
    Partition("aws-iso-f", r"us-isof-[a-z]+-[0-9]{1,2}", "csp.hci.ic.gov"),
)


def _hosts_of(partition: Partition) -> str:
    host = rf"dkr\.ecr(?:-fips)?\.{partition.region}\.{re.escape(partition.suffix)}"
    if not partition.dual_stack_suffix:
        return host
    return rf"{host}|dkr-ecr(?:-fips)?\.{partition.region}\.{re.escape(partition.dual_stack_suffix)}"


PUBLIC_HOST = "public.ecr.aws"
PUBLIC_REGION = "us-east-1"
"""ECR Public gives tokens in this region only ("Amazon ECR Public endpoints", AWS General Reference)."""

_PRIVATE = "[0-9]{12}[.](?:" + "|".join(_hosts_of(partition) for partition in PARTITIONS) + ")"
HOST_PATTERN = f"(?:{_PRIVATE}|{re.escape(PUBLIC_HOST)})"
"""Matches a whole ECR host. RE2 syntax, so that the API server's CEL and this code judge alike."""

PATH_PATTERN = r"(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*/?"
"""The repository path of a chart or image after the host (OCI distribution specification, `<name>`)."""

_HOST = re.compile(HOST_PATTERN)
_URL = re.compile(rf"(?:{OCI_SCHEME})?(?P<host>{HOST_PATTERN})(?P<path>{PATH_PATTERN})")


@dataclass(frozen=True, slots=True)
class Registry:
    """An ECR registry, as its host names it; ECR Public has no account."""

    host: str
    account: str
    region: str
    partition: str

    @property
    def public(self) -> bool:
        """Whether it is ECR Public, whose tokens are another service's."""
        return self.host == PUBLIC_HOST

    @property
    def fips(self) -> bool:
        """Whether the host is one of those with FIPS 140 validated cryptography."""
        return "ecr-fips." in self.host

    @property
    def dual_stack(self) -> bool:
        """Whether the host has an IPv6 address too."""
        return ".dkr-ecr" in self.host


def is_registry(host: str) -> bool:
    """Whether a text is an ECR registry host."""
    return bool(_HOST.fullmatch(host))


def registry_host(account: str, region: str) -> str:
    """The host of a private registry.

    Args:
        account: the number of the AWS account.
        region: its partition decides on the DNS suffix. A text that is no region is taken for one of partition `aws`.
    """
    partition = next((one for one in PARTITIONS if re.fullmatch(one.region, region)), PARTITIONS[0])
    return f"{account}.dkr.ecr.{region}.{partition.suffix}"


@lru_cache(maxsize=1024)
def parse_registry(host: str) -> Registry:
    """Reads an ECR registry host. Remembered: every reconcile asks, and there are few.

    Args:
        host: the host alone, lower case: no scheme, port or path.

    Raises:
        InvalidField: it is not an ECR host.
    """
    if not is_registry(host):
        raise InvalidField(
            f"{shown(host)} is not an Amazon ECR registry host. Write the host alone, without https:// and"
            f" without a path, such as {EXAMPLE_HOST} or {PUBLIC_HOST}"
        )
    if host == PUBLIC_HOST:
        return Registry(host=host, account="", region=PUBLIC_REGION, partition="aws")
    account, _, _, *rest = host.replace("dkr-ecr", "dkr.ecr").split(".")
    region, suffix = rest[0], ".".join(rest[1:])
    partition = next(
        entry.name
        for entry in PARTITIONS
        if suffix in (entry.suffix, entry.dual_stack_suffix) and re.fullmatch(entry.region, region)
    )
    return Registry(host=host, account=account, region=region, partition=partition)


@dataclass(frozen=True, slots=True)
class ChartUrl:
    """An Argo CD repository URL in ECR: a registry, and perhaps a path, without scheme."""

    registry: Registry
    path: str

    @property
    def without_scheme(self) -> str:
        """HOST/PATH, as Argo CD wants it for `type: helm`, and after `oci://` for `type: oci`."""
        return self.registry.host + self.path


def parse_chart_url(url: str) -> ChartUrl:
    """Reads the `url` of an Argo CD repository: an ECR host or host/path, with or without `oci://`.

    Raises:
        InvalidField: it is not in ECR. A live token is written beside this URL and Argo CD sends it there, so no
            other host may pass.
    """
    match = _URL.fullmatch(url)
    if not match:
        raise InvalidField(
            f"{shown(url)} is not in Amazon ECR. Write an ECR registry host, with or without a path and oci://, such"
            f" as {EXAMPLE_HOST} or {EXAMPLE_HOST}/charts (https:// does not work for OCI charts in Argo CD)"
        )
    return ChartUrl(registry=parse_registry(match["host"]), path=match["path"])
