"""The chart's values: names, types, defaults, meaning. values.yaml, its schema and the table are made from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ecr_secret_operator.rbac import DEFAULT_EXCLUDED

from . import forms
from .release import IMAGE

Object = dict[str, Any]


class Group(BaseModel):
    """Values that belong together."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, alias_generator=to_camel, populate_by_name=True
    )


class Image(Group):
    """The container image."""

    repository: forms.Repository = IMAGE
    """Registry and repository of the image. Until an image is published there, name the place of your own build."""

    tag: forms.Tag = ""
    """Tag of the image. Defaults to `v` and the chart's appVersion."""

    digest: forms.Digest = ""
    """Digest of the image, `sha256:...`. It takes precedence over the tag."""

    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """Image pull policy."""

    pull_secrets: list[forms.Name] = []
    """Deprecated: use `imagePullSecrets`. Names of image pull Secrets; both lists are used."""


class CredentialsSecret(Group):
    """A Secret with AWS credentials in the release's namespace. The chart does not accept keys as values."""

    name: forms.OptionalName = "aws-ecr-cloud-credentials"
    """Name of the Secret. You can create, change and delete it at any time. Empty: no Secret is used."""

    config_key: forms.Key = "credentials"
    """Key of the Secret with an AWS config file. It is mounted, and `AWS_CONFIG_FILE` names it."""

    access_key_id_key: forms.Key = "aws_access_key_id"
    """Key of the Secret for `AWS_ACCESS_KEY_ID`. It is read when the pod starts."""

    secret_access_key_key: forms.Key = "aws_secret_access_key"  # noqa: S105 - a name
    """Key of the Secret for `AWS_SECRET_ACCESS_KEY`. It is read when the pod starts."""


class Aws(Group):
    """The operator's own AWS identity. EKS Pod Identity needs no value here."""

    role_arn: forms.RoleArn = ""
    """ARN of an IAM role for IRSA. It becomes the annotation `eks.amazonaws.com/role-arn` of the ServiceAccount."""

    credentials_secret: CredentialsSecret = CredentialsSecret()
    """A Secret with AWS credentials in the release's namespace. The chart does not accept keys as values."""

    token_audience: forms.OptionalAudience = "openshift"  # noqa: S105 - a name
    """Audience of the token in /var/run/secrets/openshift/serviceaccount, for STS. Empty: no token is mounted."""

    node_identity: bool = True
    """Use the identity of the node, from its metadata service, if there are no other credentials."""


class Admission(Group):
    """Admission policies that limit the operator to its own Secrets, links, and tokens for AWS."""

    install: bool = True
    """Install the admission policies. They need Kubernetes 1.30 or OpenShift 4.17."""

    extra_audiences: list[forms.Audience] = []
    """More audiences for which the operator may create ServiceAccount tokens, besides those of AWS and OpenShift."""

    token_exclude_namespaces: list[forms.NamespaceGlob] = list(DEFAULT_EXCLUDED)
    """Namespaces, as globs, in which it may not create ServiceAccount tokens. Its own namespace is always allowed."""


class Rbac(Group):
    """The operator's permissions in the cluster."""

    create: bool = True
    """Create the roles and bindings. If false, install those that `ecr-secret-operator rbac` prints."""

    service_account_tokens: bool = True
    """Allow the operator to create ServiceAccount tokens. If false, resources with `aws.service_account` fail."""

    links: bool = True
    """Allow the operator to change ServiceAccounts. If false, Secrets of resources with `link` are not linked."""

    user_roles: bool = True
    """Add the namespaced kinds to the roles `view`, `edit` and `admin`. Only one release in a cluster can do this."""


class ServiceAccount(Group):
    """The operator's ServiceAccount."""

    create: bool = True
    """Create the ServiceAccount. If false, it must exist, and you set its annotations yourself."""

    name: forms.OptionalName = ""
    """Name of the ServiceAccount; trust policies in AWS name it. Defaults to ecr-secret-operator-controller-manager."""

    annotations: forms.Annotations = {}
    """Annotations, in addition to the one for `aws.roleArn`."""


class Crds(Group):
    """The custom resource definitions (CRDs)."""

    install: bool = True
    """Install and upgrade the CRDs with the release. `helm uninstall` keeps them and all resources."""


class Certificate(Group):
    """The certificate of the metrics server, for HTTPS. With `metrics.secure`, it is self-signed by default."""

    source: Literal["none", "secret", "cert-manager", "service-ca"] = "none"
    """`secret`: an existing Secret; `cert-manager`: the chart creates a Certificate; `service-ca`: of OpenShift."""

    secret_name: forms.OptionalName = "ecr-secret-operator-metrics-tls"  # noqa: S105 - a name
    """Name of the Secret with `tls.crt` and `tls.key`."""

    issuer_ref: Object = {}
    """cert-manager's `issuerRef`, such as `{kind: ClusterIssuer, name: internal}`."""


