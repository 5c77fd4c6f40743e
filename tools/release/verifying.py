"""Downloads a release again and checks it: files, digests, signatures, lists, architectures, chart, bundle, catalog."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ecr_secret_operator_lab.reporting import Reporter

from ..deploying.release import NAME
from ..image import MACHINES, PLACE
from . import assets
from .catalogimage import CACHE, CONFIGS, check_cache
from .images import SBOM
from .making import Names
from .programs import Programs, ReleaseFailed, is_local
from .signing import Signer
from .starting import printed_version, unpack
from .versions import pep440

EXPECTED = re.compile(r'channel\(s\) \["alpha"\] are not following the recommended naming convention')
"""What the validators find in the bundle of a release. The Go operator's only channel is alpha, and its subscribers get
the releases through it, so the channel stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One verification.

    Attributes:
        programs: crane, helm, opm, cosign and the bundle's validators, in an empty home.
        names: of the artifacts.
        dist: directory with the files of the release.
        verifier: knows whose signatures are valid.
        report: called with each check.
    """

    programs: Programs
    names: Names
    dist: Path
    verifier: Signer
    report: Reporter

    def verify(self) -> None:
        """Checks all of it.

        Raises:
            ReleaseFailed: something is not as it was released; the text says what.
        """
        record = self._files()
        for artifact, (name, tag) in self._tags().items():
            self.report(f"Verifying the {artifact} {name}:{tag}")
            self._artifact(record[artifact], name, tag)
        self._provenance(record)
        for architecture in MACHINES:
            self._architecture(record, architecture)
        self._chart()
        self._bundle(record)
        self._catalog(record)
        self.report(f"{NAME} {self.names.version} in {self.names.registry} is what was released")

    def _files(self) -> Mapping[str, Any]:
        """The files beside the registry, and the record in them."""
        self.report(f"Verifying the files in {self.dist}")
        self.verifier.verify_file(self.dist / assets.CHECKSUMS, self.dist / assets.SIGNATURE)
        if wrong := assets.wrong_checksums(self.dist):
            raise ReleaseFailed(f"not as in {assets.CHECKSUMS}: {', '.join(wrong)}")
        record: Mapping[str, Any] = json.loads((self.dist / assets.RECORD).read_text(encoding="utf-8"))
        _equal(record["version"], self.names.version, "the version of the files")
        return record

    def _tags(self) -> Mapping[str, tuple[str, str]]:
        names = self.names
        return {
            "image": (names.operator, names.tag),
            "chart": (names.chart, names.version),
            "bundle": (names.bundle, names.tag),
            "catalog": (names.catalog, names.tag),
        }

    def _artifact(self, reference: str, name: str, tag: str) -> None:
        _equal(
            f"{name}@{self.programs('crane', 'digest', f'{name}:{tag}').strip()}", reference, f"the tag {name}:{tag}"
        )
        self.verifier.verify(reference)

    def _architecture(self, record: Mapping[str, Any], architecture: str) -> None:
        digest = record["images"][architecture]
        reference = f"{self.names.operator}@{digest}"
        self.report(f"Verifying the image for {architecture}")
        index = json.loads(self.programs("crane", "manifest", record["image"]))
        listed = {one["platform"]["architecture"]: one["digest"] for one in index["manifests"]}
        _equal(listed, record["images"], "the images of the index")
        self.programs("crane", "validate", f"--remote={reference}")
        self.verifier.verify(reference)
        archive = self.programs.home / f"{architecture}.tar"
        self.programs("crane", "export", reference, str(archive))
        root = unpack(archive, self.programs.home / f"{architecture}-root")
        self._list(reference, architecture, root)
        printed = printed_version(root, architecture, self.report)
        if printed is None:
            self.report(f"The image for {architecture} is not started: this machine has no qemu for it")
        else:
            version = pep440(self.names.version)
            _equal(printed, f"{NAME}, version {version}", f"the version that the image for {architecture} prints")

    def _list(self, reference: str, architecture: str, root: Path) -> None:
        """Compares the three copies of what the image holds: signed, in the image, and among the files."""
        (statement,) = self._statements(reference, "cyclonedx")
        kept = json.loads((self.dist / assets.sbom_name(architecture)).read_text(encoding="utf-8"))
        inside = json.loads((root / str(PLACE).lstrip("/") / SBOM).read_text(encoding="utf-8"))
        _equal(inside, kept, f"the list in the image for {architecture}")
        _equal(statement["predicate"], kept, f"the signed list of the image for {architecture}")

    def _provenance(self, record: Mapping[str, Any]) -> None:
        (statement,) = self._statements(record["image"], "slsaprovenance1")
        resolved = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        _equal(resolved[0]["digest"], {"gitCommit": record["revision"]}, "the commit in the provenance")

    def _statements(self, reference: str, kind: str) -> Iterable[Mapping[str, Any]]:
        lines = self.verifier.verify_attestation(reference, kind).splitlines()
        return [json.loads(b64decode(json.loads(line)["payload"])) for line in lines if line.startswith("{")]

    def _chart(self) -> None:
        self.report("Verifying that the chart installs the image")
        version, home = self.names.version, self.programs.home
        plain = ["--plain-http"] if is_local(self.names.registry) else []
        pull = ["pull", f"oci://{self.names.chart}", f"--version={version}", f"--destination={home}", *plain]
        self.programs("helm", *pull)
        archive = str(home / f"{NAME}-{version}.tgz")
        text = self.programs("helm", "template", "release", archive, "--kube-version=1.33.0", f"--namespace={NAME}")
        images = set(_images(yaml.safe_load_all(text)))
        _equal(images, {f"{self.names.operator}:{self.names.tag}"}, "the images of the chart")

    def _bundle(self, record: Mapping[str, Any]) -> None:
        self.report("Validating the bundle")
        archive = self.programs.home / "bundle.tar"
        self.programs("crane", "export", record["bundle"], str(archive))
        root = unpack(archive, self.programs.home / "bundle")
        if found := findings(self.programs, root):
            raise ReleaseFailed("the bundle is not valid:\n" + "\n".join(found))
        text = (root / "manifests" / f"{NAME}.clusterserviceversion.yaml").read_text(encoding="utf-8")
        version = yaml.safe_load(text)
        images = {*_images([version]), *(one["image"] for one in version["spec"]["relatedImages"])}
        _equal(images, {record["image"]}, "the images of the bundle")

    def _catalog(self, record: Mapping[str, Any]) -> None:
        self.report("Validating the catalog")
        archive = self.programs.home / "catalog.tar"
        self.programs("crane", "export", record["catalog"], str(archive))
        image = unpack(archive, self.programs.home / "catalog")
        place = image / CONFIGS
        self.programs("opm", "validate", str(place))
        check_cache(self.programs, place, image / CACHE)
        found = _documents((place / NAME / "catalog.json").read_text(encoding="utf-8"))
        bundles = {one["image"] for one in found if one["schema"] == "olm.bundle"}
        _equal(bundles, {record["bundle"]}, "the bundles of the catalog")


def findings(programs: Programs, bundle: Path) -> Sequence[str]:
    """What operator-framework's validators find in the directory of a bundle, without what is expected."""
    done = programs.attempt("bundle-validator", str(bundle))
    if done.returncode not in {0, 1}:
        raise ReleaseFailed(f"bundle-validator failed:\n{done.stderr}")
    return [line for line in (done.stdout + done.stderr).splitlines() if not EXPECTED.search(line)]


def _documents(text: str) -> Iterable[Any]:
    """Documents in JSON that follow one another."""
    decoder, place = json.JSONDecoder(), 0
    while place < len(text):
        one, place = decoder.raw_decode(text, place)
        yield one
        place += len(text[place:]) - len(text[place:].lstrip())


def _images(documents: Iterable[Any]) -> Iterable[str]:
    """All images of containers."""
    for one in documents:
        if isinstance(one, dict):
            yield from (container["image"] for container in one.get("containers") or ())
            yield from _images(one.values())
        elif isinstance(one, list):
            yield from _images(one)


def _equal(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise ReleaseFailed(f"{what}: {found}, but {wanted} was released")
