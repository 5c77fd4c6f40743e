"""Why one resource is not served as specified: from its status to the cause that you have to fix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..api.fields import ROLE_ARN_PATTERN
from ..api.model import CommonSpec
from ..api.pull_secrets import RegistriesSpec
from ..domain.identity.authorization import assess
from ..domain.identity.identity import AccessKeys
from ..domain.identity.policy import Policy
from ..domain.identity.sources import KEY_ID, ROLE_ANNOTATION, SECRET_KEY, KeySecret, Missing, RoleAccount
from ..domain.raw import mapping, text
from ..domain.resource import InvalidSpec, Key, Resource
from ..domain.secret.deletion import finalizers_hold
from ..domain.times import format_time
from ..domain.tokens.token import Sensitive
from ..reasons import NEEDS_A_PERSON, Reason
from .credential import CredentialState
from .finding import Finding, Level, error, ok, unknown, warning
from .identities import complete
from .observed import Evidence, ObservedInstallation
from .workload import POINT, Workload

_TOLD = 3
"""Of how many namespaces, pods and ServiceAccounts a finding tells."""

_AWS = "Allow the identity ecr:GetAuthorizationToken, or fix its role's trust policy: docs/identities/README.md"
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
    """All that is wrong with one resource; one line that says so when nothing is."""
    findings = list(_problems(_Subject(case, seen, workload)))
    yield from findings
    if not any(one.level in (Level.ERROR, Level.WARNING) for one in findings):
        yield ok("resource", name_of(case), case.credential.message)


def name_of(case: Evidence) -> str:
    """As people name it: a cluster resource is in no namespace."""
    key = case.credential.key
    return f"{key.kind} {key.name}" if case.kind.clustered else f"{key.kind} {key.namespace}/{key.name}"


@dataclass(frozen=True, slots=True)
class _Subject:
    case: Evidence
    seen: ObservedInstallation
    workload: Workload

    @property
    def name(self) -> str:
        return name_of(self.case)

    @property
    def namespace(self) -> str:
        return self.case.credential.key.namespace

    def edit(self) -> str:
        """The command that opens it in an editor."""
        place = "" if self.case.kind.clustered else f" -n {self.namespace}"
        return f"kubectl edit {self.case.kind.short_names[0]} {self.case.credential.key.name}{place}"


def _problems(of: _Subject) -> Iterator[Finding]:
    spec = of.case.kind.parse(of.case.raw.get("spec"))
    yield from _deletion(of)
    if isinstance(spec, InvalidSpec):
        yield error("invalid-spec", of.name, spec.message, of.edit())
        return
    unserved = list(_unserved(of))
    if unserved:
        yield from unserved
        return
    causes = [*_identities(of, spec), *_denied(of, spec), *_conflicts(of)]
    yield from causes
    yield from _said(of, causes)
    yield from _expiry(of)
    yield from _stored(of, spec)
    yield from _links(of, spec)


def _deletion(of: _Subject) -> Iterator[Finding]:
    """Whether the resource or its Secret is being deleted: finalizers hold what stays so."""
    remedy = "Find out why the controller of each finalizer does not remove it"
    if of.case.credential.deletion:
        yield warning("being-deleted", of.name, of.case.credential.deletion, remedy)
        return
    for place, stored in of.case.generated.items():
        if stored and stored.deleting:
            message = f"Secret {place}/{stored.name} is being deleted, and {finalizers_hold(stored.finalizers)}"
            yield warning("being-deleted", of.name, message, remedy)


def _unserved(of: _Subject) -> Iterator[Finding]:
    """Whether the operator looks at it at all."""
    watched = of.workload.watched
    flags = f"The operator watches only {', '.join(watched)}"
    remedy = (
        "Add it to --watch-namespace (WATCH_NAMESPACE) of the operator, and to that of its permissions: docs/install.md"
    )
    if watched and of.case.kind.clustered:
        remedy = "Let an operator watch all namespaces: docs/guides/many-namespaces.md"
        yield error("not-watched", of.name, f"{flags}, and so serves no ClusterPullSecrets", remedy)
    elif watched and of.namespace not in watched:
        yield error("not-watched", of.name, f"{flags}, not namespace {of.namespace}", remedy)


def _identities(of: _Subject, spec: CommonSpec) -> Iterator[Finding]:
    """Whether the ServiceAccounts and Secrets that it names as identities are there, and complete."""
    named = any(entry.aws.service_account or entry.aws.credentials_secret for entry in spec.entries)
    if of.case.kind.clustered and not of.seen.place_known:
        if named:
            message = "Its AWS identity is in the operator's namespace, which was not found"
            yield unknown("identity", of.name, message, POINT)
        return
    for account in sorted({entry.aws.service_account for entry in spec.entries if entry.aws.service_account}):
        yield from _account(of, account)
    for secret in sorted({entry.aws.credentials_secret for entry in spec.entries if entry.aws.credentials_secret}):
        yield from _key_secret(of, secret)


def _account(of: _Subject, name: str) -> Iterator[Finding]:
    home = of.case.home
    found, place = of.case.accounts.get((home, name)), f"ServiceAccount {home}/{name}"
    annotate = f"kubectl annotate serviceaccount {name} -n {home} {ROLE_ANNOTATION}=ARN"
    if found is None:
        return
    if not found:
        remedy = f"kubectl create serviceaccount {name} -n {home}; {annotate}"
        yield error("account-missing", of.name, f"{place}, whose role it names, does not exist", remedy)
        return
    role = text(found, "metadata", "annotations", ROLE_ANNOTATION)
    if not role:
        yield error("account-not-annotated", of.name, f"{place} has no annotation {ROLE_ANNOTATION}", annotate)
    elif not re.fullmatch(ROLE_ARN_PATTERN, role):
        message = f"The annotation {ROLE_ANNOTATION} of {place} is not the ARN of a role"
        yield error("account-role-malformed", of.name, message, f"{annotate} --overwrite")


def _key_secret(of: _Subject, name: str) -> Iterator[Finding]:
    home = of.case.home
    found, place = of.case.secrets.get((home, name)), f"Secret {home}/{name}"
    make = (
        f"kubectl create secret generic {name} -n {home} --from-file={KEY_ID}=FILE --from-file={SECRET_KEY}=FILE"
        " (docs/identities/iam-user.md)"
    )
    if found is None:
        return
    if not found.there:
        yield error("keys-missing", of.name, f"{place}, whose keys it names, does not exist", make)
    elif not complete(found):
        lacking = [key for key in (KEY_ID, SECRET_KEY) if key not in found.names]
        yield error("keys-incomplete", of.name, f"{place} lacks {' and '.join(lacking)}", f"Replace it: {make}")


def _denied(of: _Subject, spec: CommonSpec) -> Iterator[Finding]:
    """What the policies say of it now: by the operator's own judgement."""
    if of.seen.policies is None or of.case.kind.clustered:
        return
    key = of.case.credential.key
    resource = Resource(key, "", "", 0, "", deleting=False, refresh_request="", spec=spec, status={})
    verdict = assess(resource, _Around(of), stored={}, policy_required=of.workload.policy_required)
    if verdict.denied:
        remedy = "Ask the administrator of the AccessPolicies: kubectl get ecrpolicy; docs/access-policy.md"
        yield error("policy-denied", of.name, verdict.denied, remedy)


