"""Judges the operator's identity in AWS, as far as the cluster shows it, and the AccessPolicies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ..api.fields import ROLE_ARN_PATTERN
from ..domain.identity.access_policy import Policy
from ..domain.identity.sources import KEY_ID, ROLE_ANNOTATION, SECRET_KEY
from ..domain.raw import mappings, text
from ..domain.resource import InvalidSpec
from ..reasons import Reason
from .finding import Finding, counted, error, ok, unknown, warning
from .observed import Keys, ObservedInstallation
from .workload import Workload

KEYS_SECRET = "aws-ecr-cloud-credentials"  # noqa: S105 - its name
"""As the Go operator's guides name it."""

CONFIG_FILE = "credentials"
"""The entry of that Secret which is mounted as the SDK's configuration file."""

SUBJECT = "AWS identity"
ROLE_VARIABLE = "ROLEARN"
"""OperatorHub sets it on OpenShift clusters with STS. The operator then uses no other identity."""

_POD_IDENTITY, _WEB_IDENTITY = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"


def check_identity(seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    """By ROLEARN, a Secret with keys or a configuration file, a role of its ServiceAccount, or by Pod Identity."""
    if ROLE_VARIABLE in workload.variables:
        yield ok("aws-identity", SUBJECT, f"It has the role that its environment variable {ROLE_VARIABLE} names")
        return
    findings = [*_secrets(seen), *_role(seen, workload), *_injected(seen, workload)]
    if findings:
        yield from findings
    elif any(found is None for found in seen.secrets.values()):
        yield unknown("aws-identity", SUBJECT, "You may not read the Secret with the AWS keys")
    elif not seen.operator_found:
        yield unknown("aws-identity", SUBJECT, "No Deployment was found, so its identity is unknown")
    elif seen.account_seen is None or seen.pods is None:
        hidden = "pods" if seen.account_seen is not None else "ServiceAccount"
        yield unknown("aws-identity", SUBJECT, f"You may not read the operator's {hidden}, which would show it")
    else:
        yield from _none(seen)


def _none(seen: ObservedInstallation) -> Iterator[Finding]:
    asked = [one for one in seen.credentials if any(use.identity == "operator" for use in one.uses)]
    refused = [one for one in asked if one.reason == Reason.IDENTITY_UNAVAILABLE]
    create = f"kubectl create secret generic {KEYS_SECRET} -n {seen.namespace} --from-file={CONFIG_FILE}"
    remedy = f"Give it one (docs/identities/README.md), such as a file with the keys of an IAM user: {create}"
    pods = "no Pod Identity" if seen.pods else "no pod that would show Pod Identity"
    message = f"There is no Secret {KEYS_SECRET}, no role on the ServiceAccount and {pods}"
    if refused:
        yield error("aws-identity-missing", SUBJECT, message, remedy)
    elif asked and not any(one.ready for one in asked):
        yield warning("aws-identity-unknown", SUBJECT, f"{message}: it can only have that of its node", remedy)
    else:
        yield ok("aws-identity", SUBJECT, "It uses the identity of its node or environment, if it needs one")


def _secrets(seen: ObservedInstallation) -> Iterator[Finding]:
    for name, found in seen.secrets.items():
        subject = f"Secret {seen.namespace}/{name}"
        if found is None or not found.there:
            continue
        if CONFIG_FILE in found.names or {KEY_ID, SECRET_KEY} <= found.names:
            yield ok("aws-identity", subject, f"It has {', '.join(sorted(found.names))}")
        elif name == KEYS_SECRET or found.names & {KEY_ID, SECRET_KEY}:
            lacking = [key for key in (KEY_ID, SECRET_KEY) if key not in found.names]
            message = f"It has neither {CONFIG_FILE} nor {' and '.join(lacking)}"
            yield error("aws-credentials-incomplete", subject, message, "Make it again: docs/identities/iam-user.md")


def _role(seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    role = text(seen.account_seen, "metadata", "annotations", ROLE_ANNOTATION)
    subject = f"ServiceAccount {seen.namespace}/{seen.account}"
    if not role:
        return
    if not re.fullmatch(ROLE_ARN_PATTERN, role):
        remedy = f"kubectl annotate serviceaccount {seen.account} -n {seen.namespace} --overwrite {ROLE_ANNOTATION}=ARN"
        yield error(
            "operator-role-malformed", subject, f"Its annotation {ROLE_ANNOTATION} is not the ARN of a role", remedy
        )
        return
    pods = seen.pods or ()
    if pods and not any(_WEB_IDENTITY in _variables(pod) for pod in pods):
        remedy = f"kubectl rollout restart deployment {workload.name} -n {seen.namespace}"
        message = f"It has role {role}, but the Pods do not: they are older, or the webhook is missing"
        yield warning("operator-role-not-injected", subject, message, remedy)
        return
    yield ok("aws-identity", subject, f"It has role {role}")


def _injected(seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    if any(_POD_IDENTITY in _variables(pod) for pod in seen.pods or ()):
        yield ok("aws-identity", SUBJECT, "It has EKS Pod Identity")
    elif workload.variables & {"AWS_ROLE_ARN", _WEB_IDENTITY, _POD_IDENTITY}:
        yield ok("aws-identity", SUBJECT, "It has a role by its environment")


def _variables(pod: object) -> set[str]:
    return {
        text(one, "name") for container in mappings(pod, "spec", "containers") for one in mappings(container, "env")
    }


def complete(found: Keys) -> bool:
    """Whether a Secret has the keys of an IAM user, by their names."""
    return {KEY_ID, SECRET_KEY} <= found.names


def check_policies(seen: ObservedInstallation, workload: Workload, named: Collection[str] = ()) -> Iterator[Finding]:
    """Whether they can be read, select anything, and are there where they are required.

    Args:
        seen: the installation.
        workload: how the operator runs.
        named: policies that get a finding of their own even if they are good.
    """
    if seen.policies is None:
        yield unknown("policies", "AccessPolicies", "You may not list them")
        return
    findings = [one for policy in seen.policies for one in _policy(policy, seen, told=policy.name in named)]
    if workload.policy_required and not seen.policies:
        remedy = "Create one: docs/access-policy.md"
        message = "There is none, and the operator runs with --require-access-policy, so all requests are denied"
        findings.append(error("policy-required", "AccessPolicies", message, remedy))
    yield from findings
    if not findings:
        count = len(seen.policies)
        message = (
            f"{count}, each in force" if count else "None, so every namespace may use every identity of the operator"
        )
        yield ok("policies", "AccessPolicies", message)


def _policy(policy: Policy, seen: ObservedInstallation, *, told: bool) -> Iterator[Finding]:
    """What is wrong with a policy; if nothing is wrong, what it selects, where that is wanted."""
    subject, edit, spec = f"AccessPolicy {policy.name}", f"kubectl edit ecrpolicy {policy.name}", policy.spec
    if isinstance(spec, InvalidSpec):
        yield error("policy-invalid", subject, f"It allows nothing: {spec.message}", edit)
        return
    namespaces = (seen.namespaces or {}).items()
    selected = sum(spec.namespaces.selects(*one) for one in namespaces)
    if seen.namespaces is not None and not selected:
        yield warning("policy-selects-nothing", subject, "It selects none of the existing namespaces", edit)
    elif told and seen.namespaces is None:
        yield unknown("policy", subject, "It is valid. You may not list the namespaces that it could select")
    elif told:
        message = f"It is valid and selects {selected} of {counted(len(namespaces), 'namespace')}"
        yield ok("policy", subject, message)