class Reader(Group):
    """A ServiceAccount that may read the metrics."""

    name: forms.Name
    """Name of the ServiceAccount."""

    namespace: forms.Namespace
    """Namespace of the ServiceAccount."""


class ServiceMonitor(Group):
    """For the Prometheus operator, and OpenShift's monitoring of user projects."""

    enabled: bool = False
    """Create a ServiceMonitor."""

    labels: forms.Labels = {}
    """Labels by which your Prometheus selects it."""

    interval: forms.Duration = ""
    """Scrape interval, such as `30s`. Defaults to that of Prometheus."""

    scrape_timeout: forms.Duration = ""
    """Scrape timeout, such as `10s`; at most the interval. Defaults to that of Prometheus."""

    relabelings: list[forms.Relabeling] = []
    """Relabeling rules for the target, as in `relabelings` of a ServiceMonitor's endpoint."""

    metric_relabelings: list[forms.Relabeling] = []
    """Relabeling rules for the metrics, as in `metricRelabelings` of a ServiceMonitor's endpoint."""

    authorization: Object = {}
    """Credentials of Prometheus for `metrics.secure`. Defaults to a token that the chart creates."""

    tls_config: Object = {}
    """How Prometheus verifies the certificate, such as `{ca: {secret: {name: ..., key: ca.crt}}}`. The chart sets
    `serverName`, and `ca` for `service-ca`."""


class PrometheusRule(Group):
    """Alerts, for the Prometheus operator."""

    enabled: bool = False
    """Create a PrometheusRule."""

    labels: forms.Labels = {}
    """Labels by which your Prometheus selects it."""


class Dashboard(Group):
    """A dashboard for Grafana's sidecar."""

    enabled: bool = False
    """Create a ConfigMap with the dashboard."""

    labels: forms.Labels = {"grafana_dashboard": "1"}
    """Labels by which the sidecar selects it."""

    annotations: forms.Annotations = {}
    """Annotations, such as the one that names a folder for the sidecar."""


class Metrics(Group):
    """Metrics, and how they are collected and shown."""

    enabled: bool = True
    """Serve metrics, and create a Service for them."""

    port: forms.Port = 8080
    """Port of /metrics."""

    per_resource: bool = True
    """Export metrics for each resource. The alerts about single resources need them."""

    secure: bool = False
    """Serve metrics over HTTPS, and require a bearer token whose user may `get` the path /metrics."""

    certificate: Certificate = Certificate()
    """The certificate of the metrics server, for HTTPS. With `metrics.secure`, it is self-signed by default."""

    readers: list[Reader] = []
    """ServiceAccounts that may read the metrics with `metrics.secure`, such as Prometheus: `{name, namespace}`."""

    service_monitor: ServiceMonitor = ServiceMonitor()
    """A ServiceMonitor, for the Prometheus operator and OpenShift's monitoring of user projects."""

    prometheus_rule: PrometheusRule = PrometheusRule()
    """Alerts, for the Prometheus operator."""

    dashboard: Dashboard = Dashboard()
    """A dashboard for Grafana's sidecar."""


class Probes(Group):
    """The kubelet's probes."""

    port: forms.Port = 8081
    """Port of /healthz and /readyz."""


class DisruptionBudget(Group):
    """Availability of the operator while nodes are drained."""

    enabled: bool = True
    """Create a PodDisruptionBudget."""

    max_unavailable: forms.PositiveCountOrPercent = 1
    """Number or percentage of pods that may be unavailable, such as `1` or `50%`."""

    unhealthy_pod_eviction_policy: Literal["", "IfHealthyBudget", "AlwaysAllow"] = "AlwaysAllow"
    """When pods that are not ready may be evicted. `AlwaysAllow`: they never block the draining of a node."""


SCRAPERS: list[Object] = [
    {"namespaceSelector": {"matchLabels": {"metrics": "enabled"}}},
    {
        "namespaceSelector": {
            "matchExpressions": [
                {
                    "key": "kubernetes.io/metadata.name",
                    "operator": "In",
                    "values": ["monitoring", "openshift-monitoring", "openshift-user-workload-monitoring"],
                }
            ]
        }
    },
]
"""The usual namespaces of Prometheus, and the label that kubebuilder's scaffold allows."""


class NetworkPolicy(Group):
    """Network traffic to and from the operator."""

    enabled: bool = True
    """Create a NetworkPolicy. It allows incoming traffic for metrics only."""

    metrics_from: list[forms.Peer] = SCRAPERS
    """Peers that may read the metrics, as in `from` of a NetworkPolicy. Empty: all."""

    egress: bool = False
    """Also limit outgoing traffic: only DNS, the API server and AWS are allowed."""

    api_server_ports: Annotated[list[forms.Port], Field(min_length=1)] = [443, 6443]
    """Ports of the API server and of AWS, at any address. At least one is required."""

    extra_egress: list[Object] = []
    """More rules for outgoing traffic, as in `egress` of a NetworkPolicy, such as one for a proxy."""


