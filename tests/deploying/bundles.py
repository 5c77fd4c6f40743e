"""The static rules of OLM and OperatorHub for bundles, as far as they can be told from the files.

What operator-framework/api's validators check (`pkg/validation/internal`: csv, bundle, operatorhub, object and
good_practices; read in November 2026), what OperatorHub's page on required fields asks for, and OLM's list of kinds
that a bundle may hold. Their errors and warnings are one here: each problem is a sentence. Left out: that channels be
called stable, fast or candidate, since the Go operator's is called alpha.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml

Object = dict[str, Any]

SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[a-z]+")
CAPABILITIES = {"Basic Install", "Seamless Upgrades", "Full Lifecycle", "Deep Insights", "Auto Pilot"}
CATEGORIES = {
    "AI/Machine Learning",
    "Application Runtime",
    "Big Data",
    "Cloud Provider",
    "Database",
    "Developer Tools",
    "Integration & Delivery",
    "Logging & Tracing",
    "Monitoring",
    "Networking",
    "OpenShift Optional",
    "Security",
    "Storage",
    "Streaming & Messaging",
}
ICONS = {"image/gif", "image/jpeg", "image/png", "image/svg+xml"}
INSTALL_MODES = {"OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces"}
BESIDE = {
    "ClusterServiceVersion",
    "CustomResourceDefinition",
    "Secret",
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "ServiceAccount",
    "Service",
    "Role",
    "RoleBinding",
    "PrometheusRule",
    "ServiceMonitor",
    "PodDisruptionBudget",
    "PriorityClass",
    "VerticalPodAutoscaler",
    "ConsoleYAMLSample",
    "ConsoleQuickStart",
    "ConsoleCLIDownload",
    "ConsoleLink",
}
METADATA = {
    "mediatype.v1": "registry+v1",
    "manifests.v1": "manifests/",
    "metadata.v1": "metadata/",
}
CORE = "operators.operatorframework.io.bundle."


class Bundle(NamedTuple):
    """What the files hold."""

    manifests: list[Object]
    annotations: dict[str, str]
    labels: dict[str, str]

    @property
    def csv(self) -> Object:
        (found,) = (one for one in self.manifests if one["kind"] == "ClusterServiceVersion")
        return found

    @property
    def definitions(self) -> list[Object]:
        return [one for one in self.manifests if one["kind"] == "CustomResourceDefinition"]


def read_bundle(directory: Path) -> Bundle:
    manifests = [yaml.safe_load(path.read_text()) for path in sorted(directory.glob("manifests/*.yaml"))]
    annotations = yaml.safe_load((directory / "metadata" / "annotations.yaml").read_text())["annotations"]
    lines = (directory / "bundle.Containerfile").read_text().splitlines()
    labels = dict(line.removeprefix("LABEL ").split("=", 1) for line in lines if line.startswith("LABEL "))
    return Bundle(manifests, annotations, {name: json.loads(value) for name, value in labels.items()})


def problems(bundle: Bundle) -> list[str]:
    """What the validators would say."""
    checks = (_name, _texts, _icon, _annotations, _examples, _modes, _owned, _deployments, _beside, _metadata)
    return [problem for check in checks for problem in check(bundle)]


def _version_of(name: str) -> str | None:
    product, _, version = name.partition(".")
    full = SEMVER.fullmatch(version.removeprefix("v"))
    return full[0] if product and full and version.startswith("v") and SUBDOMAIN.fullmatch(name) else None


def _name(bundle: Bundle) -> Iterator[str]:
    csv = bundle.csv
    version = _version_of(csv["metadata"]["name"])
    if version is None or version != csv["spec"].get("version"):
        yield "the name has to be OPERATOR.vX.Y.Z, with the version of the spec"
    if "replaces" in csv["spec"]:
        before = _version_of(csv["spec"]["replaces"])
        if before is None or not version or _ordered(before) >= _ordered(version):
            yield "replaces has to name an older version"
    if not SEMVER.fullmatch(csv["spec"].get("minKubeVersion", "")):
        yield "minKubeVersion is missing, or no version"


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def _texts(bundle: Bundle) -> Iterator[str]:
    spec = bundle.csv["spec"]
    for field in ("displayName", "description", "keywords", "maintainers", "links", "maturity", "provider", "icon"):
        if not spec.get(field):
            yield f"{field} is missing"
    if not spec.get("provider", {}).get("name"):
        yield "the provider has no name"
    for one in spec.get("maintainers", []):
        if not one.get("name") or not EMAIL.fullmatch(one.get("email", "")):
            yield "a maintainer needs name and email"
    for one in spec.get("links", []):
        if not one.get("name") or urlsplit(one.get("url", "")).scheme not in {"http", "https"}:
            yield "a link needs name and URL"


def _icon(bundle: Bundle) -> Iterator[str]:
    icons = bundle.csv["spec"].get("icon", [])
    if len(icons) != 1 or icons[0].get("mediatype") not in ICONS or not b64decode(icons[0].get("base64data", "")):
        yield "there has to be one icon, with data and a media type that is known"


def _annotations(bundle: Bundle) -> Iterator[str]:
    found = bundle.csv["metadata"]["annotations"]
    if found.get("capabilities") not in CAPABILITIES:
        yield "capabilities is no level"
    for category in found.get("categories", "").split(","):
        if category.strip() not in CATEGORIES:
            yield f"{category} is no category"
    for name in ("containerImage", "createdAt", "description", "repository", "support"):
        if not found.get(name):
            yield f"the annotation {name} is missing"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.get("createdAt", "")):
        yield "createdAt is no time"
    if not re.fullmatch(r"[^/]+/[^/]+/[^/:]+:.+", found.get("containerImage", "")):
        yield "containerImage has to be HOST/USER/NAME:TAG"
    if len(found.get("description", "")) > 135:
        yield "the annotation description is too long for a tile"
    if any(name.startswith("olm.") and name not in {"olm.skipRange", "olm.properties"} for name in found):
        yield "annotations of olm are OLM's own"


def _examples(bundle: Bundle) -> Iterator[str]:
    shown = json.loads(bundle.csv["metadata"]["annotations"].get("alm-examples", "[]"))
    kinds = {(one["apiVersion"].rpartition("/")[2], one["kind"]) for one in shown}
    provided = {(one["version"], one["kind"]) for one in _provided(bundle)}
    if kinds != provided:
        yield "alm-examples has to show each owned kind, and no other"
    if any(not one.get("spec") for one in shown):
        yield "an example has no spec"


def _modes(bundle: Bundle) -> Iterator[str]:
    modes = [one["type"] for one in bundle.csv["spec"].get("installModes", [])]
    if set(modes) != INSTALL_MODES or len(modes) != len(INSTALL_MODES):
        yield "every install mode has to be named once"
    if not any(one["supported"] for one in bundle.csv["spec"].get("installModes", [])):
        yield "no install mode is supported"


def _provided(bundle: Bundle) -> list[Object]:
    owned: list[Object] = bundle.csv["spec"]["customresourcedefinitions"]["owned"]
    return owned


def _owned(bundle: Bundle) -> Iterator[str]:
    defined = sorted(
        (one["metadata"]["name"], one["spec"]["names"]["kind"], version["name"])
        for one in bundle.definitions
        for version in one["spec"]["versions"]
    )
    if sorted((one["name"], one["kind"], one["version"]) for one in _provided(bundle)) != defined:
        yield "owned kinds and the definitions of the bundle have to be the same"
    for one in _provided(bundle):
        if not one.get("displayName") or not one.get("description"):
            yield f"{one['kind']} has no title or description"
        if not one.get("resources"):
            yield f"{one['kind']} lists no resources, which the scorecard asks for"
        for descriptor in [*one.get("specDescriptors", []), *one.get("statusDescriptors", [])]:
            if not descriptor.get("path") or not descriptor.get("displayName") or not descriptor.get("description"):
                yield f"{one['kind']} has a descriptor without path, title or description"


def _deployments(bundle: Bundle) -> Iterator[str]:
    install = bundle.csv["spec"]["install"]
    if install["strategy"] != "deployment" or not install["spec"].get("deployments"):
        yield "there is no Deployment"
    related = {one["image"] for one in bundle.csv["spec"].get("relatedImages", [])}
    images = {bundle.csv["metadata"]["annotations"]["containerImage"]}
    for deployment in install["spec"]["deployments"]:
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            images.add(container["image"])
            if not {"cpu", "memory"} <= container["resources"].get("requests", {}).keys():
                yield f"container {container['name']} does not request CPU and memory"
    if images != related or len(images) != 1:
        yield "relatedImages and containerImage have to be those of the Deployments"


def _beside(bundle: Bundle) -> Iterator[str]:
    accounts = {
        one["serviceAccountName"]
        for field in ("permissions", "clusterPermissions")
        for one in bundle.csv["spec"]["install"]["spec"].get(field, [])
    }
    for one in bundle.manifests:
        if one["kind"] not in BESIDE:
            yield f"OLM does not install a {one['kind']}"
        if one["kind"] == "ServiceAccount" and one["metadata"]["name"] in accounts:
            yield "OLM makes the ServiceAccount itself"
        if one["kind"] != "ClusterServiceVersion" and "namespace" in one["metadata"]:
            yield f"{one['kind']} names a namespace, which OLM chooses"
        if one["kind"] == "PodDisruptionBudget" and one["spec"].get("maxUnavailable") in {0, "0%"}:
            yield "maxUnavailable 0 keeps nodes from being drained"
        if one["kind"] == "PodDisruptionBudget" and one["spec"].get("minAvailable") == "100%":
            yield "minAvailable 100% keeps nodes from being drained"


def _metadata(bundle: Bundle) -> Iterator[str]:
    found = bundle.annotations
    for name, value in METADATA.items():
        if found.get(CORE + name) != value:
            yield f"the annotation {CORE}{name} has to be {value}"
    channels = found.get(f"{CORE}channels.v1", "").split(",")
    if found.get(f"{CORE}channel.default.v1") not in channels or not all(channels):
        yield "the default channel has to be one of the channels"
    if found.get(f"{CORE}package.v1") != bundle.csv["metadata"]["name"].partition(".")[0]:
        yield "the package has to be called as the operator"
    if found != bundle.labels:
        yield "the image has to have the annotations as its labels"
    if not re.fullmatch(r"=?v\d+\.\d+(-v\d+\.\d+)?", found.get("com.redhat.openshift.versions", "")):
        yield "com.redhat.openshift.versions is no range"
