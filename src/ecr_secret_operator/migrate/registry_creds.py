"""upmc-enterprises/registry-creds: a workload that writes one Secret into all namespaces (README, source of 1.10)."""

from __future__ import annotations

from ..domain.environment import VariableSources
from ..domain.raw import RawObject, text
from .identity import AccountsByName, identity
from .pods import Pod, pod_with
from .translation import (
    ACCOUNT,
    REGION,
    SECRET_NAME,
    Hints,
    Translation,
    account_of,
    host,
    kubectl,
    registries,
    resource,
)

IMAGE = "upmcenterprises/registry-creds"
KINDS = ("Deployment", "ReplicationController", "DaemonSet", "ReplicaSet")
_OTHERS = {"DOCKER_PRIVATE_REGISTRY_SERVER": "a private registry", "ACR_URL": "Azure", "gcrurl": "Google"}


POD = ("spec", "template")
_REGION, _ACCOUNT, _ROLE = "awsregion", "awsaccount", "aws_assume_role"
_DEFAULT_REGION, _DEFAULT_SECRET = "us-east-1", "awsecr-cred"


def carry(raw: RawObject, accounts: AccountsByName, hints: Hints, sources: VariableSources) -> Translation | None:
    """Translates a workload; None where it is another one."""
    kind = text(raw, "kind")
    pod = pod_with(raw, IMAGE, sources, *POD) if kind in KINDS else None
    if pod is None:
        return None
    name = text(raw, "metadata", "name")
    into = Translation(f"{kind} {pod.namespace}/{name} (upmc-enterprises/registry-creds)")
    into.needed.extend(f"Check {_ACCOUNT}, {_REGION}, {_ROLE} and the AWS keys: {one}" for one in pod.problems)
    secret = _told(pod, ("", "aws-secret-name"), SECRET_NAME, into) or _DEFAULT_SECRET
    spec = {
        "generated_secret_name": secret,
        **registries(_hosts(pod, hints, into)),
        **(_role(pod, into) or identity(pod, accounts, hints.operator_namespace, into)),
        "namespaces": {"exclude": ["kube-*", "openshift-*", "openshift"]},
        "link": [{"service_account": "default", "for": ["pull"]}],
    }
    into.documents.append(resource("ClusterPullSecret", secret, "", spec))
    others = [words for variable, words in _OTHERS.items() if variable in pod.variables]
    if others:
        into.lost.append(f"Its registries beside ECR ({', '.join(others)}), if it had any: keep it for these")
    into.lost.append(
        "Its Secret in kube-* and openshift-* namespaces: they are left out here, change exclude if needed"
    )
    into.removal.append(kubectl("delete", kind.lower(), name, "-n", pod.namespace))
    into.removal.append(f"{kubectl('delete', 'secret', secret)} -n NAMESPACE, for each namespace that had it")
    into.notes.append(
        "The entry that it left in imagePullSecrets of default ServiceAccounts has the same name, and stays"
    )
    into.notes.append("Until an old Secret is removed its namespace says SecretConflict; it is served within 30 s then")
    return into


def _hosts(pod: Pod, hints: Hints, into: Translation) -> list[str]:
    region = _told(pod, (_REGION, "aws-region"), REGION, into) or _DEFAULT_REGION
    role = pod.given(_ROLE, _ROLE)
    known = pod.text(_ACCOUNT) or hints.account or account_of(role if isinstance(role, str) else "")
    named = known or _told(pod, (_ACCOUNT, ""), ACCOUNT, into) or ACCOUNT
    return [host(account.strip(), region) for account in named.split(",") if account.strip()]


def _told(pod: Pod, names: tuple[str, str], blank: str, into: Translation) -> str:
    """The value of a variable or flag; a blank to be filled in where it is not known."""
    variable, flag = names
    found = pod.given(variable, flag)
    if isinstance(found, str):
        return found
    hint = " (or give --account)" if blank == ACCOUNT else ""
    into.needed.append(f"Fill in {blank}{hint}: {pod.unknown(variable or f'--{flag}', found)}")
    return blank


def _role(pod: Pod, into: Translation) -> dict[str, object]:
    found = pod.given(_ROLE, _ROLE)
    if not isinstance(found, str):
        into.notes.append(
            f"It may name a role to assume: if it does, write that as aws.role_arn instead of this value."
            f" {pod.unknown(_ROLE, found)}"
        )
        return {}
    if not found:
        return {}
    into.needed.append(f"Let the trust policy of role {found} admit this operator: docs/identities/README.md")
    return {"aws": {"role_arn": found}}
