"""What the actors of a simulation do. Each function is one action of a plan, and does nothing if its object is missing.

Actions never fail: an API server that refuses what an actor wants is part of the simulation.
"""

from __future__ import annotations

import copy
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ecr_secret_operator_lab.cluster import Object

from .aws import CANARY
from .expected import MANAGED_LABEL
from .plan import KINDS

if TYPE_CHECKING:
    from .world import World

GROUP = "ecr.mobb.redhat.com"
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
DOCKER_TYPE = "kubernetes.io/dockerconfigjson"
LINKS = f"{GROUP}/links"


def secret_key_of(key: str) -> str:
    """The secret access key that belongs to a key id."""
    return f"{CANARY}-secret-of-{key}"


def encoded(text: str) -> str:
    """Base64, as the data of a Secret."""
    return b64encode(text.encode()).decode()


def a_foreign_secret(namespace: str, name: str) -> Object:
    """A Secret that another client makes."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "Opaque",
        "data": {"password": encoded("not the operator's")},
    }


# Users of resources


def create(world: World, kind: str, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
    """Creates a resource."""
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    body = {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": meta, "spec": copy.deepcopy(dict(spec))}
    world.cluster.create(KINDS[kind], body, user="user")


def edit(world: World, kind: str, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
    """Replaces the spec of a resource."""
    found = world.cluster.read(KINDS[kind], namespace, name)
    if found:
        gone = dict.fromkeys(found["spec"].keys() - spec.keys())
        world.cluster.patch(KINDS[kind], namespace, name, {"spec": {**gone, **_whole_aws(found, spec)}}, user="user")


def _whole_aws(found: Object, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec as a merge patch that leaves nothing of the old field `aws`, nor of `namespaces`."""
    merged = dict(spec)
    for key in ("aws", "namespaces"):
        if key in spec:
            merged[key] = {**dict.fromkeys((found["spec"].get(key) or {}).keys()), **spec[key]}
    return merged


def delete(world: World, kind: str, namespace: str, name: str) -> None:
    """Deletes a resource."""
    world.cluster.delete(KINDS[kind], namespace, name, user="user")


def refresh(world: World, kind: str, namespace: str, name: str, value: str) -> None:
    """Asks for a refresh."""
    patch = {"metadata": {"annotations": {f"{GROUP}/refresh": value}}}
    world.cluster.patch(KINDS[kind], namespace, name, patch, user="user")


def suspend(world: World, kind: str, namespace: str, name: str, *, suspend: bool) -> None:
    """Suspends a resource, or ends that."""
    world.cluster.patch(KINDS[kind], namespace, name, {"spec": {"suspend": suspend}}, user="user")


def damage(world: World, namespace: str, name: str, how: str) -> None:
    """Damages a Secret."""
    found = world.cluster.read("secrets", namespace, name)
    if found is None:
        return
    if how == "delete":
        world.cluster.delete("secrets", namespace, name, user="user")
        return
    key, _ = MANAGED_LABEL
    patches: Mapping[str, Callable[[], Object]] = {
        "data": lambda: {"data": dict.fromkeys(found.get("data") or {"any": ""}, encoded("{}"))},
        "labels": lambda: {"metadata": {"labels": {"added": "by-user"}}},
        "unlabel": lambda: {"metadata": {"labels": {key: None}}},
        "annotations": lambda: {"metadata": {"annotations": {f"{GROUP}/expires-at": "2030-01-01T00:00:00Z"}}},
        "owner": lambda: {"metadata": {"ownerReferences": []}},
        "old": lambda: _earlier(world, namespace, name),
    }
    world.cluster.patch("secrets", namespace, name, patches[how](), user="user")


def _earlier(world: World, namespace: str, name: str) -> Object:
    """Data and annotations that the Secret had before, as a rollback writes them."""
    versions = world.history.get((namespace, name), [])
    if len(versions) < 2:
        return {"metadata": {}}
    old = versions[-2]
    return {"data": old.get("data"), "metadata": {"annotations": old["metadata"].get("annotations")}}


