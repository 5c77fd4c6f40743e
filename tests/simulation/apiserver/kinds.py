"""The kinds that the simulated API server serves, and how a path names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from ecr_secret_operator.crds import all_definitions

from .schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """One kind of objects, and what the strategy of its registry allows.

    Attributes:
        group: empty for the core group.
        namespaced: whether its objects are in namespaces.
        status: whether it has the subresource `status`.
        schema: of a custom resource; None for a built-in kind.
        unconditional: whether a PUT may leave out resourceVersion.
        upsert: whether a PUT creates an object that is not there.
        returns_deleted: whether a DELETE answers with the object.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    status: bool = False
    schema: Schema | None = None
    unconditional: bool = True
    upsert: bool = False
    returns_deleted: bool = False

    @property
    def api_version(self) -> str:
        """The field apiVersion of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def base(self) -> str:
        """The path of its group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def type_bytes(self) -> int:
        """The length of what its objects begin with in JSON: `{"apiVersion":"v1","kind":"Secret",`; 0 if custom."""
        return 0 if self.schema is not None else len(f'{{"apiVersion":"{self.api_version}","kind":"{self.kind}",')

    @property
    def singular(self) -> str:
        """The lower-case name of the kind."""
        return self.kind.lower()


SECRETS = Kind(group="", version="v1", kind="Secret", plural="secrets")
ACCOUNTS = Kind(group="", version="v1", kind="ServiceAccount", plural="serviceaccounts", returns_deleted=True)
NAMESPACES = Kind(
    group="", version="v1", kind="Namespace", plural="namespaces", namespaced=False, status=True, returns_deleted=True
)
EVENTS = Kind(group="", version="v1", kind="Event", plural="events", upsert=True)
QUOTAS = Kind(group="", version="v1", kind="ResourceQuota", plural="resourcequotas", status=True, returns_deleted=True)
CONFIG_MAPS = Kind(group="", version="v1", kind="ConfigMap", plural="configmaps")
LEASES = Kind(
    group="coordination.k8s.io", version="v1", kind="Lease", plural="leases", unconditional=False, upsert=True
)
BUILT_IN = (SECRETS, ACCOUNTS, NAMESPACES, EVENTS, QUOTAS, CONFIG_MAPS, LEASES)


def custom(crd: Mapping[str, Any]) -> Kind:
    """The kind that a CustomResourceDefinition defines, in its first version."""
    spec, version = crd["spec"], crd["spec"]["versions"][0]
    return Kind(
        group=spec["group"],
        version=version["name"],
        kind=spec["names"]["kind"],
        plural=spec["names"]["plural"],
        namespaced=spec["scope"] == "Namespaced",
        status="status" in version.get("subresources", {}),
        schema=Schema(version["schema"]["openAPIV3Schema"]),
        unconditional=False,
    )


@cache
def of_operator() -> tuple[Kind, ...]:
    """The kinds of the operator's own CustomResourceDefinitions."""
    return tuple(map(custom, all_definitions()))


class Place(NamedTuple):
    """What a path names: a collection, an object, or a subresource of it. Empty texts stand for what is absent."""

    kind: Kind
    namespace: str
    name: str
    subresource: str

    @property
    def key(self) -> str:
        """The key of the object in its collection."""
        return key_of(self.namespace, self.name)


def key_of(namespace: str, name: str) -> str:
    """The key of an object in its collection. Keys sort as those of etcd do."""
    return f"{namespace}/{name}" if namespace else name


class Kinds:
    """Finds what a path names.

    Args:
        kinds: those that are served at first.
    """

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._by_path: dict[tuple[str, str], Kind] = {}
        self._places: dict[str, Place | None] = {}
        for kind in kinds:
            self.add(kind)

    def add(self, kind: Kind) -> None:
        """Serves one more kind, or another definition of it."""
        self._by_path[kind.base, kind.plural] = kind
        self._places.clear()

    def remove(self, kind: Kind) -> None:
        """Serves a kind no more."""
        del self._by_path[kind.base, kind.plural]
        self._places.clear()

    def all(self) -> list[Kind]:
        """All kinds."""
        return list(self._by_path.values())

    def named(self, group: str, plural: str) -> Kind | None:
        """The kind of this name."""
        return next((one for one in self._by_path.values() if (one.group, one.plural) == (group, plural)), None)

    def of_owner(self, api_version: str, kind: str) -> Kind | None:
        """The kind that an ownerReference names; None if it is not served. The version does not count."""
        group = api_version.rpartition("/")[0]
        return next((one for one in self._by_path.values() if (one.group, one.kind) == (group, kind)), None)

    def place(self, path: str) -> Place | None:
        """What a path names; None if nothing is there."""
        if path not in self._places:
            self._places[path] = self._read(path)
        return self._places[path]

    def _read(self, path: str) -> Place | None:
        parts = path.strip("/").split("/")
        length = 2 if parts[0] == "api" else 3
        base, rest = "/" + "/".join(parts[:length]), parts[length:]
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces" and (base, rest[2]) in self._by_path:
            namespace, rest = rest[1], rest[2:]
        kind = self._by_path.get((base, rest[0])) if rest else None
        if kind is None or (namespace and not kind.namespaced):
            return None
        name, subresource = [*rest[1:], "", ""][:2]
        return Place(kind, namespace, name, subresource)
