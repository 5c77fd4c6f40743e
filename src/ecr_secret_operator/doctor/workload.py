"""How the operator runs, as its Deployment says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..domain.environment import (
    FromSecret,
    Unknown,
    VariableSource,
    VariableSources,
    VariableValue,
    environment,
    expanded,
    sources_of,
)
from ..domain.raw import RawObject, items, mapping, mappings, number, text

PROGRAM = "ecr-secret-operator"
_VERSION = re.compile(r"v?[0-9]+[.][0-9]")
"""What a tag begins with that is a version, and no name such as `latest`."""
POINT = (
    "If the operator is there under other names, give them: ecr-secret-operator doctor --operator-namespace NAMESPACE"
    " --service-account NAME"
)
"""What to do where no Deployment of the operator was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How the operator runs.

    Attributes:
        name: of the Deployment; empty when there is none.
        replicas: wanted.
        available: that run and are ready.
        watched: namespaces that it watches; empty for all.
        watched_by_flag: whether --watch-namespace names them, and not the environment.
        watched_unknown: why those are not known, as a part of a sentence; empty when they are.
        leader_elect: whether it contends for the Lease.
        lease_namespace: of the Lease; empty for its own.
        policy_required: whether it serves nothing while there is no AccessPolicy.
        metrics_secure: whether it authenticates those who read the metrics.
        account: its ServiceAccount.
        variables: names of the environment variables that are set.
        secrets: names of the Secrets that it reads at start or has mounted.
    """

    name: str = ""
    replicas: int = 0
    available: int = 0
    watched: Sequence[str] = ()
    watched_by_flag: bool = False
    watched_unknown: str = ""
    leader_elect: bool = False
    lease_namespace: str = ""
    policy_required: bool = False
    metrics_secure: bool = False
    account: str = ""
    variables: frozenset[str] = field(default_factory=frozenset)
    secrets: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorVersion:
    """Which version of the operator a Deployment runs.

    Attributes:
        version: without a leading `v`; empty if it is not known.
        image: of the operator's container.
        namespace: of the Deployment.
        deployment: its name.
    """

    version: str
    image: str
    namespace: str
    deployment: str


def operator_version(deployment: RawObject) -> OperatorVersion:
    """Reads it from the image's tag, else from the label `app.kubernetes.io/version`. Never raises."""
    image = text(_operator(mapping(deployment, "spec", "template", "spec")), "image")
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    label = text(mapping(deployment, "metadata", "labels"), "app.kubernetes.io/version")
    return OperatorVersion(
        version=next((one.removeprefix("v") for one in (tag, label) if _VERSION.match(one)), ""),
        image=image,
        namespace=text(deployment, "metadata", "namespace"),
        deployment=text(deployment, "metadata", "name"),
    )


def is_operator(deployment: RawObject, account: str) -> bool:
    """Whether a Deployment runs the operator: by its ServiceAccount, else by its command or image."""
    pod = mapping(deployment, "spec", "template", "spec")
    if text(pod, "serviceAccountName") == account:
        return True
    return _container(pod) is not None


def sources_of_operator(deployment: RawObject) -> Iterator[VariableSource]:
    """The ConfigMaps and Secrets that the operator takes variables from."""
    container = _operator(mapping(deployment, "spec", "template", "spec"))
    return sources_of(container, text(deployment, "metadata", "namespace"))


def workload(deployment: RawObject, sources: VariableSources | None = None) -> Workload:
    """Reads a Deployment. Never raises.

    Args:
        deployment: of the operator.
        sources: the ConfigMaps and Secrets that it takes variables from, as far as they are known.
    """
    template, namespace = mapping(deployment, "spec", "template"), text(deployment, "metadata", "namespace")
    pod = mapping(template, "spec")
    container = _operator(pod)
    variables = environment(container, template, namespace, sources or VariableSources()).variables
    words = [str(word) for key in ("command", "args") for word in items(container, key)]
    given: dict[str, VariableValue] = {flag: expanded(value, variables) for flag, value in _flags(words)}
    flags = {flag: _known(value) for flag, value in given.items()}
    watch = given.get("--watch-namespace", variables.get("WATCH_NAMESPACE", ""))
    watched = _known(watch)
    replicas = mapping(deployment, "spec").get("replicas", 1)
    return Workload(
        name=text(deployment, "metadata", "name"),
        replicas=replicas if isinstance(replicas, int) else 1,
        available=number(deployment, "status", "availableReplicas"),
        watched=[name.strip() for name in watched.split(",") if name.strip()],
        watched_by_flag="--watch-namespace" in given,
        watched_unknown="" if isinstance(watch, str) else _reason(watch),
        leader_elect=flags.get("--leader-elect", "false") != "false",
        lease_namespace=flags.get("--leader-election-namespace", ""),
        policy_required=flags.get("--require-access-policy", "false") != "false",
        metrics_secure=flags.get("--metrics-secure", "false") != "false",
        account=text(pod, "serviceAccountName") or "default",
        variables=frozenset(variables),
        secrets=frozenset(_secrets(pod, container)),
    )


def _known(value: VariableValue) -> str:
    return value if isinstance(value, str) else ""


def _reason(value: FromSecret | Unknown) -> str:
    return value.why if isinstance(value, Unknown) else f"it is in Secret {value.secret}"


def _operator(pod: RawObject) -> RawObject:
    containers = mappings(pod, "containers")
    return _container(pod) or (containers[0] if containers else {})


def _container(pod: RawObject) -> RawObject | None:
    for one in mappings(pod, "containers"):
        command = [str(word).rpartition("/")[2] for word in items(one, "command")]
        image = text(one, "image").partition("@")[0].rpartition("/")[2].partition(":")[0]
        if PROGRAM in command or image == PROGRAM:
            return one
    return None


def _flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for at, word in enumerate(words):
        flag, is_set, value = word.partition("=")
        if not flag.startswith("--"):
            continue
        following = words[at + 1] if at + 1 < len(words) else "--"
        yield flag, value if is_set else ("true" if following.startswith("--") else following)


def _secrets(pod: RawObject, container: RawObject) -> Iterator[str]:
    for one in mappings(container, "env"):
        yield text(one, "valueFrom", "secretKeyRef", "name")
    for one in mappings(container, "envFrom"):
        yield text(one, "secretRef", "name")
    for volume in mappings(pod, "volumes"):
        yield text(volume, "secret", "secretName")
        for source in mappings(volume, "projected", "sources"):
            yield text(source, "secret", "name")
