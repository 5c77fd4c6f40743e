"""upmc-enterprises/registry-creds: a workload that writes one Secret into all namespaces (README, source of 1.10)."""

from __future__ import annotations

from ..domain.raw import Raw, text
from .carried import ACCOUNT, REGION, Carried, Hints, account_of, host, kubectl, registries, resource
from .identity import Accounts, identity
from .pods import FromSecret, Pod, pod_with

IMAGE = "upmcenterprises/registry-creds"
KINDS = ("Deployment", "ReplicationController", "DaemonSet", "ReplicaSet")
_OTHERS = {"DOCKER_PRIVATE_REGISTRY_SERVER": "a private registry", "ACR_URL": "Azure", "gcrurl": "Google"}


def carry(raw: Raw, accounts: Accounts, hints: Hints) -> Carried | None:
    """Translates a workload; None where it is another one."""
    kind = text(raw, "kind")
    pod = pod_with(raw, IMAGE, "spec", "template", "spec") if kind in KINDS else None
    if pod is None:
        return None
    name = text(raw, "metadata", "name")
    into = Carried(f"{kind} {pod.namespace}/{name} (upmc-enterprises/registry-creds)")
    secret = pod.flags.get("aws-secret-name", "awsecr-cred")
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


def _hosts(pod: Pod, hints: Hints, into: Carried) -> list[str]:
    region = _told(pod, "awsregion", pod.flags.get("aws-region", "us-east-1"), REGION, into)
    role = pod.text("aws_assume_role") or pod.flags.get("aws_assume_role", "")
    known = pod.text("awsaccount") or hints.account or account_of(role)
    named = known or _told(pod, "awsaccount", ACCOUNT, ACCOUNT, into)
    return [host(account.strip(), region) for account in named.split(",") if account.strip()]


def _told(pod: Pod, variable: str, otherwise: str, blank: str, into: Carried) -> str:
    """A variable's value; a blank to be filled in where it is in a Secret, which is not read."""
    found = pod.variables.get(variable)
    if isinstance(found, FromSecret):
        path = "jsonpath={.data." + found.key.replace(".", "\\.") + "}"
        show = f"{kubectl('get', 'secret', found.secret, '-n', pod.namespace, '-o', path)} | base64 -d"
        hint = " (or give --account)" if blank == ACCOUNT else ""
        into.needed.append(f"Fill in {blank}, which is in a Secret{hint}: {show}")
        return blank
    return found or otherwise


def _role(pod: Pod, into: Carried) -> dict[str, object]:
    found = pod.variables.get("aws_assume_role") or pod.flags.get("aws_assume_role", "")
    if isinstance(found, FromSecret):
        into.notes.append(
            f"Secret {pod.namespace}/{found.secret} may name a role to assume, in {found.key}: if it does, write it as"
            " aws.role_arn in place of what stands there"
        )
    if not found or isinstance(found, FromSecret):
        return {}
    into.needed.append(f"Let the trust policy of role {found} admit this operator: docs/identities/README.md")
    return {"aws": {"role_arn": found}}
