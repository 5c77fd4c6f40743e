"""The confused deputy: what a tenant with permissions in one namespace only can make the operator do for it.

AWS here lets any role be assumed and gives a token for any registry, so that only the operator stands in the way.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Refused, condition, resource_path, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from .private import World, private_world
from .resources import PLURALS, a_resource

pytestmark = pytest.mark.xdist_group("deputy")

TENANT, VICTIM = "tenant", "victim"
TENANT_HOST = "111111111111.dkr.ecr.us-east-2.amazonaws.com"
VICTIM_HOST = "222222222222.dkr.ecr.eu-west-1.amazonaws.com"
TENANT_ROLE = "arn:aws:iam::111111111111:role/tenant-pull"
VICTIM_ROLE = "arn:aws:iam::222222222222:role/victim-admin"
VICTIM_KEYS = {
    "aws_access_key_id": "AKIAVICTIMEXAMPLE001",
    "aws_secret_access_key": "victim-secret-victim-secret-victim-secre",
}
FORGED = "Zm9yZ2VkLXRva2Vu" * 20


def _secret(name: str, data: dict[str, str], **metadata: Any) -> dict[str, Any]:
    encoded = {key: b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"name": name, **metadata}, "data": encoded}


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, OperatorProcess, Cluster]]:
    """A victim with all that is worth stealing, a policy that keeps it, and the tenant as a user of the API server."""
    with private_world(tmp_path_factory.mktemp("deputy")) as world:
        for name in (TENANT, VICTIM):
            world.cluster.namespace(name)
        world.aws.add_credentials(VICTIM_KEYS["aws_access_key_id"], VICTIM_KEYS["aws_secret_access_key"])
        victim = f"/api/v1/namespaces/{VICTIM}"
        annotations = {"eks.amazonaws.com/role-arn": VICTIM_ROLE}
        world.cluster.create(f"{victim}/serviceaccounts", {"metadata": {"name": "builder", "annotations": annotations}})
        world.cluster.create(f"{victim}/secrets", _secret("aws-keys", VICTIM_KEYS))
        world.policy("tenant", namespaces={"include": [TENANT]}, registries=[TENANT_HOST], role_arns=[TENANT_ROLE])
        world.policy("victim", namespaces={"include": [VICTIM]}, role_arns=["*"], ambient_identity=True)
        for body in _tenants_permissions():
            world.cluster.create(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{TENANT}/{body.pop('path')}", body)
        operator = world.start()
        with Cluster(world.plane.kubeconfig_for("tenant-user", [])) as tenant:
            yield world, operator, tenant


def _tenants_permissions() -> list[dict[str, Any]]:
    groups = ["ecr.mobb.redhat.com", ""]
    rules = [{"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}]
    subject = {"kind": "User", "name": "tenant-user", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "Role", "name": "tenant", "apiGroup": "rbac.authorization.k8s.io"}
    name = {"metadata": {"name": "tenant"}}
    return [
        {"path": "roles", **name, "rules": rules},
        {"path": "rolebindings", **name, "roleRef": role, "subjects": [subject]},
    ]


OWN_ROLE = {"role_arn": TENANT_ROLE}
ATTACKS: dict[str, tuple[str, dict[str, Any]]] = {
    "another registry": ("Secret", {"ecr_registry": VICTIM_HOST, "aws": OWN_ROLE}),
    "another region of its own account": (
        "Secret",
        {"ecr_registry": TENANT_HOST.replace("us-east-2", "eu-west-1"), "aws": OWN_ROLE},
    ),
    "another registry by the side": (
        "Secret",
        {"aws": OWN_ROLE, "additional_registries": [{"ecr_registry": VICTIM_HOST}]},
    ),
    "another role by the side": (
        "Secret",
        {
            "aws": OWN_ROLE,
            "additional_registries": [{"ecr_registry": "public.ecr.aws", "aws": {"role_arn": VICTIM_ROLE}}],
        },
    ),
    "another registry for Argo CD": ("ArgoHelmRepoSecret", {"url": f"{VICTIM_HOST}/charts", "aws": OWN_ROLE}),
    "the operator's own identity": ("Secret", {}),
    "the operator's own identity, spelled out": ("Secret", {"aws": {}}),
    "the operator's own identity for Argo CD": ("ArgoHelmRepoSecret", {"url": TENANT_HOST}),
    "another role": ("Secret", {"aws": {"role_arn": VICTIM_ROLE}}),
    "a role that begins alike": ("Secret", {"aws": {"role_arn": f"{TENANT_ROLE}-admin"}}),
    "a role in other letters": ("Secret", {"aws": {"role_arn": TENANT_ROLE.replace("tenant", "Tenant")}}),
    "another's role through a ServiceAccount of its own": ("Secret", {"aws": {"service_account": "impostor"}}),
    "another's ServiceAccount by name": ("Secret", {"aws": {"service_account": "builder"}}),
    "another's ServiceAccount by path": (
        "Secret",
        {"aws": {"service_account": f"../../{VICTIM}/serviceaccounts/builder"}},
    ),
    "another's ServiceAccount with its namespace": ("Secret", {"aws": {"service_account": f"{VICTIM}/builder"}}),
    "another's ServiceAccount by its user name": (
        "Secret",
        {"aws": {"service_account": f"system:serviceaccount:{VICTIM}:builder"}},
    ),
    "another's keys by name": ("Secret", {"aws": {"credentials_secret": "aws-keys"}}),
    "another's keys by path": ("Secret", {"aws": {"credentials_secret": f"../../{VICTIM}/secrets/aws-keys"}}),
    "another's keys with a query": ("Secret", {"aws": {"credentials_secret": "aws-keys?x="}}),
    "another's namespace for the Secret": ("Secret", {"generated_secret_name": f"../{VICTIM}/stolen", "aws": OWN_ROLE}),
    "two identities": ("Secret", {"aws": {**OWN_ROLE, "service_account": "impostor"}}),
    "an endpoint in the host": ("Secret", {"ecr_registry": f"{TENANT_HOST}@evil.example", "aws": OWN_ROLE}),
    "an endpoint in the region": ("Secret", {"region": "us-east-2.evil.example/#", "aws": OWN_ROLE}),
    "metadata of the operator": (
        "Secret",
        {"aws": OWN_ROLE, "metadata": {"annotations": {"ecr.mobb.redhat.com/owner": f"Secret/{VICTIM}/ecr"}}},
    ),
}


def attempt(tenant: Cluster, kind: str, body: dict[str, Any]) -> int:
    """Creates a resource, and gives the API server's status."""
    try:
        tenant.create(resource_path(PLURALS[kind], TENANT), body)
    except Refused as refusal:
        return refusal.status
    return 201


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_tenant_obtains_nothing_that_its_policy_does_not_give(
    lasting: tuple[World, OperatorProcess, Cluster], attack: str
) -> None:
    world, operator, tenant = lasting
    accounts = f"/api/v1/namespaces/{TENANT}/serviceaccounts"
    if tenant.get(f"{accounts}/impostor") is None:
        annotations = {"eks.amazonaws.com/role-arn": VICTIM_ROLE}
        tenant.create(accounts, {"metadata": {"name": "impostor", "annotations": annotations}})
    kind, spec = ATTACKS[attack]
    registry = {} if kind == "ArgoHelmRepoSecret" else {"ecr_registry": TENANT_HOST}
    name = f"attack-{list(ATTACKS).index(attack)}"
    before = len(world.aws.calls())
    status = attempt(tenant, kind, a_resource(kind, name, **{"region": None, **registry, **spec}))
    assert status in {201, 422}
    if status == 201:
        ready = world.ready(TENANT, name, kind)
        assert (ready["status"], ready["reason"]) in {("False", "PolicyDenied"), ("False", "IdentityUnavailable")}
        assert tenant.get(secret_path(TENANT, f"{name}-generated")) is None
    assert len(world.aws.calls()) == before
    assert (
        world.cluster.items(f"/api/v1/namespaces/{VICTIM}/secrets", labelSelector="app.kubernetes.io/managed-by") == []
    )
    watched = [line for line in operator.output().splitlines() if f"namespaces/{VICTIM}" in line]
    assert watched == [], "the operator looked at the victim's objects"


