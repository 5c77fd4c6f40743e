"""A release from a clean checkout into a registry on this machine, verified and installed from there, and changed."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tools.image import MACHINES, PLACE
from tools.release.programs import NAMES, Programs, run, scratch_registry

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.reporting import print_progress
from tests.yaml_files import first_document, strict_documents

from .dry_run import DryRun
from .installing import DEPLOY, DEPLOYMENT, NAMESPACE, Helm, bare_plane
from .releases import TAG, VERSION, Checkout, a_base, a_checkout, a_key_pair

# One worker has them all, since they share a release; the first of them makes it: xdist_group.
pytestmark = [pytest.mark.xdist_group("release"), pytest.mark.timeout(900)]

NAME = "ecr-secret-operator"


@dataclass(frozen=True, slots=True)
class Released:
    """A release that was made.

    Attributes:
        checkout: with its files and its tag.
        programs: what it was made with.
        record: the digest of each artifact.
        base: the image that it is built on.
        keys: directory with cosign.pub.
    """

    checkout: Checkout
    programs: Programs
    record: Mapping[str, Any]
    base: str
    keys: Path

    def verified(self) -> subprocess.CompletedProcess[str]:
        """Verifies it; the result is for the test to judge."""
        return self.checkout.make("verify-release", f"VERSION={VERSION}", f"VERIFY_KEY={self.keys / 'cosign.pub'}")

    def crane(self, *args: str) -> str:
        return self.programs("crane", *args).strip()

    def repositories(self) -> Sequence[str]:
        """The registry's, with their tags."""
        host = self.checkout.registry.partition("/")[0]
        names = self.crane("catalog", host).split()
        return sorted(f"{name}:{tag}" for name in names for tag in self._tags(host, name))

    def _tags(self, host: str, name: str) -> Sequence[str]:
        return self.crane("ls", f"{host}/{name}").split()


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    programs = Programs(ensure_programs(NAMES, print_progress), tmp_path_factory.mktemp("programs"))
    with scratch_registry(programs.paths["crane"], programs.home / "registry.log") as registry:
        checkout = a_checkout(tmp_path_factory.mktemp("checkout"), f"{registry}/rh-mobb")
        base, keys = a_base(checkout), a_key_pair(programs)
        checkout.succeeds("release", f"VERSION={VERSION}", f"BASE_RUN={base}", f"SIGN_KEY={keys / 'cosign.key'}")
        yield Released(checkout, programs, checkout.record(), base, keys)


@pytest.fixture(scope="module")
def dry_run() -> Iterator[DryRun]:
    with bare_plane(DEPLOY / "crds") as (_, cluster):
        yield DryRun(cluster)


def manifests(released: Released, name: str) -> list[dict[str, Any]]:
    return list(strict_documents((released.checkout.dist / name).read_text()))


def containers(documents: list[dict[str, Any]]) -> set[str]:
    """The images of the Deployments."""
    specs = [one["spec"]["template"]["spec"] for one in documents if one["kind"] == "Deployment"]
    return {container["image"] for spec in specs for container in spec["containers"]}


# What is released


def test_it_verifies_and_starts_on_both_architectures(released: Released) -> None:
    done = released.verified()
    assert done.returncode == 0, done.stderr
    assert "is what was released" in done.stderr
    assert "not started" not in done.stderr
    for architecture in MACHINES:
        assert f"Verifying the image for {architecture}" in done.stderr


def test_the_checkout_gets_the_tag_and_nothing_else(released: Released) -> None:
    root = released.checkout.root
    assert run(["git", "tag"], root).split() == [TAG]
    assert run(["git", "rev-parse", f"{TAG}^{{commit}}"], root).strip() == released.record["revision"]
    assert run(["git", "rev-parse", f"{TAG}~1"], root) == run(["git", "rev-parse", "HEAD"], root)
    assert run(["git", "status", "--porcelain"], root) == ""
    assert f"## {TAG.removeprefix('v')} - 20" in run(["git", "show", f"{TAG}:CHANGELOG.md"], root)


def test_its_files_are_all_there(released: Released) -> None:
    assert {path.name for path in released.checkout.dist.iterdir()} == {
        "SHA256SUMS",
        "SHA256SUMS.sigstore.json",
        "admission.yaml",
        "catalogs.tar.gz",
        "crds.yaml",
        "ecr-secret-operator-amd64.cdx.json",
        "ecr-secret-operator-arm64.cdx.json",
        f"ecr_secret_operator-{VERSION}-py3-none-any.whl",
        f"ecr_secret_operator-{VERSION}.tar.gz",
        f"ecr_secret_operator_lab-{VERSION}-py3-none-any.whl",
        f"ecr_secret_operator_lab-{VERSION}.tar.gz",
        "install.yaml",
        "notes.md",
        "release.json",
    }


@pytest.mark.parametrize("name", ["install.yaml", "crds.yaml", "admission.yaml"])
def test_an_api_server_accepts_the_manifests_strictly(released: Released, dry_run: DryRun, name: str) -> None:
    documents = manifests(released, name)
    assert first_document((released.checkout.dist / name).read_text()) == documents[0]
    assert dry_run.refusals(documents) == []
    documents[-1]["spec"]["unheard"] = "of"
    assert "unheard" in str(dry_run.refusals(documents))


def test_the_manifests_name_the_image_by_digest(released: Released) -> None:
    assert containers(manifests(released, "install.yaml")) == {released.record["image"]}


