"""Policy engines, as far as the API server has them itself: what validates, and what mutates, in one namespace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ecr_secret_operator_lab.cluster import Cluster, Object, Refused
from ecr_secret_operator_lab.waiting import wait_for

REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
DRY_RUN = "?dryRun=All"


def _constraints(namespace: str, resource: str, *operations: str) -> Object:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": [*operations], "resources": [resource]}
        ],
    }


@contextmanager
def _installed(cluster: Cluster, kind: str, name: str, spec: Object, binding: Object) -> Iterator[None]:
    policies, bindings = f"{REGISTRATION}/{kind}policies", f"{REGISTRATION}/{kind}policybindings"
    cluster.create(policies, {"metadata": {"name": name}, "spec": spec})
    cluster.create(bindings, {"metadata": {"name": name}, "spec": {"policyName": name, **binding}})
    try:
        yield
    finally:
        cluster.delete(f"{bindings}/{name}")
        cluster.delete(f"{policies}/{name}")


@contextmanager
def refusing(
    cluster: Cluster, namespace: str, resource: str, probe: str, message: str, operation: str = "UPDATE"
) -> Iterator[None]:
    """Refuses what is done in a namespace, also by the administrator.

    Args:
        cluster: as an administrator.
        namespace: where.
        resource: plural of what must not be updated.
        probe: path of an object of that resource: by it is seen that the refusal is in force, and no longer.
        message: of the refusal.
        operation: that is refused: UPDATE or DELETE.
    """
    spec = {
        "matchConstraints": _constraints(namespace, resource, operation),
        "validations": [{"expression": "false", "message": message}],
    }
    with _installed(cluster, "validatingadmission", namespace, spec, {"validationActions": ["Deny"]}):
        wait_for(lambda: _is_refused(cluster, probe, operation, message), "the policy is in force")
        yield
    wait_for(lambda: not _is_refused(cluster, probe, operation, message), "the policy is gone")


def _is_refused(cluster: Cluster, path: str, operation: str, message: str) -> bool:
    try:
        if operation == "DELETE":
            cluster.request("DELETE", path + DRY_RUN)
        else:
            cluster.patch(path + DRY_RUN, {"metadata": {"labels": {"probe": "x"}}})
    except Refused as refusal:
        return message in str(refusal)
    return False


@contextmanager
def mutating(cluster: Cluster, namespace: str, resource: str, mutation: Object, probe: Object) -> Iterator[None]:
    """Changes what is created and updated in a namespace, whoever does it, as a policy engine's webhook does.

    Args:
        cluster: as an administrator.
        namespace: where.
        resource: plural of what is changed.
        mutation: one of a MutatingAdmissionPolicy, with an expression in CEL.
        probe: an object of that resource: by its creation is seen that the mutation is in force.
    """
    spec = {
        "matchConstraints": _constraints(namespace, resource, "CREATE", "UPDATE"),
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [mutation],
    }
    path = f"/api/v1/namespaces/{namespace}/{resource}{DRY_RUN}"

    def is_in_force() -> bool:
        found = cluster.request("POST", path, probe)
        return essential(found) != essential(probe)

    with _installed(cluster, "mutatingadmission", namespace, spec, {}):
        wait_for(is_in_force, "the policy is in force")
        yield


def essential(one: Object) -> Object:
    """What of an object its maker, or a mutation, decides."""
    metadata = {key: one["metadata"].get(key) or {} for key in ("labels", "annotations")}
    rest = {key: value for key, value in one.items() if key not in ("apiVersion", "kind", "metadata", "type")}
    return {**rest, **metadata}


def applying(expression: str) -> Object:
    """A mutation that merges an object, as server-side apply does."""
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patching(expression: str) -> Object:
    """A mutation by the operations of a JSON patch."""
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}
