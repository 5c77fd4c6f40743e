"""What the Helm chart renders: the same as the other forms, in every combination, taken by a real API server."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools.deploying import workload

from ecr_secret_operator.cli.main import cli
from ecr_secret_operator_lab.cluster import Cluster, secret_path
from ecr_secret_operator_lab.controlplane import ControlPlane
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.permissions import printed

from .installing import (
    CHART,
    DEPLOY,
    DEPLOYMENT,
    KUBERNETES,
    NAMESPACE,
    Helm,
    Object,
    bare_plane,
    define_foreign_kinds,
    give_credentials,
    one_of,
    seed,
    wait_served,
)
from .pods import run_pod

pytestmark = pytest.mark.xdist_group("chart")  # they share a control plane

ROLE = "arn:aws:iam::123456789012:role/ecr-operator"
POLICY: Object = {"registries": ["123456789012.dkr.ecr.us-east-2.amazonaws.com"], "ambient_identity": True}
MONITORED: Object = {
    "secure": True,
    "readers": [{"name": "prometheus-k8s", "namespace": "monitoring"}],
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "30s"},
    "prometheusRule": {"enabled": True},
    "dashboard": {"enabled": True},
}
SETS: Mapping[str, Object] = {
    "defaults": {},
    "everything": {
        "replicas": 3,
        "image": {"repository": "registry.example/ecr", "digest": f"sha256:{'a' * 64}", "pullSecrets": ["pull"]},
        "imagePullSecrets": [{"name": "another"}],
        "requireAccessPolicy": True,
        "accessPolicies": {"team-a": POLICY},
        "admissionPolicies": {"extraAudiences": ["sts.example.com"]},
        "aws": {"roleArn": ROLE, "nodeIdentity": False},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
        "extraVolumes": [{"name": "ca", "configMap": {"name": "proxy-ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/proxy-ca", "readOnly": True}],
        "extraObjects": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}, "data": {"text": "{{ any }}"}}
        ],
        "serviceAccount": {"name": "mine", "annotations": {"eks.amazonaws.com/sts-regional-endpoints": "true"}},
        "metrics": {
            **MONITORED,
            "certificate": {"source": "cert-manager", "issuerRef": {"kind": "ClusterIssuer", "name": "internal"}},
        },
        "networkPolicy": {
            "egress": True,
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "extraEgress": [{"ports": [{"port": 3128, "protocol": "TCP"}]}],
        },
        "podDisruptionBudget": {"maxUnavailable": "50%", "unhealthyPodEvictionPolicy": "IfHealthyBudget"},
        "commonLabels": {"cost-center": "7"},
        "deploymentAnnotations": {"reloader.stakater.com/auto": "true"},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
        "revisionHistoryLimit": 0,
        "dnsPolicy": "None",
        "dnsConfig": {
            "nameservers": ["10.0.0.10", "2001:db8::1"],
            "searches": ["corp.example."],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
        },
        "hostAliases": [{"ip": "10.1.2.3", "hostnames": ["proxy.example"]}],
        "podLabels": {"team": "platform"},
        "podAnnotations": {"note": "x"},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2}
        ],
    },
    "namespaced": {"watchNamespaces": ["team-a", "team-b"], "crds": {"install": False}, "rbac": {"userRoles": False}},
    "openshift": {
        "metrics": {**MONITORED, "certificate": {"source": "service-ca"}},
        "networkPolicy": {"egress": True},
    },
    "little": {
        "replicas": 1,
        "metrics": {"enabled": False},
        "aws": {"credentialsSecret": {"name": ""}, "tokenAudience": ""},
        "podDisruptionBudget": {"enabled": False},
        "admissionPolicies": {"install": False},
        "topologySpreadConstraints": [],
        "resources": {},
    },
    "as a subchart": {"global": {"anything": {"of": "the parent"}}},
}


@pytest.fixture
def helm(helm_program: Path, tmp_path: Path) -> Helm:
    return Helm(helm_program, tmp_path)


@pytest.fixture(scope="module")
def planes() -> Iterator[tuple[ControlPlane, Cluster]]:
    """A cluster with the definitions, other projects' kinds, and namespaces."""
    with bare_plane(DEPLOY / "crds") as (plane, cluster):
        define_foreign_kinds(plane)
        for name in (NAMESPACE, "team-a", "team-b"):
            cluster.namespace(name, **{"pod-security.kubernetes.io/enforce": "restricted"})
        yield plane, cluster


