"""How the operator runs, as its Deployment says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..domain.raw import Raw, items, mapping, mappings, number, text

PROGRAM = "ecr-secret-operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How the operator runs.

    Attributes:
        name: of the Deployment; empty when there is none.
        replicas: wanted.
        available: that run and are ready.
        watched: namespaces that it looks at; empty for all.
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
    leader_elect: bool = False
    lease_namespace: str = ""
    policy_required: bool = False
    metrics_secure: bool = False
    account: str = ""
    variables: frozenset[str] = field(default_factory=frozenset)
    secrets: frozenset[str] = field(default_factory=frozenset)


def is_operator(deployment: Raw, account: str) -> bool:
    """Whether a Deployment runs the operator: by its ServiceAccount, else by its command or image."""
    pod = mapping(deployment, "spec", "template", "spec")
    if text(pod, "serviceAccountName") == account:
        return True
    return _container(pod) is not None


def workload(deployment: Raw) -> Workload:
    """Reads a Deployment. Never raises."""
    pod = mapping(deployment, "spec", "template", "spec")
    containers = mappings(pod, "containers")
    container = _container(pod) or (containers[0] if containers else {})
    variables = {text(one, "name"): text(one, "value") for one in mappings(container, "env")}
    flags = dict(_flags([str(word) for key in ("command", "args") for word in items(container, key)]))
    watched = flags.get("--watch-namespace", variables.get("WATCH_NAMESPACE", ""))
    replicas = mapping(deployment, "spec").get("replicas", 1)
    return Workload(
        name=text(deployment, "metadata", "name"),
        replicas=replicas if isinstance(replicas, int) else 1,
        available=number(deployment, "status", "availableReplicas"),
        watched=[name.strip() for name in watched.split(",") if name.strip()],
        leader_elect=flags.get("--leader-elect", "false") != "false",
        lease_namespace=flags.get("--leader-election-namespace", ""),
        policy_required=flags.get("--require-access-policy", "false") != "false",
        metrics_secure=flags.get("--metrics-secure", "false") != "false",
        account=text(pod, "serviceAccountName"),
        variables=frozenset(variables),
        secrets=frozenset(_secrets(pod, container)),
    )


def _container(pod: Raw) -> Raw | None:
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


def _secrets(pod: Raw, container: Raw) -> Iterator[str]:
    for one in mappings(container, "env"):
        yield text(one, "valueFrom", "secretKeyRef", "name")
    for one in mappings(container, "envFrom"):
        yield text(one, "secretRef", "name")
    for volume in mappings(pod, "volumes"):
        yield text(volume, "secret", "secretName")
        for source in mappings(volume, "projected", "sources"):
            yield text(source, "secret", "name")
