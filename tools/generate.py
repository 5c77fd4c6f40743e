"""Writes every generated file of the repository, or checks that each is up to date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from ecr_secret_operator.crds import all_definitions, to_yaml

ROOT = Path(__file__).parent.parent
HEADING = "# Generated from src/ecr_secret_operator/domain/model.py by `make generate`. Do not edit.\n"


def generated_files() -> Mapping[Path, str]:
    """Path to content of all generated files."""
    return {
        ROOT / "deploy" / "crds" / f"{definition['metadata']['name']}.yaml": HEADING + to_yaml([definition])
        for definition in all_definitions()
    }


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
