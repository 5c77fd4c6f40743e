"""Builds and pushes the images of a release with crane. No container engine is needed, and nothing of an image runs."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..image import MACHINES, PLACE
from .programs import Programs, ReleaseFailed, run
from .source import Source

SBOM = "ecr-secret-operator.cdx.json"
PYTHON = "/usr/bin/python3"
"""Where the base of the image has Python."""

_PLACE = str(PLACE).removeprefix("/")
_PATH = f"{PLACE}/bin:/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The operator's image.

    Attributes:
        digest: of the index with all architectures.
        by_architecture: the digest of each image in it.
        sboms: the list of what each image holds, CycloneDX.
        base: the image that they are built on, by digest.
    """

    digest: str
    by_architecture: Mapping[str, str]
    sboms: Mapping[str, Path]
    base: str


def build_operator(programs: Programs, source: Source, base: str, image: str, labels: Mapping[str, str]) -> Built:
    """Builds the image for each architecture, and pushes them and their index.

    Args:
        programs: crane.
        source: of the release.
        base: an image for these architectures, with this minor version of Python.
        image: the name, without a tag, under which it is pushed.
        labels: of the image, beside those of the base.

    Raises:
        ReleaseFailed: the base does not fit, or a step failed.
    """
    pinned = f"{re.sub(r'(:[^:/@]+)?(@.*)?$', '', base)}@{programs('crane', 'digest', base).strip()}"
    digests, sboms = {}, {}
    for architecture in MACHINES:
        platform = f"linux/{architecture}"
        files = _base_files(programs, pinned, architecture)
        tree = _tree(source, architecture, programs.home, files)
        sboms[architecture] = tree / SBOM
        layer = write_layer(programs.home / f"{architecture}.tar", _files(tree, source.root))
        tag = f"{image}:{source.tag}-{architecture}"
        programs(
            "crane", "append", f"--platform={platform}", "--base", pinned, f"--new_layer={layer}", "--new_tag", tag
        )
        digests[architecture] = _configured(programs, tag, platform, labels)
    digest = push_index(programs, image, list(digests.values()), source.tag)
    return Built(digest=digest, by_architecture=digests, sboms=sboms, base=pinned)


def push_index(programs: Programs, image: str, digests: Sequence[str], tag: str) -> str:
    """Pushes the index of images that are in the registry, and gives its digest.

    Args:
        programs: crane.
        image: the name of the index and of all images, without a tag.
        digests: of the images.
        tag: of the index.
    """
    parts = [word for digest in digests for word in ("--manifest", f"{image}@{digest}")]
    programs("crane", "index", "append", *parts, "--tag", f"{image}:{tag}")
    return programs("crane", "digest", f"{image}:{tag}").strip()


def push_content(
    programs: Programs, image: str, files: Mapping[str, tuple[bytes, int]], labels: Mapping[str, str]
) -> str:
    """Pushes an image that holds files and no program, and gives its digest.

    Args:
        programs: crane.
        image: with its tag.
        files: content and mode by path.
        labels: of the image.
    """
    layer = write_layer(programs.home / "content.tar", files)
    programs("crane", "append", "--oci-empty-base", f"--new_layer={layer}", "--new_tag", image)
    programs("crane", "mutate", image, "--tag", image, "--set-platform=linux/amd64", *_labels(labels))
    return programs("crane", "digest", image).strip()


def bundle_image(bundle: Path) -> tuple[Mapping[str, tuple[bytes, int]], Mapping[str, str]]:
    """The files and the labels of the bundle's image, as the bundle's Containerfile says."""
    lines = [line.partition(" ") for line in (bundle / "bundle.Containerfile").read_text().splitlines()]
    copies = [rest.split() for command, _, rest in lines if command == "COPY"]
    labels = [shlex.split(rest)[0].partition("=") for command, _, rest in lines if command == "LABEL"]
    files = {
        f"{target.strip('/')}/{path.name}": (path.read_bytes(), 0o644)
        for place, target in copies
        for path in sorted((bundle / place).iterdir())
    }
    return files, {name: value for name, _, value in labels}