@pytest.mark.parametrize("name", SETS)
def test_it_has_nothing_that_lint_complains_of(helm: Helm, name: str) -> None:
    assert "0 chart(s) failed" in helm.succeeds("lint", "--strict", str(CHART), KUBERNETES, values=SETS[name])


@pytest.mark.parametrize("name", SETS)
def test_the_api_server_takes_all_of_it(helm: Helm, planes: tuple[ControlPlane, Cluster], name: str) -> None:
    plane, _ = planes
    manifests = yaml.safe_dump_all(helm.with_test(**SETS[name]))
    done = plane.kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f-", input=manifests)
    assert "unknown field" not in done.stderr, done.stderr


@pytest.mark.parametrize("name", SETS)
def test_its_pods_may_run_in_a_restricted_namespace(
    helm: Helm, planes: tuple[ControlPlane, Cluster], name: str
) -> None:
    plane, _ = planes
    template = one_of(helm.rendered(**SETS[name]), "Deployment")["spec"]["template"]
    template["metadata"] |= {"name": "pod", "namespace": NAMESPACE}
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    assert "runAsUser" not in str(pod)  # OpenShift chooses one
    plane.kubectl("create", "--dry-run=server", "-f-", input=yaml.safe_dump(pod))
    pod["spec"]["containers"][0]["securityContext"].pop("capabilities")
    refused = plane.kubectl("create", "--dry-run=server", "-f-", input=yaml.safe_dump(pod), check=False)
    assert "violates PodSecurity" in refused.stderr


def bare(one: Object) -> Object:
    """Without the labels, which each form has of its own."""
    return {**one, "metadata": {key: value for key, value in one["metadata"].items() if key != "labels"}}


def test_what_runs_is_what_the_other_forms_run(helm: Helm) -> None:
    objects = helm.rendered()
    for wanted in (workload.deployment(), workload.disruption_budget(), workload.metrics_service()):
        assert bare(one_of(objects, wanted["kind"])) == bare(wanted)


@pytest.mark.parametrize(
    ("namespace", "values", "options"),
    [
        (NAMESPACE, {}, []),
        ("elsewhere", {}, []),
        (NAMESPACE, {"watchNamespaces": ["team-a", "team-b"]}, ["--watch-namespace=team-a,team-b"]),
        ("elsewhere", {"watchNamespaces": ["team-a"]}, ["--watch-namespace=team-a"]),
        (NAMESPACE, {"metrics": {"secure": True}}, ["--metrics-secure"]),
        (
            NAMESPACE,
            {"admissionPolicies": {"extraAudiences": ["sts.example.com"]}},
            ["--token-audience=sts.example.com"],
        ),
        (
            "elsewhere",
            {"admissionPolicies": {"tokenExcludeNamespaces": ["kube-system", "team-*"]}},
            ["--token-exclude-namespace=kube-system,team-*"],
        ),
        (NAMESPACE, {"rbac": {"serviceAccountTokens": False}}, ["--without-tokens"]),
        (NAMESPACE, {"rbac": {"links": False}}, ["--without-links"]),
        (
            "elsewhere",
            {"serviceAccount": {"name": "mine"}, "metrics": {"secure": True}},
            ["--service-account=mine", "--metrics-secure"],
        ),
        (
            "elsewhere",
            {"rbac": {"links": False, "serviceAccountTokens": False}, "watchNamespaces": ["a"]},
            ["--without-links", "--without-tokens", "--watch-namespace=a"],
        ),
    ],
)
def test_its_rights_are_those_that_the_command_prints(
    helm: Helm, namespace: str, values: Object, options: list[str]
) -> None:
    wanted = list(yaml.safe_load_all(printed("rbac", "--namespace", namespace, *options)))
    # Helm makes the namespace, if asked to; the ServiceAccount is compared below.
    wanted = [one for one in wanted if one["kind"] not in {"Namespace", "ServiceAccount"}]
    groups = {one["apiVersion"] for one in wanted}
    found = [one for one in helm.rendered(namespace, **values) if one["apiVersion"] in groups]
    assert sorted(map(bare, found), key=str) == sorted(map(bare, wanted), key=str)
    labels = {one["metadata"]["name"]: one["metadata"]["labels"] for one in found}
    for one in wanted:
        assert labels[one["metadata"]["name"]].items() >= one["metadata"].get("labels", {}).items()


