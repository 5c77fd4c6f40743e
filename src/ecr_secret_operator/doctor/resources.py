"""Why one resource is not served as specified: from its status to the cause that you have to fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..domain.resource import InvalidSpec
from ..domain.secret.deletion import finalizers_hold
from ..domain.times import format_time
from ..reasons import NEEDS_A_PERSON, Reason
from .credential import CredentialState
from .finding import Finding, Level, counted, error, ok, warning
from .generated_secret import check_links, check_name_conflicts, check_stored
from .limited_images import check_images
from .observed import Evidence, ObservedInstallation
from .permissions import install_command
from .requested_identity import check_allowed, check_identities
from .subject import MOST_NAMED, Subject, name_of
from .workload import Workload

_AWS = "Allow the identity ecr:GetAuthorizationToken, or fix its role's trust policy: docs/identities/README.md"
_QUOTA = "exceeded quota"
"""In the API server's message (k8s.io/apiserver, plugin resourcequota)."""

_MESSAGE = "Follow the message. The operator tries again within 30 seconds: docs/reference/reasons.md"
GENERIC: Mapping[str, tuple[str, str]] = {
    Reason.AWS_ACCESS_DENIED: ("aws-access-denied", _AWS),
    Reason.AWS_UNAVAILABLE: ("aws-unavailable", _MESSAGE),
    Reason.IDENTITY_UNAVAILABLE: ("identity-unavailable", _MESSAGE),
    Reason.KUBERNETES_ERROR: (
        "kubernetes-error",
        "Check quotas and admission webhooks, and the operator's permissions",
    ),
    Reason.SECRET_CONFLICT: ("secret-conflict", "Remove that Secret, or choose another generated_secret_name"),
    Reason.POLICY_DENIED: ("policy-denied", "Ask the administrator of the AccessPolicies: docs/access-policy.md"),
    Reason.INVALID_SPEC: ("invalid-spec", "Correct the field"),
    Reason.TERMINATING: (
        "being-deleted",
        "Remove the finalizer's cause, or create the resource again after the deletion",
    ),
}


