"""Runs the pod of a Deployment as a process here, as a kubelet would: its arguments, environment, files and identity.

There are no nodes in the laboratory. What a container has beyond that, such as its security context, is judged by the
API server, which enforces the Pod Security Standard of a namespace, and not here.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from ecr_secret_operator_lab.cluster import Cluster, secret_data, secret_path
from ecr_secret_operator_lab.controlplane import ControlPlane
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess, free_port
from ecr_secret_operator_lab.permissions import in_force

Object = dict[str, Any]

COMMAND = ["ecr-secret-operator", "run"]
OURS = ("--metrics-bind-address", "--health-probe-bind-address")
"""Arguments that the test replaces: it listens on loopback, at a free port."""


def run_pod(
    deployment: Object, plane: ControlPlane, cluster: Cluster, aws: FakeAws, directory: Path, *, place: str = "default"
) -> OperatorProcess:
    """Starts the operator as this Deployment says, with a token of its ServiceAccount.

    It has to be held by the admission policies in `place`, a namespace that it looks at.
    """
    pod, namespace = deployment["spec"]["template"], deployment["metadata"]["namespace"]
    (container,) = pod["spec"]["containers"]
    command = [*container.get("command", []), *container["args"]]
    assert command[:2] == COMMAND, command
    mounted = _mount(pod["spec"], container, plane, cluster, namespace, directory)
    environment = {
        # The fake in place of AWS, without its keys: these have to come from the pod.
        **{name: value for name, value in aws.environment().items() if "KEY" not in name},
        **_environment(container, pod["metadata"], cluster, namespace, mounted),
    }
    account = pod["spec"]["serviceAccountName"]
    kubeconfig = in_force(plane.service_account_kubeconfig(namespace, account, directory), place)
    args = [arg for arg in command[2:] if arg.partition("=")[0] not in OURS]
    if "--metrics-secure" in args:
        args.append(f"--metrics-bind-address=127.0.0.1:{free_port()}")  # HTTPS, and the probes are not
    return OperatorProcess(environment=environment, log=directory / "pod.log", kubeconfig=kubeconfig, args=args)


def metrics_status(operator: OperatorProcess) -> int:
    """The HTTP status that the metrics of a secured operator answer, over HTTPS and without a token."""
    (address,) = (arg.partition("=")[2] for arg in operator.args if arg.startswith("--metrics-bind-address="))
    connection = HTTPSConnection(address, timeout=30, context=unverified())
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().status
    finally:
        connection.close()


def unverified() -> ssl.SSLContext:
    """For the certificate that the operator makes itself."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _mount(
    spec: Object, container: Object, plane: ControlPlane, cluster: Cluster, namespace: str, directory: Path
) -> Mapping[str, Path]:
    """Writes the files that are mounted, and gives where each mount path is here."""
    mounted = {mount["mountPath"]: directory / mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for mount in container["volumeMounts"]:
        place, volume = mounted[mount["mountPath"]], volumes[mount["name"]]
        place.mkdir()
        if "secret" in volume:
            files = _files(volume["secret"], cluster, namespace)
        else:
            (source,) = (one["serviceAccountToken"] for one in volume["projected"]["sources"])
            options = (f"--namespace={namespace}", f"--audience={source['audience']}")
            token = plane.kubectl("create", "token", spec["serviceAccountName"], *options).stdout.strip()
            files = {source["path"]: token}
        for name, text in files.items():
            (place / name).write_text(_here(text, mounted))
    return mounted


def _files(source: Object, cluster: Cluster, namespace: str) -> Mapping[str, str]:
    """What a Secret's volume holds."""
    secret = cluster.get(secret_path(namespace, source["secretName"]))
    assert secret or source["optional"], source
    data = secret_data(secret or {})
    return {item["path"]: data[item["key"]] for item in source["items"] if item["key"] in data}


def _here(text: str, mounted: Mapping[str, Path]) -> str:
    """A text with the paths that are here in place of those in the pod."""
    for path, place in mounted.items():
        text = text.replace(f"{path}/", f"{place}/")
    return text


def _environment(
    container: Object, metadata: Object, cluster: Cluster, namespace: str, mounted: Mapping[str, Path]
) -> dict[str, str]:
    found = {}
    for entry in container["env"]:
        value = _value(entry, metadata, cluster, namespace)
        if value is not None:
            found[entry["name"]] = _here(value, mounted)
    return found


def _value(entry: Object, metadata: Object, cluster: Cluster, namespace: str) -> str | None:
    if "valueFrom" not in entry:
        return str(entry["value"])
    source = entry["valueFrom"]
    if "secretKeyRef" in source:
        wanted = source["secretKeyRef"]
        data = secret_data(cluster.get(secret_path(namespace, wanted["name"])) or {})
        assert wanted["key"] in data or wanted["optional"], wanted
        return data.get(wanted["key"])
    path = source["fieldRef"]["fieldPath"]
    if path == "metadata.namespace":
        return namespace
    annotation = path.removeprefix("metadata.annotations['").removesuffix("']")
    return str(metadata.get("annotations", {}).get(annotation, ""))
