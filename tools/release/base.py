"""Makes a base image of Debian's packages and pushes it: for a registry that has no other image with Python."""

from __future__ import annotations

import platform
from dataclasses import replace

from ecr_secret_operator_lab.image.parts import RUN, python_of
from ecr_secret_operator_lab.programs.roots import ensure_root
from ecr_secret_operator_lab.reporting import Reporter

from ..deploying.release import NAME
from ..image import MACHINES
from .images import push_index
from .programs import Programs, run

_LAYER = ("tar", "--create", "--sort=name", "--mtime=@0", "--numeric-owner")


def push_base(programs: Programs, registry: str, report: Reporter) -> str:
    """Pushes the base for every architecture, and gives its name with its digest.

    Args:
        programs: crane.
        registry: host and path.
        report: called with what is downloaded.

    Raises:
        BinariesError: this is not root, or this system does not have the packages.
    """
    image, digests, python = f"{registry}/{NAME}-base", [], ""
    for architecture, machine in MACHINES.items():
        own = machine == platform.machine()
        root = ensure_root(RUN if own else replace(RUN, architecture=architecture), report)
        python = python_of(root)
        layer = programs.home / "base.tar"
        run([*_LAYER, f"--file={layer}", f"--directory={root}", "."], programs.home)
        tag = f"{image}:python{python}-{architecture}"
        report(f"Pushing {tag}")
        programs("crane", "append", "--oci-empty-base", f"--new_layer={layer}", "--new_tag", tag)
        programs("crane", "mutate", tag, "--tag", tag, f"--set-platform=linux/{architecture}")
        digests.append(programs("crane", "digest", tag).strip())
    return f"{image}@{push_index(programs, image, digests, f'python{python}')}"
