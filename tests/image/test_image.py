"""The container image is built as its Containerfile says, holds what it should, and works where little is allowed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from tools.image import GLIBCS

from ecr_secret_operator import __version__
from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.image import Builder, Container, Image, Parts, ensure_parts
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import printed
from ecr_secret_operator_lab.reporting import print_progress

from ..cluster.resources import a_resource, apply, password_in, wait_ready, wait_secret

# One worker has them all, since building takes most of the time: xdist_group.
pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
HOME = "opt/ecr-secret-operator"
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
UID = 1000710000
MEBIBYTE = 2**20
LABELS = {"VERSION": "1.2.3", "REVISION": "4f2a", "SOURCE": "https://git.example/operator", "LICENSES": "Apache-2.0"}
LONG = 90.0


@pytest.fixture(scope="module")
def parts() -> Parts:
    return ensure_parts(ROOT / "requirements", GLIBCS, print_progress)


@pytest.fixture(scope="module")
def image(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    home = tmp_path_factory.mktemp("buildah")
    yield Builder(parts, home, ROOT).build(arguments=LABELS)
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


def locked() -> dict[str, str]:
    text = (ROOT / "requirements/run.txt").read_text()
    return {_normal(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or not path.is_dir()}


def added(image: Image, parts: Parts) -> Iterator[Path]:
    return (image.root / name for name in files(image.root) - files(parts.run))


def packages(image: Image) -> Path:
    (found,) = (image.root / HOME / "lib").glob("python*/site-packages")
    return found


def test_it_says_what_it_is_and_how_it_is_started(image: Image) -> None:
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in image.config["Labels"].items()
        if name.startswith("org.opencontainers.image.")
    }
    told = {name.lower(): value for name, value in LABELS.items()}
    assert labels.pop("title") == "ECR Secret Operator"
    assert labels.pop("description")
    assert labels == told
    assert image.config["User"] == "65532:65532"  # by number, so that runAsNonRoot can be checked
    assert image.config["Entrypoint"] == ["ecr-secret-operator"]
    assert image.config["Cmd"] == ["run"]
    assert set(image.config["ExposedPorts"]) == {"8080/tcp", "8081/tcp"}


def test_it_holds_just_what_is_locked(image: Image) -> None:
    found = {}
    for metadata in packages(image).glob("*.dist-info/METADATA"):
        fields = dict(re.findall(r"^(Name|Version): (.*)$", metadata.read_text(), re.MULTILINE))
        found[_normal(fields["Name"])] = fields["Version"]
    assert found == {**locked(), "ecr-secret-operator": __version__}


def test_neither_the_laboratory_nor_a_tool_of_the_build_is_in_it(image: Image, parts: Parts) -> None:
    assert not list(image.root.rglob("ecr_secret_operator_lab*"))
    assert not list(image.root.rglob("pip.conf"))
    places = {path.relative_to(image.root).parts[0] for path in added(image, parts)}
    assert places == {"opt", "manager", "licenses"}
    assert {path.name for path in (image.root / HOME).iterdir()} == {"bin", "lib", "ecr-secret-operator.cdx.json"}


def test_there_is_no_shell_and_no_program_but_the_operator_and_python(image: Image, parts: Parts) -> None:
    runnable = {path.name for path in added(image, parts) if path.stat().st_mode & 0o111}
    assert runnable == {"ecr-secret-operator", "manager"}
    programs = {path.name for place in ("bin", "sbin") for path in (image.root / "usr" / place).iterdir()}
    assert not programs & {"sh", "bash", "dash", "busybox", "env", "pip", "pip3", "apt-get", "dpkg", "perl"}


def test_any_user_can_read_it_and_none_can_write_it(image: Image, parts: Parts) -> None:
    for path in added(image, parts):
        for each in (path, path.parent):
            mode = each.stat().st_mode
            assert mode & 0o044 == 0o044, f"{each} cannot be read by all"
            assert not mode & 0o6022, f"{each} can be written by others, or changes the user"


def test_it_is_small(image: Image, parts: Parts) -> None:
    assert sum(path.lstat().st_size for path in added(image, parts)) < 150 * MEBIBYTE


def test_its_list_names_every_dependency_with_its_version(image: Image) -> None:
    bill = json.loads((image.root / HOME / "ecr-secret-operator.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "ecr-secret-operator"
    assert bill["metadata"]["component"]["version"] == __version__
    assert {_normal(each["name"]): each["version"] for each in bill["components"]} == locked()
    assert all(each["purl"].startswith("pkg:pypi/") for each in bill["components"])


def test_it_serves_a_resource_as_a_user_that_nobody_knows_without_any_right(
    cluster: Cluster, container: Container, operator_kubeconfig: Path, namespace: str, aws: FakeAws, tmp_path: Path
) -> None:
    server = urlsplit(yaml.safe_load(operator_kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
    environment = {
        **aws.environment(),
        "WATCH_NAMESPACE": namespace,
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
    }
    log = tmp_path / "operator.log"
    with OperatorProcess(environment=environment, log=log, kubeconfig=None, command=container.command()) as operator:
        operator.ready()
        _is_confined(_inside(operator.process.pid))
        apply(cluster, namespace, a_resource())
        wait_ready(cluster, namespace, within=LONG)
        assert aws.find_token(password_in(wait_secret(cluster, namespace))) is not None
        assert operator.stop() == 0
    assert "Traceback" not in log.read_text()


def _inside(crun: int) -> Path:
    """Where the kernel tells of the container's only process."""
    (child,) = Path(f"/proc/{crun}/task/{crun}/children").read_text().split()
    return Path("/proc", child)


def _is_confined(process: Path) -> None:
    status = dict(re.findall(r"^(\w+):\s*(.*)$", (process / "status").read_text(), re.MULTILINE))
    assert status["Uid"].split() == [str(UID)] * 4
    assert status["Gid"].split() == ["0"] * 4
    assert {int(value, 16) for name, value in status.items() if name.startswith("Cap")} == {0}
    assert status["NoNewPrivs"] == "1"
    mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
    writable = {mount[4] for mount in mounts if "ro" not in mount[5].split(",")}
    assert writable == {"/proc", "/dev"}
    assert (process / "exe").readlink().name.startswith("python3")


def test_the_go_operators_program_is_there_with_its_arguments(container: Container) -> None:
    def said(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            container.command(words[0]) + list(words[1:]), capture_output=True, text=True, check=False
        )

    flags = ["--leader-elect", "--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=:8081"]
    started = said("/manager", *flags)
    assert "Error: kubeconfig ~/.kube/config does not exist" in started.stderr
    assert started.returncode == 1
    assert said("ecr-secret-operator", "--version").stdout == f"ecr-secret-operator, version {__version__}\n"
    assert "Enable leader election" in said("/manager", "--help").stdout
    assert "ecr_secret_operator_lab, which is not installed" in said("ecr-secret-operator", "demo").stderr


def test_it_prints_the_admission_policies_for_those_who_have_no_other_copy_of_the_command(container: Container) -> None:
    """As `kubectl exec` starts it: a program of the image's PATH. OLM installs no policies."""
    options = ["rbac", "--namespace=somewhere", "--admission-only"]
    argv = [*container.command("ecr-secret-operator"), *options]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == printed(*options)
    assert "system:serviceaccount:somewhere:" in done.stdout
