"""The proxy before the API server, with its password kept out of its URL."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import encode_basic_auth
from yarl import URL


def without_password(proxy: str | None) -> tuple[URL | None, Mapping[str, str]]:
    """A proxy's URL, and apart from it the headers that say who asks: what an error says of a proxy is its URL."""
    if not proxy:
        return None, {}
    url = URL(proxy)
    who = {"Proxy-Authorization": encode_basic_auth(url.user or "", url.password or "")} if url.user else {}
    return url.with_user(None), who
