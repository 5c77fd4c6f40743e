"""Sums up what `mutmut run` found, module by module. Run as `python -m tools.mutants`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

MUTANTS = Path("mutants/src/ecr_secret_operator")
SURVIVED, UNTESTED = "survived", "untested"
TIMED_OUT = "timed out"
MEANINGS: Mapping[int | None, str] = {
    0: SURVIVED,
    1: "killed",
    3: "killed",
    33: UNTESTED,
    36: TIMED_OUT,
    24: TIMED_OUT,
    -24: TIMED_OUT,
    152: TIMED_OUT,
    None: "not run",
}
"""mutmut's exit codes: those of pytest, and its own."""

COLUMNS = ("killed", TIMED_OUT, SURVIVED, UNTESTED, "not run", "other")


def by_module(root: Path) -> Iterator[tuple[str, Counter[str]]]:
    """What became of the mutants of each module that has any."""
    for file in sorted(root.rglob("*.py.meta")):
        codes = json.loads(file.read_text())["exit_code_by_key"].values()
        if codes:
            name = str(file.relative_to(root)).removesuffix(".py.meta")
            yield name, Counter(MEANINGS.get(code, "other") for code in codes)


def line(name: str, counts: Mapping[str, int]) -> str:
    """One row of the table. Of those that were run, what did not survive was noticed."""
    run = sum(counts.values()) - counts.get("not run", 0)
    noticed = run - counts.get(SURVIVED, 0) - counts.get(UNTESTED, 0)
    share = f"{100 * noticed / run:.1f} %" if run else ""
    return " | ".join(["", name, *(str(counts.get(column, 0)) for column in COLUMNS), share, ""]).strip()


def main() -> int:
    """Prints the table, as Markdown."""
    heads = ["module", *COLUMNS, "noticed"]
    rows, total = [], Counter[str]()
    for name, counts in by_module(MUTANTS):
        rows.append(line(name, counts))
        total += counts
    for row in ("| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *rows, line("all", total)):
        sys.stdout.write(row + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
