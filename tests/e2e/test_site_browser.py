"""The site in a real browser, on a wide and on a narrow screen: every page is whole, every link leads somewhere."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest

from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.reporting import print_progress

from .browser import Page, browsing

pytestmark = [
    pytest.mark.xdist_group("site"),
    pytest.mark.timeout(900),  # the first test builds the site and opens every page
]

ROOT = Path(__file__).parents[2]
WIDTHS = {"wide": 1440, "narrow": 390}
"""A laptop and a phone, in pixels."""

READY = """document.querySelector(".md-content") !== null && document.fonts.status === "loaded"
  && [...document.querySelectorAll(".md-content table:not([class])")]
    .every(one => one.closest(".md-typeset__scrollwrap"))"""
"""The page is there, with its fonts, and the theme's script has made tables scroll."""
LAYOUT = """(() => {
  const room = document.documentElement.clientWidth, cut = [];
  const scrolls = one => one && (/auto|scroll/.test(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
  for (const one of document.querySelectorAll(".md-content *")) {
    const {right, width, height} = one.getBoundingClientRect();
    if (width && height && right > room + 1 && !scrolls(one)) cut.push(one.outerHTML.slice(0, 120));
  }
  return {beyond: document.documentElement.scrollWidth - room, cut};
})()"""
CONTENT = """({
  links: [...document.querySelectorAll("a[href]")].map(one => one.href),
  names: [...document.querySelectorAll("[id]")].map(one => one.id),
  pictures: [...document.images].filter(one => !one.naturalWidth).map(one => one.src),
  diagrams: [...document.querySelectorAll("pre, code")].map(one => one.textContent.trim())
    .filter(text => /^(graph|flowchart) (TD|TB|LR|RL|BT)\\b|^sequenceDiagram\\b|^stateDiagram/.test(text)),
})"""
TABLES = """[...document.querySelectorAll(".md-content table:not([class])")]
  .filter(one => one.scrollWidth > one.closest(".md-typeset__scrollwrap").clientWidth + 1)
  .map(one => one.innerText.slice(0, 80))"""


@dataclass(slots=True)
class Seen:
    """What the browser showed of the whole site.

    Attributes:
        layouts: what is too wide, by width and page.
        content: links, anchors, broken pictures and raw diagrams by page.
        errors: what failed, by page.
        requested: all addresses that pages asked for.
        wide_tables: the beginnings of tables that have to be scrolled on the wide screen, by page.
        found: the titles that a search lists, and the text of the page that the first one leads to.
    """

    base: str
    layouts: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    content: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    requested: set[str] = field(default_factory=set)
    wide_tables: dict[str, list[str]] = field(default_factory=dict)
    found: tuple[list[str], str] = field(default_factory=lambda: ([], ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly."""
    place = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(place)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )
    return place


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served: a search needs a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def seen(site: Path, address: str, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Opens every page, and shows it in each width."""
    chromium = ensure_programs(["chromium"], print_progress)["chromium"]
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return asyncio.run(_look(chromium, tmp_path_factory.mktemp("browser"), pages, address))


async def _look(chromium: Path, scratch: Path, pages: Sequence[str], address: str) -> Seen:
    seen = Seen(address)
    async with browsing(chromium, scratch) as page:
        for path in pages:
            await page.size(WIDTHS["wide"])
            await page.open(address + path)
            await page.wait(READY)
            seen.content[path] = await page.evaluate(CONTENT)
            seen.wide_tables[path] = await page.evaluate(TABLES)
            for name, width in WIDTHS.items():
                await page.size(width)
                seen.layouts[name, path] = await page.evaluate(LAYOUT)
            seen.errors[path] = page.errors()
            seen.requested.update(page.requested())
        await page.size(WIDTHS["wide"])
        seen.found = await _search(page, address, "ImagePullBackOff")
    return seen


async def _search(page: Page, address: str, words: str) -> tuple[list[str], str]:
    await page.open(f"{address}index.html")
    await page.wait(READY)
    await page.evaluate("document.querySelector('[data-md-component=search-query]').focus()")
    await page.call("Input.insertText", text=words)
    results = "[...document.querySelectorAll('.md-search-result__link')]"
    await page.wait(f"{results}.length > 0")
    titles = await page.evaluate(f"{results}.map(one => one.innerText)")
    await page.open(await page.evaluate(f"{results}[0].href"))
    await page.wait(READY)
    return titles, await page.evaluate("document.querySelector('.md-content').innerText")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_screen(seen: Seen, width: str) -> None:
    layouts = {path: found for (name, path), found in seen.layouts.items() if name == width}
    assert len(layouts) > 50, "all pages were opened"
    assert {path: found for path, found in layouts.items() if found["beyond"] > 0 or found["cut"]} == {}


def test_tables_need_no_scrolling_on_a_wide_screen(seen: Seen) -> None:
    assert {path: found for path, found in seen.wide_tables.items() if found} == {}


def test_every_link_inside_the_site_leads_to_a_file_and_a_place_on_it(seen: Seen, site: Path) -> None:
    dead = []
    for path, content in seen.content.items():
        for link in content["links"]:
            target, anchor = urldefrag(link)
            if not target.startswith(seen.base):
                assert re.match(r"https?://|mailto:", link), f"{path}: {link}"
                continue
            name = unquote(target.removeprefix(seen.base)) or "index.html"
            if not (site / name).is_file() or (anchor and unquote(anchor) not in seen.content[name]["names"]):
                dead.append(f"{path}: {link}")
    assert dead == []


def test_every_picture_is_shown(seen: Seen) -> None:
    assert {path: found["pictures"] for path, found in seen.content.items() if found["pictures"]} == {}


def test_diagrams_are_pictures(seen: Seen) -> None:
    assert {path: found["diagrams"] for path, found in seen.content.items() if found["diagrams"]} == {}


def test_no_script_or_request_fails_and_no_other_host_is_asked(seen: Seen) -> None:
    assert {path: found for path, found in seen.errors.items() if found} == {}
    assert [url for url in seen.requested if not url.startswith((seen.base, "data:", "blob:"))] == []


def test_search_finds_a_symptom_and_opens_its_page(seen: Seen) -> None:
    titles, text = seen.found
    assert any("Troubleshooting" in title for title in titles)
    assert "ImagePullBackOff" in text
