"""What doctor judges, as it was read. A read has three possible results.

An empty mapping means that there is none. None means that the user may not read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..domain.environment import VariableSources
from ..domain.identity.access_policy import Policy
from ..domain.kinds import Kind
from ..domain.raw import RawObject
from ..domain.secret.stored import StoredSecret
from .access_review import AccessReview
from .credential import Credential
from .workload import Workload

Seen = RawObject | None
"""An object; empty when there is none; None where one may not look."""

Name = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A Secret of which only the names of its data are known: never a value.

    Attributes:
        there: whether there is such a Secret.
        names: of the entries that are not empty.
    """

    there: bool
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedInstallation:
    """The operator, and what it needs of the cluster.

    Attributes:
        now: when it was read (UTC).
        server: URL of the API server.
        definitions: CustomResourceDefinitions by name.
        served: plurals of the group's kinds that are served, which everybody may know.
        namespace: that the operator is in, or ought to be.
        account: ServiceAccount of the operator.
        account_seen: that ServiceAccount.
        deployments: those of the operator, of which there should be one.
        pods: of that Deployment.
        lease: that leader election contends for.
        permissions: what the operator's ServiceAccount may do; None where that cannot be asked.
        guards: all admission policies; None where one may not look.
        bindings: of those.
        secrets: those with the operator's AWS keys, by name; None for one that the user may not read.
        policies: all AccessPolicies; None where one may not look.
        namespaces: labels by namespace; None where one may not look.
        credentials: all resources that may be seen.
        place_known: whether the operator is, or is said to be, in that namespace; otherwise the name is the usual one.
        account_known: whether a Deployment or the user names that ServiceAccount; otherwise the name is the usual one.
        elsewhere: other namespaces with a Deployment that runs the operator.
        everywhere: whether the Deployments of all namespaces could be searched.
        sources: the ConfigMaps, and the Secrets without values, that the Deployment takes variables from.
        pull_secrets: the Secrets in imagePullSecrets of the Pods, by name; None for one that the user may not read.
        network_policies: those of the operator's namespace; None where one may not look.
        rivals: other Deployments that run the operator, with their namespaces; None where one may not look.
        slow: events of the last hour or so that report a slow namespace; None where one may not look.
    """

    now: datetime
    server: str
    definitions: Mapping[str, Seen]
    served: frozenset[str]
    namespace: str
    account: str
    account_seen: Seen
    deployments: Sequence[RawObject] | None
    pods: Sequence[RawObject] | None
    lease: Seen
    permissions: Mapping[AccessReview, bool] | None
    guards: Sequence[RawObject] | None
    bindings: Sequence[RawObject] | None
    secrets: Mapping[str, Keys | None]
    policies: Sequence[Policy] | None
    namespaces: Mapping[str, Mapping[str, str]] | None
    credentials: Sequence[Credential]
    place_known: bool = True
    account_known: bool = True
    elsewhere: Sequence[str] = ()
    everywhere: bool = True
    sources: VariableSources = field(default_factory=VariableSources)
    pull_secrets: Mapping[str, Keys | None] = field(default_factory=dict)
    network_policies: Sequence[RawObject] | None = ()
    rivals: Sequence[tuple[str, Workload]] | None = ()
    slow: Sequence[RawObject] | None = ()

    @property
    def operator_found(self) -> bool:
        """Whether a Deployment was found that runs the operator."""
        return bool(self.deployments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """Who pulls with a Secret, by `imagePullSecrets`.

    Attributes:
        accounts: names of ServiceAccounts.
        pods: names of pods.
        images: of these pods: name of the pod, and image of one of its containers.
    """

    accounts: Sequence[str] = ()
    pods: Sequence[str] = ()
    images: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One resource and what it names.

    Attributes:
        kind: of it.
        raw: the resource.
        credential: what its status says.
        home: namespace of the identities that it names.
        generated: the Secrets of the generated name by namespace: None where one may not look, and no entry where
            there is none.
        accounts: ServiceAccounts that it names, in whatever namespace.
        secrets: Secrets with keys that it names; None for one that the user may not read.
        users: of the generated Secret; None where one may not look.
    """

    kind: Kind
    raw: RawObject
    credential: Credential
    home: str
    generated: Mapping[str, StoredSecret | None] = field(default_factory=dict)
    looked: frozenset[str] = frozenset()
    accounts: Mapping[Name, Seen] = field(default_factory=dict)
    secrets: Mapping[Name, Keys | None] = field(default_factory=dict)
    users: Users | None = None