def test_its_definitions_are_ours_and_outlive_the_release(helm: Helm) -> None:
    objects = helm.rendered()
    for wanted in yaml.safe_load_all(printed("crds")):
        found = one_of(objects, "CustomResourceDefinition", wanted["metadata"]["name"])
        assert found["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        assert found["spec"] == wanted["spec"]
    assert "CustomResourceDefinition" not in {one["kind"] for one in helm.rendered(crds={"install": False})}


def container(objects: list[Object]) -> Object:
    (found,) = one_of(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize("name", SETS)
def test_the_command_takes_its_arguments(helm: Helm, name: str) -> None:
    command, *args = container(helm.rendered(**SETS[name]))["args"]
    found = cli.commands[command].make_context(command, args).params
    assert found["leader_elect"] is True
    assert found["require_access_policy"] == SETS[name].get("requireAccessPolicy", False)
    assert (found["metrics_address"] is None) == (name == "little")


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("defaults", ["in namespace ecr-secret-operator, with 2 replica(s)", "create secret generic aws-ecr", "IRSA"]),
        ("everything", [ROLE, f"system:serviceaccount:{NAMESPACE}:mine"]),
        ("namespaced", ["the namespaces team-a, team-b", 'namespace: "team-a"']),
        ("nulls", ["all namespaces", "create secret generic aws-ecr"]),
        ("self-signed", ["is self-signed, so Prometheus cannot verify it", "metrics.certificate.source"]),
        ("little", ["EKS Pod Identity", "nothing but RBAC limits"]),
        ("closed", ["Nothing is served before there is an AccessPolicy"]),
        ("without permissions", ["ecr-secret-operator rbac --namespace=ecr-secret-operator prints them"]),
    ],
)
def test_its_notes_say_what_to_do_next(
    helm_program: Path, planes: tuple[ControlPlane, Cluster], tmp_path: Path, name: str, sentences: list[str]
) -> None:
    more: Mapping[str, Object] = {
        "closed": {"requireAccessPolicy": True},
        "without permissions": {"rbac": {"create": False}},
        "nulls": {"watchNamespaces": None, "metrics": None, "aws": None, "accessPolicies": None, "rbac": None},
        "self-signed": {"metrics": {"secure": True}},
    }
    helm = Helm(helm_program, tmp_path, planes[0].kubeconfig)
    options = ("-n", NAMESPACE, "--dry-run=server", "--take-ownership")
    notes = helm.succeeds("install", "release", str(CHART), *options, values={**SETS, **more}[name])
    _, _, notes = notes.partition("\nNOTES:\n")
    assert [one for one in sentences if one not in notes] == []
    assert "kubectl get ecr -A" in notes


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, "quay.io/rh-mobb/ecr-secret-operator:v1.0.0"),
        ({"repository": "r.example/x", "tag": "dev"}, "r.example/x:dev"),
        ({"repository": "r.example/x", "tag": "dev", "digest": f"sha256:{'0' * 64}"}, f"r.example/x@sha256:{'0' * 64}"),
    ],
    ids=["default", "tag", "digest"],
)
def test_the_image_can_be_any(helm: Helm, values: Object, image: str) -> None:
    assert container(helm.rendered(image=values))["image"] == image


