"""`doctor` names what is broken, and nothing else, on a real control plane with an operator that works.

Two tables: RESOURCES, each of which asks for something that cannot be had, found in one go; and INSTALLATION, one thing
broken at a time, and fixed again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ecr_secret_operator.crds import all_definitions
from ecr_secret_operator.doctor.finding import Finding, Level
from ecr_secret_operator_lab.cluster import ECR, Cluster, Object, condition, resource_path, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess, installed_command
from ecr_secret_operator_lab.permissions import NAMESPACE, SERVICE_ACCOUNT
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.commands import run
from tests.cluster.deployments import deployment
from tests.cluster.identities import keys_secret, service_account
from tests.cluster.private import POLICIES, World, private_world
from tests.cluster.resources import HOST, PLURALS, a_resource
from tests.laboratory import with_token

pytestmark = pytest.mark.xdist_group("doctor")  # its control plane is started once, by one worker

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/bc9c1120.mobb.redhat.com"

DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"

GUARDS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"

ACCOUNT = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{SERVICE_ACCOUNT}"

AWS_KEYS = secret_path(NAMESPACE, "aws-ecr-cloud-credentials")

ELSEWHERE = HOST.replace("us-east-2", "eu-west-1")

UNKNOWN_ROLE = "arn:aws:iam::210987654321:role/unknown"

BAD, GOOD = "team-a", "team-b"

RESOURCES: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "banana": ("Secret", {"frequency": "banana"}, {"invalid-spec"}),
    "taken": ("Secret", {}, {"secret-conflict"}),
    "twice": ("Secret", {"generated_secret_name": "charts-generated"}, {"secret-conflict"}),
    "no-account": ("Secret", {"aws": {"service_account": "nobody"}}, {"account-missing"}),
    "no-role": ("Secret", {"aws": {"service_account": "bare"}}, {"account-not-annotated"}),
    "bad-role": ("Secret", {"aws": {"service_account": "typo"}}, {"account-role-malformed"}),
    "no-keys": ("Secret", {"aws": {"credentials_secret": "nothing"}}, {"keys-missing"}),
    "half-keys": ("Secret", {"aws": {"credentials_secret": "half"}}, {"keys-incomplete"}),
    "refused": ("Secret", {"aws": {"role_arn": UNKNOWN_ROLE}}, {"aws-access-denied"}),
    "aws-away": ("ArgoHelmRepoSecret", {"url": ELSEWHERE}, {"aws-unavailable"}),
    "forbidden": ("Secret", {"ecr_registry": HOST.replace("123456789012", "999999999999")}, {"policy-denied"}),
    "no-link": ("Secret", {"link": [{"service_account": "later"}]}, {"linked-account-missing"}),
    "resting": ("Secret", {"suspend": True}, {"suspended"}),
    "charts": ("ArgoHelmRepoSecret", {}, set()),
}


@dataclass(frozen=True, slots=True)
class Site:
    """A cluster in which everything is as it should be, to begin with."""

    world: World
    operator: OperatorProcess
    directory: Path

    @property
    def cluster(self) -> Cluster:
        return self.world.cluster

    def doctor(self, *args: str, kubeconfig: Path | None = None) -> tuple[int, list[Finding]]:
        done = run(kubeconfig or self.world.plane.kubeconfig, "doctor", "-o", "json", *args)
        assert done.stdout, done.stderr
        told = json.loads(done.stdout)["findings"]
        return done.returncode, [Finding(**{**one, "level": Level(one["level"])}) for one in told]

    def available(self, replicas: int) -> None:
        self.cluster.patch(f"{DEPLOYMENT}/operator/status", {"status": {"availableReplicas": replicas}})


def problems(findings: list[Finding], subject: str = "") -> set[str]:
    return {
        one.cause
        for one in findings
        if one.level in (Level.WARNING, Level.ERROR) and (not subject or one.subject == subject)
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("doctor")
    with private_world(directory) as world:
        for namespace in (BAD, GOOD):
            world.cluster.namespace(namespace)
        world.policy("ours", registries=["123456789012.*"], ambient_identity=True, role_arns=["*"])
        world.cluster.create(secret_path(NAMESPACE), keys_secret({"credentials": "x"}, "aws-ecr-cloud-credentials"))
        world.cluster.create(DEPLOYMENT, deployment())
        world.cluster.patch(
            f"{DEPLOYMENT}/operator/status", {"status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}}
        )
        operator = world.start("--leader-elect")
        world.apply(GOOD)
        pull = a_resource("Secret", "pull", region=None, namespaces={"include": [GOOD]})
        world.cluster.create(f"{ECR}/clusterpullsecrets", {**pull, "kind": "ClusterPullSecret"})
        assert world.ready(GOOD)["status"] == "True"

        def pulled() -> bool:
            return condition(world.cluster.get(f"{ECR}/clusterpullsecrets/pull"), "Ready").get("status") == "True"

        wait_for(pulled, "the cluster resource is served", within=30)
        yield Site(world, operator, directory)


def test_where_all_is_well_nothing_is_named(site: Site) -> None:
    code, findings = site.doctor()
    assert (code, problems(findings)) == (0, set())
    assert {one.level for one in findings} == {Level.OK}
    wanted = {"api-server", "definitions", "operator", "leader", "operator-permissions", "admission-policies"}
    assert {one.cause for one in findings} == wanted | {"aws-identity", "policies", "resources"}


def test_a_healthy_resource_is_said_to_be_so(site: Site) -> None:
    code, findings = site.doctor("Secret/ecr", "-n", GOOD)
    assert (code, problems(findings)) == (0, set())
    (one,) = [one for one in findings if one.cause == "resource"]
    assert one.subject == f"Secret {GOOD}/ecr"
    assert "holds a valid token" in one.message


def test_a_named_policy_is_checked(site: Site) -> None:
    code, findings = site.doctor("ecrpolicy/ours")
    assert (code, problems(findings)) == (0, set())
    (one,) = [one for one in findings if one.subject == "AccessPolicy ours"]
    assert re.fullmatch("It is valid and selects [0-9]+ of [0-9]+ namespaces", one.message)
    absent = run(site.world.plane.kubeconfig, "doctor", "accesspolicy/none")
    assert (absent.returncode, absent.stderr) == (2, "Error: there is no AccessPolicy none\n")
    rendered = run(site.world.plane.kubeconfig, "render", "ecrpolicy/ours")
    assert (rendered.returncode, rendered.stdout) == (0, "# AccessPolicy ours is valid, and generates nothing\n")


@pytest.fixture(scope="module")
def broken(site: Site) -> list[Finding]:
    """All of RESOURCES, once the operator has said what it makes of them."""
    cluster, world = site.cluster, site.world
    _, nonsense, _ = RESOURCES["banana"]
    world.store_unchecked(lambda: world.apply(BAD, name="banana", **nonsense))
    cluster.create(secret_path(BAD), {"metadata": {"name": "taken-generated"}, "stringData": {"mine": "stays"}})
    service_account(cluster, BAD, "bare")
    service_account(cluster, BAD, "typo", **{"role-arn": "role/x"})
    cluster.create(secret_path(BAD), keys_secret({"aws_access_key_id": "AKIATEAMAEXAMPLE0001"}, "half"))
    world.aws.set_roles([])
    world.aws.fail("ServiceUnavailable", region="eu-west-1")
    world.apply(BAD, "ArgoHelmRepoSecret", "charts")
    assert world.ready(BAD, "charts", "ArgoHelmRepoSecret")["status"] == "True"
    for name, (kind, spec, _) in RESOURCES.items():
        if name not in ("banana", "charts"):
            world.apply(BAD, kind, name, **spec)
    for name, (kind, _, _) in RESOURCES.items():
        world.ready(BAD, name, kind)

    def linked() -> bool:
        return condition(world.get(BAD, "no-link"), "Linked").get("status") == "False"

    wait_for(linked, "the condition says that nothing is linked", within=30)
    code, findings = site.doctor()
    assert code == 1
    return findings


@pytest.mark.parametrize("name", RESOURCES)
def test_what_is_wrong_with_a_resource(broken: list[Finding], name: str) -> None:
    kind, _, wanted = RESOURCES[name]
    assert problems(broken, f"{kind} {BAD}/{name}") == wanted
    assert all(one.remedy for one in broken if one.subject.endswith(f"/{name}") and one.level is not Level.OK)


def test_nothing_else_is_named(broken: list[Finding]) -> None:
    named = {one.subject for one in broken if one.level in (Level.WARNING, Level.ERROR)}
    assert named == {f"{kind} {BAD}/{name}" for name, (kind, _, causes) in RESOURCES.items() if causes}


def test_no_value_of_a_secret_is_told(site: Site, broken: list[Finding]) -> None:
    told = json.dumps([(one.message, one.remedy, one.subject) for one in broken])
    assert "AKIATEAMAEXAMPLE0001" not in told
    assert not any(token.password in told for token in site.world.aws.tokens())


Change = Callable[[Site], object]


def without(path: str) -> tuple[Change, Change]:
    """Takes something away, and gives it back."""
    kept: list[Object] = []

    def take(site: Site) -> None:
        kept.append(site.cluster.get(path) or {})
        site.cluster.delete(path)
        wait_for(lambda: site.cluster.get(path) is None, f"{path} is gone", within=60)

    def give(site: Site) -> None:
        one = kept.pop()
        for name in ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"):
            one["metadata"].pop(name, None)
        site.cluster.create(path.rpartition("/")[0], one)

    return take, give


def changed(path: str, bad: Object, good: Object) -> tuple[Change, Change]:
    return lambda site: site.cluster.patch(path, bad), lambda site: site.cluster.patch(path, good)


def policy_for_nobody(site: Site) -> None:
    site.world.policy("nobody", namespaces={"include": ["nowhere-*"]})


def crashing_pod(site: Site) -> None:
    spec = {"containers": [{"name": "manager", "image": "example.org/ecr-secret-operator:1"}]}
    pod = {"metadata": {"name": "operator-1", "labels": {"app": "ecr-secret-operator"}}, "spec": spec}
    site.cluster.create(f"/api/v1/namespaces/{NAMESPACE}/pods", pod)
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    status = {"name": "manager", "ready": False, "restartCount": 3, "image": "", "imageID": "", "state": waiting}
    site.cluster.patch(
        f"/api/v1/namespaces/{NAMESPACE}/pods/operator-1/status", {"status": {"containerStatuses": [status]}}
    )


def no_pod(site: Site) -> None:
    site.cluster.delete(f"/api/v1/namespaces/{NAMESPACE}/pods/operator-1?gracePeriodSeconds=0")


def outdated() -> tuple[Change, Change]:
    definition = next(one for one in all_definitions() if one["spec"]["names"]["plural"] == "secrets")
    path, (version,) = f"{CRDS}/{definition['metadata']['name']}", definition["spec"]["versions"]
    old = json.loads(json.dumps(version))
    del old["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["link"]
    return changed(path, {"spec": {"versions": [old]}}, {"spec": {"versions": [version]}})


def watching(value: str) -> Object:
    (container,) = deployment()["spec"]["template"]["spec"]["containers"]
    env = [{"name": "WATCH_NAMESPACE", "value": value}]
    return {"spec": {"template": {"spec": {"containers": [{**container, "env": env}]}}}}


def watching_by_config_map(site: Site) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    site.cluster.create(path, {"metadata": {"name": "settings"}, "data": {"NAMESPACE": "team-c"}})
    (container,) = deployment()["spec"]["template"]["spec"]["containers"]
    sources = [*container["envFrom"], {"configMapRef": {"name": "settings"}, "prefix": "WATCH_"}]
    pod = {"containers": [{**container, "envFrom": sources, "env": None}]}
    site.cluster.patch(f"{DEPLOYMENT}/operator", {"spec": {"template": {"spec": pod}}})


def annotated(role: str | None) -> Object:
    return {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": role}}}


INSTALLATION: dict[str, tuple[tuple[Change, Change], set[str]]] = {
    "outdated definition": (outdated(), {"definition-outdated"}),
    "scaled to zero": (
        changed(f"{DEPLOYMENT}/operator", {"spec": {"replicas": 0}}, {"spec": {"replicas": 1}}),
        {"operator-scaled-to-zero"},
    ),
    "not available": ((lambda site: site.available(0), lambda site: site.available(1)), {"operator-unavailable"}),
    "crash loop": ((crashing_pod, no_pod), {"operator-crashes"}),
    "another namespace": (
        changed(f"{DEPLOYMENT}/operator", watching("team-c"), watching("")),
        {"not-watched"},
    ),
    "another namespace, by envFrom": (
        (watching_by_config_map, lambda site: site.cluster.patch(f"{DEPLOYMENT}/operator", watching(""))),
        {"not-watched"},
    ),
    "no permissions": (
        without(f"{BINDINGS}/ecr-secret-operator-manager-rolebinding"),
        {"operator-permissions-lacking"},
    ),
    "no admission policy": (without(f"{GUARDS}/ecr-secret-operator-secrets"), {"admission-policies-missing"}),
    "half the keys of the operator": (
        changed(
            AWS_KEYS,
            {"data": {"credentials": None, "aws_access_key_id": "eA=="}},
            {"data": {"credentials": "eA==", "aws_access_key_id": None}},
        ),
        {"aws-credentials-incomplete"},
    ),
    "a role that is none": (changed(ACCOUNT, annotated("role/x"), annotated(None)), {"operator-role-malformed"}),
    "a policy for nobody": (
        (policy_for_nobody, lambda site: site.cluster.delete(f"{POLICIES}/nobody")),
        {"policy-selects-nothing"},
    ),
}


@pytest.mark.parametrize("name", INSTALLATION)
def test_what_is_wrong_with_the_installation(site: Site, name: str) -> None:
    (breaks, fixes), wanted = INSTALLATION[name]
    breaks(site)
    try:
        code, findings = site.doctor("Secret/ecr", "-n", GOOD)
        assert problems(findings) == wanted
        assert code == int(any(one.level is Level.ERROR for one in findings))
        assert all(one.remedy for one in findings if one.level in (Level.WARNING, Level.ERROR))
    finally:
        fixes(site)


def test_an_account_that_is_not_there(site: Site) -> None:
    """Named by an option: without its own, the operator would lose its Lease."""
    _, findings = site.doctor("Secret/ecr", "-n", GOOD, "--service-account", "nobody")
    assert problems(findings) == {"operator-account-missing"}


def test_an_operator_that_is_in_another_namespace(site: Site) -> None:
    """Pointed at the wrong namespace, doctor names the right one, and finds nothing wrong in what is not there."""
    code, findings = site.doctor("Secret/ecr", "-n", GOOD, "--operator-namespace", GOOD)
    assert (code, problems(findings)) == (0, {"operator-elsewhere"})
    (one,) = [one for one in findings if one.cause == "operator-elsewhere"]
    assert one.remedy == f"ecr-secret-operator doctor --operator-namespace {NAMESPACE}"
    assert {one.cause for one in findings if one.level is Level.UNKNOWN} == {
        "operator-permissions",
        "admission-policies",
        "aws-identity",
    }
    plugin = str(Path(installed_command()).with_name("kubectl-ecr"))
    args = ("doctor", "-n", GOOD, "--operator-namespace", GOOD)
    text = run(site.world.plane.kubeconfig, *args, program=plugin).stdout
    assert f"> kubectl ecr doctor --operator-namespace {NAMESPACE}" in text


def test_what_one_may_not_look_at_is_no_fault(site: Site) -> None:
    """A member of a team, with the role view in their namespace."""
    subject = [{"kind": "ServiceAccount", "name": "member", "namespace": GOOD}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "ecr-secret-operator-viewer"}
    service_account(site.cluster, GOOD, "member")
    site.cluster.create(
        f"/apis/rbac.authorization.k8s.io/v1/namespaces/{GOOD}/rolebindings",
        {"metadata": {"name": "member"}, "roleRef": role, "subjects": subject},
    )
    path = f"/api/v1/namespaces/{GOOD}/serviceaccounts/member/token"
    token = site.cluster.create(path, {"spec": {}})["status"]["token"]
    config = with_token(site.world.plane.kubeconfig, site.directory / "member", token, GOOD)
    wait_for(lambda: run(config, "status", "-n", GOOD).returncode == 0, "their permissions are in force", within=60)
    code, findings = site.doctor("Secret/ecr", kubeconfig=config)
    assert (code, problems(findings)) == (0, set())
    assert {one.cause for one in findings if one.level is Level.UNKNOWN} >= {
        "operator",
        "leader",
        "operator-permissions",
    }


def test_the_text_has_the_cure_beside_the_fault(site: Site, broken: list[Finding]) -> None:
    done = run(site.world.plane.kubeconfig, "doctor", "Secret/taken", "-n", BAD)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if "taken-generated exists" in line]
    assert lines[at].startswith("error")
    assert f"kubectl delete secret taken-generated -n {BAD}" in lines[at + 1]


def test_an_operator_that_is_gone(site: Site, broken: list[Finding]) -> None:
    """The last test: nothing works afterwards. Its Lease is given back, then looks abandoned, then is gone."""
    assert site.operator.stop() == 0
    site.cluster.delete(secret_path(GOOD, "ecr-generated"))
    _, findings = site.doctor("Secret/ecr", "-n", GOOD)
    assert problems(findings) == {"leader-none", "secret-missing"}
    old = "2026-01-01T00:00:00.000000Z"
    site.cluster.patch(LEASE, {"spec": {"holderIdentity": "operator-0", "renewTime": old, "leaseDurationSeconds": 15}})
    status = {"expiresAt": old.replace(".000000", "")}
    site.cluster.patch(f"{resource_path(PLURALS['Secret'], GOOD, 'ecr')}/status", {"status": status})
    puller = {
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "image": "x"}], "imagePullSecrets": [{"name": "ecr-generated"}]},
    }
    site.cluster.create(f"/api/v1/namespaces/{GOOD}/pods", puller)
    _, findings = site.doctor("Secret/ecr", "-n", GOOD)
    assert problems(findings) == {"leader-lost", "token-expired"}
    (expired,) = [one for one in findings if one.cause == "token-expired"]
    assert "1 Pod (web) pulls with it" in expired.message
    site.cluster.delete(LEASE)
    site.cluster.delete(f"{DEPLOYMENT}/operator")
    _, findings = site.doctor("Secret/ecr", "-n", GOOD)
    assert problems(findings) == {"operator-absent", "token-expired"}
    site.cluster.delete(ACCOUNT)
    wait_for(lambda: site.cluster.get(ACCOUNT) is None, "its ServiceAccount is gone", within=60)
    _, findings = site.doctor("Secret/ecr", "-n", GOOD)
    assert problems(findings) == {"operator-absent", "token-expired"}
    site.cluster.delete(f"{CRDS}/accesspolicies.ecr.mobb.redhat.com")
    wait_for(lambda: site.cluster.get(f"{CRDS}/accesspolicies.ecr.mobb.redhat.com") is None, "it is gone", within=60)
    _, findings = site.doctor("-n", GOOD)
    assert "definition-missing" in problems(findings)
