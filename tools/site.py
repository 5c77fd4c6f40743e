"""Hooks of MkDocs: the pages of the repository's root are part of the site, and links to other files are text there.

The pages under docs/ are read in a checkout too, where a link to `../CONTRIBUTING.md` is right. The site has those as
pages of its own, under project/. A link to any other file of the repository leads out of the site, to a place that
depends on where the repository is published: it becomes the file's path. One that leads nowhere stays, so that the
strict build fails.

An alert, as GitHub renders it (`> [!NOTE]`), becomes an admonition. Edit links and the version come from the one place
that states them, tools/deploying/release.py.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools.deploying import release

ROOT = Path(__file__).parent.parent
PROJECT = "project"
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
HOME = {"README.md": "index.md"}
"""The site has a front page of its own."""

_BRANCH = f"{release.REPOSITORY}/edit/main"
_ALERT = re.compile(r"^> \[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\n((?:>.*\n?)+)", re.MULTILINE)
_ADMONITIONS = {"IMPORTANT": "info", "CAUTION": "danger"}
"""Names that Material has for GitHub's alerts, where they differ."""
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Sets the version. No repository is set: the theme would have browsers ask its host for its popularity."""
    config.copyright = f"Version {release.VERSION}{', pre-release' if release.PRERELEASE else ''}"
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of the repository's root."""
    for name in PAGES:
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, f"{PROJECT}/{name}", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - called by name
    """Turns the links and alerts of a page as it is in the repository into those of the site."""
    name = page.file.src_uri
    page.edit_url = f"{_BRANCH}/{Path(name).name if name.startswith(f'{PROJECT}/') else f'docs/{name}'}"
    docs = Path(config.docs_dir)
    source = ROOT / Path(name).name if name.startswith(f"{PROJECT}/") else docs / name
    parts = _FENCED.split(markdown)
    parts[::2] = (_LINK.sub(lambda link: _turned(link, source, docs, name), part) for part in parts[::2])
    return _ALERT.sub(_admonition, "".join(parts))


def _admonition(alert: re.Match[str]) -> str:
    lines = (line.removeprefix(">").removeprefix(" ") for line in alert[2].splitlines())
    body = "\n".join(f"    {line}".rstrip() for line in lines)
    return f"!!! {_ADMONITIONS.get(alert[1], alert[1].lower())}\n\n{body}\n"


def _turned(link: re.Match[str], source: Path, docs: Path, page: str) -> str:
    text, (path, hash_, anchor) = link[1], link[2].partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return link[0]
    target = Path(os.path.normpath(source.parent / path))
    if not target.exists():
        return link[0]
    if target.is_relative_to(docs):
        place = target.relative_to(docs).as_posix()
    else:
        inside = target.relative_to(ROOT).as_posix()
        if inside not in PAGES and inside not in HOME:
            return text if text.strip("`") == inside else f"{text} (`{inside}`)"
        place = HOME.get(inside, f"{PROJECT}/{inside}")
    return f"[{text}]({os.path.relpath(place, Path(page).parent)}{hash_}{anchor})"
