"""What authorization depends on: policies, labels, ServiceAccounts and key Secrets in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecr_secret_operator.api.registry import parse_registry
from ecr_secret_operator.domain.identity.access_policy import AccessPolicySpec, Policy, parse_policy
from ecr_secret_operator.domain.identity.authorization import Authorization, RegistryLogin, assess
from ecr_secret_operator.domain.identity.identity import AccessKeys, Identity
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.identity.sources import KeySecret, Missing, RoleAccount
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import a_resource

ROLE = "arn:aws:iam::123456789012:role/ecr-pull"

OTHER_ROLE = "arn:aws:iam::123456789012:role/ecr-push"

CHINA_HOST = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"

KEYS = AccessKeys("AKIAEXAMPLE", Sensitive("s3cret"))

ACCOUNT = RoleAccount("team-a", "puller", "7", role_arn=ROLE, audience="")

CREDENTIALS = KeySecret("team-a", "aws", "7", KEYS)


@dataclass(frozen=True)
class Cluster:
    """What is there, by namespace and name. What is not named is absent."""

    known: Sequence[Policy] = ()
    namespaces: Mapping[str, Mapping[str, str] | Missing] = field(default_factory=dict)
    accounts: Mapping[tuple[str, str], RoleAccount | Missing] = field(default_factory=dict)
    secrets: Mapping[tuple[str, str], KeySecret | Missing] = field(default_factory=dict)

    def policies(self) -> Sequence[Policy]:
        return self.known

    def labels(self, namespace: str) -> Mapping[str, str] | Missing:
        return self.namespaces.get(namespace, Missing.ABSENT)

    def account(self, namespace: str, name: str) -> RoleAccount | Missing:
        return self.accounts.get((namespace, name), Missing.ABSENT)

    def credentials(self, namespace: str, name: str) -> KeySecret | Missing:
        return self.secrets.get((namespace, name), Missing.ABSENT)


def a_policy(name: str = "p", **spec: object) -> Policy:
    parsed = parse_policy(spec)
    assert isinstance(parsed, AccessPolicySpec), parsed
    return Policy(name, "1", parsed)


def access_of(spec: Any, cluster: Cluster | None = None, *, required: bool = False) -> Authorization:
    return assess(a_resource(spec=spec), cluster or Cluster(), stored={}, policy_required=required)


def login(host: str, identity: Identity) -> RegistryLogin:
    return RegistryLogin(host, Scope.of(parse_registry(host), identity), origin=identity.origin)


def problem(text: str) -> Failure:
    return Failure(Reason.IDENTITY_UNAVAILABLE, text)
