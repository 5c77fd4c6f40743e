"""Files that are installed from: read as strict readers read them, and as those that decode one document only."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.yaml_files import first_document, strict_documents

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
FILES = [
    path
    for place in (DEPLOY, ROOT / "docs", ROOT / "src")
    for path in sorted(place.rglob("*.yaml"))
    if "templates" not in path.parts
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_key_is_repeated(path: Path) -> None:
    assert list(strict_documents(path.read_text()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_first_document_is_not_empty(path: Path) -> None:
    """operator-framework decodes the first document of a file only. A comment before a separator is a document."""
    assert first_document(path.read_text())


def test_a_repeated_key_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="duplicate key 'a'"):
        list(strict_documents("{a: 1, b: {}, a: 2}"))


def test_a_comment_before_a_separator_is_a_document() -> None:
    assert first_document("# a comment\n---\na: 1\n") is None
    assert first_document("---\n# a comment\na: 1\n---\nb: 2\n") == {"a": 1}
