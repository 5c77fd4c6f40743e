"""The language of scenarios: requests whose bodies may refer to what earlier requests brought."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.apiserver import JSON_PATCH, MERGE_PATCH

ECR = "/apis/ecr.mobb.redhat.com/v1alpha1"
API_VERSION = "ecr.mobb.redhat.com/v1alpha1"
AGENT = "scenario"
NOT_FOUND = 404
HOST = "123456789012.dkr.ecr.us-east-2.amazonaws.com"

SECRETS = "/api/v1/namespaces/{ns}/secrets"
ACCOUNTS = "/api/v1/namespaces/{ns}/serviceaccounts"
QUOTAS = "/api/v1/namespaces/{ns}/resourcequotas"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases"
ECR_SECRETS = f"{ECR}/namespaces/{{ns}}/secrets"
ARGO = f"{ECR}/namespaces/{{ns}}/argohelmreposecrets"
CLUSTER = f"{ECR}/clusterpullsecrets"
POLICY_GROUP, POLICY_KIND, POLICY_PLURAL = "simulated.example.com", "SimulatedPolicy", "simulatedpolicies"
"""A kind with the schema of AccessPolicy. A real AccessPolicy would deny requests of the operators in other tests."""

POLICIES = f"/apis/{POLICY_GROUP}/v1alpha1/{POLICY_PLURAL}"
NAMESPACES = "/api/v1/namespaces"
EVENTS = "/api/v1/namespaces/{ns}/events"
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


DOCKER = "kubernetes.io/dockerconfigjson"
DOCKER_DATA = {".dockerconfigjson": "eyJhdXRocyI6e319"}
ABSENT_UID = "00000000-0000-4000-8000-000000000000"
HELD = ["example.com/held"]
PASSED = {
    "type": "Ready",
    "status": "True",
    "reason": "Updated",
    "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Of:
    """A field of `metadata` or `status` in the answer to an earlier step, such as the uid.

    Attributes:
        step: the name of the step.
    """

    step: str
    field: str


def uid(step: str) -> Of:
    """The uid of the object that a step brought."""
    return Of(step, "uid")


def version(step: str) -> Of:
    """The version of the object that a step brought."""
    return Of(step, "resourceVersion")


@dataclass(frozen=True, slots=True)
class Step:
    """One request.

    Attributes:
        path: `{ns}` is replaced by the namespace of the scenario.
        body: may hold `Of`.
        name: by which later steps refer to it; empty for none.
        ready: tells by HTTP status and body whether controllers have done their work; None for not waiting.
        user: the user; empty for the administrator.
        agent: the user agent, and so the field manager.
    """

    method: str
    path: str
    body: Any = None
    content: str = "application/json"
    query: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    ready: Callable[[int, Any], bool] | None = None
    user: str = ""
    agent: str = AGENT

    def named(self, name: str) -> Step:
        """The same request, to which later ones refer by this name."""
        return replace(self, name=name)

    def by(self, user: str) -> Step:
        """The same request of another user."""
        return replace(self, user=user)

    def through(self, agent: str) -> Step:
        """The same request of another user agent."""
        return replace(self, agent=agent)


def create(path: str, body: Any, **query: Any) -> Step:
    """Creates an object."""
    return Step("POST", path, body, query=query)


def get(path: str, name: str = "", **query: Any) -> Step:
    """Reads an object, or lists."""
    return Step("GET", f"{path}/{name}" if name else path, query=query)


def put(path: str, name: str, body: Any) -> Step:
    """Replaces an object."""
    return Step("PUT", f"{path}/{name}", body)


def merge(path: str, name: str, body: Any, **query: str) -> Step:
    """Applies a merge patch."""
    return Step("PATCH", f"{path}/{name}", body, MERGE_PATCH, query)


def edit(path: str, name: str, *operations: Mapping[str, Any]) -> Step:
    """Applies a JSON patch."""
    return Step("PATCH", f"{path}/{name}", list(operations), JSON_PATCH)


def delete(path: str, name: str, body: Any = None, **query: str) -> Step:
    """Deletes an object."""
    return Step("DELETE", f"{path}/{name}", body, query=query)


def until_gone(path: str, name: str) -> Step:
    """Waits until an object does not exist."""
    return Step("GET", f"{path}/{name}", ready=lambda status, _: status == NOT_FOUND)


def until_owners(path: str, name: str, count: int) -> Step:
    """Waits until an object has so many owners."""

    def ready(_: int, body: Any) -> bool:
        return len(body["metadata"].get("ownerReferences", ())) == count

    return Step("GET", f"{path}/{name}", ready=ready)


def until_deleting(path: str, name: str) -> Step:
    """Waits until an object that a finalizer holds is being deleted."""
    return Step("GET", f"{path}/{name}", ready=lambda _, body: "deletionTimestamp" in body["metadata"])


def secret(name: str, /, **fields: Any) -> dict[str, Any]:
    """A core/v1 Secret."""
    meta = fields.pop("metadata", {})
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, **meta}, **fields}


def account(name: str, /, **fields: Any) -> dict[str, Any]:
    """A ServiceAccount."""
    meta = fields.pop("metadata", {})
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, **meta}, **fields}


def lease(name: str, /, *, metadata: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A Lease."""
    meta = {"name": name, **(metadata or {})}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}


_SPECS: Mapping[str, Mapping[str, Any]] = {
    "Secret": {"generated_secret_name": "made", "ecr_registry": HOST},
    "ArgoHelmRepoSecret": {"generated_secret_name": "made", "url": f"oci://{HOST}/charts"},
    "ClusterPullSecret": {"generated_secret_name": "made", "ecr_registry": HOST},
    POLICY_KIND: {},
}
COLLECTIONS = {
    "Secret": ECR_SECRETS,
    "ArgoHelmRepoSecret": ARGO,
    "ClusterPullSecret": CLUSTER,
    POLICY_KIND: POLICIES,
}


def resource(name: str, kind: str = "Secret", /, **fields: Any) -> dict[str, Any]:
    """A custom resource with a valid spec, in which these fields are others; None leaves one out."""
    meta = fields.pop("metadata", {})
    spec = {key: value for key, value in {**_SPECS[kind], **fields}.items() if value is not None}
    version = f"{POLICY_GROUP}/v1alpha1" if kind == POLICY_KIND else API_VERSION
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **meta}, "spec": spec}


def owner(step: str, name: str, kind: str = "Secret", **more: Any) -> dict[str, Any]:
    """An ownerReference to a custom resource that a step brought."""
    return {"apiVersion": API_VERSION, "kind": kind, "name": name, "uid": uid(step), **more}