def check_resource(case: Evidence, seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    """The findings about one resource: its problems, or one finding of level OK when it has none."""
    findings = list(_problems(Subject(case, seen, workload)))
    yield from findings
    if not any(one.level in (Level.ERROR, Level.WARNING) for one in findings):
        limit = case.credential.limit
        limited = f". The limit of its tokens: {limit}" if limit else ""
        yield ok("resource", name_of(case), case.credential.message + limited)


def _problems(of: Subject) -> Iterator[Finding]:
    spec = of.case.kind.parse(of.case.raw.get("spec"))
    yield from _deletion(of)
    if isinstance(spec, InvalidSpec):
        yield error("invalid-spec", of.name, spec.message, of.edit())
        return
    unserved = list(_unserved(of))
    if unserved:
        yield from unserved
        return
    causes = [*check_identities(of, spec), *check_allowed(of, spec), *check_name_conflicts(of)]
    yield from causes
    yield from _said(of, causes)
    yield from _expiry(of)
    yield from check_stored(of, spec)
    yield from check_links(of, spec)
    yield from check_images(of)


def _deletion(of: Subject) -> Iterator[Finding]:
    """Whether the resource or its Secret is being deleted: finalizers hold what stays so."""
    remedy = "Find out why the controller of each finalizer does not remove it"
    if of.case.credential.deletion:
        yield warning("being-deleted", of.name, of.case.credential.deletion, remedy)
        return
    for place, stored in of.case.generated.items():
        if stored and stored.deleting:
            message = f"Secret {place}/{stored.name} is being deleted, and {finalizers_hold(stored.finalizers)}"
            yield warning("being-deleted", of.name, message, remedy)


def _unserved(of: Subject) -> Iterator[Finding]:
    """Whether the operator watches the resource."""
    watched = of.workload.watched
    flags = f"The operator watches only {', '.join(watched)}"
    if watched and of.case.kind.clustered:
        remedy = "Let an operator watch all namespaces: docs/guides/many-namespaces.md"
        yield error("not-watched", of.name, f"{flags}, and so serves no ClusterPullSecrets", remedy)
    elif watched and of.namespace not in watched:
        yield error("not-watched", of.name, f"{flags}, not namespace {of.namespace}", _watch(of))


def _watch(of: Subject) -> str:
    """The commands that let the operator watch one more namespace: first its permissions."""
    running, place = of.workload, of.seen.namespace
    more = replace(running, watched=[*running.watched, of.namespace])
    start = f"kubectl set env deployment/{running.name} -n {place} WATCH_NAMESPACE={','.join(more.watched)}"
    if running.watched_by_flag:
        start = f"kubectl edit deployment {running.name} -n {place} (--watch-namespace)"
    return f"Add it (watchNamespaces of the chart): {install_command(more, place)}; {start}"


def _said(of: Subject, causes: Sequence[Finding]) -> Iterator[Finding]:
    """What its status says, unless that is found already."""
    one = of.case.credential
    if one.state is CredentialState.SUSPENDED:
        yield from _suspended(of)
    elif one.state is CredentialState.PENDING and not one.reason:
        remedy = "See the findings about the operator. If it runs, wait a few seconds and try again"
        yield error("not-looked-at", of.name, one.message, remedy)
    elif (
        one.state in (CredentialState.ERROR, CredentialState.PENDING, CredentialState.FAILING) and one.reason in GENERIC
    ):
        cause, remedy = GENERIC[one.reason]
        if any(found.cause == cause or one.reason == Reason.IDENTITY_UNAVAILABLE for found in causes):
            return
        passing = one.reason not in NEEDS_A_PERSON and one.state is CredentialState.FAILING
        yield (warning if passing else error)(cause, of.name, _all_said(of), _raise_quota(of) or remedy)


def _raise_quota(of: Subject) -> str:
    """The remedy for a ResourceQuota that forbids the generated Secret; empty if none does."""
    one = of.case.credential
    places = [trouble.namespace for trouble in one.troubles if _QUOTA in trouble.message]
    if _QUOTA in one.message and of.namespace:
        places = [of.namespace]
    return f"Raise the quota: kubectl describe resourcequotas -n {places[0]}" if places else ""


def _all_said(of: Subject) -> str:
    one = of.case.credential
    places = [f"{trouble.namespace}: {trouble.reason}: {trouble.message}" for trouble in one.troubles[:MOST_NAMED]]
    return (
        one.message if not places or one.state is not CredentialState.ERROR else f"{one.message} ({'; '.join(places)})"
    )


def _suspended(of: Subject) -> Iterator[Finding]:
    one = of.case.credential
    place = "" if of.case.kind.clustered else f" -n {of.namespace}"
    patch = """--type merge -p '{"spec":{"suspend":false}}'"""
    remedy = f"kubectl patch {of.case.kind.short_names[0]} {one.key.name}{place} {patch}"
    expired = one.expires_at is not None and one.expires_at <= of.seen.now
    if expired or not one.ready:
        message = "It is suspended, and no valid token is stored"
        yield error("suspended", of.name, message + _used(of), remedy)
    else:
        yield warning("suspended", of.name, "It is suspended: the stored token is not refreshed", remedy)


def _expiry(of: Subject) -> Iterator[Finding]:
    one = of.case.credential
    remedy = "See the findings about the operator: it does not run, or does not reach the API server"
    if one.state is CredentialState.EXPIRED:
        yield error("token-expired", of.name, one.message + _used(of), remedy)
    elif one.state is CredentialState.OVERDUE:
        until = f". The token is good until {format_time(one.expires_at)}" if one.expires_at else ""
        yield error("refresh-overdue", of.name, one.message + until, remedy)
    elif one.state is not CredentialState.SUSPENDED and one.expires_at and one.expires_at <= of.seen.now:
        yield error("token-expired", of.name, f"The stored token is expired{_used(of)}", "Fix the findings above")


def _used(of: Subject) -> str:
    users = of.case.users
    if users is None or not (users.pods or users.accounts):
        return ""
    parts = [
        f"{counted(len(names), what)} ({', '.join(names[:MOST_NAMED])}{', ...' if len(names) > MOST_NAMED else ''})"
        for what, names in (("Pod", users.pods), ("ServiceAccount", users.accounts))
        if names
    ]
    verb = "pulls" if len(users.pods) + len(users.accounts) == 1 else "pull"
    return f". {' and '.join(parts)} {verb} with it"
