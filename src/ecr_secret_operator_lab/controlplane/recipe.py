"""What the control plane consists of, read from the one place that pins it: the Go module in `gomod/`."""

import hashlib
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

GO_MOD, GO_SUM, GO_REQUIREMENTS = "go.mod", "go.sum", "go-requirements.txt"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

PACKAGES: Mapping[str, str] = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}
"""Each program and the Go package that it is built from, the quickest build first."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions that go.mod pins: of Kubernetes and etcd with their leading v, and the oldest Go that will do."""

    kubernetes: str
    etcd: str
    go: tuple[int, int, int]


def pinned(name: str) -> str:
    """The text of a file that ships with this package."""
    return files(__package__).joinpath("gomod", name).read_text()


@cache
def versions() -> Versions:
    """What go.mod pins."""
    text = pinned(GO_MOD)
    major, minor, patch = _find(r"^go (\d+)\.(\d+)\.(\d+)$", text)
    (kubernetes,) = _find(r"^\s+k8s\.io/kubernetes (v\S+)", text)
    (etcd,) = _find(r"^\s+go\.etcd\.io/etcd/server/v3 (v\S+)", text)
    return Versions(kubernetes=kubernetes, etcd=etcd, go=(int(major), int(minor), int(patch)))


def _find(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise ValueError(f"go.mod has no line like {pattern}")
    return match.groups()


def system() -> tuple[str, str]:
    """This machine as Go names it: operating system and architecture."""
    machine = platform.machine().lower()
    return sys.platform, ARCHITECTURES.get(machine, machine)


def home(cache_directory: Path) -> Path:
    """Where the programs of exactly this recipe lie in the cache."""
    digest = hashlib.sha256(pinned(GO_SUM).encode()).hexdigest()[:12]
    return cache_directory / "controlplane" / "-".join((versions().kubernetes, *system(), digest))


def linker_flags() -> str:
    """Small programs that know their version; an API server that does not know it misjudges its own APIs."""
    kubernetes = versions().kubernetes
    major, minor, _ = kubernetes.removeprefix("v").split(".", 2)
    told = {"gitVersion": kubernetes, "gitMajor": major, "gitMinor": minor}
    return " ".join(("-s -w", *(f"-X k8s.io/component-base/version.{key}={value}" for key, value in told.items())))
