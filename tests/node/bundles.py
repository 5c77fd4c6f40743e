"""Bundles and catalogs in the registry: those of releases, made as `make release` does, and one of the Go operator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.deploying.release import NAME
from tools.release.catalogimage import catalog_image
from tools.release.images import push_content
from tools.release.making import Names, Release
from tools.release.programs import Programs, scratch_registry
from tools.release.source import prepared

from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.reporting import print_progress

from ..cluster.resources import HOST
from ..e2e.releases import a_checkout
from . import go_operator
from .publishing import Publisher

Files = Mapping[str, tuple[bytes, int]]


@dataclass(frozen=True, slots=True)
class Catalogs:
    """Makes catalogs.

    Attributes:
        publisher: pushes to the registry of the tests.
        scratch: HOST:PORT of the registry in which they are made.
        checkout: a clean checkout with the files of this one.
        home: directory for their files.
        made: those of releases by version.
    """

    publisher: Publisher
    scratch: str
    checkout: Path
    home: Path
    made: dict[str, str] = field(default_factory=dict)

    def release(self, version: str) -> str:
        """The catalog of a release with the operator's image that is in the registry: its name, by digest."""
        if version not in self.made:
            self.made[version] = self._release(version)
        return self.made[version]

    def _release(self, version: str) -> str:
        programs, named = self._programs(version), Names(HOST, version)
        source = prepared(self.checkout, version, named.operator, programs.home / "source")
        source.generate(digest=self.publisher.digest(f"{named.operator}:{named.tag}"))
        pushed = Names(self.scratch, version)
        release = Release(
            programs=programs,
            source=source,
            named=named,
            pushed=pushed,
            base="",
            dist=programs.home,
            signer=None,
            report=print_progress,
        )
        bundle = release.push_bundle()
        self.publisher.copy(f"{pushed.bundle}@{bundle}", f"{named.bundle}:{named.tag}")
        digest = release.push_catalog(bundle)
        return self.publisher.copy(f"{pushed.catalog}@{digest}", f"{named.catalog}:{named.tag}")

    def go_operator(self) -> str:
        """A catalog with a stand-in for the last version of the Go operator: its name, by digest."""
        programs, version = self._programs(go_operator.VERSION), go_operator.VERSION
        bundle, catalog = f"{NAME}-bundle:v{version}", f"{NAME}-catalog:v{version}"
        digest = push_content(programs, f"{self.scratch}/{bundle}", go_operator.bundle(), go_operator.LABELS)
        named = self.publisher.copy(f"{self.scratch}/{bundle}", f"{HOST}/{bundle}")
        rendered = programs("opm", "render", f"{self.scratch}/{NAME}-bundle@{digest}", "--use-http")
        text = go_operator.catalog(json.loads(rendered.replace(self.scratch, HOST)))
        push_content(programs, f"{self.scratch}/{catalog}", catalog_image(programs, text), {})
        assert named.endswith(digest)
        return self.publisher.copy(f"{self.scratch}/{catalog}", f"{HOST}/{catalog}")

    def _programs(self, name: str) -> Programs:
        home = self.home / name
        home.mkdir()
        return Programs(ensure_programs(["crane", "opm"], print_progress), home)


@contextmanager
def start_catalogs(publisher: Publisher, home: Path) -> Iterator[Catalogs]:
    """What makes catalogs, with a registry in which it does so."""
    root = home / "checkout"
    root.mkdir()
    checkout = a_checkout(root, HOST).root
    with scratch_registry(publisher.tools.programs["crane"], home / "registry.log") as scratch:
        yield Catalogs(publisher, scratch, checkout, home)