def foreign(world: World, namespace: str, name: str) -> None:
    """Creates a Secret that has nothing to do with the operator."""
    world.cluster.create("secrets", a_foreign_secret(namespace, name), user="other")


# Administrators


def policy(world: World, name: str, spec: Mapping[str, Any]) -> None:
    """Creates a policy, or replaces it."""
    body = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "AccessPolicy",
        "metadata": {"name": name},
        "spec": copy.deepcopy(dict(spec)),
    }
    found = world.cluster.read("accesspolicies", "", name)
    if found is None:
        world.cluster.create("accesspolicies", body, user="admin")
        return
    body["metadata"] = {"name": name, "resourceVersion": found["metadata"]["resourceVersion"]}
    world.cluster.replace("accesspolicies", "", name, body, user="admin")


def remove_policy(world: World, name: str) -> None:
    """Deletes a policy."""
    world.cluster.delete("accesspolicies", "", name, user="admin")


def label(world: World, namespace: str, tier: str | None) -> None:
    """Changes a label of a namespace, or removes it."""
    world.cluster.patch("namespaces", "", namespace, {"metadata": {"labels": {"tier": tier}}}, user="admin")


def account(world: World, namespace: str, name: str, role: str) -> None:
    """Creates a ServiceAccount, or changes its role; AWS trusts it for most roles."""
    annotations = {ROLE_ANNOTATION: role or None}
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
    if world.cluster.read("serviceaccounts", namespace, name) is None:
        world.cluster.create("serviceaccounts", body, user="admin")
    world.cluster.patch("serviceaccounts", namespace, name, {"metadata": {"annotations": annotations}}, user="admin")
    if role:
        world.aws.account_roles.setdefault(role, set()).add(f"{namespace}/{name}")


def remove_account(world: World, namespace: str, name: str, role: str) -> None:
    """Deletes a ServiceAccount; AWS trusts it for the role no more."""
    world.cluster.delete("serviceaccounts", namespace, name, user="admin")
    world.aws.account_roles.get(role, set()).discard(f"{namespace}/{name}")


def keys(world: World, namespace: str, name: str, key: str) -> None:
    """Stores keys in a Secret, or rotates them."""
    data = {"aws_access_key_id": encoded(key), "aws_secret_access_key": encoded(secret_key_of(key))}
    if world.cluster.read("secrets", namespace, name) is None:
        body = {**a_foreign_secret(namespace, name), "data": data}
        world.cluster.create("secrets", body, user="admin")
        return
    world.cluster.patch("secrets", namespace, name, {"data": data}, user="admin")


def remove_keys(world: World, namespace: str, name: str, key: str) -> None:
    """Deletes a Secret with keys."""
    del key
    world.cluster.delete("secrets", namespace, name, user="admin")


def trust(world: World, role: str, *, trusted: bool) -> None:
    """Lets the operator assume a role, or not."""
    if trusted:
        world.aws.trusted[role] = ""
    else:
        world.aws.trusted.pop(role, None)


def key(world: World, key: str, *, valid: bool) -> None:
    """Activates a key of an IAM user, or deactivates it."""
    if valid:
        world.aws.keys[key] = secret_key_of(key)
    else:
        world.aws.keys.pop(key, None)


# Other controllers


def fight(world: World, namespace: str, name: str, how: str, seconds: float, gap: float) -> None:
    """A tool that undoes what the operator writes, for some time."""
    world.fights.begin(namespace, name, how=how, seconds=seconds, gap=gap)


def hold(world: World, plural: str, namespace: str, name: str, seconds: float, kind: str = "") -> None:
    """A controller that adds a finalizer, and removes it later."""
    plural = plural or KINDS[kind]
    found = world.cluster.read(plural, namespace, name)
    if found is None or "deletionTimestamp" in found["metadata"]:
        return
    world.cluster.patch(plural, namespace, name, {"metadata": {"finalizers": ["example.com/hold"]}}, user="controller")
    world.later(seconds, lambda: release(world, plural, namespace, name))


