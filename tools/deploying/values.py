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
    """Where the image is. Until one is published there, name the registry and repository that you pushed yours to."""

    tag: forms.Tag = ""
    """Its tag; empty for `v` and the chart's appVersion."""

    digest: forms.Digest = ""
    """Its digest, `sha256:...`, which wins over the tag."""

    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the kubelet pulls it."""

    pull_secrets: list[forms.Name] = []
    """Names of Secrets of the release's namespace to pull it with."""


class CredentialsSecret(Group):
    """A Secret of the release's namespace with AWS credentials; the chart itself never holds keys."""

    name: forms.OptionalName = "aws-ecr-cloud-credentials"
    """Its name. It may be missing, and may be made, changed and removed at any time. Empty for none."""

    config_key: forms.Key = "credentials"
    """The key with an AWS config file, which is mounted for `AWS_CONFIG_FILE`."""

    access_key_id_key: forms.Key = "aws_access_key_id"
    """The key with an access key's id, for `AWS_ACCESS_KEY_ID`. It is read when the pod starts."""

    secret_access_key_key: forms.Key = "aws_secret_access_key"  # noqa: S105 - a name
    """The key with its secret, for `AWS_SECRET_ACCESS_KEY`."""


class Aws(Group):
    """The operator's own AWS identity. For EKS Pod Identity nothing has to be set here."""

    role_arn: forms.RoleArn = ""
    """IRSA: the role that the webhook of EKS gives to the operator's pods. Sets the ServiceAccount's annotation."""

    credentials_secret: CredentialsSecret = CredentialsSecret()
    """A Secret of the release's namespace with AWS credentials; the chart itself never holds keys."""

    token_audience: forms.OptionalAudience = "openshift"  # noqa: S105 - a name
    """Audience of the token at /var/run/secrets/openshift/serviceaccount/token, for STS; empty for no such token."""

    node_identity: bool = True
    """Whether an operator without other credentials may be the node it runs on, by the node's metadata service."""


class Admission(Group):
    """Admission policies that limit the operator to its own Secrets, links, and tokens for AWS."""

    install: bool = True
    """Whether to install them. They need Kubernetes 1.30 or OpenShift 4.17."""

    extra_audiences: list[forms.Audience] = []
    """Audiences for which the operator may create tokens of ServiceAccounts, beside those of AWS and OpenShift."""

    token_exclude_namespaces: list[forms.NamespaceGlob] = list(DEFAULT_EXCLUDED)
    """Namespaces of whose ServiceAccounts it may create no tokens, as globs. Its own namespace is always allowed."""


class Rbac(Group):
    """The operator's permissions in the cluster."""

    create: bool = True
    """Whether to create them; if not, install what `ecr-secret-operator rbac` prints."""

    service_account_tokens: bool = True
    """Whether it may create tokens of ServiceAccounts. Without, resources with `aws.service_account` fail."""

    links: bool = True
    """Whether it may change ServiceAccounts. Without, resources with `link` are served, but not linked."""

    user_roles: bool = True
    """Whether `view`, `edit` and `admin` include the kinds in namespaces. Once in a cluster is enough."""


class ServiceAccount(Group):
    """The operator's ServiceAccount. Its name is fixed: trust policies in AWS and the admission policies name it."""

    annotations: forms.Annotations = {}
    """Annotations, besides that of `aws.roleArn`."""


class Crds(Group):
    """The custom resource definitions."""

    install: bool = True
    """Whether they are part of the release, so that an upgrade updates them. They outlive it, with all resources."""


class Certificate(Group):
    """The certificate of the metrics server."""

    source: Literal["none", "secret", "cert-manager", "service-ca"] = "none"
    """`secret`: one that is there; `cert-manager`: a Certificate is made; `service-ca`: OpenShift makes one."""

    secret_name: forms.OptionalName = "ecr-secret-operator-metrics-tls"  # noqa: S105 - a name
    """The Secret with `tls.crt` and `tls.key`."""

    issuer_ref: Object = {}
    """cert-manager's `issuerRef`, such as `{kind: ClusterIssuer, name: internal}`."""


class Reader(Group):
    """Somebody who may read the metrics."""

    name: forms.Name
    """Name of a ServiceAccount."""

    namespace: forms.Namespace
    """Its namespace."""


class ServiceMonitor(Group):
    """For the Prometheus operator, and OpenShift's monitoring of user projects."""

    enabled: bool = False
    """Whether to create a ServiceMonitor."""

    labels: forms.Labels = {}
    """Labels by which your Prometheus finds it."""

    interval: forms.Duration = ""
    """How often it is scraped; empty for Prometheus' own."""

    authorization: Object = {}
    """With `metrics.secure`, the credentials of Prometheus. Empty for a token that the chart has made for it."""

    tls_config: Object = {}
    """With a certificate, how it is verified, such as `{ca: {secret: {name: ..., key: ca.crt}}}`. The chart sets
    `serverName`, and `ca` for `service-ca`."""


class PrometheusRule(Group):
    """Alerts, for the Prometheus operator."""

    enabled: bool = False
    """Whether to create a PrometheusRule."""

    labels: forms.Labels = {}
    """Labels by which your Prometheus finds it."""


class Dashboard(Group):
    """A dashboard, for Grafana's sidecar."""

    enabled: bool = False
    """Whether to create a ConfigMap with it."""

    labels: forms.Labels = {"grafana_dashboard": "1"}
    """Labels by which the sidecar finds it."""

    annotations: forms.Annotations = {}
    """Annotations, such as the sidecar's for a folder."""


