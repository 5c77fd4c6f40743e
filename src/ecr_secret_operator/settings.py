"""The configuration of the operator: the Go operator's flags and environment variables, and some more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .errors import InvalidField, shown
from .serving.address import Address

LEASE_NAME = "bc9c1120.mobb.redhat.com"
"""The Go operator's: while one is replaced by the other, only one of them leads."""

LOG_LEVELS = ("debug", "info", "warning", "error")

_NAMESPACE = re.compile("[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run.

    Attributes:
        kubeconfig: file to use; None for the usual places.
        namespaces: to look at; empty for all.
        metrics_address: None for no metrics server.
        metrics_per_resource: whether there are series for each resource.
        metrics_secure: whether the metrics are served over HTTPS, to users whom the API server allows to read them.
        metrics_certificate: directory of the metrics server's certificate; None for one that the process makes itself
            if `metrics_secure` is set, and for plain HTTP otherwise.
        probe_address: None for no probe server.
        leader_elect: whether to contend for the Lease.
        leader_election_namespace: of the Lease; None for the operator's own.
        workers: reconciles at a time.
        require_access_policy: whether nothing is served while there is no AccessPolicy.
        max_identity_watches: of ServiceAccounts and Secrets with AWS keys, in all namespaces.
    """

    kubeconfig: str | None
    namespaces: tuple[str, ...]
    metrics_address: Address | None
    probe_address: Address | None
    leader_elect: bool
    leader_election_namespace: str | None
    workers: int
    require_access_policy: bool = False
    max_identity_watches: int = 512
    metrics_per_resource: bool = True
    metrics_secure: bool = False
    metrics_certificate: Path | None = None


def parse_certificate(directory: str, *, secure: bool, metrics: Address | None, probes: Address | None) -> Path | None:
    """Reads --metrics-cert-path; empty for none.

    Args:
        directory: as given.
        secure: whether --metrics-secure is set.
        metrics: address of the metrics; None for none.
        probes: address of the probes; None for none.

    Raises:
        InvalidField: metrics over HTTPS share their address with the probes, which the kubelet asks without TLS.
    """
    if (directory or secure) and metrics and metrics == probes:
        raise InvalidField(
            f"{'--metrics-cert-path' if directory else '--metrics-secure'}: metrics and probes share an address, and"
            " probes ask without TLS. Give --health-probe-bind-address a port of its own"
        )
    return Path(directory) if directory else None


def parse_namespaces(text: str) -> tuple[str, ...]:
    """Reads WATCH_NAMESPACE: a comma list; empty for all.

    Raises:
        InvalidField: a name in it is none.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in names:
        if not _NAMESPACE.fullmatch(name):
            raise InvalidField(f"WATCH_NAMESPACE: {shown(name)} is not the name of a namespace")
    return names
