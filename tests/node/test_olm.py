"""A real OLM installs the operator from the catalog of a release, as docs/guides/openshift-console.md says."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest

from ecr_secret_operator_lab.cluster import ECR, secret_path
from ecr_secret_operator_lab.registry import Registry
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import HOST
from ..e2e.installing import DEPLOYMENT, NAMESPACE, seed, wait_served
from .containers import first_process
from .subscribing import CREDENTIALS, LONG, Olm, installed

pytestmark = pytest.mark.xdist_group("olm")

VERSION = "1.0.0"
ROLE = "arn:aws:iam::123456789012:role/ecr-operator"
TOKEN = "root/var/run/secrets/openshift/serviceaccount/token"
ALL = "AllNamespaces"
OTHER = "team-c"


@pytest.fixture(scope="module")
def subscribed(olm: Olm) -> Iterator[Olm]:
    """The operator is installed for all namespaces. It has a role by ROLEARN, and no Secret."""
    olm.serve(olm.catalogs.release(VERSION))
    with installed(olm, VERSION, role=ROLE):
        yield olm


def test_the_pods_are_pulled_by_digest_under_the_restricted_standard(subscribed: Olm, registry: Registry) -> None:
    (plan,) = (one for one in subscribed.install_plans() if one.get("status", {}).get("phase") == "Complete")
    (lookup,) = plan["status"]["bundleLookups"]
    assert lookup["path"].startswith(f"{HOST}/ecr-secret-operator-bundle@sha256:")
    pods = subscribed.pods()
    assert len(pods) == 2
    for pod in pods:
        (status,) = pod["status"]["containerStatuses"]
        assert pod["spec"]["containers"][0]["image"].startswith(f"{HOST}/ecr-secret-operator@sha256:")
        assert status["ready"]
        assert status["restartCount"] == 0
    namespace = subscribed.cluster.get(f"/api/v1/namespaces/{NAMESPACE}")
    assert namespace
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for repository in ("ecr-secret-operator", "ecr-secret-operator-bundle", "ecr-secret-operator-catalog"):
        pulled = [one for one in registry.requests() if one.path.startswith(f"/v2/{repository}/blobs/")]
        assert "GET" in {one.method for one in pulled if one.refusal is None}


def test_the_seeds_resources_are_served_with_the_role_of_the_subscription(subscribed: Olm) -> None:
    """With the token that the Pod has mounted."""
    before = max((call.number for call in subscribed.aws.calls()), default=0)
    resources = seed(subscribed.node.plane, subscribed.cluster)
    wait_served(subscribed.cluster, resources, subscribed.aws)
    assert subscribed.cluster.get(secret_path(NAMESPACE, CREDENTIALS)) is None
    calls = subscribed.aws.calls("AssumeRoleWithWebIdentity", after=before)
    mounted = {sha256((first_process(pod) / TOKEN).read_bytes()).hexdigest() for pod in subscribed.pods()}
    assert calls
    for call in calls:
        assert call.parameters["RoleArn"] == ROLE
        assert call.web_identity
        assert call.web_identity.sha256 in mounted
        assert call.web_identity.claims["aud"] == ["openshift"]
        assert call.web_identity.claims["sub"] == f"system:serviceaccount:{NAMESPACE}:{DEPLOYMENT}"
    assert {call.access_key_id[:4] for call in subscribed.aws.calls("GetAuthorizationToken", after=before)} == {"ASIA"}


def test_a_cluster_pull_secret_is_served_where_all_namespaces_are(subscribed: Olm) -> None:
    subscribed.namespaces(OTHER)
    spec = {"generated_secret_name": "ecr-pull", "ecr_registry": HOST, "namespaces": {"include": [OTHER]}}
    kind = {"apiVersion": "ecr.mobb.redhat.com/v1alpha1", "kind": "ClusterPullSecret"}
    subscribed.cluster.create(f"{ECR}/clusterpullsecrets", {**kind, "metadata": {"name": "everywhere"}, "spec": spec})
    wait_for(lambda: subscribed.cluster.get(secret_path(OTHER, "ecr-pull")), "the Secret exists", within=LONG)


def test_the_image_prints_the_admission_policies_that_hold_its_operator(subscribed: Olm) -> None:
    """As the guide says. Before, the permissions that OLM gives allow the operator any Secret."""
    subscribed.namespaces(OTHER)
    kubectl = subscribed.node.plane.kubectl
    stolen = ("create", "secret", "generic", "stolen", f"--namespace={OTHER}", "--dry-run=server")
    operator = f"--as=system:serviceaccount:{NAMESPACE}:{DEPLOYMENT}"
    assert "secret/stolen created" in kubectl(*stolen, operator).stdout
    for arguments in subscribed.guide_commands("## 5. "):
        subscribed.run(arguments)

    def refusal() -> str:
        return kubectl(*stolen, operator, check=False).stderr

    said = wait_for(refusal, "the policies are in force", within=LONG)
    assert "ValidatingAdmissionPolicy 'ecr-secret-operator-secrets'" in said


def test_olm_refuses_an_install_mode_that_is_not_claimed(subscribed: Olm) -> None:
    """What the bundle claims is what OLM goes by: without its claim, the same OperatorGroup is refused."""
    version = subscribed.version(VERSION)
    assert version
    claims = version["spec"]["installModes"]
    without = [{**mode, "supported": mode["type"] != ALL} for mode in claims]
    subscribed.change_version(VERSION, {"installModes": without})
    try:
        status = subscribed.wait_phase(VERSION, "Failed")["status"]
        assert status["reason"] == "UnsupportedOperatorGroup"
        assert status["message"] == f"{ALL} InstallModeType not supported, cannot configure to watch all namespaces"
    finally:
        subscribed.change_version(VERSION, {"installModes": claims})
    subscribed.wait_phase(VERSION, "Succeeded")
