"""The container image is built as its Containerfile says, holds what it should, and works where little is allowed."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from ecr_secret_operator import __version__
from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.image import Container, Image, Parts
from ecr_secret_operator_lab.permissions import printed

from ..cluster.resources import a_resource, apply, password_in, wait_ready, wait_secret
from .conftest import StartContainer
from .contents import HOME, added, inside, packages

# One worker has them all, since building takes most of the time: xdist_group.
pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
UID = 1000710000
LONG = 90.0


def locked() -> dict[str, str]:
    text = (ROOT / "requirements/run.txt").read_text()
    return {_normal(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_it_says_what_it_is_and_how_it_is_started(image: Image, labels: Mapping[str, str]) -> None:
    found = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in image.config["Labels"].items()
        if name.startswith("org.opencontainers.image.")
    }
    assert found.pop("title") == "ECR Secret Operator"
    assert found.pop("description")
    assert found == {name.lower(): value for name, value in labels.items()}
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
    assert {path.name for path in (image.root / HOME).iterdir()} == {
        "bin",
        "bytecode",
        "lib",
        "ecr-secret-operator.cdx.json",
    }


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


def test_its_list_names_every_dependency_with_its_version(image: Image) -> None:
    bill = json.loads((image.root / HOME / "ecr-secret-operator.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "ecr-secret-operator"
    assert bill["metadata"]["component"]["version"] == __version__
    assert {_normal(each["name"]): each["version"] for each in bill["components"]} == locked()
    assert all(each["purl"].startswith("pkg:pypi/") for each in bill["components"])


def test_it_serves_a_resource_as_a_user_that_nobody_knows_without_any_right(
    cluster: Cluster, start_container: StartContainer, namespace: str, aws: FakeAws
) -> None:
    operator = start_container()
    _is_confined(inside(operator.process.pid))
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    assert aws.find_token(password_in(wait_secret(cluster, namespace))) is not None
    assert operator.stop() == 0


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
