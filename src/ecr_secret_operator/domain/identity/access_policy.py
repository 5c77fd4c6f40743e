"""The kind AccessPolicy: which namespaces may use which registries, regions, identities and limits. Its fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ...api.fields import Flag, Model, Region, RoleArn
from ...api.limits import OptionalAccess, RepositoryTemplates
from ...api.registry import PUBLIC_HOST
from ...api.selectors import MOST_ENTRIES, ExternalIdGlobs, Globs, NamespaceSelection
from ..resource import InvalidSpec, parse_spec
from .limit import UNLIMITED, TokenLimit

POLICY_KIND, POLICY_PLURAL = "AccessPolicy", "accesspolicies"


class LimitSpec(Model):
    """The most that a token may allow. Resources that ask for less get less."""

    access: OptionalAccess = None
    """The widest access: pull, push or full, as in aws.access of a resource. Optional. Defaults to full."""

    repositories: RepositoryTemplates = ()
    """Repositories to which tokens are limited: patterns of names, such as {namespace}/*, in which {namespace} is
    replaced by the namespace of the resource. * also matches /. Empty: all repositories. Tokens for public.ecr.aws are
    then limited to access pull, because its repositories cannot be limited."""

    def of(self, host: str, namespace: str) -> TokenLimit:
        """The limit of a token for a registry host, for a resource in a namespace."""
        access = self.access or UNLIMITED.access
        if self.repositories and host == PUBLIC_HOST:
            return TokenLimit("pull")
        return TokenLimit.of(access, (pattern.replace("{namespace}", namespace) for pattern in self.repositories))


class AccessPolicySpec(Model):
    """Which namespaces may use which registries, regions and identities."""

    namespaces: NamespaceSelection = NamespaceSelection()
    """Namespaces to which this policy applies. Optional. Defaults to all namespaces."""

    registries: Globs = ()
    """Registry hosts that these namespaces may use: patterns such as 123456789012.dkr.ecr.*.amazonaws.com. Empty: all
    hosts."""

    regions: Annotated[
        tuple[Region, ...],
        Field(max_length=MOST_ENTRIES, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ] = ()
    """AWS regions that these namespaces may use. Empty: all regions."""

    role_arns: Globs = ()
    """IAM roles that these namespaces may use, by aws.role_arn or by a ServiceAccount: patterns such as
    arn:aws:iam::123456789012:role/team-a-*. Empty: no roles. Keys of a namespace (aws.credentials_secret) need no
    entry."""

    external_ids: ExternalIdGlobs = ()
    """External ids that resources must give with aws.role_arn: patterns, in which {namespace} is replaced by the
    namespace of the resource. Empty: any external id, or none. If the trust policy of a role requires the same external
    id, only that namespace can use the role."""

    ambient_identity: Flag = False
    """Whether these namespaces may use the operator's own AWS identity."""

    default_role_arn: RoleArn = ""
    """Role for resources that name no identity. It replaces the operator's own identity, and needs no entry in
    role_arns."""

    limit: LimitSpec = LimitSpec()
    """The most that the tokens of these namespaces may allow. A resource that asks for nothing is limited to it, and
    one that asks for more is denied. Optional. Defaults to all that the identity may."""

    mode: Literal["Enforce", "Audit"] = "Enforce"
    """Enforce: a request that no policy allows is denied. Audit: such a request is served in the namespaces of this
    policy. What Enforce would deny or change is reported in a condition, an event and a metric."""


@dataclass(frozen=True, slots=True)
class Policy:
    """An AccessPolicy as it is stored. One whose spec cannot be read allows nothing, but is a policy."""

    name: str
    resource_version: str
    spec: AccessPolicySpec | InvalidSpec

    @property
    def needs_labels(self) -> bool:
        """Whether it selects namespaces by their labels."""
        return not isinstance(self.spec, InvalidSpec) and self.spec.namespaces.selector.needs_labels


def parse_policy(raw: object) -> AccessPolicySpec | InvalidSpec:
    """Reads a policy's spec as it is stored, whatever it is. Never raises."""
    return parse_spec(AccessPolicySpec, raw)