def write_layer(archive: Path, files: Mapping[str, tuple[bytes, int]]) -> Path:
    """Writes an archive that depends on the files only: owner, order and times are always the same."""
    directories = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    with tarfile.open(archive, "w") as tar:
        for name in sorted({*directories, *files}):
            entry = tarfile.TarInfo(name)
            content, entry.mode = files.get(name, (b"", 0o755))
            entry.type = tarfile.REGTYPE if name in files else tarfile.DIRTYPE
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return archive


def _base_files(programs: Programs, base: str, architecture: str) -> Path:
    """A directory with the sources of the base's standard library.

    Raises:
        ReleaseFailed: the base has another minor version of Python than this one, which installs and compiles.
    """
    exported, place = programs.home / "base.tar", programs.home / f"base-{architecture}"
    programs("crane", "export", f"--platform=linux/{architecture}", base, str(exported))
    wanted = f"python{sys.version_info.major}.{sys.version_info.minor}"
    shutil.rmtree(place, ignore_errors=True)
    with tarfile.open(exported) as tar:
        found = {name.rpartition("/")[2] for name in tar.getnames() if "usr/bin/python3." in name}
        library = [one for one in tar if f"/{wanted}/" in one.name and one.name.endswith(".py") and one.isfile()]
        tar.extractall(place, library, filter="data")
    exported.unlink()
    if wanted not in found:
        raise ReleaseFailed(
            f"{base} has {', '.join(sorted(found)) or 'no Python'}, and this virtual environment has {wanted}: "
            f"use the same version, make PYTHON=python3.x install, or give another BASE_RUN"
        )
    return place


def _tree(source: Source, architecture: str, home: Path, base: Path) -> Path:
    """The directory that becomes /opt/ecr-secret-operator."""
    tree = home / architecture
    shutil.rmtree(tree, ignore_errors=True)
    given = {
        "IMAGE_HOME": str(tree),
        "TARGETARCH": architecture,
        "PYTHON": PYTHON,
        "BASE": str(base),
        "SOURCE_DATE_EPOCH": str(source.epoch),
    }
    for step in ("dependencies", "operator"):
        run([sys.executable, "-m", "tools.image", step], source.root, **given)
    return tree


def _files(tree: Path, root: Path) -> dict[str, tuple[bytes, int]]:
    files = {
        f"{_PLACE}/{path.relative_to(tree)}": (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in sorted(tree.rglob("*"))
        if path.is_file()
    }
    files["manager"] = files[f"{_PLACE}/bin/manager"]
    files["licenses/LICENSE"] = ((root / "LICENSE").read_bytes(), 0o644)
    return files


def _configured(programs: Programs, tag: str, platform: str, labels: Mapping[str, str]) -> str:
    """Sets what the Containerfile sets, and gives the digest."""
    programs(
        "crane",
        "mutate",
        tag,
        "--tag",
        tag,
        f"--set-platform={platform}",
        *_labels(labels),
        f"--env=PATH={_PATH}",
        "--env=HOME=/",
        "--user=65532:65532",
        "--workdir=/",
        "--exposed-ports=8080/tcp,8081/tcp",
        "--entrypoint=ecr-secret-operator",
        "--cmd=run",
    )
    config = json.loads(programs("crane", "config", tag))
    if (config["os"], config["architecture"]) != tuple(platform.split("/")):
        raise ReleaseFailed(f"{tag} is not for {platform}")
    return programs("crane", "digest", tag).strip()


def _labels(labels: Mapping[str, str]) -> Sequence[str]:
    """As options of crane, which takes a value with a comma in quotes only."""
    given = (f"{name}={value}" for name, value in labels.items())
    return [f'--label="{one}"' if "," in one else f"--label={one}" for one in given]
