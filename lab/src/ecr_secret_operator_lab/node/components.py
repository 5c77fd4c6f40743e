"""The command lines of the node's parts, and the configuration that they read.

Debian's programs and the kubelet see the node's root directory as theirs; in there, `PLACE` is the supervisor's
directory and `PROGRAMS` has Kubernetes' programs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..controlplane.processes import Command
from .inside import ADDRESS, DOMAIN, MOUNTS, NAME, PLACE, POD_RANGE, PROGRAMS
from .parts import KUBE_PROXY, KUBE_SCHEDULER, KUBELET, Parts

CONTAINERD = "containerd"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
CNI_PLUGINS = "/usr/lib/cni"
PAUSE = "localhost/pause:1"
BUSYBOX = "localhost/busybox:1"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def _write(directory: Path, name: str, text: str) -> str:
    """Writes a file into the supervisor's directory, and returns its path as the node's programs have it."""
    (directory / name).parent.mkdir(exist_ok=True)
    (directory / name).write_text(text)
    return str(PLACE / name)


def on_the_node(directory: Path, name: str, argv: Sequence[str], **env: str) -> Command:
    """A program of the node's root directory, in the node's mount namespace.

    Args:
        directory: the supervisor's.
        name: of the command.
        argv: the program and its arguments.
        env: its environment, beside PATH.
    """
    return Command(name=name, argv=["nsenter", f"--mount={directory / MOUNTS}", *argv], env={"PATH": PATH, **env})


def containerd(directory: Path, *, registry: Mapping[str, str]) -> Command:
    """The container runtime.

    Args:
        directory: the supervisor's.
        registry: environment variables with which it finds a registry. Only containerd gets them: the kubelet would
            look for the API server at the proxy, too.
    """
    _write(directory, "cni/10-pods.conflist", json.dumps(_pod_network()))
    configuration = f"""\
version = 2
root = "{PLACE}/containerd"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{CNI_PLUGINS}"
  conf_dir = "{PLACE}/cni"
"""
    path = _write(directory, "containerd.toml", configuration)
    return on_the_node(directory, CONTAINERD, ["containerd", "--config", path], **registry)


def _pod_network() -> dict[str, Any]:
    """A pair of interfaces for each Pod, with routes between the Pods and the node, and nowhere else."""
    ranges = [[{"subnet": POD_RANGE}]]
    addresses = {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": addresses}]}


def ctr(directory: Path, name: str, *args: str) -> Command:
    """The client that belongs to containerd, in the namespace of the kubelet's containers."""
    return on_the_node(directory, name, ["ctr", "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io", *args])


def kubelet(directory: Path, *, kubeconfig: Path) -> Command:
    """The kubelet. It changes nothing of the machine: see SYSCTLS of `inside`."""
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "volumePluginDir": str(PLACE / "volume-plugins"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "clusterDNS": [ADDRESS],
        "clusterDomain": DOMAIN,
        "resolvConf": _write(directory, "resolv.conf", f"nameserver {ADDRESS}\n"),
        "evictionHard": dict.fromkeys(
            ("nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"), "0%"
        ),
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(PLACE / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
    }
    flags = {
        "config": _write(directory, "kubelet.yaml", yaml.safe_dump(configuration)),
        "kubeconfig": str(PLACE / kubeconfig.name),
        "root-dir": str(PLACE / "kubelet"),
        "cert-dir": str(PLACE / "kubelet-pki"),
        "node-ip": ADDRESS,
        "hostname-override": NAME,
    }
    return on_the_node(directory, KUBELET, [str(PROGRAMS / KUBELET), *_flags(flags)])


def kube_proxy(directory: Path, *, kubeconfig: Path) -> Command:
    """Gives Services their addresses. All limits on connections are the machine's own, which it leaves alone."""
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NAME,
        "clientConnection": {"kubeconfig": str(PLACE / kubeconfig.name)},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    path = _write(directory, "kube-proxy.yaml", yaml.safe_dump(configuration))
    return on_the_node(directory, KUBE_PROXY, [str(PROGRAMS / KUBE_PROXY), f"--config={path}"])


def dns(kubeconfig: Path) -> Command:
    """The cluster's DNS, which the kubelet names to Pods."""
    return Command(name="dns", argv=[sys.executable, "-m", "ecr_secret_operator_lab.node.dns", str(kubeconfig)])


def kube_scheduler(parts: Parts, kubeconfig: Path) -> Command:
    """Assigns Pods to the node; it listens on no port."""
    flags = {
        "kubeconfig": str(kubeconfig),
        "leader-elect": "false",
        "secure-port": "0",
        "kube-api-qps": "500",
        "kube-api-burst": "1000",
    }
    return Command(name=KUBE_SCHEDULER, argv=[str(parts.programs[KUBE_SCHEDULER]), *_flags(flags)])


def _flags(flags: Mapping[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]
