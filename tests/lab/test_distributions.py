"""The two distributions: what each contains, and what works with the operator's alone and with both."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Mapping, Sequence
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import NamedTuple

import pytest

from ecr_secret_operator import __version__

from .developing import Environment

# One worker builds and installs both, which takes minutes on a busy machine.
pytestmark = [pytest.mark.xdist_group("distributions"), pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
OPERATOR, LABORATORY = "ecr_secret_operator", "ecr_secret_operator_lab"
SOURCES = {OPERATOR: ROOT / "src", LABORATORY: ROOT / "lab/src"}
PROJECTS = {OPERATOR: ROOT, LABORATORY: ROOT / "lab"}
NAMES = sorted(PROJECTS)
RESOURCE = """\
apiVersion: ecr.mobb.redhat.com/v1alpha1
kind: Secret
metadata: {name: ecr, namespace: team-a}
spec: {generated_secret_name: ecr-pull, ecr_registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}
"""


class Installation(NamedTuple):
    """A virtual environment outside the checkout.

    Attributes:
        home: its directory.
    """

    home: Path

    def run(self, *words: str, environment: Mapping[str, str] = os.environ) -> subprocess.CompletedProcess[str]:
        """Runs the operator's command."""
        command = [str(self.home / "bin/ecr-secret-operator"), *words]
        return subprocess.run(
            command, cwd=self.home, env=environment, capture_output=True, text=True, check=False, timeout=240
        )


def build(project: Path, into: Path, *targets: str) -> None:
    argv = [sys.executable, "-m", "hatchling", "build", "-d", str(into), *targets]
    subprocess.run(argv, cwd=project, check=True, capture_output=True)


def wheel(name: str, directory: Path) -> Mapping[str, bytes]:
    """The content of the wheel of a distribution, by path."""
    (path,) = directory.glob(f"{name}-*.whl")
    with zipfile.ZipFile(path) as archive:
        return {member: archive.read(member) for member in archive.namelist()}


def metadata(name: str, directory: Path) -> Message:
    (text,) = (text for path, text in wheel(name, directory).items() if path.endswith(".dist-info/METADATA"))
    return Parser().parsestr(text.decode())


def source(name: str) -> Mapping[str, bytes]:
    """The files of a package in the checkout, by path."""
    root = SOURCES[name]
    files = (path for path in (root / name).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def install(home: Path, found: Path, *requirements: str) -> Installation:
    """Installs into a new environment, without an index. It has the libraries of this one, but neither distribution."""
    venv.create(home, with_pip=False, symlinks=True)
    libraries = home / "libraries"
    libraries.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if OPERATOR not in path.name:
            (libraries / path.name).symlink_to(path)
    (site,) = home.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(f"{libraries}\n")
    pip = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--python", str(home)]
    subprocess.run(
        [*pip, "install", "--no-index", "--find-links", str(found), *requirements], check=True, capture_output=True
    )
    return Installation(home)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("built")
    for project in PROJECTS.values():
        build(project, directory)
    return directory


@pytest.fixture(scope="module")
def alone(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(tmp_path_factory.mktemp("alone"), built, "ecr-secret-operator")


@pytest.fixture(scope="module")
def complete(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(tmp_path_factory.mktemp("complete"), built, "ecr-secret-operator[lab]")


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_contains_its_package_and_nothing_else(name: str, built: Path) -> None:
    content = wheel(name, built)
    own = {path: text for path, text in content.items() if ".dist-info/" not in path}
    assert own == source(name)
    assert content[f"{name}-{__version__}.dist-info/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_the_laboratorys_wheel_has_the_modules_that_pin_its_programs(built: Path) -> None:
    pinned = [path for path in wheel(LABORATORY, built) if path.endswith("/go.sum")]
    assert len(pinned) == len(list((ROOT / "lab").rglob("go.sum"))) > 1


@pytest.mark.parametrize("name", NAMES)
def test_an_sdist_builds_the_same_wheel_without_the_checkout(name: str, built: Path, tmp_path: Path) -> None:
    (archive,) = built.glob(f"{name}-*.tar.gz")
    with tarfile.open(archive) as sdist:
        sdist.extractall(tmp_path, filter="data")
    build(tmp_path / archive.name.removesuffix(".tar.gz"), tmp_path / "again", "-t", "wheel")
    assert wheel(name, tmp_path / "again") == wheel(name, built)


def test_the_operators_sdist_has_no_file_of_the_laboratory(built: Path) -> None:
    (archive,) = built.glob(f"{OPERATOR}-*.tar.gz")
    with tarfile.open(archive) as sdist:
        places = {name.partition("/")[2] for name in sdist.getnames()}
    assert {place for place in places if not place.startswith(f"src/{OPERATOR}/")} == {
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
    }


def test_both_have_one_version_and_need_each_other_in_it(built: Path) -> None:
    operator, laboratory = metadata(OPERATOR, built), metadata(LABORATORY, built)
    assert operator["Version"] == laboratory["Version"] == __version__
    assert f"ecr-secret-operator=={__version__}" in required(laboratory)
    (extra,) = (each for each in required(operator) if "extra ==" in each)
    assert extra.startswith("ecr-secret-operator-lab>=")
    assert extra.endswith("extra == 'lab'")


def required(of: Message) -> Sequence[str]:
    return [str(value) for value in of.get_all("Requires-Dist", [])]


def test_the_operator_alone_works(alone: Installation) -> None:
    assert not list(alone.home.glob(f"lib/python*/site-packages/{LABORATORY}*"))
    manifest = alone.home / "resource.yaml"
    manifest.write_text(RESOURCE)
    assert alone.run("--version").stdout == f"ecr-secret-operator, version {__version__}\n"
    for words, shown in (
        (["--help"], "demo"),
        (["run", "--help"], "--leader-elect"),
        (["crds"], "kind: CustomResourceDefinition"),
        (["render", "-f", str(manifest)], "name: ecr-pull"),
    ):
        done = alone.run(*words)
        assert (done.returncode, done.stderr) == (0, ""), words
        assert shown in done.stdout


@pytest.mark.parametrize("words", [["demo"], ["dev", "up"], ["dev", "status"], ["dev", "env"], ["dev", "down"]])
def test_without_the_laboratory_a_line_says_how_to_install_it(words: list[str], alone: Installation) -> None:
    done = alone.run(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: this command needs ecr_secret_operator_lab, which is not installed. Install it with:"
        " pip install 'ecr-secret-operator[lab]'\n"
    )


def test_the_extra_brings_a_laboratory_that_works(complete: Installation, environment: Environment) -> None:
    started = complete.run("dev", "up", environment=environment)
    try:
        assert started.returncode == 0, started.stderr
        status = complete.run("dev", "status", environment=environment)
        assert (status.returncode, status.stderr) == (0, "")
        assert "AWS was asked 0 times" in status.stdout
    finally:
        assert complete.run("dev", "down", environment=environment).stdout == "Stopped.\n"