def test_it_installs_from_the_registry_alone(released: Released, helm_program: Path, tmp_path: Path) -> None:
    chart = f"oci://{released.checkout.registry}/charts/{NAME}"
    with bare_plane() as (plane, cluster):
        helm = Helm(helm_program, tmp_path, plane.kubeconfig)
        place = ("--namespace", NAMESPACE, "--create-namespace")
        helm.succeeds("install", "release", chart, f"--version={TAG.removeprefix('v')}", "--plain-http", *place)
        image = image_of(cluster)
    assert released.crane("digest", image) == released.record["image"].rpartition("@")[2]


def image_of(cluster: Cluster) -> str:
    """The image that the installed Deployment runs."""
    found = cluster.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{DEPLOYMENT}")
    assert found
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert isinstance(container["image"], str)
    return container["image"]


def test_each_architecture_has_its_own_programs(released: Released) -> None:
    index = json.loads(released.crane("manifest", released.record["image"]))
    assert {one["platform"]["architecture"] for one in index["manifests"]} == set(MACHINES)
    for architecture, machine in MACHINES.items():
        digest = released.record["images"][architecture]
        archive = released.programs.home / "exported.tar"
        released.crane("export", f"{released.checkout.registry}/{NAME}@{digest}", str(archive))
        listed = run(["tar", "--list", f"--file={archive}"], archive.parent).split()
        ours = [name for name in listed if name.startswith("opt/") and ".so" in name]
        assert ours
        assert [name for name in ours if "cpython" in name and f"{machine}-linux" not in name] == []
        standard = [name for name in listed if name.startswith(f"{PLACE}/bytecode/usr/lib/python3".removeprefix("/"))]
        assert [name for name in standard if "/asyncio/events." in name], "the standard library of the base is compiled"


def test_the_same_commit_gives_the_same_images_and_a_dry_run_pushes_nothing(released: Released) -> None:
    root = released.checkout.root
    before = released.repositories()
    again = Checkout(root.parent / "again", released.checkout.registry)
    run(["git", "clone", "--quiet", "--branch", TAG, str(root), str(again.root)], root)
    again.succeeds("release", f"VERSION={VERSION}", f"BASE_RUN={released.base}", "DRY_RUN=1")
    kept = ("version", "revision", "base", "images", "image", "bundle", "catalog")
    record = again.record()
    assert {name: record[name] for name in kept} == {name: released.record[name] for name in kept}
    assert released.repositories() == before
    changed = {path.name for path in again.dist.iterdir()}
    assert changed == {path.name for path in released.checkout.dist.iterdir()} - {"SHA256SUMS.sigstore.json"}


# What verification notices


def fails(released: Released, said: str) -> None:
    done = released.verified()
    assert done.returncode != 0
    assert said in done.stderr, done.stderr


@contextmanager
def changed(path: Path, change: Callable[[bytes], bytes]) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(change(before))
    yield
    path.write_bytes(before)


def test_a_changed_file_is_noticed(released: Released) -> None:
    with changed(released.checkout.dist / "install.yaml", lambda text: text + b"# more\n"):
        fails(released, "not as in SHA256SUMS: install.yaml")


def test_changed_checksums_are_noticed(released: Released) -> None:
    with changed(released.checkout.dist / "SHA256SUMS", lambda text: text.replace(b"a", b"b", 1)):
        fails(released, "cosign verify-blob")


@pytest.mark.parametrize("artifact", ["image", "chart", "bundle", "catalog"])
def test_a_tag_that_is_moved_is_noticed(released: Released, artifact: str) -> None:
    name, _, digest = released.record[artifact].partition("@")
    tag = TAG.removeprefix("v") if artifact == "chart" else TAG
    released.crane("copy", released.base, f"{name}:{tag}")
    fails(released, f"the tag {name}:{tag}")
    released.crane("tag", f"{name}@{digest}", tag)
    assert released.crane("digest", f"{name}:{tag}") == digest


@pytest.mark.parametrize(
    ("artifact", "removed", "said"),
    [
        ("image", "https://sigstore.dev/cosign/sign/v1", "has no signature, but signed statements only"),
        ("image", "https://slsa.dev/provenance/v1", "cosign verify-attestation"),
        ("chart", "https://sigstore.dev/cosign/sign/v1", "cosign verify"),
    ],
)
def test_a_signature_that_is_removed_is_noticed(released: Released, artifact: str, removed: str, said: str) -> None:
    name, _, digest = released.record[artifact].partition("@")
    tag = f"{name}:{digest.replace(':', '-')}"
    whole = released.crane("digest", tag)
    referrers = json.loads(released.crane("manifest", tag))["manifests"]
    kept = [one["digest"] for one in referrers if statement_type(released, f"{name}@{one['digest']}") != removed]
    assert len(kept) == len(referrers) - 1
    without(released, name, tag, kept)
    fails(released, said)
    released.crane("tag", f"{name}@{whole}", tag.rpartition(":")[2])


def statement_type(released: Released, reference: str) -> str:
    """What the signed statement of a referrer is about."""
    (layer,) = json.loads(released.crane("manifest", reference))["layers"]
    blob = json.loads(released.crane("blob", f"{reference.partition('@')[0]}@{layer['digest']}"))
    return str(json.loads(b64decode(blob["dsseEnvelope"]["payload"]))["predicateType"])


def without(released: Released, name: str, tag: str, kept: Sequence[str]) -> None:
    """Replaces the list of referrers by one with these only."""
    if not kept:
        released.crane("delete", tag)
        return
    parts = [word for digest in kept for word in ("--manifest", f"{name}@{digest}")]
    released.crane("index", "append", *parts, "--tag", tag)
