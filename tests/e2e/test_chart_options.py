"""Values of the chart that installers know from other charts, and where each of them ends up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tools.deploying.release import PRERELEASE

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.controlplane import ControlPlane
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.commands import run

from .installing import (
    CHART,
    DEPLOYMENT,
    NAMESPACE,
    Helm,
    Object,
    bare_plane,
    give_credentials,
    one_of,
)
from .pods import run_pod

TEST = "ecr-secret-operator-test"


@pytest.fixture
def helm(helm_program: Path, tmp_path: Path) -> Helm:
    return Helm(helm_program, tmp_path)


def pod(objects: list[Object]) -> Object:
    return dict(one_of(objects, "Deployment")["spec"]["template"]["spec"])


def test_another_service_account_is_used_everywhere(helm: Helm) -> None:
    objects = helm.rendered(serviceAccount={"name": "123"})
    assert pod(objects)["serviceAccountName"] == "123"
    assert one_of(objects, "ServiceAccount")["metadata"]["name"] == "123"
    subjects = [subject["name"] for one in objects for subject in one.get("subjects", [])]
    assert set(subjects) == {"123"}
    policies = [one["spec"]["matchConditions"] for one in objects if one["kind"] == "ValidatingAdmissionPolicy"]
    for conditions in policies:
        expression = f'request.userInfo.username == "system:serviceaccount:{NAMESPACE}:123"'
        assert expression in [condition["expression"] for condition in conditions]
    assert DEPLOYMENT not in yaml.safe_dump_all([one for one in objects if "rbac" in one["apiVersion"]])


def test_an_existing_service_account_is_not_created(helm: Helm) -> None:
    objects = helm.rendered(serviceAccount={"create": False, "name": "mine"})
    assert not [one for one in objects if one["kind"] == "ServiceAccount"]
    assert pod(objects)["serviceAccountName"] == "mine"


def test_common_labels_are_on_every_object_and_replace_none_of_the_charts(helm: Helm) -> None:
    own = "app.kubernetes.io/name"
    metrics = {"secure": True, "serviceMonitor": {"enabled": True, "labels": {"team": "monitor"}}}
    policies = {"a": {"ambient_identity": True}}
    before = helm.with_test(metrics=metrics, accessPolicies=policies)
    common = {"team": "all", "cost": "1", own: "x"}
    after = helm.with_test(metrics=metrics, accessPolicies=policies, commonLabels=common)
    assert len(after) == len(before) > 20
    for old, new in zip(before, after, strict=True):
        assert new["metadata"]["labels"] == {**common, **old["metadata"]["labels"]}, new["kind"]
    assert one_of(after, "ServiceMonitor")["metadata"]["labels"]["team"] == "monitor"
    template = one_of(after, "Deployment")["spec"]["template"]["metadata"]
    assert template["labels"] == {**common, own: "ecr-secret-operator", "control-plane": "controller-manager"}
    assert one_of(after, "Deployment")["spec"]["selector"] == one_of(before, "Deployment")["spec"]["selector"]


def test_pod_labels_win_over_common_ones(helm: Helm) -> None:
    objects = helm.rendered(commonLabels={"team": "all"}, podLabels={"team": ""})
    assert one_of(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]["team"] == ""


def test_pull_secrets_of_both_forms_are_used_once_each(helm: Helm) -> None:
    objects = helm.with_test(
        image={"pullSecrets": ["old", "both"]}, imagePullSecrets=[{"name": "both"}, {"name": "new"}]
    )
    expected = [{"name": "old"}, {"name": "both"}, {"name": "new"}]
    assert pod(objects)["imagePullSecrets"] == expected
    assert one_of(objects, "Pod")["spec"]["imagePullSecrets"] == expected
    assert "imagePullSecrets" not in pod(helm.rendered())


def test_what_a_deployment_has_can_be_set(helm: Helm) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2**31 - 1, "maxUnavailable": "100%"}}
    aliases = [{"ip": "::1", "hostnames": ["a.example", "b.example"]}]
    dns = {"nameservers": ["10.0.0.1"], "options": [{"name": "ndots", "value": "1"}]}
    objects = helm.rendered(
        deploymentAnnotations={"a": "1"},
        strategy=strategy,
        revisionHistoryLimit=3,
        dnsPolicy="None",
        dnsConfig=dns,
        hostAliases=aliases,
    )
    deployment = one_of(objects, "Deployment")
    assert deployment["metadata"]["annotations"] == {"a": "1"}
    assert deployment["spec"]["strategy"] == strategy
    assert deployment["spec"]["revisionHistoryLimit"] == 3
    assert pod(objects)["dnsPolicy"] == "None"
    assert pod(objects)["dnsConfig"] == dns
    assert pod(objects)["hostAliases"] == aliases


@pytest.mark.parametrize("most", [1, 2**31 - 1, "1%", "100%"])
def test_a_disruption_budget_is_a_number_or_a_percentage(helm: Helm, most: int | str) -> None:
    assert one_of(helm.rendered(podDisruptionBudget={"maxUnavailable": most}), "PodDisruptionBudget")["spec"][
        "maxUnavailable"
    ] == (most)


@pytest.mark.parametrize("policy", ["IfHealthyBudget", "AlwaysAllow", ""])
def test_the_eviction_of_unhealthy_pods_can_be_set(helm: Helm, policy: str) -> None:
    spec = one_of(helm.rendered(podDisruptionBudget={"unhealthyPodEvictionPolicy": policy}), "PodDisruptionBudget")
    assert spec["spec"].get("unhealthyPodEvictionPolicy", "") == policy


def test_a_service_monitor_can_be_relabelled(helm: Helm) -> None:
    rules = [{"sourceLabels": ["__address__"], "modulus": 10**9, "targetLabel": "shard", "action": "hashmod"}]
    drop = [{"sourceLabels": ["__name__"], "regex": "python_.*", "action": "drop"}]
    monitor = {
        "enabled": True,
        "interval": "1m",
        "scrapeTimeout": "20s",
        "relabelings": rules,
        "metricRelabelings": drop,
    }
    (endpoint,) = one_of(helm.rendered(metrics={"serviceMonitor": monitor}), "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["scrapeTimeout"] == "20s"
    assert endpoint["relabelings"] == rules
    assert endpoint["metricRelabelings"] == drop


def test_extra_objects_are_passed_on_as_they_are(helm: Helm) -> None:
    text = "{{ $labels.x }}\n---\n: 'a'"
    extra = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "true", "labels": {"a": "1e3"}},
        "data": {"a": text},
        "large": 10**9,
    }
    assert one_of(helm.rendered(extraObjects=[extra]), "ConfigMap") == extra


def test_the_description_shows_what_catalogues_of_charts_show() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    annotations = {name.removeprefix("artifacthub.io/"): text for name, text in chart["annotations"].items()}
    assert chart["icon"].startswith("https://")
    assert (CHART.parent / "bundle" / "icon.svg").is_file()
    assert chart["icon"].endswith("/deploy/bundle/icon.svg")
    assert all(one["name"] and "@" in one["email"] for one in chart["maintainers"])
    kinds = {one["kind"] for one in yaml.safe_load(annotations["crds"])}
    assert kinds == {one["kind"] for one in yaml.safe_load(annotations["crdsExamples"])}
    assert kinds == {"Secret", "ArgoHelmRepoSecret", "ClusterPullSecret", "AccessPolicy"}
    (image,) = yaml.safe_load(annotations["images"])
    assert image["image"].endswith(f":v{chart['appVersion']}")
    assert annotations["category"] == "security"
    assert annotations["prerelease"] == str(PRERELEASE).lower()


# helm test


@pytest.fixture
def plane() -> Iterator[tuple[ControlPlane, Cluster]]:
    with bare_plane() as found:
        yield found


def as_the_test(plane: ControlPlane, objects: list[Object], directory: Path) -> dict[str, list[Object]]:
    """Runs the command of the test's pod as its ServiceAccount; the findings by level."""
    found = one_of(objects, "Pod")
    (container,) = found["spec"]["containers"]
    done = run(plane.service_account_kubeconfig(NAMESPACE, TEST, directory), *container["args"], "--output=json")
    levels: dict[str, list[Object]] = {}
    for finding in json.loads(done.stdout)["findings"]:
        levels.setdefault(finding["level"], []).append(finding)
    assert done.returncode == (1 if "error" in levels else 0)
    return levels


