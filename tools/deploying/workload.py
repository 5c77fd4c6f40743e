"""What runs: the Deployment and what belongs to it, with the chart's defaults. The Go operator's names are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ecr_secret_operator.rbac.installation import NAMESPACE, SERVICE_ACCOUNT

from .release import NAME, REFERENCE
from .values import Values

Object = dict[str, Any]

DEPLOYMENT = SERVICE_ACCOUNT
METRICS_SERVICE = f"{NAME}-metrics"
SELECTOR = {"control-plane": "controller-manager"}
"""The Go operator's. It cannot be changed in a Deployment, so OLM could not replace that operator with any other."""

LABELS = {"app.kubernetes.io/name": NAME, **SELECTOR}
"""Of the pods. The name tells them from those of other operators in the same namespace."""

PODS = {"app.kubernetes.io/name": NAME}
CERTIFICATE = "/var/run/secrets/metrics-tls"
CREDENTIALS = "/var/run/secrets/aws"
TOKEN = "/var/run/secrets/openshift/serviceaccount"  # noqa: S105 - where the token is
_VALUES = Values()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """In what the forms of installation differ.

    Attributes:
        watched: namespaces to look at; empty for all.
        olm: whether OLM says which, in an annotation of the pod.
        certificate: Secret with the metrics server's certificate; empty for none.
    """

    watched: tuple[str, ...] = ()
    olm: bool = False
    certificate: str = ""

    @property
    def secure(self) -> bool:
        """Whether metrics are shown only to users who may read them.

        A bundle cannot have a NetworkPolicy: OLM v1 and the pipelines of the operator catalogs refuse it.
        """
        return self.olm or bool(self.certificate)


def metadata(name: str, **more: object) -> Object:
    """Of an object in the operator's own namespace."""
    return {"name": name, "namespace": NAMESPACE, "labels": dict(PODS), **more}


def deployment(form: Form | None = None) -> Object:
    """The Deployment."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata(DEPLOYMENT), "labels": dict(LABELS)},
        "spec": deployment_spec(form or Form()),
    }


def deployment_spec(form: Form) -> Object:
    """What a Deployment and OLM's ClusterServiceVersion have in common."""
    spread = [
        {**constraint, "labelSelector": {"matchLabels": dict(PODS)}}
        for constraint in _VALUES.topology_spread_constraints
    ]
    return {
        "replicas": _VALUES.replicas,
        "revisionHistoryLimit": _VALUES.revision_history_limit,
        "selector": {"matchLabels": dict(SELECTOR)},
        "template": {
            "metadata": {
                "labels": dict(LABELS),
                "annotations": {"kubectl.kubernetes.io/default-container": "manager"},
            },
            "spec": {
                "serviceAccountName": SERVICE_ACCOUNT,
                "terminationGracePeriodSeconds": 10,
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [_container(form)],
                "volumes": _volumes(form),
                "topologySpreadConstraints": spread,
            },
        },
    }


def _container(form: Form) -> Object:
    probes = {
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "probes"}, "periodSeconds": 20, "timeoutSeconds": 5},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "probes"}, "periodSeconds": 10, "timeoutSeconds": 5},
        # Imports and first lists take a while on a node that is short of CPU.
        "startupProbe": {
            "httpGet": {"path": "/healthz", "port": "probes"},
            "periodSeconds": 3,
            "timeoutSeconds": 5,
            "failureThreshold": 40,
        },
    }
    return {
        "name": "manager",
        "image": REFERENCE,
        "imagePullPolicy": _VALUES.image.pull_policy,
        "command": [NAME],
        "args": _args(form),
        "env": _environment(form),
        "ports": [
            {"name": "metrics", "containerPort": _VALUES.metrics.port, "protocol": "TCP"},
            {"name": "probes", "containerPort": _VALUES.probes.port, "protocol": "TCP"},
        ],
        **probes,
        # The status of the Pod then says why the operator ended, to `kubectl describe` and `doctor`.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": _VALUES.resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": _mounts(form),
    }


def _args(form: Form) -> list[str]:
    secure = ["--metrics-secure"] if form.secure else []
    certificate = [f"--metrics-cert-path={CERTIFICATE}"] if form.certificate else []
    return [
        "run",
        "--leader-elect",
        f"--metrics-bind-address=:{_VALUES.metrics.port}",
        *secure,
        *certificate,
        f"--health-probe-bind-address=:{_VALUES.probes.port}",
        f"--concurrency={_VALUES.concurrency}",
        f"--max-identity-watches={_VALUES.max_identity_watches}",
        f"--log-level={_VALUES.log_level}",
        f"--log-format={_VALUES.log_format}",
    ]


def _environment(form: Form) -> list[Object]:
    secret = _VALUES.aws.credentials_secret
    keys = {"AWS_ACCESS_KEY_ID": secret.access_key_id_key, "AWS_SECRET_ACCESS_KEY": secret.secret_access_key_key}
    watched: list[Object] = []
    if form.olm:
        watched = [_field("WATCH_NAMESPACE", "metadata.annotations['olm.targetNamespaces']")]
    elif form.watched:
        watched = [{"name": "WATCH_NAMESPACE", "value": ",".join(form.watched)}]
    return [
        # A uid that the cluster chose has no home, and the Kubernetes library asks for one when it is imported.
        {"name": "HOME", "value": "/"},
        _field("POD_NAMESPACE", "metadata.namespace"),
        *watched,
        {"name": "AWS_CONFIG_FILE", "value": f"{CREDENTIALS}/credentials"},
        *(
            {"name": name, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": key, "optional": True}}}
            for name, key in keys.items()
        ),
    ]


def _field(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _mounts(form: Form) -> list[Object]:
    places = {"aws-credentials": CREDENTIALS, "bound-sa-token": TOKEN}
    if form.certificate:
        places["metrics-tls"] = CERTIFICATE
    return [{"name": name, "mountPath": path, "readOnly": True} for name, path in places.items()]


def _volumes(form: Form) -> list[Object]:
    secret = _VALUES.aws.credentials_secret
    item = {"key": secret.config_key, "path": "credentials"}
    token = {"path": "token", "audience": _VALUES.aws.token_audience}
    volumes: list[Object] = [
        {"name": "aws-credentials", "secret": {"secretName": secret.name, "optional": True, "items": [item]}},
        {"name": "bound-sa-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]
    if form.certificate:
        volumes.append({"name": "metrics-tls", "secret": {"secretName": form.certificate}})
    return volumes


def disruption_budget() -> Object:
    """Lets nodes be drained one after the other."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(DEPLOYMENT),
        "spec": {
            "maxUnavailable": _VALUES.pod_disruption_budget.max_unavailable,
            "unhealthyPodEvictionPolicy": _VALUES.pod_disruption_budget.unhealthy_pod_eviction_policy,
            "selector": {"matchLabels": dict(PODS)},
        },
    }


def network_policy() -> Object:
    """Limits who reaches the pods: the kubelet, which is always let in, and those who scrape metrics."""
    rule = {"ports": [{"port": "metrics", "protocol": "TCP"}], "from": _VALUES.network_policy.metrics_from}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(DEPLOYMENT),
        "spec": {"podSelector": {"matchLabels": dict(PODS)}, "policyTypes": ["Ingress"], "ingress": [rule]},
    }


def metrics_service(**annotations: str) -> Object:
    """For Prometheus."""
    more = {"annotations": annotations} if annotations else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(METRICS_SERVICE, **more),
        "spec": {
            "selector": dict(PODS),
            "ports": [
                {"name": "metrics", "port": _VALUES.metrics.port, "targetPort": "metrics", "protocol": "TCP"},
            ],
        },
    }
