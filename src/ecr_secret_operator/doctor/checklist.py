"""All checks in the order in which one thing needs another: what stands first is to be fixed first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .credential import Credential
from .definitions import check_definitions
from .finding import Finding, ok
from .guards import check_guards
from .identities import check_identity, check_policies
from .observed import Evidence, ObservedInstallation
from .permissions import check_permissions, install_command
from .resources import check_resource
from .running import check_running
from .slowness import check_slowness
from .workload import Workload, workload

MOST_EXAMINED = 50
"""How many resources are examined in one go; each costs some reads."""


def workload_of(seen: ObservedInstallation) -> Workload:
    """How the operator runs; all defaults where that is not to be seen."""
    return workload(seen.deployments[0], seen.sources) if seen.deployments else Workload()


def to_examine(credentials: Sequence[Credential]) -> list[Credential]:
    """Those that need it, the worst first."""
    return [one for one in sorted(credentials, key=lambda one: one.ready) if not one.good][:MOST_EXAMINED]


def check(seen: ObservedInstallation, cases: Sequence[Evidence], policies: Sequence[str] = ()) -> Iterator[Finding]:
    """The whole list.

    Args:
        seen: the installation.
        cases: the resources that were examined.
        policies: names of AccessPolicies that get a finding of their own even if they are good.
    """
    running = workload_of(seen)
    yield ok("api-server", "API server", f"{seen.server} answers")
    yield from check_definitions(seen)
    if seen.operator_found:  # without its permissions it does not become ready
        yield from check_permissions(seen, running)
        yield from check_running(seen, running)
    else:
        yield from check_running(seen, running)
        yield from check_permissions(seen, running)
    yield from check_guards(seen, install_command(running, seen.namespace))
    yield from check_identity(seen, running)
    yield from check_policies(seen, running, policies)
    yield from check_slowness(seen)
    for case in cases:
        yield from check_resource(case, seen, running)
    yield from _others(seen, cases)


def _others(seen: ObservedInstallation, cases: Sequence[Evidence]) -> Iterator[Finding]:
    examined = {case.credential.key for case in cases}
    others = [one for one in seen.credentials if one.key not in examined]
    good = sum(one.good for one in others)
    if good:
        yield ok("resources", "resources", f"{good} {'is' if good == 1 else 'are'} served as specified")
    if len(others) > good and cases:
        yield ok("resources", "resources", f"{len(others) - good} more need attention and were not examined")