def test_what_the_policy_gives_is_served(lasting: tuple[World, OperatorProcess, Cluster]) -> None:
    """Else all of the above could be refused for another reason."""
    world, _, tenant = lasting
    tenant.create(
        resource_path("secrets", TENANT),
        a_resource(name="allowed", region=None, ecr_registry=TENANT_HOST, aws=OWN_ROLE),
    )
    world.wait(TENANT, "allowed", reason="Refreshed")


def test_a_role_that_a_service_account_comes_to_name_is_judged_again(
    lasting: tuple[World, OperatorProcess, Cluster],
) -> None:
    world, _, tenant = lasting
    accounts = f"/api/v1/namespaces/{TENANT}/serviceaccounts"
    tenant.create(
        accounts, {"metadata": {"name": "turncoat", "annotations": {"eks.amazonaws.com/role-arn": TENANT_ROLE}}}
    )
    body = a_resource(name="turncoat", region=None, ecr_registry=TENANT_HOST, aws={"service_account": "turncoat"})
    tenant.create(resource_path("secrets", TENANT), body)
    world.wait(TENANT, "turncoat", reason="Refreshed")
    tenant.patch(f"{accounts}/turncoat", {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": VICTIM_ROLE}}})
    world.wait(TENANT, "turncoat", reason="PolicyDenied")
    assert VICTIM_ROLE not in {call.parameters.get("RoleArn") for call in world.aws.calls()}


def test_a_forged_secret_plants_no_token_and_takes_none(lasting: tuple[World, OperatorProcess, Cluster]) -> None:
    """A Secret dressed up as the operator's own, for a resource of the victim: it is not touched, and serves nobody."""
    world, _, tenant = lasting
    world.apply(VICTIM, name="own", ecr_registry=VICTIM_HOST)
    world.wait(VICTIM, "own", reason="Refreshed")
    genuine = world.cluster.get(secret_path(VICTIM, "own-generated"))
    assert genuine
    metadata = {key: genuine["metadata"][key] for key in ("labels", "annotations", "ownerReferences")}
    forged = _secret(
        "own-generated", {".dockerconfigjson": '{"auths":{"x":{"password":"' + FORGED + '"}}}'}, **metadata
    )
    tenant.create(f"/api/v1/namespaces/{TENANT}/secrets", {**forged, "type": "kubernetes.io/dockerconfigjson"})
    world.cluster.delete(secret_path(VICTIM, "own-generated"))
    restored = wait_for(
        lambda: world.cluster.get(secret_path(VICTIM, "own-generated")), "the victim's Secret is back", within=5
    )
    assert restored["data"] == genuine["data"]
    state = condition(world.get(VICTIM, "own"), "Ready")
    assert state["status"] == "True"
