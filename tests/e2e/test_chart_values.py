"""Values of the chart that people set without having read its templates: null, twice, the chart's own, a parent's."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from .chart_values import OWN_KEYS, places
from .installing import CHART, KUBERNETES, NAMESPACE, Helm, Object, one_of

READER = "ecr-secret-operator-metrics-reader"
SCRAPED: Object = {"secure": True, "serviceMonitor": {"enabled": True}}


@pytest.fixture
def helm(helm_program: Path, tmp_path: Path) -> Helm:
    return Helm(helm_program, tmp_path)


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """A chart that has ours as a dependency, which a value switches on and off."""
    chart = tmp_path / "parent"
    shutil.copytree(CHART, chart / "charts" / "ecr-secret-operator")
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    ours = {"name": "ecr-secret-operator", "version": version, "condition": "ecr-secret-operator.enabled"}
    description = {"apiVersion": "v2", "name": "parent", "version": "0.1.0", "dependencies": [ours]}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(description))
    return chart


def nested(path: tuple[str, ...], value: Any) -> Object:
    for name in reversed(path):
        value = {name: value}
    return dict(value)


@pytest.fixture(scope="module")
def defaults(helm_program: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    return Helm(helm_program, tmp_path_factory.mktemp("helm")).rendered()


@pytest.mark.parametrize("path", [*places()], ids=".".join)
def test_a_value_that_is_null_is_the_default(helm: Helm, defaults: list[Object], path: tuple[str, ...]) -> None:
    assert helm.rendered(**nested(path, None)) == defaults


@pytest.mark.parametrize("path", [("strategy", "type"), ("strategy", "rollingUpdate"), ("dnsConfig", "nameservers")])
def test_an_entry_without_a_default_cannot_be_null(helm: Helm, path: tuple[str, ...]) -> None:
    assert f"at '/{'/'.join(path)}': got null" in helm.refusal(**nested(path, None))


def test_an_entry_of_a_mapping_that_is_null_is_removed(helm: Helm) -> None:
    """As with every chart of Helm: there is no other way to take out what a default has."""
    (container,) = one_of(helm.rendered(resources={"limits": None}), "Deployment")["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["resources"].keys() == {"requests"}


def test_a_network_policy_never_allows_every_port(helm: Helm) -> None:
    assert "/networkPolicy/apiServerPorts" in helm.refusal(networkPolicy={"egress": True, "apiServerPorts": []})
    egress = one_of(helm.rendered(networkPolicy={"egress": True, "apiServerPorts": None}), "NetworkPolicy")["spec"][
        "egress"
    ]
    assert all(rule["ports"] for rule in egress)


def test_what_is_named_twice_is_there_once(helm: Helm) -> None:
    reader = {"name": "prometheus", "namespace": "monitoring"}
    objects = helm.rendered(
        watchNamespaces=["a", "b", "a"],
        image={"pullSecrets": ["x", "x"]},
        metrics={"secure": True, "readers": [reader, reader]},
    )
    assert sorted(one["metadata"]["namespace"] for one in objects if one["kind"] == "Role") == [
        "a",
        "b",
        NAMESPACE,
    ]
    spec = one_of(objects, "Deployment")["spec"]["template"]["spec"]
    assert spec["imagePullSecrets"] == [{"name": "x"}]
    assert {"name": "WATCH_NAMESPACE", "value": "a,b"} in spec["containers"][0]["env"]
    assert len(one_of(objects, "ClusterRoleBinding", READER)["subjects"]) == 1


def test_labels_and_annotations_of_the_charts_own_stay_and_all_others_are_added(helm: Helm) -> None:
    mine = {**dict.fromkeys(OWN_KEYS, "mine"), "team": "1"}
    monitored = {name: {"enabled": True, "labels": mine} for name in ("serviceMonitor", "prometheusRule", "dashboard")}
    ours, theirs = (
        helm.rendered(metrics={name: {"enabled": True} for name in monitored}),
        helm.rendered(podLabels=mine, podAnnotations=mine, serviceAccount={"annotations": mine}, metrics=monitored),
    )
    for kind in ("ServiceMonitor", "PrometheusRule", "ConfigMap"):
        before, after = (one_of(objects, kind)["metadata"]["labels"] for objects in (ours, theirs))
        assert after == {**mine, **before}
    before, after = (one_of(objects, "Deployment")["spec"]["template"]["metadata"] for objects in (ours, theirs))
    assert after["labels"] == {**mine, **before["labels"]}
    assert after["annotations"] == {**mine, **before["annotations"]}


def test_entries_of_the_pod_with_a_name_of_the_charts_replace_the_charts(helm: Helm) -> None:
    mount = {"name": "mine", "mountPath": "/var/run/secrets/aws"}
    objects = helm.rendered(
        extraEnv=[{"name": "AWS_CONFIG_FILE", "value": "x"}, {"name": "MINE", "value": "1"}],
        extraVolumes=[{"name": "bound-sa-token", "emptyDir": {}}, {"name": "mine", "emptyDir": {}}],
        extraVolumeMounts=[mount],
    )
    spec = one_of(objects, "Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    environment = [one["name"] for one in container["env"]]
    assert len(environment) == len(set(environment))
    assert {"name": "AWS_CONFIG_FILE", "value": "x"} in container["env"]
    assert environment[-1] == "MINE"
    assert [one for one in spec["volumes"] if one["name"] == "bound-sa-token"] == [
        {"name": "bound-sa-token", "emptyDir": {}}
    ]
    assert [one for one in container["volumeMounts"] if one["mountPath"] == mount["mountPath"]] == [mount]


def test_a_parent_chart_switches_it_on_and_off(helm: Helm, parent: Path) -> None:
    def rendered(**values: Any) -> str:
        return helm.succeeds("template", "x", str(parent), KUBERNETES, values={"ecr-secret-operator": values})

    assert "kind: Deployment" in rendered(enabled=True)
    assert "kind: Deployment" in rendered(enabled=True, watchNamespaces=None, metrics={"secure": None})
    assert rendered(enabled=False).strip() == ""


@pytest.mark.parametrize("source", ["none", "secret", "service-ca"])
def test_prometheus_gets_a_token_that_it_needs_no_file_for(helm: Helm, source: str) -> None:
    """OpenShift's monitoring of user projects refuses a ServiceMonitor that names files of Prometheus' pod."""
    objects = helm.rendered(metrics={**SCRAPED, "certificate": {"source": source}})
    (endpoint,) = one_of(objects, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["authorization"] == {"credentials": {"name": READER, "key": "token"}}
    assert "File" not in str(endpoint)
    secret = one_of(objects, "Secret", READER)
    assert secret["type"] == "kubernetes.io/service-account-token"
    assert secret["metadata"]["annotations"] == {"kubernetes.io/service-account.name": READER}
    assert one_of(objects, "ServiceAccount", READER)
    (subject,) = one_of(objects, "ClusterRoleBinding", READER)["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": READER, "namespace": NAMESPACE}


def test_a_certificate_of_openshifts_service_ca_is_verified_by_its_ca(helm: Helm) -> None:
    def tls(**monitor: Any) -> Object:
        values = {"certificate": {"source": "service-ca"}, "serviceMonitor": {"enabled": True, **monitor}}
        (endpoint,) = one_of(helm.rendered(metrics=values), "ServiceMonitor")["spec"]["endpoints"]
        return dict(endpoint["tlsConfig"])

    name = f"ecr-secret-operator-metrics.{NAMESPACE}.svc"
    ca = {"configMap": {"name": "openshift-service-ca.crt", "key": "service-ca.crt"}}
    assert tls() == {"serverName": name, "ca": ca}
    assert tls(tlsConfig={"serverName": "x", "ca": {}}) == {"serverName": "x", "ca": {}}


def test_a_certificate_of_the_operators_own_is_not_verified_unless_one_says_how(helm: Helm) -> None:
    def endpoint(**metrics: Any) -> Object:
        (found,) = one_of(helm.rendered(metrics=metrics), "ServiceMonitor")["spec"]["endpoints"]
        return dict(found)

    assert "scheme" not in endpoint(serviceMonitor={"enabled": True})
    secure = endpoint(**SCRAPED)
    assert secure["scheme"] == "https"
    assert secure["tlsConfig"]["insecureSkipVerify"] is True
    verified = endpoint(secure=True, serviceMonitor={"enabled": True, "tlsConfig": {"insecureSkipVerify": False}})
    assert verified["tlsConfig"]["insecureSkipVerify"] is False
    certified = endpoint(secure=True, certificate={"source": "secret"}, serviceMonitor={"enabled": True})
    assert "insecureSkipVerify" not in certified["tlsConfig"]


def test_credentials_of_ones_own_are_used(helm: Helm) -> None:
    authorization = {"credentials": {"name": "mine", "key": "token"}}
    metrics = {"secure": True, "serviceMonitor": {"enabled": True, "authorization": authorization}}
    objects = helm.rendered(metrics=metrics)
    (endpoint,) = one_of(objects, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["authorization"] == authorization
    assert not [one for one in objects if one["kind"] == "Secret"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"accessPolicies": {"Team A": {}}}, "Team A"),
        ({"accessPolicies": {"a..b": {}}}, "a..b"),
        ({"accessPolicies": {"a": {"registry": []}}}, "additional properties 'registry' not allowed"),
        ({"accessPolicies": {"a": {"mode": "audit"}}}, "'Enforce', 'Audit'"),
        ({"accessPolicies": {"a": {"default_role_arn": "ecr"}}}, "/accessPolicies/a/default_role_arn"),
        ({"accessPolicies": {"a": {"regions": ["us-east-2", "us-east-2"]}}}, "/accessPolicies/a/regions"),
        ({"image": {"repository": " quay.io/x"}}, "/image/repository"),
        ({"image": {"repository": "https://quay.io/x"}}, "/image/repository"),
        ({"image": {"repository": "quay.io/Ecr"}}, "/image/repository"),
        ({"image": {"repository": "quay.io/ecr:v1"}}, "/image/repository"),
        ({"podLabels": {"a": "a b"}}, "/podLabels/a"),
        ({"podLabels": {"-a": ""}}, "-a"),
        ({"aws": {"credentialsSecret": {"configKey": ".."}}}, "/aws/credentialsSecret/configKey"),
        ({"replicas": 2**31}, "/replicas"),
        ({"networkPolicy": {"metricsFrom": [{}]}}, "/networkPolicy/metricsFrom/0"),
        ({"metrics": {"serviceMonitor": {"interval": "1s1h"}}}, "/metrics/serviceMonitor/interval"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_before_anything_is_installed(
    helm: Helm, values: Object, sentence: str
) -> None:
    assert sentence in helm.refusal(**values)


@pytest.mark.parametrize("repository", ["registry:5000/a/b_c", "[::1]:5000/a", "a", "r.example/a--b/c.d"])
def test_any_repository_will_do(helm: Helm, repository: str) -> None:
    (container,) = one_of(helm.rendered(image={"repository": repository}), "Deployment")["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["image"].startswith(f"{repository}:")
