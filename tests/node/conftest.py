"""One cluster with a real node for the run, a registry from which it pulls, and the operator installed by Helm.

The registry and the fake AWS run on this machine. The node reaches both at the same ports, and Pods at the node's
address.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ecr_secret_operator_lab.cluster import Cluster, resource_path
from ecr_secret_operator_lab.controlplane import ensure_binaries
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.node import NodeCluster, RegistryAccess, ensure_node
from ecr_secret_operator_lab.olm import ensure_olm, start_olm
from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.registry import Registry, Tools, start_registry
from ecr_secret_operator_lab.reporting import print_progress

from ..cluster.resources import HOST, PLURALS
from . import page
from .bundles import start_catalogs
from .installing import CHART, IMAGE, NAMESPACE, OPERATOR, Installation, a_reader, a_token, install
from .operator_image import ensure_operator_image
from .publishing import Publisher
from .subscribing import Olm

LONGEST = ("test_olm.py", "test_olm_modes.py", "test_olm_uninstall.py", "test_olm_upgrade.py", "test_life.py")
"""Modules that begin first, so that no worker is left alone with them at the end (with `--no-loadscope-reorder`)."""

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def programs() -> Mapping[str, Path]:
    return ensure_programs(["registry", "crane", "helm"], print_progress)


@pytest.fixture(scope="session")
def registry(shared_aws: FakeAws, programs: Mapping[str, Path]) -> Iterator[Registry]:
    with start_registry(shared_aws, programs["registry"], hosts=(HOST,)) as registry:
        yield registry


@contextmanager
def a_cluster(aws: FakeAws, registry: Registry) -> Iterator[NodeCluster]:
    """A cluster with a node; AWS and the registry are within its reach."""
    port = urlsplit(aws.url).port
    assert port
    access = RegistryAccess(proxy_port=registry.ports.proxy, ca=registry.ca)
    binaries, parts = ensure_binaries(print_progress), ensure_node(print_progress)
    with NodeCluster.start(binaries, parts, reached=[port], registry=access, audited=[OPERATOR]) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def node(shared_aws: FakeAws, registry: Registry) -> Iterator[NodeCluster]:
    with a_cluster(shared_aws, registry) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kubeconfig(node: NodeCluster) -> Path:
    """In place of the one for the control plane without a node."""
    return node.plane.kubeconfig


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace that is deleted with all that is in it: `doctor` would report what a test has broken there."""
    name = cluster.namespace(f"test-{uuid.uuid4().hex[:10]}")
    yield name
    for plural in PLURALS.values():
        cluster.delete(resource_path(plural, name))
    cluster.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def publisher(
    programs: Mapping[str, Path],
    registry: Registry,
    shared_aws: FakeAws,
    tmp_path_factory: pytest.TempPathFactory,
) -> Publisher:
    """Pushes images and charts with a token of its own, which the operator has no part in."""
    tools = Tools(programs, registry, tmp_path_factory.mktemp("publisher"))
    tools.login(a_token(shared_aws))
    return Publisher(tools, ensure_node(print_progress).busybox)


@pytest.fixture(scope="session")
def installation(
    node: NodeCluster,
    publisher: Publisher,
    shared_aws: FakeAws,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    """The operator, installed from the registry in a namespace that enforces the restricted Pod Security Standard."""
    publisher.push_archive(ensure_operator_image(), f"{IMAGE}:v{publisher.chart_version(CHART)}")
    publisher.push_chart(CHART)
    home = tmp_path_factory.mktemp("helm")
    with Cluster(node.plane.kubeconfig) as cluster:
        yield install(node, cluster, publisher, shared_aws, home)
        if os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
            return  # that one of the workers removes it is enough
        *_, removal = page.blocks(page.REMOVE, "bash")
        a_reader(node, publisher, shared_aws, home).succeeds(removal)
        assert cluster.get(f"/api/v1/namespaces/{NAMESPACE}") is None
        assert cluster.items(CRDS), "helm keeps them"


@pytest.fixture(scope="session")
def olm(
    shared_aws: FakeAws,
    registry: Registry,
    publisher: Publisher,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Olm]:
    """A cluster with OLM, whose node has credentials for the registry, as OpenShift's global pull secret gives them."""
    for version in ("1.0.0", "1.0.1"):
        publisher.push_archive(ensure_operator_image(), f"{IMAGE}:v{version}")
    with (
        start_catalogs(publisher, tmp_path_factory.mktemp("catalogs")) as catalogs,
        a_cluster(shared_aws, registry) as node,
        Cluster(node.plane.kubeconfig) as cluster,
    ):
        (node.plane.directory / "kubelet" / "config.json").write_text(publisher.tools.auth_file.read_text())
        start_olm(node, ensure_olm(print_progress))
        yield Olm(node, cluster, catalogs, shared_aws)