@dataclass(frozen=True, slots=True)
class _Around:
    """What was seen, as the domain asks for it. What was not seen is waited for, and so judged by nobody."""

    of: _Subject

    def policies(self) -> Sequence[Policy]:
        return self.of.seen.policies or ()

    def labels(self, namespace: str) -> Mapping[str, str] | Missing:
        namespaces = self.of.seen.namespaces
        return Missing.NOT_YET if namespaces is None else namespaces.get(namespace, {})

    def account(self, namespace: str, name: str) -> RoleAccount | Missing:
        found = self.of.case.accounts.get((namespace, name))
        if found is None:
            return Missing.NOT_YET
        role = text(found, "metadata", "annotations", ROLE_ANNOTATION)
        return RoleAccount(namespace, name, "", role, "") if found else Missing.ABSENT

    def credentials(self, namespace: str, name: str) -> KeySecret | Missing:
        found = self.of.case.secrets.get((namespace, name))
        if found is None:
            return Missing.NOT_YET
        keys = AccessKeys("", Sensitive(""), None) if complete(found) else None
        return KeySecret(namespace, name, "", keys) if found.there else Missing.ABSENT


def _conflicts(of: _Subject) -> Iterator[Finding]:
    """Secrets of the generated name that were not made for it."""
    case = of.case
    taken = [place for place, stored in case.generated.items() if stored and not _ours(case, place)]
    for place in taken[:_TOLD]:
        stored = case.generated[place]
        owner = stored.owner_key if stored and stored.managed else None
        whose = f"is made for {owner.kind}/{owner.name}" if owner else "was not made by the operator"
        message = f"Secret {place}/{case.credential.secret} exists and {whose}: it is left as it is"
        other = f"or choose another generated_secret_name: {of.edit()}"
        remove = f"kubectl delete secret {case.credential.secret} -n {place}"
        remedy = f"Choose another generated_secret_name: {of.edit()}" if owner else f"{remove}, {other}"
        yield error("secret-conflict", of.name, message, remedy)


