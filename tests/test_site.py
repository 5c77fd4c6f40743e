"""The documentation as a site: links of the repository become those of the site; the API reference has every field."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools import picture, reference
from tools.deploying import release

from ecr_secret_operator.crds import all_definitions

ROOT = Path(__file__).parents[1]


def built(folder: Path, **pages: str) -> tuple[int, str, dict[str, str]]:
    """Builds a site of these pages, strictly, with the project's own settings."""
    docs = folder / "docs"
    for name, text in {"index.md": "# Home\n", **pages}.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (docs / "images").mkdir()
    shutil.copy(ROOT / "docs" / "images" / "logo.svg", docs / "images")
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    settings |= {"docs_dir": str(docs), "site_dir": str(folder / "site"), "hooks": [str(ROOT / "tools" / "site.py")]}
    settings["plugins"] = ["search"]
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(settings))
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(folder / "mkdocs.yml")],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    html = {path.name: path.read_text() for path in (folder / "site").rglob("*.html")}
    return done.returncode, done.stdout + done.stderr, html


@pytest.mark.parametrize("target", ["other.md", "index.md#nothing", "../SECURITY-OLD.md", "/absolute.md"])
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, target: str) -> None:
    code, said, _ = built(tmp_path, **{"page.md": f"# Page\n\n[there]({target})\n"})
    assert code != 0
    assert (target.partition("#")[2] or target.lstrip("/")) in said


def test_links_out_of_the_documentation_become_pages_or_text(tmp_path: Path) -> None:
    text = """# Page

[contribute](../../CONTRIBUTING.md#rules), [front](../../README.md), [how](../../tools/site.py), [other](../index.md)

```bash
echo [left](../../as-it-is.md)
```
"""
    up = os.path.relpath(ROOT, tmp_path / "docs" / "sub")
    code, said, html = built(tmp_path, **{"sub/page.md": text.replace("../..", up)})
    assert code == 0, said
    page = html["page.html"]
    for wanted in (
        'href="../project/CONTRIBUTING.html#rules"',
        'href="../index.html">front',
        "how (<code>tools/site.py",
    ):
        assert wanted in page
    assert 'href="../index.html">other' in page
    assert "as-it-is.md" in page
    assert "CHANGELOG.html" in html


def test_an_alert_becomes_an_admonition(tmp_path: Path) -> None:
    _, _, html = built(tmp_path, **{"page.md": "# Page\n\n> [!CAUTION]\n> Mind `this`.\n>\n> And that.\n\nAfter.\n"})
    note = html["page.html"].partition('<div class="admonition danger">')[2].partition("</div>")[0]
    assert re.findall(r"<p>(.*?)</p>", note) == ["Mind <code>this</code>.", "And that."]
    assert "[!CAUTION]" not in html["page.html"]


def test_each_page_has_a_link_to_edit_it_and_the_version(tmp_path: Path) -> None:
    _, _, html = built(tmp_path, **{"sub/page.md": "# Page\n"})
    for name, path in {"page.html": "docs/sub/page.md", "SECURITY.html": "SECURITY.md"}.items():
        assert f'href="{release.REPOSITORY}/edit/main/{path}"' in html[name]
        assert f"Version {release.VERSION}" in html[name]


def test_no_diagram_needs_a_script() -> None:
    assert [page.name for page in (ROOT / "docs").rglob("*.md") if "```mermaid" in page.read_text()] == []


def test_no_page_asks_another_host_for_anything(tmp_path: Path) -> None:
    _, _, html = built(tmp_path)
    for page in html.values():
        assert re.findall(r"<(?:script|img|iframe|link)[^>]*(?:src|href)=.?https?://", page) == []
        assert 'data-md-component="source"' not in page, "the theme asks GitHub for the repository's stars"
        assert "fonts.g" not in page


def test_the_picture_is_small_and_complete_in_itself() -> None:
    drawn = (ROOT / picture.PICTURE).read_text()
    assert len(drawn.encode()) < 200 * 1024
    assert "url(" not in drawn.replace("url(#", "")
    assert "@font-face" not in drawn


def fields(schema: dict[str, Any]) -> set[str]:
    """All names of fields, at every depth."""
    own = schema.get("properties", {})
    return set(own) | {name for one in (*own.values(), schema.get("items", {})) if one for name in fields(one)}


def test_the_api_reference_has_every_field_with_its_description() -> None:
    page = reference.page(all_definitions())
    for definition in all_definitions():
        kind = definition["spec"]["names"]["kind"]
        section = page.partition(f"## {kind}\n")[2].partition("\n## ")[0]
        rows = re.findall(rf"^#### `{kind}\.(\S+)`\n\n\*.+, .+\*\n\n\S.+$", section, re.MULTILINE)
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for part in {"spec", "status"} & set(schema["properties"]):
            named = {place.rpartition(".")[2].removesuffix("[]") for place in rows if place.startswith(f"{part}.")}
            assert named == fields(schema["properties"][part]), kind
        assert len(rows) == section.count("\n#### "), "each field has a description"
    frequency = page.partition("#### `Secret.spec.frequency`\n\n*string, default `6h`*\n\n")[2].partition("\n#### ")[0]
    assert "\n\n- at most 64 characters\n- must be a duration" in frequency
    policy = page.partition("#### `Secret.spec.deletion_policy`\n\n*string, default `Delete`*\n")[2].partition(
        "\n#### "
    )[0]
    assert policy.endswith("\n\n- one of `Delete`, `Retain`\n")
    assert "#### `Secret.spec.ecr_registry`\n\n*string, required*\n" in page
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    assert len(headings) == len(set(headings)), "each has an anchor of its own"