def release(world: World, plural: str, namespace: str, name: str) -> None:
    """Removes the finalizer."""
    world.cluster.patch(plural, namespace, name, {"metadata": {"finalizers": None}}, user="controller")


def webhook(world: World, namespace: str, how: str, seconds: float) -> None:
    """A policy engine that denies, changes, delays or fails writes to Secrets in a namespace, for some time."""
    world.admission.begin(namespace, how, seconds)


def quota(world: World, namespace: str, seconds: float) -> None:
    """A quota that allows no more Secrets in a namespace, for some time."""
    body = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-secrets", "namespace": namespace},
        "spec": {"hard": {"count/secrets": "0"}},
    }
    world.cluster.create("resourcequotas", body, user="admin")
    world.later(seconds, lambda: world.cluster.delete("resourcequotas", namespace, "no-secrets", user="admin"))


def snapshot(world: World, namespace: str) -> None:
    """Velero takes a backup of the Secrets of a namespace."""
    world.backups[namespace] = [copy.deepcopy(one) for one in world.cluster.items("secrets", namespace)]


def restore(world: World, namespace: str) -> None:
    """Velero restores those Secrets that are missing, as they were, with the uids of their owners at that time."""
    for saved in world.backups.get(namespace, ()):
        meta = {key: saved["metadata"].get(key) for key in ("name", "namespace", "labels", "annotations")}
        body = {**saved, "metadata": {**meta, "ownerReferences": saved["metadata"].get("ownerReferences") or []}}
        world.cluster.delete("secrets", namespace, meta["name"] or "", user="velero")
        world.cluster.create("secrets", body, user="velero")


# A tenant who attacks


def copy_secret(world: World, namespace: str, name: str, to_namespace: str, to_name: str) -> None:
    """Copies a Secret with all labels and annotations."""
    found = world.cluster.read("secrets", namespace, name)
    if found is None or (namespace, name) == (to_namespace, to_name):
        return
    kept = {key: found["metadata"][key] for key in ("labels", "annotations") if key in found["metadata"]}
    body = {**found, "metadata": {"name": to_name, "namespace": to_namespace, **kept}}
    world.cluster.create("secrets", copy.deepcopy(body), user="tenant")


def forge(world: World, namespace: str, name: str, victim: str, owner: str) -> None:
    """Creates a Secret with the operator's marks, for a resource that may be another tenant's."""
    key, value = MANAGED_LABEL
    auths = {"auths": {"123456789012.dkr.ecr.us-east-2.amazonaws.com": {"username": "AWS", "password": "forged"}}}
    body = {
        **a_foreign_secret(namespace, name),
        "type": DOCKER_TYPE,
        "data": {".dockerconfigjson": encoded(json.dumps(auths))},
    }
    body["metadata"] = {
        "name": name,
        "namespace": namespace,
        "labels": {key: value},
        "annotations": {f"{GROUP}/owner": f"Secret/{victim}/{owner}", f"{GROUP}/name": name},
    }
    world.cluster.create("secrets", body, user="tenant")


def link(world: World, namespace: str, account: str, how: str) -> None:
    """Changes the links of a ServiceAccount: removes all, adds a foreign one, or forges the operator's record."""
    found = world.cluster.read("serviceaccounts", namespace, account)
    if found is None:
        return
    patches: Mapping[str, Object] = {
        "remove": {"imagePullSecrets": [], "secrets": []},
        "add": {"imagePullSecrets": [*(found.get("imagePullSecrets") or ()), {"name": "own-pull"}]},
        "record": {"metadata": {"annotations": {LINKS: None}}},
    }
    world.cluster.patch("serviceaccounts", namespace, account, patches[how], user="tenant")
