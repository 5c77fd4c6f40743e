"""Which proxy the environment names for the API server, by the rules that Go programs follow."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from aiohttp import encode_basic_auth
from yarl import URL


def proxy_of_environment(url: str) -> str | None:
    """The proxy for a URL, from HTTPS_PROXY, HTTP_PROXY and NO_PROXY; None for none.

    As with Go's `net/http.ProxyFromEnvironment`, and other than with the standard library alone, a loopback host needs
    no proxy, and NO_PROXY may name networks: OpenShift puts the one of its Services there, and the API server is known
    in a cluster by its address in it.
    """
    parts, proxies = urlsplit(url), getproxies()
    host = parts.hostname or ""
    if _is_local(host) or proxy_bypass(host) or _in_networks(host, proxies.get("no", "")):
        return None
    return proxies.get(parts.scheme)


def without_password(proxy: str | None) -> tuple[URL | None, Mapping[str, str]]:
    """A proxy's URL, and apart from it the headers that say who asks: what an error says of a proxy is its URL."""
    if not proxy:
        return None, {}
    url = URL(proxy)
    who = {"Proxy-Authorization": encode_basic_auth(url.user or "", url.password or "")} if url.user else {}
    return url.with_user(None), who


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_networks(host: str, names: str) -> bool:
    for name in names.split(","):
        try:
            if "/" in name and ip_address(host) in ip_network(name.strip(), strict=False):
                return True
        except ValueError:
            continue
    return False
