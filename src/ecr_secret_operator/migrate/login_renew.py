"""nabsul/k8s-ecr-login-renew: a CronJob that writes one Secret into some namespaces (README and source of v1.7.1)."""

from __future__ import annotations

import re

from ..domain.environment import VariableSources
from ..domain.raw import RawObject, text
from .identity import AccountsByName, identity, role_of
from .pods import Pod, pod_with, say_what_is_unknown
from .translation import (
    NAMESPACE,
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

IMAGE = "k8s-ecr-login-renew"
POD = ("spec", "jobTemplate", "spec", "template")
_SETTINGS = {
    "DOCKER_SECRET_NAME": SECRET_NAME,
    "DOCKER_REGISTRIES": "ecr_registry and additional_registries",
    "AWS_REGION": REGION,
    "TARGET_NAMESPACE": "the namespaces",
    "EXCLUDE_NAMESPACE": "the namespaces to leave out",
}


def carry(raw: RawObject, accounts: AccountsByName, hints: Hints, sources: VariableSources) -> Translation | None:
    """Translates a CronJob; None where it is another one."""
    pod = pod_with(raw, IMAGE, sources, *POD) if text(raw, "kind") == "CronJob" else None
    if pod is None:
        return None
    name = text(raw, "metadata", "name")
    into = Translation(f"CronJob {pod.namespace}/{name} (nabsul/k8s-ecr-login-renew)")
    settings = {key: value for key, value in _SETTINGS.items() if key != "AWS_REGION" or not _registries(pod)}
    say_what_is_unknown(pod, settings, into)
    secret = _text(pod, "DOCKER_SECRET_NAME", SECRET_NAME) or "k8s-ecr-login-renew-docker-secret"
    included = _names(_text(pod, "TARGET_NAMESPACE", NAMESPACE)) or ["default"]
    excluded = _names(_text(pod, "EXCLUDE_NAMESPACE", NAMESPACE))
    spec = {"generated_secret_name": secret, **registries(_hosts(pod, accounts, hints, into))}
    if len(included) == 1 and not excluded and not set(included[0]) & set("*?"):
        place = included[0]
        document = resource("Secret", secret, place, {**spec, **identity(pod, accounts, place, into)})
        into.removal.append(kubectl("delete", "secret", secret, "-n", place))
    else:
        chosen = {"include": included, **({"exclude": excluded} if excluded else {})}
        spec = {**spec, **identity(pod, accounts, hints.operator_namespace, into), "namespaces": chosen}
        document = resource("ClusterPullSecret", secret, "", spec)
        into.removal.append(f"{kubectl('delete', 'secret', secret)} -n NAMESPACE, for each namespace that had it")
    into.documents.append(document)
    into.lost.append(f"Its schedule {text(raw, 'spec', 'schedule')!r}: tokens are refreshed by their expiry")
    into.removal.insert(0, kubectl("delete", "cronjob", name, "-n", pod.namespace))
    into.notes.append("Until the old Secret is removed the resource says SecretConflict; it is served within 30 s then")
    into.notes.append(
        "Its ServiceAccount, ClusterRole and ClusterRoleBinding, and the Secret with its keys, can go too"
    )
    return into


def _text(pod: Pod, name: str, blank: str) -> str:
    """A variable's value; a blank to be filled in where it is not known."""
    return blank if pod.unknown(name, pod.given(name)) else pod.text(name)


def _names(value: str) -> list[str]:
    """Separated by comma, semicolon or line; white space does not count."""
    return [part for part in re.split("[,;\n]", re.sub(r"[ \r\t\v]", "", value)) if part]


def _hosts(pod: Pod, accounts: AccountsByName, hints: Hints, into: Translation) -> list[str]:
    if pod.unknown("", pod.given("DOCKER_REGISTRIES")):
        return [host("", "")]
    if named := _registries(pod):
        return [re.sub("^https?://", "", one).rstrip("/") for one in named]
    account = hints.account or account_of(role_of(accounts, pod.namespace, pod.account))
    if not account:
        into.needed.append("Fill in ACCOUNT_ID: it used the registry of the account of its keys. Or give --account")
    return [host(account, pod.text("AWS_REGION"))]


def _registries(pod: Pod) -> list[str]:
    return [part.strip() for part in pod.text("DOCKER_REGISTRIES").split(",") if part.strip()]
