"""What a set-up of another tool becomes: resources, and what a person has to know and do beside applying them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..api.fields import API_VERSION
from ..api.registry import registry_host
from ..domain.kinds import KINDS
from ..domain.raw import Manifest
from ..domain.resource import InvalidSpec

ACCOUNT, REGION, SECRET_NAME = "ACCOUNT_ID", "REGION", "SECRET_NAME"
"""What a person has to fill in. No resource with one of them is accepted by the API server."""

NAMESPACE = "NAMESPACE"
"""The same, where a namespace is to be filled in. There is no namespace of this name."""

OPERATOR_NAMESPACE = "ecr-secret-operator"
"""Where a ClusterPullSecret's identities are looked for, unless the operator is installed elsewhere."""


@dataclass(slots=True)
class Translation:
    """One set-up, carried over.

    Attributes:
        source: what it was, in words.
        documents: the resources that take its place.
        needed: what has to be done before they can work.
        lost: what could not be carried over.
        notes: what else to know.
        removal: commands that remove the old set-up, in this order, once the resources are applied.
    """

    source: str
    documents: list[Manifest] = field(default_factory=list)
    needed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    removal: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether its resources can be applied as they are."""
        return not any(isinstance(KINDS[one["kind"]].parse(one["spec"]), InvalidSpec) for one in self.documents)

    def problems(self) -> list[str]:
        """Why its resources would be refused, in the operator's own sentences; not for what is to be filled in."""
        if any(blank in one for one in self.needed for blank in (ACCOUNT, REGION, SECRET_NAME)):
            return []
        parsed = (KINDS[one["kind"]].parse(one["spec"]) for one in self.documents)
        return [one.message for one in parsed if isinstance(one, InvalidSpec)]


@dataclass(frozen=True, slots=True)
class Hints:
    """What the person knows that cannot be read.

    Attributes:
        account: number of the AWS account whose registry it is.
        operator_namespace: of this operator.
    """

    account: str = ""
    operator_namespace: str = OPERATOR_NAMESPACE


def resource(kind: str, name: str, namespace: str, spec: Manifest) -> Manifest:
    """A resource of this operator; without a namespace for a cluster resource."""
    metadata = {"name": name, **({} if KINDS[kind].clustered else {"namespace": namespace})}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def host(account: str, region: str) -> str:
    """The host of an account's registry in a region. Unknown parts are placeholders."""
    return registry_host(account or ACCOUNT, region or REGION)


def registries(hosts: Sequence[str]) -> Manifest:
    """The fields that name one registry or several."""
    first, *more = dict.fromkeys(hosts)
    others = [{"ecr_registry": one} for one in more]
    return {"ecr_registry": first, **({"additional_registries": others} if others else {})}


def account_of(role: str) -> str:
    """The account in a role's ARN; empty when it is none."""
    found = re.fullmatch(r"arn:[a-z-]+:iam::([0-9]{12}):role/.+", role)
    return found[1] if found else ""


def copy_of_keys(source: tuple[str, str], target: tuple[str, str], entries: Iterable[tuple[str, str]]) -> str:
    """The command that makes a Secret with keys from another one, without showing them.

    Args:
        source: namespace and name of the one.
        target: of the other.
        entries: names of the data entries here and there.
    """
    made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": target[1], "namespace": target[0]}}
    data = ",".join(f'{json.dumps(new)}:"{{{{index .data {json.dumps(old)}}}}}"' for new, old in entries)
    template = json.dumps(made, separators=(",", ":"))[:-1] + ',"data":{' + data + "}}"
    get = kubectl("get", "secret", source[1], "-n", source[0], "-o", f"go-template={template}")
    return f"{get} | kubectl apply -f -"


def kubectl(*words: str) -> str:
    """A command to be copied: names may come from a file, and be anything."""
    return shlex.join(["kubectl", *words])