class HelmTest(Group):
    """The test that `helm test` runs: `ecr-secret-operator doctor`."""

    enabled: bool = True
    """Include the test. Its pod, ServiceAccount and permissions exist only while `helm test` runs."""


class Values(Group):
    """All values of the chart."""

    replicas: forms.Count = 2
    """Number of pods. One is active; the others are on standby."""

    image: Image = Image()
    """The container image."""

    image_pull_secrets: list[forms.Reference] = []
    """Image pull Secrets in the release's namespace: `[{name: ...}]`."""

    watch_namespaces: list[forms.Namespace] = []
    """Namespaces to watch. They must exist, and the operator gets a Role in each. Defaults to all namespaces."""

    require_access_policy: bool = False
    """Deny all requests while no AccessPolicy exists."""

    access_policies: forms.Policies = {}
    """AccessPolicies, as a mapping of name to spec. Add them after the first install, which creates their CRD."""

    admission_policies: Admission = Admission()
    """Admission policies that limit the operator to its own Secrets, links, and tokens for AWS."""

    aws: Aws = Aws()
    """The operator's own AWS identity. EKS Pod Identity needs no value here."""

    concurrency: Annotated[int, Field(ge=1, le=64)] = 24
    """Maximum number of concurrent reconciles."""

    max_identity_watches: Annotated[int, Field(ge=1, le=16384)] = 512
    """Maximum number of watched ServiceAccounts and Secrets with AWS keys. Each uses a connection and some memory."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level to log."""

    log_format: Literal["auto", "json", "console"] = "json"
    """Format of the log."""

    extra_env: list[forms.EnvVar] = []
    """More environment variables, such as HTTPS_PROXY and NO_PROXY. They replace the chart's with the same name."""

    extra_volumes: list[forms.Volume] = []
    """More volumes, such as one with the CA of a proxy. They replace the chart's with the same name."""

    extra_volume_mounts: list[forms.VolumeMount] = []
    """More volume mounts. They replace the chart's with the same path."""

    extra_objects: list[forms.Manifest] = []
    """More objects to install with the release, such as an ExternalSecret. They are not read as templates."""

    crds: Crds = Crds()
    """The custom resource definitions (CRDs)."""

    rbac: Rbac = Rbac()
    """The operator's permissions in the cluster."""

    service_account: ServiceAccount = ServiceAccount()
    """The operator's ServiceAccount."""

    metrics: Metrics = Metrics()
    """Metrics, and how they are collected and shown."""

    probes: Probes = Probes()
    """The kubelet's probes."""

    pod_disruption_budget: DisruptionBudget = DisruptionBudget()
    """Availability of the operator while nodes are drained."""

    network_policy: NetworkPolicy = NetworkPolicy()
    """Network traffic to and from the operator."""

    resources: Object = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
    """Resource requests and limits. There is no CPU limit, because a throttled process can lose its Lease."""

    common_labels: forms.Labels = {}
    """Labels of all objects and of the pods. They do not replace labels that the chart sets."""

    deployment_annotations: forms.Annotations = {}
    """Annotations of the Deployment."""

    pod_labels: forms.Labels = {}
    """Labels of the pods. They do not replace labels that the chart sets."""

    pod_annotations: forms.Annotations = {}
    """Annotations of the pods."""

    strategy: forms.Strategy = {}
    """How pods are replaced, as in `strategy` of a Deployment. Defaults to RollingUpdate."""

    revision_history_limit: forms.Count = 10
    """Number of old ReplicaSets to keep for a rollback."""

    priority_class_name: forms.OptionalName = ""
    """PriorityClass of the pods."""

    node_selector: forms.Labels = {}
    """Labels of the nodes that the pods may run on."""

    tolerations: list[forms.Toleration] = []
    """Tolerations of the pods."""

    affinity: Object = {}
    """Affinity of the pods."""

    dns_policy: Literal["", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"] = ""
    """DNS policy of the pods. Defaults to ClusterFirst. `None` needs `dnsConfig.nameservers`."""

    dns_config: forms.DnsConfig = {}
    """DNS configuration of the pods: `nameservers`, `searches` and `options`."""

    host_aliases: list[forms.HostAlias] = []
    """Entries of /etc/hosts in the pods: `[{ip: ..., hostnames: [...]}]`."""

    topology_spread_constraints: list[forms.Spread] = [
        {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway"}
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    """Topology spread constraints of the pods. `labelSelector` defaults to the pods of the operator."""

    helm_test: HelmTest = HelmTest()
    """The test that `helm test` runs: `ecr-secret-operator doctor`."""

    enabled: bool = True
    """For the `condition` of a parent chart. This chart does not read it."""

    global_: Annotated[Object, Field(alias="global")] = {}
    """Values that a parent chart passes to all its subcharts. This chart does not read them."""