def test_helm_test_runs_doctor_with_permissions_of_its_own(
    helm_program: Path, plane: tuple[ControlPlane, Cluster], aws: FakeAws, tmp_path: Path
) -> None:
    control_plane, cluster = plane
    helm = Helm(helm_program, tmp_path, control_plane.kubeconfig)
    helm.succeeds("install", "release", str(CHART), "-n", NAMESPACE, "--create-namespace")
    assert cluster.get(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{TEST}") is None, (
        "it is there for the test only"
    )
    objects = [one for one in helm.with_test() if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    assert {one["kind"] for one in objects} == {
        *("Pod", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
    }
    control_plane.kubectl("apply", "-f-", input=yaml.safe_dump_all(objects))

    def failed() -> bool:
        """The API server knows of new permissions after a moment."""
        errors = as_the_test(control_plane, objects, tmp_path).get("error", [])
        return "operator-unavailable" in [one["cause"] for one in errors]

    wait_for(failed, "the test fails, because no pod of the operator runs", within=30)

    give_credentials(cluster, aws)
    deployment = one_of(helm.rendered(), "Deployment")
    with run_pod(deployment, control_plane, cluster, aws, tmp_path) as operator:
        operator.ready()
        running = {"status": {"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}}
        cluster.patch(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{DEPLOYMENT}/status", running)
        levels = as_the_test(control_plane, objects, tmp_path)
    assert levels.keys() == {"ok", "unknown"}
    assert [one["message"] for one in levels["unknown"]] == ["You may not read the Secret with the AWS keys"]


def test_the_pod_of_the_test_is_none_of_the_operators(helm: Helm) -> None:
    objects = helm.with_test(podDisruptionBudget={"enabled": True})
    labels = one_of(objects, "Pod")["metadata"]["labels"]
    selectors = [
        one_of(objects, "Service")["spec"]["selector"],
        one_of(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        one_of(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ]
    assert not [selector for selector in selectors if selector.items() <= labels.items()]


def test_the_test_can_be_left_out(helm: Helm) -> None:
    assert helm.with_test(helmTest={"enabled": False}) == helm.rendered()
