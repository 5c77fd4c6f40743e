"""Checks of the AWS identities that a resource names: they exist, are complete, and AccessPolicies allow them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..api.fields import ROLE_ARN_PATTERN
from ..api.model import CommonSpec
from ..domain.identity.access_policy import Policy
from ..domain.identity.authorization import assess
from ..domain.identity.identity import AccessKeys
from ..domain.identity.sources import KEY_ID, ROLE_ANNOTATION, SECRET_KEY, KeySecret, Missing, RoleAccount
from ..domain.raw import text
from ..domain.resource import Resource
from ..domain.tokens.token import Sensitive
from .finding import Finding, error, unknown
from .identities import complete
from .subject import Subject
from .workload import POINT


def check_identities(of: Subject, spec: CommonSpec) -> Iterator[Finding]:
    """Reports ServiceAccounts and Secrets named as identities that do not exist or are incomplete."""
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


def _account(of: Subject, name: str) -> Iterator[Finding]:
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


def _key_secret(of: Subject, name: str) -> Iterator[Finding]:
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


def check_allowed(of: Subject, spec: CommonSpec) -> Iterator[Finding]:
    """Reports a resource that the AccessPolicies deny now. The decision is that of the operator itself (`assess`)."""
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
    """The observed objects, as `assess` reads them. An object that may not be read is NOT_YET, and denies nothing."""

    of: Subject

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