def test_the_guides_command_installs_the_image_that_the_guide_says_to_push(helm: Helm) -> None:
    guide = (DEPLOY.parent / "docs" / "install.md").read_text()
    (command,) = re.findall(r"^helm install ecr deploy/chart (.*?)\n(?! )", guide, re.MULTILINE | re.DOTALL)
    given = shlex.split(command.replace("\\\n", " "))
    settings = [word for flag, word in itertools.pairwise(given) if flag == "--set"]
    assert settings
    image = container(helm.rendered(NAMESPACE, *(f"--set={setting}" for setting in settings)))["image"]
    assert f"podman push {image}\n" in guide


def test_a_role_is_annotated_and_no_key_is_ever_a_value(helm: Helm) -> None:
    account = one_of(helm.rendered(aws={"roleArn": ROLE}), "ServiceAccount")
    assert account["metadata"]["name"] == DEPLOYMENT
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": ROLE}
    assert "annotations" not in one_of(helm.rendered(), "ServiceAccount")["metadata"]
    assert "additional" in helm.refusal(aws={"secretAccessKey": "x"}).lower()
    assert not [one for one in helm.rendered(**SETS["everything"]) if one["kind"] == "Secret" and "data" in one]


def test_a_secret_of_any_name_and_keys_serves(helm: Helm) -> None:
    names = {"name": "mine", "configKey": "config", "accessKeyIdKey": "id", "secretAccessKeyKey": "key"}
    objects = helm.rendered(aws={"credentialsSecret": names})
    environment = {one["name"]: one for one in container(objects)["env"]}
    for variable, key in {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}.items():
        assert environment[variable]["valueFrom"] == {"secretKeyRef": {"name": "mine", "key": key, "optional": True}}
    (volume,) = (
        one
        for one in one_of(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]
        if one["name"] == "aws-credentials"
    )
    items = [{"key": "config", "path": "credentials"}]
    assert volume["secret"] == {"secretName": "mine", "optional": True, "items": items}
    none = container(helm.rendered(aws={"credentialsSecret": {"name": ""}}))
    assert not [one for one in none["env"] if one["name"].startswith("AWS_")]


