"""The proxy before the API server, with its password kept out of its URL."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import encode_basic_auth
from yarl import URL


def without_password(proxy: str | None) -> tuple[URL | None, Mapping[str, str]]:
    """Splits a proxy's URL into one without credentials, and the headers with them: errors quote the URL."""
    if not proxy:
        return None, {}
    url = URL(proxy)
    who = {"Proxy-Authorization": encode_basic_auth(url.user or "", url.password or "")} if url.user else {}
    return url.with_user(None), who
