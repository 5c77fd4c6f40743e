"""A headless Chromium that a test drives by the Chrome DevTools Protocol, one page at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from ecr_secret_operator_lab.tether import tethered
from ecr_secret_operator_lab.waiting import wait_for

SECONDS = 120.0
"""How long any step may take: a loaded machine starts a browser slowly."""
POLL_SECONDS = 0.05
FLAGS = (
    "--headless",
    "--no-sandbox",  # it reads our own pages, and root has no sandbox
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-port=0",
    "about:blank",
)
FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>/usr/share/fonts</dir><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""


class BrowserError(Exception):
    """The browser refused a command, or a script failed."""


class Page:
    """The only tab.

    Attributes:
        events: what the browser reported since the last `open`, with `method` and `params`.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._session: dict[str, str] = {}
        self._number = 0
        self.events: list[dict[str, Any]] = []

    async def attach(self) -> None:
        """Opens the tab."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """Sends a command and gives its result. Raises BrowserError if it is refused."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params, **self._session})
        while True:
            message = await self._receive()
            if message.get("id") == self._number:
                break
        if "error" in message:
            raise BrowserError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    async def size(self, width: int, height: int = 900) -> None:
        """Sets the size of the window's content, in pixels."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def open(self, url: str) -> None:
        """Loads a page, with its scripts and pictures."""
        self.events.clear()
        await self.call("Page.navigate", url=url)
        async with asyncio.timeout(SECONDS):
            while not any(event["method"] == "Page.loadEventFired" for event in self.events):
                await self._receive()

    async def evaluate(self, script: str) -> Any:
        """The value of an expression in the page. Raises BrowserError if it throws."""
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise BrowserError(json.dumps(found["exceptionDetails"]))
        return found["result"].get("value")

    async def wait(self, script: str) -> Any:
        """The value of an expression, as soon as it is true."""
        async with asyncio.timeout(SECONDS):
            while not (value := await self.evaluate(script)):  # noqa: ASYNC110 - the page sends no event for it
                await asyncio.sleep(POLL_SECONDS)
        return value

    def errors(self) -> list[str]:
        """Failed scripts and failed requests of the page since it was opened."""
        thrown = [event["params"]["exceptionDetails"] for event in self._of("Runtime.exceptionThrown")]
        logged = [event["params"]["entry"] for event in self._of("Log.entryAdded")]
        return [
            *(str(one.get("exception", one).get("description", one)) for one in thrown),
            *(f"{one['text']} {one.get('url', '')}" for one in logged if one["level"] == "error"),
        ]

    def requested(self) -> list[str]:
        """The addresses that the page asked for since it was opened."""
        return [event["params"]["request"]["url"] for event in self._of("Network.requestWillBeSent")]

    def _of(self, method: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["method"] == method]

    async def _receive(self) -> dict[str, Any]:
        async with asyncio.timeout(SECONDS):
            message: dict[str, Any] = await self._socket.receive_json()
        if "method" in message:
            self.events.append(message)
        return message


@asynccontextmanager
async def browsing(chromium: Path, scratch: Path) -> AsyncIterator[Page]:
    """Starts a browser with a profile of its own in `scratch`, and ends it."""
    fonts = scratch / "fonts.conf"
    fonts.write_text(FONTS.format(fonts=chromium.parent / "chromium-root/usr/share/fonts", cache=scratch / "fonts"))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(scratch), "FONTCONFIG_FILE": str(fonts)}
    with (scratch / "browser.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *tethered([str(chromium), f"--user-data-dir={scratch}/profile", *FLAGS]),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        address = await asyncio.to_thread(wait_for, partial(_address, scratch), "the browser listens", within=SECONDS)
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            page = Page(socket)
            await page.attach()
            yield page
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _address(scratch: Path) -> str | None:
    """Where the browser listens: the port and the path that it writes into a file of its profile."""
    file = scratch / "profile" / "DevToolsActivePort"
    port, _, path = (file.read_text() if file.exists() else "").partition("\n")
    return f"ws://127.0.0.1:{port}{path.strip()}" if path.strip() else None
