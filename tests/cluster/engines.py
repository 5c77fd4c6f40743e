"""Policy engines, as far as the API server has them itself: what validates, and what mutates, in one namespace."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ecr_secret_operator_lab.cluster import Cluster, Object, Refused
from ecr_secret_operator_lab.waiting import wait_for

REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
DRY_RUN = "?dryRun=All"


def _constraints(namespace: str, resource: str, operation: str) -> Object:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": [resource]}
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
def mutating(cluster: Cluster, namespace: str, resource: str, patch: Sequence[Mapping[str, object]]) -> Iterator[None]:
    """Changes what is updated in a namespace, whoever does it.

    Args:
        cluster: as an administrator.
        namespace: where.
        resource: plural of what is changed.
        patch: operations of a JSON patch; each value is an expression in CEL.
    """
    operations = ", ".join(
        "JSONPatch{" + ", ".join(f"{key}: {_cel(key, value)}" for key, value in operation.items()) + "}"
        for operation in patch
    )
    spec = {
        "matchConstraints": _constraints(namespace, resource, "UPDATE"),
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{operations}]"}}],
    }
    with _installed(cluster, "mutatingadmission", namespace, spec, {}):
        yield


def _cel(key: str, value: object) -> str:
    return str(value) if key == "value" else json.dumps(value)
