"""Makes small charts whose one object says which version it is of."""

from __future__ import annotations

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
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": name, "version": version}))
    (chart / "templates" / "config-map.yaml").write_text(CONFIG_MAP)
    return chart


def installed_version(cluster: Cluster, namespace: str, name: str) -> str | None:
    """The version of a chart whose object is in a namespace; None when there is none."""
    found = cluster.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
    return str(found["data"]["version"]) if found else None
