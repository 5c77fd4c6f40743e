"""Writes every generated file of the repository, or checks that each is up to date."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from ecr_secret_operator import rbac
from ecr_secret_operator.crds import all_definitions

from . import picture, reference
from .deploying.bundle import bundle_files
from .deploying.chart import chart_files
from .deploying.files import yaml_file
from .deploying.kustomize import kustomize_files

ROOT = Path(__file__).parent.parent
HEADING = "# Generated from {} by `make generate`. Do not edit.\n"
MODEL, RBAC = "src/ecr_secret_operator/api/model.py", "src/ecr_secret_operator/rbac"
INSTALL = ROOT / "docs" / "install.md"
_MARKED = re.compile(
    r"(<!-- permissions, written by `make generate` -->\n\n).*?(\n<!-- end of permissions -->)", re.DOTALL
)


def generated_files() -> Mapping[Path, str]:
    """Path to content of all generated files."""
    return {
        **_definitions(),
        **_permissions(),
        **chart_files(ROOT),
        **kustomize_files(ROOT),
        **bundle_files(ROOT),
        INSTALL: _with_table(INSTALL.read_text(encoding="utf-8")),
        ROOT / "docs" / "reference" / "api.md": reference.page(all_definitions()),
        ROOT / picture.PICTURE: picture.svg((ROOT / picture.RECORD).read_text(encoding="utf-8")),
    }


def _definitions() -> Mapping[Path, str]:
    return {
        ROOT / "deploy" / "crds" / f"{definition['metadata']['name']}.yaml": yaml_file(
            HEADING.format(MODEL), [definition]
        )
        for definition in all_definitions()
    }


def _permissions() -> Mapping[Path, str]:
    """What `ecr-secret-operator rbac` prints, in files that sort in the order in which they have to be created."""
    default = rbac.Installation()
    files = {
        "rbac/cluster/0-namespace": rbac.namespace(default),
        "rbac/cluster/1-service-account": rbac.service_account(default),
        "rbac/cluster/2-manager": rbac.manager(default),
        "rbac/cluster/3-leader-election": rbac.leader_election(default),
        "rbac/cluster/4-users": rbac.user_roles(),
        "rbac/metrics-auth": rbac.metrics_authentication(default),
        "admission/policies": rbac.admission_policies(default),
    }
    return {
        ROOT / "deploy" / f"{name}.yaml": yaml_file(HEADING.format(RBAC), objects) for name, objects in files.items()
    }


def _with_table(page: str) -> str:
    written, places = _MARKED.subn(lambda found: found[1] + rbac.markdown() + found[2], page)
    if places != 1:
        raise ValueError(f"{INSTALL} does not have the two marks between which the table of permissions stands")
    return written


def main() -> int:
    """Writes the files; with --check, says which differ and exits with 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a file is not up to date")
    check = parser.parse_args().check
    stale = []
    for path, content in generated_files().items():
        if path.is_file() and path.read_text(encoding="utf-8") == content:
            continue
        stale.append(path.relative_to(ROOT))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    for path in stale:
        print(f"{path} is not up to date: run make generate" if check else f"wrote {path}")  # noqa: T201 - a command
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
