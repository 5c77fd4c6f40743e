"""Builds images with buildah, whose steps run in a chroot: that asks least of the machine that it runs on."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..runs import tail
from ..tether import tethered
from .enclosure import PLACE, within
from .parts import Parts

IMAGE = "localhost/operator"
POLICY = {"default": [{"type": "insecureAcceptAnything"}]}  # nothing is pulled: it comes from this machine
PIP = f"[global]\nno-index = true\nfind-links = {PLACE}/wheels\n"
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TMPDIR": str(PLACE / "home"), "LC_ALL": "C.UTF-8"}


class BuildFailed(Exception):
    """buildah ended with an error; the text is the end of its output."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image, unpacked.

    Attributes:
        root: directory with its files.
        config: what it says about its processes, as OCI defines it.
    """

    root: Path
    config: Mapping[str, Any]


class Builder:
    """Builds the image of a checkout on bases of Debian's packages. It needs no network, and its steps have none.

    Args:
        parts: what it builds from and with.
        home: a directory for its images.
        context: the checkout.
    """

    def __init__(self, parts: Parts, home: Path, context: Path) -> None:
        self._parts = parts
        self._home = home
        self._context = context
        (home / "policy.json").write_text(json.dumps(POLICY))
        (home / "registries.conf").write_text("unqualified-search-registries = []\n")
        (home / "pip.conf").write_text(PIP)
        self._base("base-build", parts.build)
        self._base("base-run", parts.run)

    def build(self, *options: str, arguments: Mapping[str, str]) -> Image:
        """Builds the Containerfile of the checkout.

        Args:
            options: more of them for `buildah build`.
            arguments: of the build, beside the bases.

        Raises:
            BuildFailed: it does not build.
        """
        bases = {"BASE_BUILD": "localhost/base-build", "BASE_RUN": "localhost/base-run"}
        given = [f"--build-arg={name}={value}" for name, value in {**bases, **arguments}.items()]
        wheels = [f"--volume={PLACE}/wheels:{PLACE}/wheels:ro", f"--secret=id=pip.conf,src={PLACE}/home/pip.conf"]
        file = [f"--file={PLACE}/context/Containerfile", f"--tag={IMAGE}"]
        self._bud(*given, *wheels, *file, *options, str(PLACE / "context"))
        return self._unpacked(IMAGE)

    def save(self, archive: str) -> Path:
        """Writes the built image as an archive in Docker's format, which crane pushes.

        Args:
            archive: the name of the file, in the directory for the images.

        Raises:
            BuildFailed: there is no built image.
        """
        policy = f"--signature-policy={PLACE}/home/policy.json"
        self._buildah("push", policy, IMAGE, f"docker-archive:{PLACE}/home/{archive}")
        return self._home / archive

    def _base(self, name: str, root: Path) -> None:
        """Makes an image of a root directory."""
        context = self._home / name
        context.mkdir()
        (context / "Containerfile").write_text("FROM scratch\nADD root.tar /\n")
        with tarfile.open(context / "root.tar", "w") as archive:
            archive.add(root, arcname=".")
        place = PLACE / "home" / name
        self._bud(f"--file={place}/Containerfile", f"--tag=localhost/{name}", str(place))
        (context / "root.tar").unlink()

    def _bud(self, *arguments: str) -> None:
        policy = f"--signature-policy={PLACE}/home/policy.json"
        self._buildah("build", "--isolation=chroot", "--layers=false", policy, *arguments)

    def _unpacked(self, image: str) -> Image:
        container = self._buildah("from", f"--signature-policy={PLACE}/home/policy.json", image).strip()
        place = Path(self._buildah("mount", container).strip())
        config = json.loads(self._buildah("inspect", "--type=image", image))["OCIv1"]["config"]
        return Image(self._home / place.relative_to(PLACE / "home"), config)

    def _buildah(self, *arguments: str) -> str:
        storage = [f"--root={PLACE}/home/storage", f"--runroot={PLACE}/home/run", "--storage-driver=vfs"]
        argv = ["buildah", *storage, f"--registries-conf={PLACE}/home/registries.conf", *arguments]
        return self._run(argv)

    def _run(self, argv: Sequence[str]) -> str:
        directories = {"home": self._home, "context": self._context, "wheels": self._parts.wheels}
        command = within(self._parts.tools, argv, directories=directories, network=False)
        log = self._home / "buildah.log"
        with log.open("w") as output:
            done = subprocess.run(
                tethered(command),
                env=CLEAN,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                check=False,
            )
        if done.returncode != 0:
            raise BuildFailed(f"{os.linesep.join(done.stdout.decode().splitlines()[-15:])}\n{tail(log)}")
        return done.stdout.decode()
