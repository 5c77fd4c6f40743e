"""A build in a Pod pushes with what the operator generates, and another Pod runs what was built.

The build uses crane. It builds an image from a base and a layer without privileges, user namespaces or mounts, which
buildah and kaniko need, and reads the same file with credentials as they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object
from ecr_secret_operator_lab.node import ADDRESS
from ecr_secret_operator_lab.registry import Refusal, Registry

from ..cluster.resources import HOST, a_resource, apply, wait_ready
from ..e2e.accounts import an_account, secret_of_a_build, wait_linked
from .installing import Installation
from .pods import LONG, a_pod, refusals, run, wait_done, wait_failed
from .publishing import Publisher

pytestmark = [pytest.mark.usefixtures("installation"), pytest.mark.xdist_group("pushes")]

BUILDER = "builder"
SCRIPT = """\
set -e
mkdir -p /tmp/layer/app
echo "built in a Pod" > /tmp/layer/app/greeting
tar -c -C /tmp/layer -f /tmp/layer.tar app
crane append --base {base} --new_layer /tmp/layer.tar --new_tag {built}
"""


@pytest.fixture
def base(publisher: Publisher, programs: Mapping[str, Path], namespace: str) -> str:
    """An image with crane, which is also the base of what is built."""
    return publisher.push_busybox(namespace, more={"crane": programs["crane"].read_bytes()})


@pytest.fixture
def builder(cluster: Cluster, namespace: str, registry: Registry) -> str:
    """ServiceAccount `builder` as on OpenShift, to which the generated Secret is linked; gives the Secret's name."""
    an_account(cluster, namespace, BUILDER)
    links = [{"service_account": BUILDER, "for": ["mount", "pull"]}, {"service_account": "default", "for": ["pull"]}]
    apply(cluster, namespace, a_resource(link=links))
    wait_ready(cluster, namespace, within=LONG)
    for account, field in ((BUILDER, "secrets"), (BUILDER, "imagePullSecrets"), ("default", "imagePullSecrets")):
        wait_linked(cluster, namespace, account, "ecr-generated", field=field)
    trusted = {"metadata": {"name": "registry"}, "data": {"ca.crt": registry.ca.read_text()}}
    cluster.create(f"/api/v1/namespaces/{namespace}/configmaps", trusted)
    return secret_of_a_build(cluster, namespace, BUILDER, HOST)


def a_build(base: str, built: str, registry: Registry, secret: str | None) -> Object:
    """A Pod that builds, with the Secret mounted where crane looks for credentials."""
    pod = a_pod(base, "sh", "-c", SCRIPT.format(base=base, built=built), serviceAccountName=BUILDER)
    volumes: list[Object] = [{"name": "trusted", "configMap": {"name": "registry"}}]
    if secret:
        items = [{"key": ".dockerconfigjson", "path": "config.json"}]
        volumes.append({"name": "push", "secret": {"secretName": secret, "items": items}})
    pod["spec"]["volumes"] = volumes
    environment = {
        "HTTPS_PROXY": f"http://{ADDRESS}:{registry.ports.proxy}",
        "SSL_CERT_FILE": "/mnt/trusted/ca.crt",
        "DOCKER_CONFIG": "/mnt/push",
        "HOME": "/mnt",
    }
    (container,) = pod["spec"]["containers"]
    container["env"] = [{"name": name, "value": value} for name, value in environment.items()]
    container["volumeMounts"] = [{"name": one["name"], "mountPath": f"/mnt/{one['name']}"} for one in volumes]
    return pod


def test_a_build_pushes_and_another_pod_runs_what_was_built(
    installation: Installation, cluster: Cluster, namespace: str, base: str, builder: str, registry: Registry
) -> None:
    built = f"{HOST}/{namespace}/built:1"
    wait_done(cluster, namespace, run(cluster, namespace, a_build(base, built, registry, builder)))
    name = run(cluster, namespace, a_pod(built, "cat", "/app/greeting"))
    wait_done(cluster, namespace, name)
    log = installation.node.plane.kubectl("logs", name, f"--namespace={namespace}").stdout
    assert log == "built in a Pod\n"


def test_a_build_without_the_mounted_secret_does_not_push(
    cluster: Cluster, namespace: str, base: str, builder: str, registry: Registry
) -> None:
    before, built = registry.last_request(), f"{HOST}/{namespace}/other:1"
    wait_failed(cluster, namespace, run(cluster, namespace, a_build(base, built, registry, None)))
    assert (401, Refusal.NO_CREDENTIALS) in refusals(registry, namespace, after=before)
    assert not [one for one in registry.requests(after=before) if one.method == "PUT" and one.refusal is None]