class Metrics(Group):
    """Metrics, and what is made of them."""

    enabled: bool = True
    """Whether to serve metrics, and create a Service for them."""

    port: forms.Port = 8080
    """Port of /metrics."""

    per_resource: bool = True
    """Whether to export metrics for each resource. The alerts about single resources need them."""

    secure: bool = False
    """Whether only users who may `get` the path /metrics see them. Without a certificate, tokens are sent in clear."""

    certificate: Certificate = Certificate()
    """Where the certificate comes from, for HTTPS."""

    readers: list[Reader] = []
    """ServiceAccounts, such as that of Prometheus, that may read them with `metrics.secure`: `{name, namespace}`."""

    service_monitor: ServiceMonitor = ServiceMonitor()
    """A ServiceMonitor, for the Prometheus operator and OpenShift's monitoring of user projects."""

    prometheus_rule: PrometheusRule = PrometheusRule()
    """Alerts, for the Prometheus operator."""

    dashboard: Dashboard = Dashboard()
    """A dashboard, for Grafana's sidecar."""


class Probes(Group):
    """The kubelet's probes."""

    port: forms.Port = 8081
    """Port of /healthz and /readyz."""


class DisruptionBudget(Group):
    """Availability of the operator while nodes are drained."""

    enabled: bool = True
    """Whether to create a PodDisruptionBudget."""

    max_unavailable: forms.PositiveCount = 1
    """How many pods may be unavailable."""


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
"""Where Prometheus usually is, and the label that kubebuilder's scaffold lets in."""


class NetworkPolicy(Group):
    """Who may reach the operator, and whom it may reach."""

    enabled: bool = True
    """Whether to create a NetworkPolicy. It lets in requests for metrics only."""

    metrics_from: list[forms.Peer] = SCRAPERS
    """Peers (`from` of a NetworkPolicy) that may read the metrics. Empty for all."""

    egress: bool = False
    """Whether the NetworkPolicy also limits what the operator reaches: DNS, the API server and AWS."""

    api_server_ports: Annotated[list[forms.Port], Field(min_length=1)] = [443, 6443]
    """Ports of the API server and of AWS, at any address. At least one: a rule without ports allows every port."""

    extra_egress: list[Object] = []
    """More rules (`egress` of a NetworkPolicy), such as one for a proxy."""


class Values(Group):
    """All values of the chart."""

    replicas: forms.Count = 2
    """Number of pods. One is active, the others are on standby."""

    image: Image = Image()
    """The container image."""

    watch_namespaces: list[forms.Namespace] = []
    """Namespaces to watch. They must exist, and the operator gets a Role in each. Defaults to all namespaces."""

    require_access_policy: bool = False
    """Deny all requests while no AccessPolicy exists."""

    access_policies: forms.Policies = {}
    """AccessPolicies: name to spec. Their kind has to be in the cluster: add them after the first install."""

    admission_policies: Admission = Admission()
    """Admission policies that limit the operator to its own Secrets, links, and tokens for AWS."""

    aws: Aws = Aws()
    """The operator's own AWS identity. For EKS Pod Identity nothing has to be set here."""

    concurrency: Annotated[int, Field(ge=1, le=64)] = 24
    """Maximum number of concurrent reconciles."""

    max_identity_watches: Annotated[int, Field(ge=1, le=16384)] = 512
    """Maximum number of watched ServiceAccounts and Secrets with AWS keys. Each uses a connection and some memory."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level to log."""

    log_format: Literal["auto", "json", "console"] = "json"
    """Format of the log."""

    extra_env: list[forms.EnvVar] = []
    """More environment variables, such as HTTPS_PROXY and NO_PROXY. They replace those of the same name."""

    extra_volumes: list[forms.Volume] = []
    """More volumes, such as one with a proxy's CA. They replace those of the same name."""

    extra_volume_mounts: list[forms.VolumeMount] = []
    """Where they are mounted. They replace what the chart mounts at the same path."""

    crds: Crds = Crds()
    """The custom resource definitions."""

    rbac: Rbac = Rbac()
    """The operator's permissions in the cluster."""

    service_account: ServiceAccount = ServiceAccount()
    """The operator's ServiceAccount. Its name is fixed: trust policies in AWS and the admission policies name it."""

    metrics: Metrics = Metrics()
    """Metrics, and what is made of them."""

    probes: Probes = Probes()
    """The kubelet's probes."""

    pod_disruption_budget: DisruptionBudget = DisruptionBudget()
    """Availability of the operator while nodes are drained."""

    network_policy: NetworkPolicy = NetworkPolicy()
    """Who may reach the operator, and whom it may reach."""

    resources: Object = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
    """What a pod gets. No limit of CPU: a throttled process can lose its Lease."""

    pod_labels: forms.Labels = {}
    """More labels of the pods. Those that the chart sets itself stay as they are."""

    pod_annotations: forms.Annotations = {}
    """Annotations of the pods."""

    priority_class_name: forms.OptionalName = ""
    """PriorityClass of the pods."""

    node_selector: forms.Labels = {}
    """Labels of the nodes that the pods may run on."""

    tolerations: list[forms.Toleration] = []
    """Taints that they tolerate."""

    affinity: Object = {}
    """What they like to be near to."""

    topology_spread_constraints: list[forms.Spread] = [
        {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway"}
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    """How they are spread; a labelSelector that is left out selects them."""

    enabled: bool = True
    """What the `condition` of a parent chart names. The parent reads it; this chart does not."""

    global_: Annotated[Object, Field(alias="global")] = {}
    """What a parent chart passes to all its subcharts; not used."""
