"""Makes a release: builds, pushes and signs each artifact, and writes the files of the release."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..deploying.release import NAME, REPOSITORY
from . import assets
from .catalogimage import CONFIGS, catalog_image
from .catalogs import catalog, submission
from .images import Built, build_operator, bundle_image, push_content
from .programs import Programs, is_local
from .provenance import Materials, provenance
from .signing import Signer
from .source import Source

_CATALOG_LABEL = "operators.operatorframework.io.index.configs.v1"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the artifacts in a registry.

    Attributes:
        registry: host and path.
        version: as SemVer writes it.
    """

    registry: str
    version: str

    @property
    def operator(self) -> str:
        """The operator's image, without a tag."""
        return f"{self.registry}/{NAME}"

    @property
    def bundle(self) -> str:
        """The image of the OLM bundle, without a tag."""
        return f"{self.registry}/{NAME}-bundle"

    @property
    def catalog(self) -> str:
        """The image of the file-based catalog, without a tag."""
        return f"{self.registry}/{NAME}-catalog"

    @property
    def chart(self) -> str:
        """The Helm chart, without a tag. Its tag is the version without `v`."""
        return f"{self.registry}/charts/{NAME}"

    @property
    def tag(self) -> str:
        """The tag of the images."""
        return f"v{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release.

    Attributes:
        programs: crane, helm, opm and cosign.
        source: its files.
        named: the names that it is published under.
        pushed: the names that it is pushed under: those of another registry in a dry run.
        base: the image that the operator's image is built on.
        dist: an empty directory for its files.
        signer: signs what is pushed; None in a dry run without a key.
        report: called with each step.
    """

    programs: Programs
    source: Source
    named: Names
    pushed: Names
    base: str
    dist: Path
    signer: Signer | None
    report: Callable[[str], None]

    def make(self) -> Mapping[str, Any]:
        """Makes it, and gives its record: the name and the digest of each artifact.

        Raises:
            ReleaseFailed: a step failed. What was pushed by then stays, and the next attempt replaces it.
        """
        self.report("Building the image for each architecture")
        built = build_operator(self.programs, self.source, self.base, self.pushed.operator, self._labels())
        self._sign_operator(built)
        self.report("Packaging the Helm chart")
        chart = self._chart()
        self.report("Building the OLM bundle and the catalog")
        self.source.generate(digest=built.digest)
        bundle = self.push_bundle()
        listed = self.push_catalog(bundle)
        artifacts = {"image": built.digest, "chart": chart, "bundle": bundle, "catalog": listed}
        record = {
            "version": self.source.version,
            "revision": self.source.revision,
            "base": built.base,
            "images": dict(built.by_architecture),
            **{name: f"{self._name(name)}@{digest}" for name, digest in artifacts.items()},
        }
        self.report("Writing the files of the release")
        self._write(built, record)
        return record

    def _name(self, artifact: str) -> str:
        return {
            "image": self.named.operator,
            "chart": self.named.chart,
            "bundle": self.named.bundle,
            "catalog": self.named.catalog,
        }[artifact]

    def _labels(self) -> dict[str, str]:
        source, prefix = self.source, "org.opencontainers.image"
        return {
            f"{prefix}.title": "ECR Secret Operator",
            f"{prefix}.description": "Keeps Amazon ECR tokens fresh in pull, push and Argo CD Secrets.",
            f"{prefix}.source": REPOSITORY,
            f"{prefix}.version": source.version,
            f"{prefix}.revision": source.revision,
            f"{prefix}.created": source.time,
            f"{prefix}.licenses": "Apache-2.0",
            # Red Hat's certification asks for these.
            "name": NAME,
            "vendor": "Red Hat's Global Cloud Services SSA Team",
            "maintainer": "cloud-ssa-global@redhat.com",
            "version": source.version,
            "release": "1",
            "summary": "ECR Secret Operator",
            "description": "Keeps Amazon ECR tokens fresh in pull, push and Argo CD Secrets.",
        }

    def _sign_operator(self, built: Built) -> None:
        """Signs the index and each image, and attaches what each holds and how the index was made."""
        reference = f"{self.pushed.operator}@{built.digest}"
        self._sign(reference)
        if self.signer is None:
            return
        predicate = self.programs.home / "provenance.json"
        predicate.write_text(json.dumps(self._provenance(built)))
        self.signer.attest(reference, "slsaprovenance1", predicate)
        for architecture, digest in built.by_architecture.items():
            self._sign(f"{self.pushed.operator}@{digest}")
            self.signer.attest(f"{self.pushed.operator}@{digest}", "cyclonedx", built.sboms[architecture])

    def _provenance(self, built: Built) -> Mapping[str, Any]:
        source = self.source
        requirements = {name: source.root / "requirements" / name for name in ("run.txt", "image.txt")}
        materials = Materials(repository=REPOSITORY, revision=source.revision, base=built.base, files=requirements)
        return provenance(materials, version=source.version, registry=self.named.registry, time=source.time)

    def _sign(self, reference: str) -> None:
        if self.signer is not None:
            self.signer.sign(reference)

    def _chart(self) -> str:
        version, home = self.source.version, self.programs.home
        chart = str(self.source.root / "deploy" / "chart")
        self.programs(
            "helm", "package", chart, f"--version={version}", f"--app-version={version}", f"--destination={home}"
        )
        plain = ["--plain-http"] if is_local(self.pushed.registry) else []
        target = f"oci://{self.pushed.chart.rpartition('/')[0]}"
        self.programs("helm", "push", str(home / f"{NAME}-{version}.tgz"), target, *plain)
        digest = self.programs("crane", "digest", f"{self.pushed.chart}:{version}").strip()
        self._sign(f"{self.pushed.chart}@{digest}")
        return digest

    def push_bundle(self) -> str:
        """Pushes the OLM bundle, and gives its digest. The generated files name the operator's image by then."""
        files, labels = bundle_image(self.source.root / "deploy" / "bundle")
        digest = push_content(self.programs, f"{self.pushed.bundle}:{self.pushed.tag}", files, labels)
        self._sign(f"{self.pushed.bundle}@{digest}")
        return digest

    def push_catalog(self, bundle: str) -> str:
        """Pushes the file-based catalog, and gives its digest.

        Args:
            bundle: digest of the bundle, which is pushed.
        """
        plain = ["--use-http"] if is_local(self.pushed.registry) else []
        rendered = self.programs("opm", "render", f"{self.pushed.bundle}@{bundle}", *plain)
        # A dry run pushes to a registry whose name must not appear.
        described = json.loads(rendered.replace(self.pushed.bundle, self.named.bundle))
        described["relatedImages"].sort(key=lambda one: one["image"])  # opm sorts by the names that were replaced
        icon = (self.source.root / "deploy" / "bundle" / "icon.svg").read_bytes()
        text = catalog(described, self.source.version, icon)
        place = self._catalogs() / "catalog" / NAME
        place.mkdir(parents=True)
        (place / "catalog.json").write_text(text, encoding="utf-8")
        self.programs("opm", "validate", str(place.parent))
        files = catalog_image(self.programs, text)
        labels = {_CATALOG_LABEL: f"/{CONFIGS}"}
        digest = push_content(self.programs, f"{self.pushed.catalog}:{self.pushed.tag}", files, labels)
        self._sign(f"{self.pushed.catalog}@{digest}")
        return digest

    def _catalogs(self) -> Path:
        """The directory of what becomes the archive with all files for catalogs."""
        return self.programs.home / "catalogs"

    def _write(self, built: Built, record: Mapping[str, Any]) -> None:
        assets.write_manifests(self.source, self.dist)
        assets.write_lists(built.sboms, self.dist)
        bundle = self.source.root / "deploy" / "bundle"
        texts = {
            str(path.relative_to(bundle)): path.read_text(encoding="utf-8") for path in sorted(bundle.rglob("*.yaml"))
        }
        for name, text in submission(self.source.version, texts).items():
            place = self._catalogs() / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        assets.write_catalogs(self._catalogs(), self.dist)
        assets.write_packages(self.source, self.dist)
        (self.dist / "notes.md").write_text(self.source.notes(), encoding="utf-8")
        assets.write_record(self.dist, record)
        checksums = assets.write_checksums(self.dist)
        if self.signer is not None:
            self.signer.sign_file(checksums, self.dist / assets.SIGNATURE)
