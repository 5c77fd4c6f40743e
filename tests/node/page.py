"""The tutorial for a cluster: its commands by section, and what it shows that they print."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "install-on-a-cluster.md"
VARIABLES, INSTALL = "Set the variables", "Install"
USE = ("Check the installation", "Generate a Secret", "Pull an image", "Show the status", "Solve a problem")
REMOVE = "Remove"
_FENCE = re.compile(r"^```(bash|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections() -> list[str]:
    """The headings of the sections, in order."""
    return re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE)


def blocks(section: str, language: str) -> list[str]:
    """The blocks of a section: `bash` is typed, `console` is printed."""
    _, mark, rest = PAGE.read_text().partition(f"## {section}\n")
    assert mark, section
    return [text for found, text in _FENCE.findall(rest.partition("\n## ")[0]) if found == language]


def typed(*names: str) -> str:
    """The commands of some sections."""
    return "".join(text for name in names for text in blocks(name, "bash"))


def variables() -> set[str]:
    """The names of the variables that a reader sets."""
    return set(re.findall(r"^(\w+)=", typed(VARIABLES), re.MULTILINE))
