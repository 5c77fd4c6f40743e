"""What policies and identities give a resource, written down from docs/access-policy.md.

It judges what the operator does, so it uses no code of the operator that decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ecr_secret_operator_lab.cluster import Object

RANK = {"pull": 0, "push": 1, "full": 2}
PUBLIC = "public.ecr.aws"
OPERATOR_NAMESPACE = "operators"
MANAGED_LABEL = ("app.kubernetes.io/managed-by", "ecr-secret-operator")


@dataclass(frozen=True, slots=True)
class Limit:
    """What a token may do: access, and patterns of repositories; none for all."""

    access: str = "full"
    repositories: tuple[str, ...] = ()

    def within(self, other: Limit) -> bool:
        """Whether it allows nothing that the other one does not. The patterns of a simulation are prefixes."""
        if RANK[self.access] > RANK[other.access]:
            return False
        if not other.repositories:
            return True
        return bool(self.repositories) and all(
            any(fnmatchcase(mine, theirs) for theirs in other.repositories) for mine in self.repositories
        )


@dataclass(frozen=True, slots=True)
class Ask:
    """What an entry of a spec asks for, or what a token is good for."""

    host: str
    kind: str  # ambient, role, account, keys
    role: str = ""
    name: str = ""  # of the ServiceAccount or the Secret with keys
    access: str | None = None
    repositories: tuple[str, ...] = ()

    @property
    def region(self) -> str:
        """Of the registry."""
        return "us-east-1" if self.host == PUBLIC else self.host.split(".")[3]


def asks(spec: Mapping[str, Any]) -> list[Ask]:
    """What a spec asks for, one for each registry."""
    host = spec.get("ecr_registry") or str(spec["url"]).removeprefix("oci://").split("/")[0]
    own: Mapping[str, Any] = spec.get("aws") or {}
    more = spec.get("additional_registries") or ()
    return [_ask(host, own), *(_ask(one["ecr_registry"], one.get("aws", own)) for one in more)]


def _ask(host: str, aws: Mapping[str, Any]) -> Ask:
    kind = next((kind for field, kind in _KINDS.items() if aws.get(field)), "ambient")
    access = aws.get("access")
    return Ask(
        host,
        kind,
        role=aws.get("role_arn", ""),
        name=aws.get("service_account") or aws.get("credentials_secret") or "",
        access=None if access == "full" else access,
        repositories=tuple(aws.get("repositories") or ()),
    )


_KINDS = {"role_arn": "role", "service_account": "account", "credentials_secret": "keys"}


def selects(selection: Mapping[str, Any] | None, namespace: str, labels: Mapping[str, str]) -> bool:
    """Whether a selection of namespaces includes one."""
    found = selection or {}
    if any(fnmatchcase(namespace, glob) for glob in found.get("exclude") or ()):
        return False
    include = found.get("include") or ["*"]
    wanted = ((found.get("selector") or {}).get("matchLabels") or {}).items()
    return any(fnmatchcase(namespace, glob) for glob in include) and wanted <= labels.items()


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of a cluster at one moment.

    Attributes:
        specs: by name.
        required: whether nothing is allowed without a policy.
    """

    specs: Mapping[str, Mapping[str, Any]]
    required: bool = False

    def permits(self, ask: Ask, limit: Limit, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether a namespace may hold a token: for what it is good, and to what it is limited."""
        if not self.specs:
            return not self.required
        if self._audited(namespace, labels):
            return True
        for spec in self._selecting(namespace, labels):
            most = Limit() if spec.get("mode") == "Audit" else _limit_of(spec, ask.host, namespace)
            if _allows_use(spec, ask, token=True) and limit.within(most):
                return True
        return False

    def serves(self, ask: Ask, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether what a resource asks for is served."""
        if not self.specs:
            return not self.required
        usable = [spec for spec in self._selecting(namespace, labels) if _allows_use(spec, ask)]
        role = self.default_role(ask, namespace, labels)
        if role:
            ask = Ask(ask.host, "role", role, access=ask.access, repositories=ask.repositories)
            usable = [spec for spec in usable if _allows_use(spec, ask)]
        fits = any(_fits(spec, ask, namespace) for spec in usable)
        return fits or self._audited(namespace, labels)

    def default_role(self, ask: Ask, namespace: str, labels: Mapping[str, str]) -> str:
        """The role that replaces the operator's own identity; empty for none."""
        if ask.kind != "ambient":
            return ""
        usable = [spec for spec in self._selecting(namespace, labels) if _allows_use(spec, ask)]
        roles = (spec.get("default_role_arn", "") for spec in usable if spec.get("mode", "Enforce") == "Enforce")
        return next((role for role in roles if role), "")

    def _selecting(self, namespace: str, labels: Mapping[str, str]) -> list[Mapping[str, Any]]:
        ordered = [spec for _, spec in sorted(self.specs.items())]
        return [spec for spec in ordered if selects(spec.get("namespaces"), namespace, labels)]

    def _audited(self, namespace: str, labels: Mapping[str, str]) -> bool:
        if any(spec.get("mode") == "Audit" for spec in self._selecting(namespace, labels)):
            return True
        return not self.required and all(spec.get("mode") == "Audit" for spec in self.specs.values())


def _allows_use(spec: Mapping[str, Any], ask: Ask, *, token: bool = False) -> bool:
    if spec.get("registries") and not any(fnmatchcase(ask.host, glob) for glob in spec["registries"]):
        return False
    if spec.get("regions") and ask.region not in spec["regions"]:
        return False
    default = spec.get("default_role_arn") or ""
    if ask.kind == "ambient":
        return bool(spec.get("ambient_identity") or (default and not token))
    if ask.kind == "keys":
        return True
    if not ask.role:  # a ServiceAccount whose role is not known
        return bool(spec.get("role_arns") or default)
    return ask.role == default or any(fnmatchcase(ask.role, glob) for glob in spec.get("role_arns") or ())


def _limit_of(spec: Mapping[str, Any], host: str, namespace: str) -> Limit:
    limit = spec.get("limit") or {}
    repositories = tuple(one.replace("{namespace}", namespace) for one in limit.get("repositories") or ())
    if repositories and host == PUBLIC:
        return Limit("pull")
    return Limit(limit.get("access") or "full", repositories)


def _fits(spec: Mapping[str, Any], ask: Ask, namespace: str) -> bool:
    most = _limit_of(spec, ask.host, namespace)
    return Limit(ask.access or most.access, ask.repositories or most.repositories).within(most)


def labels_of(namespace: Object | None) -> Mapping[str, str]:
    """The labels of a namespace."""
    return ((namespace or {}).get("metadata", {}).get("labels")) or {}


def is_managed(secret: Object) -> bool:
    """Whether a Secret has the operator's label."""
    key, value = MANAGED_LABEL
    return (secret["metadata"].get("labels") or {}).get(key) == value


def find(items: Iterable[Object], name: str) -> Object | None:
    """The object of a name."""
    return next((one for one in items if one["metadata"]["name"] == name), None)


def condition(resource: Object, kind: str) -> Mapping[str, Any]:
    """A condition of a resource; empty if it is not there."""
    conditions: Sequence[Mapping[str, Any]] = (resource.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind), {})
