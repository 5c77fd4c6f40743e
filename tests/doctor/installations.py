"""An installation and a resource with which all is well, with whatever a test is about passed in."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ecr_secret_operator.crds import all_definitions
from ecr_secret_operator.doctor.checklist import check, workload_of
from ecr_secret_operator.doctor.credential import credential
from ecr_secret_operator.doctor.finding import Finding, Level
from ecr_secret_operator.doctor.observed import Evidence, Keys, ObservedInstallation
from ecr_secret_operator.doctor.permissions import access_reviews
from ecr_secret_operator.domain.identity.access_policy import Policy, parse_policy
from ecr_secret_operator.domain.kinds import KINDS
from ecr_secret_operator.domain.secret.annotations import OWNER
from ecr_secret_operator.domain.secret.stored import MANAGED_BY, MANAGED_BY_LABEL, OwnerReference, StoredSecret
from ecr_secret_operator.rbac import Installation, admission_policies
from tests.factories import NOW

from .objects import Object, an_object

ACCOUNT = "ecr-secret-operator-controller-manager"
ROLE = "arn:aws:iam::123456789012:role/ecr"
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"


def a_deployment(*args: str, replicas: int = 1, available: int = 1, env: list[Object] | None = None) -> Object:
    container = {
        "name": "manager",
        "command": ["ecr-secret-operator"],
        "args": ["run", "--leader-elect", *args],
        "env": env or [],
    }
    return {
        "metadata": {"name": ACCOUNT, "namespace": "ecr-secret-operator"},
        "spec": {
            "replicas": replicas,
            "template": {"spec": {"serviceAccountName": ACCOUNT, "containers": [container]}},
        },
        "status": {"availableReplicas": available},
    }


def a_lease(holder: str = "pod-1", *, ago: float = 2.0) -> Object:
    renewed = (NOW - timedelta(seconds=ago)).isoformat().replace("+00:00", "Z")
    return {
        "metadata": {"name": "bc9c1120.mobb.redhat.com"},
        "spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15},
    }


def definitions(**changed: Any) -> dict[str, Any]:
    """All as this version has them; of those that are named by their plural, the given one."""
    found = {one["metadata"]["name"]: deepcopy(one) for one in all_definitions()}
    for plural, one in changed.items():
        found[f"{plural}.ecr.mobb.redhat.com"] = one
    return found


def guards(kind: str, *, namespace: str = "ecr-secret-operator") -> list[Object]:
    return [one for one in admission_policies(Installation(namespace=namespace)) if one["kind"] == kind]


def an_installation(**over: Any) -> ObservedInstallation:
    seen = ObservedInstallation(
        now=NOW,
        server="https://127.0.0.1:6443",
        definitions=definitions(),
        served=frozenset([*(kind.plural for kind in KINDS.values()), "accesspolicies"]),
        namespace="ecr-secret-operator",
        account=ACCOUNT,
        account_seen={"metadata": {"name": ACCOUNT}},
        deployments=[a_deployment()],
        pods=[],
        lease=a_lease(),
        permissions={},
        guards=guards("ValidatingAdmissionPolicy"),
        bindings=guards("ValidatingAdmissionPolicyBinding"),
        secrets={"aws-ecr-cloud-credentials": Keys(there=True, names=frozenset(["credentials"]))},
        policies=[],
        namespaces={"team-a": {}},
        credentials=[],
    )
    seen = replace(seen, **over)
    if "permissions" not in over:
        seen = replace(seen, permissions=dict.fromkeys(access_reviews(workload_of(seen), seen.namespace), True))
    return seen


def a_policy(name: str = "all", **spec: Any) -> Policy:
    return Policy(name, "1", parse_policy(spec))


def a_secret_of(raw: Object, namespace: str = "team-a", **over: Any) -> StoredSecret:
    """The Secret that was generated for a resource."""
    kind, meta = raw["kind"], raw["metadata"]
    owner = OwnerReference("ecr.mobb.redhat.com/v1alpha1", kind, meta["name"], meta["uid"])
    stored = StoredSecret(
        namespace=namespace,
        name=raw["spec"]["generated_secret_name"],
        uid="u",
        resource_version="1",
        secret_type="kubernetes.io/dockerconfigjson",
        immutable=False,
        deleting=False,
        labels={MANAGED_BY_LABEL: MANAGED_BY},
        annotations={OWNER: f"{kind}/{namespace}/{meta['name']}"},
        owners=(owner,),
        data_keys=(".dockerconfigjson",),
        data_digest="",
        passwords={},
    )
    return replace(stored, **over)


def a_foreign_secret(raw: Object, namespace: str = "team-a") -> StoredSecret:
    return a_secret_of(raw, namespace, labels={}, annotations={}, owners=())


def a_case(raw: Object | None = None, **over: Any) -> Evidence:
    raw = raw or an_object()
    kind = KINDS[raw["kind"]]
    namespace = raw["metadata"].get("namespace", "")
    case = Evidence(
        kind=kind,
        raw=raw,
        credential=credential(kind, raw, now=NOW),
        home=namespace or "ecr-secret-operator",
        generated={namespace: a_secret_of(raw, namespace)} if namespace else {},
        looked=frozenset([namespace]) if namespace else frozenset(),
    )
    return replace(case, **over)


def found(seen: ObservedInstallation | None = None, *cases: Evidence) -> list[Finding]:
    return list(check(seen or an_installation(), cases))


def causes(findings: list[Finding], *levels: Level) -> list[str]:
    """Of these levels; of warnings and what is wrong, if none is given."""
    return [one.cause for one in findings if one.level in (levels or (Level.WARNING, Level.ERROR))]