def test_the_network_policy_lets_in_requests_for_metrics_from_prometheus_only(helm: Helm) -> None:
    spec = one_of(helm.rendered(), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    assert "egress" not in spec
    (rule,) = spec["ingress"]
    assert rule["ports"] == [{"port": "metrics", "protocol": "TCP"}]
    labelled, named = (peer["namespaceSelector"] for peer in rule["from"])
    assert labelled == {"matchLabels": {"metrics": "enabled"}}
    (expression,) = named["matchExpressions"]
    assert set(expression["values"]) == {"monitoring", "openshift-monitoring", "openshift-user-workload-monitoring"}
    assert one_of(helm.rendered(networkPolicy={"metricsFrom": []}), "NetworkPolicy")["spec"]["ingress"] == [
        {"ports": [{"port": "metrics", "protocol": "TCP"}]}
    ]
    assert one_of(helm.rendered(**SETS["little"]), "NetworkPolicy")["spec"]["ingress"] == []
    assert not [one for one in helm.rendered(networkPolicy={"enabled": False}) if one["kind"] == "NetworkPolicy"]


def test_the_network_policy_can_limit_what_the_operator_reaches(helm: Helm) -> None:
    spec = one_of(helm.rendered(networkPolicy={"egress": True}), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    ports = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
    assert ports == {53, 5353, 443, 6443, 80}
    addresses = {peer["ipBlock"]["cidr"] for rule in spec["egress"] for peer in rule.get("to", [])}
    assert addresses == {"169.254.170.23/32", "fd00:ec2::23/128", "169.254.169.254/32"}


def test_prometheus_finds_metrics_alerts_and_dashboard(helm: Helm) -> None:
    objects = helm.rendered(**SETS["openshift"])
    (endpoint,) = one_of(objects, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["honorLabels"] is True, "the namespace of a series is its resource's"
    assert endpoint["tlsConfig"]["serverName"] == f"ecr-secret-operator-metrics.{NAMESPACE}.svc"
    rules = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
    assert one_of(objects, "PrometheusRule")["spec"] == rules.get("spec", rules)
    dashboard = one_of(objects, "ConfigMap")["data"]["ecr-secret-operator.json"]
    assert dashboard == (CHART / "files" / "dashboard.json").read_text()
    assert one_of(objects, "Service")["metadata"]["annotations"] == {
        "service.beta.openshift.io/serving-cert-secret-name": "ecr-secret-operator-metrics-tls"
    }
    args = container(objects)["args"]
    assert {"--metrics-secure", "--metrics-cert-path=/var/run/secrets/metrics-tls"} <= set(args)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"replicas": "two"}, "replicas"),
        ({"replica": 2}, "replica"),
        ({"watchNamespaces": ["Team A"]}, "watchNamespaces"),
        ({"concurrency": 65}, "concurrency"),
        ({"logLevel": "loud"}, "logLevel"),
        ({"aws": {"roleArn": "ecr-operator"}}, "roleArn"),
        ({"image": {"digest": "sha256:short"}}, "digest"),
        ({"metrics": {"certificate": {"source": "magic"}}}, "source"),
        ({"podDisruptionBudget": {"maxUnavailable": 0}}, "maxUnavailable"),
        ({"podDisruptionBudget": {"maxUnavailable": "0%"}}, "maxUnavailable"),
        ({"podDisruptionBudget": {"maxUnavailable": "1"}}, "maxUnavailable"),
        ({"podDisruptionBudget": {"unhealthyPodEvictionPolicy": "Always"}}, "unhealthyPodEvictionPolicy"),
        ({"imagePullSecrets": ["pull"]}, "imagePullSecrets"),
        (
            {"commonLabels": {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}},
            "by which other roles get the operator's permissions",
        ),
        ({"hostAliases": [{"ip": "10.0.0.256", "hostnames": []}]}, "/hostAliases/0/ip"),
        ({"hostAliases": [{"ip": "1::2", "hostnames": ["a"]}] * 2}, "hostAliases has 1::2 twice"),
        ({"dnsConfig": {"nameserver": []}}, "nameserver"),
        ({"dnsPolicy": "None"}, "name at least one server in dnsConfig.nameservers"),
        ({"dnsConfig": {"searches": ["a" * 250] * 9}}, "dnsConfig.searches has more than 2048 characters"),
        ({"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}, "strategy.type is Recreate"),
        ({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}}, "no pod could be replaced"),
        ({"extraObjects": ["kind: ConfigMap"]}, "/extraObjects/0"),
        ({"extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}]}, "/extraObjects/0/metadata"),
        ({"extraObjects": [{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}] * 2}, "extraObjects has v1 A"),
        ({"metrics": {"serviceMonitor": {"relabelings": [{"action": "rename"}]}}}, "relabelings/0/action"),
        ({"serviceAccount": {"name": "ecr-secret-operator-test"}}, "the name of another ServiceAccount"),
        ({"serviceAccount": {"create": False}, "aws": {"roleArn": ROLE}}, "annotate the ServiceAccount yourself"),
        ({"accessPolicies": ["team-a"]}, "accessPolicies"),
        ({"metrics": {"port": 8081}}, "metrics.port and probes.port are the same"),
        ({"metrics": {"certificate": {"source": "cert-manager"}}}, "name its issuer in metrics.certificate.issuerRef"),
        ({"metrics": {"certificate": {"source": "secret", "secretName": ""}}}, "needs metrics.certificate.secretName"),
        ({"metrics": {"readers": MONITORED["readers"]}}, "Set metrics.secure to true"),
        ({"metrics": {"enabled": False, "secure": True}}, "metrics.enabled is false"),
        (
            {"aws": {"roleArn": ROLE}, "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}},
            "leave one of them out",
        ),
        (
            {
                "extraVolumeMounts": [{"name": "aws-credentials", "mountPath": "/x"}],
                "aws": {"credentialsSecret": {"name": ""}},
            },
            "extraVolumeMounts mounts the volume aws-credentials, which does not exist: add it to extraVolumes",
        ),
        (
            {"admissionPolicies": {"extraAudiences": ["https://kubernetes.default.svc"]}},
            "would let the operator be somebody else",
        ),
    ],
)
def test_nonsense_is_refused_and_the_refusal_names_it(helm: Helm, values: Object, sentence: str) -> None:
    assert sentence in helm.refusal(**values)


def test_a_cluster_that_is_too_old_for_the_admission_policies_is_told_so(helm: Helm) -> None:
    old = "--kube-version=1.29.3"
    assert "need Kubernetes 1.30.0: set admissionPolicies.install to false" in helm.refusal(old)
    assert helm.rendered(NAMESPACE, old, admissionPolicies={"install": False})
    assert "1.28.0" in helm.refusal("--kube-version=1.28.0", admissionPolicies={"install": False})


def test_with_some_namespaces_it_serves_these_and_no_others(
    helm: Helm, planes: tuple[ControlPlane, Cluster], aws: FakeAws, tmp_path: Path
) -> None:
    plane, cluster = planes
    values: Any = {"watchNamespaces": ["team-a", "team-b"], "crds": {"install": False}}
    objects = helm.rendered(**values)
    plane.kubectl("apply", "--server-side", "-f-", input=yaml.safe_dump_all(objects))
    give_credentials(cluster, aws)
    outside = seed(plane, cluster)
    inside = seed(plane, cluster, Secret="team-a", ArgoHelmRepoSecret="team-b")
    with run_pod(one_of(objects, "Deployment"), plane, cluster, aws, tmp_path, place="team-a") as operator:
        operator.ready()
        wait_served(cluster, inside, aws)
    for one in outside:
        plural, place = f"{one['kind'].lower()}s", one["metadata"]["namespace"]
        found = cluster.get(f"/apis/{one['apiVersion']}/namespaces/{place}/{plural}/{one['metadata']['name']}")
        assert found
        assert "status" not in found


def test_the_secret_of_the_sts_guide_serves_without_a_key(
    helm: Helm, planes: tuple[ControlPlane, Cluster], aws: FakeAws, tmp_path: Path
) -> None:
    """It names a role and the token that the pod has mounted: in the pod's own namespace, so of another release."""
    plane, cluster = planes
    namespace = cluster.namespace("sts")
    objects = helm.rendered(namespace, crds={"install": False})
    plane.kubectl("apply", "--server-side", "-f-", input=yaml.safe_dump_all(objects))
    config = f"[default]\nrole_arn = {ROLE}\nweb_identity_token_file = {workload.TOKEN}/token\n"
    body = {"metadata": {"name": "aws-ecr-cloud-credentials"}, "stringData": {"credentials": config}}
    cluster.create(secret_path(namespace), body)
    resources = seed(plane, cluster, Secret="sts", ArgoHelmRepoSecret="sts")
    with run_pod(one_of(objects, "Deployment"), plane, cluster, aws, tmp_path) as operator:
        operator.ready()
        wait_served(cluster, resources, aws)
    (call,) = aws.calls("AssumeRoleWithWebIdentity")
    assert call.web_identity
    assert call.web_identity.claims["sub"] == f"system:serviceaccount:{namespace}:{DEPLOYMENT}"
    assert call.web_identity.claims["aud"] == ["openshift"]
