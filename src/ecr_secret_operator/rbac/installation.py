"""How the operator is installed, as far as its permissions depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PREFIX = "ecr-secret-operator"
NAMESPACE = "ecr-secret-operator"
SERVICE_ACCOUNT = "ecr-secret-operator-controller-manager"
"""As the Go operator's bundle names it: trust policies in AWS name it too."""

DEFAULT_AUDIENCES = ("sts.amazonaws.com", "sts.amazonaws.com.cn", "openshift")
"""What AWS STS takes, by EKS's convention, that in China, and that of OpenShift; the API server takes none of them."""


DEFAULT_EXCLUDED = ("kube-*", "openshift-*", "openshift")
"""Namespaces of the cluster itself. What runs there often has AWS roles that are worth most."""


class Feature(StrEnum):
    """An optional feature of an installation, which needs permissions of its own."""

    TOKENS = "aws.service_account"
    LINKS = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One installation.

    Attributes:
        namespace: the operator's own.
        service_account: name of its ServiceAccount.
        watched: namespaces to look at; empty for all.
        audiences: for which it may create tokens of ServiceAccounts.
        excluded: namespaces of whose ServiceAccounts it may create no tokens, as globs; never its own namespace.
        features: what it has the permissions for.
    """

    namespace: str = NAMESPACE
    service_account: str = SERVICE_ACCOUNT
    watched: tuple[str, ...] = ()
    audiences: tuple[str, ...] = DEFAULT_AUDIENCES
    excluded: tuple[str, ...] = DEFAULT_EXCLUDED
    features: frozenset[Feature] = frozenset(Feature)

    @property
    def prefix(self) -> str:
        """The prefix of the names of its objects, which differs between installations in one cluster."""
        return PREFIX if self.namespace == NAMESPACE else f"{PREFIX}-{self.namespace}"

    @property
    def username(self) -> str:
        """The user name of its ServiceAccount at the API server."""
        return f"system:serviceaccount:{self.namespace}:{self.service_account}"
