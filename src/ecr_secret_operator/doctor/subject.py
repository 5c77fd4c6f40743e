"""The resource that a check is about, with what else was seen of the cluster."""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.kinds import displayed
from .observed import Evidence, ObservedInstallation
from .workload import Workload

MOST_NAMED = 3
"""How many namespaces, pods or ServiceAccounts one finding names."""


def name_of(case: Evidence) -> str:
    """Kind and name of a resource, such as `Secret team-a/pull`; without a namespace for a cluster resource."""
    return displayed(case.credential.key)


@dataclass(frozen=True, slots=True)
class Subject:
    """One resource that is checked.

    Attributes:
        case: the resource and the objects that it names.
        seen: the installation.
        workload: how the operator runs.
    """

    case: Evidence
    seen: ObservedInstallation
    workload: Workload

    @property
    def name(self) -> str:
        """The resource's name, as findings show it."""
        return name_of(self.case)

    @property
    def namespace(self) -> str:
        """The resource's namespace; empty for a cluster resource."""
        return self.case.credential.key.namespace

    def edit(self) -> str:
        """The kubectl command that opens the resource in an editor."""
        place = "" if self.case.kind.clustered else f" -n {self.namespace}"
        return f"kubectl edit {self.case.kind.short_names[0]} {self.case.credential.key.name}{place}"
