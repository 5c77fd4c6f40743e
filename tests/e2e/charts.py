"""Makes small charts whose one object says which version it is of."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import yaml

from ecr_secret_operator_lab.cluster import Cluster

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Chart.Name }}
data:
  version: {{ .Chart.Version | quote }}
"""


def write_chart(directory: Path, name: str, version: str) -> Path:
    """The directory of a chart."""
    chart = directory / f"{name}-{version}-source" / name
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": name, "version": version}))
    (chart / "templates" / "config-map.yaml").write_text(CONFIG_MAP)
    return chart


def write_chart_in_git(directory: Path, chart: dict[str, object]) -> str:
    """A Git repository with a chart without objects of its own, in its directory `chart`; gives its commit."""
    (directory / "chart").mkdir()
    (directory / "chart" / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "version": "0.1.0", **chart}))
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    said = ""
    for command in (("init",), ("add", "."), (*who, "commit", "--message=chart"), ("rev-parse", "HEAD")):
        argv = [shutil.which("git") or "git", "-C", str(directory), *command]
        said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    return said.strip()


def installed_version(cluster: Cluster, namespace: str, name: str) -> str | None:
    """The version of a chart whose object is in a namespace; None when there is none."""
    found = cluster.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
    return str(found["data"]["version"]) if found else None
