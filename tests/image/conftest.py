"""The image, built once for all its tests, and containers of it."""

from __future__ import annotations

import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from tools.image import GLIBCS

from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.image import Builder, Container, Image, Parts, ensure_parts
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.reporting import print_progress

ROOT = Path(__file__).parents[2]
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
LABELS = {"VERSION": "1.2.3", "REVISION": "4f2a", "SOURCE": "https://git.example/operator", "LICENSES": "Apache-2.0"}

StartContainer = Callable[[], OperatorProcess]


@pytest.fixture(scope="session")
def parts() -> Parts:
    return ensure_parts(ROOT / "requirements", GLIBCS, print_progress)


@pytest.fixture(scope="session")
def labels() -> Mapping[str, str]:
    return LABELS


@pytest.fixture(scope="session")
def image(parts: Parts, labels: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    home = tmp_path_factory.mktemp("buildah")
    yield Builder(parts, home, ROOT).build(arguments=labels)
    shutil.rmtree(home)  # pytest would keep it, and it is large


@pytest.fixture
def container(parts: Parts, image: Image, operator_kubeconfig: Path, tmp_path: Path) -> Container:
    """One with the ServiceAccount of the shipped permissions, mounted as the kubelet does it."""
    config = yaml.safe_load(operator_kubeconfig.read_text())
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text(config["users"][0]["user"]["token"])
    (account / "ca.crt").write_bytes(b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]))
    (account / "namespace").write_text("ecr-secret-operator")
    return Container(parts.tools, image, tmp_path / "containers", {SERVICE_ACCOUNT: account})


@pytest.fixture
def start_container(
    container: Container, operator_kubeconfig: Path, namespace: str, aws: FakeAws, tmp_path: Path
) -> Iterator[StartContainer]:
    """Starts the image's command in a container, confined to the namespace of the test."""
    server = urlsplit(yaml.safe_load(operator_kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
    environment = {
        **aws.environment(),
        "WATCH_NAMESPACE": namespace,
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
    }
    log = tmp_path / "operator.log"
    with ExitStack() as stack:

        def start() -> OperatorProcess:
            command = container.command()
            operator = OperatorProcess(environment=environment, log=log, kubeconfig=None, command=command)
            return stack.enter_context(operator).ready()

        yield start
    assert "Traceback" not in log.read_text()