def _ours(case: Evidence, place: str) -> bool:
    stored, meta = case.generated[place], mapping(case.raw, "metadata")
    if stored is None:
        return True
    key = Key(case.kind.name, place, text(meta, "name"))
    made = Resource(key, text(meta, "uid"), "", 0, "", deleting=False, refresh_request="", spec=_NO_SPEC, status={})
    return stored.made_for(made)


_NO_SPEC = InvalidSpec("")


def _said(of: _Subject, causes: Sequence[Finding]) -> Iterator[Finding]:
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
        yield (warning if passing else error)(cause, of.name, _all_said(of), remedy)


def _all_said(of: _Subject) -> str:
    one = of.case.credential
    places = [f"{trouble.namespace}: {trouble.reason}: {trouble.message}" for trouble in one.troubles[:_TOLD]]
    return (
        one.message if not places or one.state is not CredentialState.ERROR else f"{one.message} ({'; '.join(places)})"
    )


def _suspended(of: _Subject) -> Iterator[Finding]:
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


def _expiry(of: _Subject) -> Iterator[Finding]:
    one = of.case.credential
    remedy = "See the findings about the operator: it does not run, or does not reach the API server"
    if one.state is CredentialState.EXPIRED:
        yield error("token-expired", of.name, one.message + _used(of), remedy)
    elif one.state is CredentialState.OVERDUE:
        until = f". The token is good until {format_time(one.expires_at)}" if one.expires_at else ""
        yield error("refresh-overdue", of.name, one.message + until, remedy)
    elif one.state is not CredentialState.SUSPENDED and one.expires_at and one.expires_at <= of.seen.now:
        yield error("token-expired", of.name, f"The stored token is expired{_used(of)}", "Fix the findings above")


def _used(of: _Subject) -> str:
    users = of.case.users
    if users is None or not (users.pods or users.accounts):
        return ""
    parts = [
        f"{len(names)} {what} ({', '.join(names[:_TOLD])}{', ...' if len(names) > _TOLD else ''})"
        for what, names in (("pods", users.pods), ("ServiceAccounts", users.accounts))
        if names
    ]
    return f". {' and '.join(parts)} pull with it"


def _stored(of: _Subject, spec: CommonSpec) -> Iterator[Finding]:
    """Whether the generated Secret is there, where its status says so."""
    one, case = of.case.credential, of.case
    if not one.ready or case.kind.clustered or of.namespace not in case.looked or of.namespace in case.generated:
        return
    message = f"Secret {of.namespace}/{spec.generated_secret_name} is missing and is not being restored"
    remedy = "See the findings about the operator. If it runs, try again: it restores a Secret within seconds"
    yield error("secret-missing", of.name, message, remedy)


def _links(of: _Subject, spec: CommonSpec) -> Iterator[Finding]:
    """Whether the ServiceAccounts that are to have the Secret are there. What else keeps it from them is a sentence."""
    absent = []
    for name in sorted(_linked(spec)):
        found = of.case.accounts.get((of.namespace, name))
        if found is not None and not found:
            absent.append(name)
    for name in absent:
        message = f"ServiceAccount {of.namespace}/{name}, to be linked, does not exist"
        yield error(
            "linked-account-missing", of.name, message, f"kubectl create serviceaccount {name} -n {of.namespace}"
        )
    if of.case.credential.links_fail and not absent and of.case.credential.state is not CredentialState.ERROR:
        yield error("not-linked", of.name, of.case.credential.linked, "Fix the cause that the message names")


def _linked(spec: CommonSpec) -> Sequence[str]:
    return tuple(spec.links) if isinstance(spec, RegistriesSpec) else ()
