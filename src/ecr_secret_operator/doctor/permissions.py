"""What the operator has to be allowed, as questions to the API server, and what the answers mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..rbac import PERMISSIONS, Feature, Permission, RoleScope
from ..rbac.installation import NAMESPACE, SERVICE_ACCOUNT
from .access_review import AccessReview
from .finding import Finding, counted, error, ok, unknown, warning
from .workload import POINT, Workload

if TYPE_CHECKING:
    from .observed import ObservedInstallation


_OPTIONAL = {
    (permission.group, resource, verb)
    for permission in PERMISSIONS
    if permission.features
    for resource in permission.resources
    for verb in permission.verbs
}


def access_reviews(workload: Workload, namespace: str) -> list[AccessReview]:
    """All that the operator needs, as it is set up.

    Args:
        workload: how it runs.
        namespace: its own.
    """
    return [
        AccessReview(permission.group, resource, verb, place)
        for permission in PERMISSIONS
        for place in _places(permission, workload, namespace)
        for resource in permission.resources
        for verb in permission.verbs
    ]


def _places(permission: Permission, workload: Workload, namespace: str) -> Sequence[str]:
    if permission.metrics:
        return [""] if workload.metrics_secure else []
    if permission.scope is RoleScope.OWN:
        return [workload.lease_namespace or namespace] if workload.leader_elect else []
    if permission.scope is RoleScope.WATCHED:
        return workload.watched or [""]
    if permission.scope is RoleScope.ALL:
        return [] if workload.watched else [""]
    return [""]


def install_command(workload: Workload, namespace: str, *, account: bool = False) -> str:
    """What gives the operator its permissions.

    Args:
        workload: how the operator runs.
        namespace: of the operator.
        account: whether the ServiceAccount has to be created. Otherwise it is left as it is, and so is the namespace:
            kubectl apply would remove labels and annotations that it had set before.
    """
    options = [
        *([] if account else ["--roles-only"]),
        *([] if namespace == NAMESPACE else [f"--namespace {namespace}"]),
        *([] if workload.account in ("", SERVICE_ACCOUNT) else [f"--service-account {workload.account}"]),
        *([f"--watch-namespace {','.join(workload.watched)}"] if workload.watched else []),
        *(["--metrics-secure"] if workload.metrics_secure else []),
    ]
    return " ".join(["ecr-secret-operator rbac", *options, "| kubectl apply -f -"])


def check_permissions(seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    """Whether the operator's ServiceAccount is there, may do its work, and is held to it."""
    name, remedy = f"ServiceAccount {seen.namespace}/{seen.account}", install_command(workload, seen.namespace)
    if not seen.account_known and not seen.account_seen:
        remedy = "" if seen.deployments is None else POINT
        yield unknown("operator-permissions", "permissions of the operator", _unnamed(seen), remedy)
        return
    if seen.account_seen is not None and not seen.account_seen:
        create = install_command(workload, seen.namespace, account=True)
        yield error("operator-account-missing", name, "The operator's ServiceAccount does not exist", create)
        return
    if workload.watched_unknown:
        message = f"Which it needs depends on WATCH_NAMESPACE, which is not known: {workload.watched_unknown}"
        yield unknown("operator-permissions", name, message)
    elif seen.permissions is None:
        yield unknown(
            "operator-permissions", name, "You may not check the operator's permissions (create subjectaccessreviews)"
        )
    elif lacking := _lacking(seen.permissions, optional=False):
        for place, words in lacking.items():
            yield error("operator-permissions-lacking", name, _says(place, words), remedy)
    elif lacking := _lacking(seen.permissions, optional=True):
        for place, words in lacking.items():
            message = f"{_says(place, words)}. Resources with {' or '.join(sorted(Feature))} may need it"
            yield warning("operator-permissions-left-out", name, message, remedy)
    else:
        yield ok(
            "operator-permissions", name, f"It has the {counted(len(seen.permissions), 'permission')} that it needs"
        )


def _unnamed(seen: ObservedInstallation) -> str:
    """Why it is not known which ServiceAccount is the operator's."""
    if seen.deployments is None:
        return "You may not read the Deployment that names its ServiceAccount"
    usual = f", and ServiceAccount {seen.namespace}/{seen.account}, the usual one, does not exist"
    return f"No Deployment was found that names its ServiceAccount{usual if seen.account_seen == {} else ''}"


def _says(place: str, words: Sequence[str]) -> str:
    return f"It may not {f'in namespace {place}' if place else 'in the cluster'}: {', '.join(words)}"


def _lacking(permissions: Mapping[AccessReview, bool], *, optional: bool) -> dict[str, list[str]]:
    """By namespace, what it needs and may not; optional is what an installation can leave out."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for ask, allowed in permissions.items():
        if not allowed and ((ask.group, ask.resource, ask.verb) in _OPTIONAL) is optional:
            found[ask.namespace].append(ask.words)
    return dict(found)
