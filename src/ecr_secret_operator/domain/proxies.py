"""Which proxy a URL is reached through, by the rule of Go's golang.org/x/net/http/httpproxy.

kubectl, the Go operator and OpenShift's cluster-wide proxy follow this rule. Python's standard library does not: it
knows neither networks nor `*.example.com`, and it treats `.example.com` as `example.com`.
tests/domain/no_proxy has a table of answers that Go's own package gave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import idna

from ..errors import InvalidField

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network
_PORTS = {"http": "80", "https": "443"}
_MAPPED_BITS = 96
"""The length of ::ffff:0:0/96, the IPv6 network that represents all IPv4 addresses."""


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The URL of the proxy for a URL, from HTTPS_PROXY, HTTP_PROXY and NO_PROXY; None for a direct connection.

    The lower-case variables take precedence, and an empty variable counts as unset.

    Raises:
        InvalidField: the variable names a proxy that is neither HTTP nor HTTPS.
    """
    parts = urlsplit(url)
    name = {"http": "HTTP_PROXY", "https": "HTTPS_PROXY"}.get(parts.scheme)
    proxy = _variable(environment, name) if name else ""
    if not proxy:
        return None
    host, port = _host_and_port(parts.netloc.rpartition("@")[2])
    if is_direct(host, port or _PORTS[parts.scheme], _variable(environment, "NO_PROXY")):
        return None
    return parse_proxy(proxy, f"environment variable {name}")


def parse_proxy(proxy: str, place: str) -> str:
    """The URL of a proxy; `HOST:PORT` means HTTP.

    Args:
        proxy: as the user wrote it.
        place: the setting that names it, for the message.

    Raises:
        InvalidField: it is no URL, or its scheme is not supported. The message does not repeat the value.
    """
    try:
        parts = urlsplit(proxy)
        if not parts.scheme or not parts.netloc:
            proxy, parts = f"http://{proxy}", urlsplit(f"http://{proxy}")
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidField(f"{place} is not the URL of a proxy, such as http://proxy.example.com:3128")
    if parts.scheme not in _PORTS:
        raise InvalidField(
            f"{place} names a proxy with scheme {parts.scheme}, which is not supported. Use an http or https proxy"
        )
    return proxy


def is_direct(host: str, port: str, no_proxy: str) -> bool:
    """Whether a host is reached without a proxy. Loopback addresses and `localhost` always are."""
    host = _ascii(host)
    address = _address(host.partition("%")[0])
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(rule.covers(host.strip().lower(), port, address) for rule in _rules(no_proxy))


@dataclass(frozen=True, slots=True)
class _Rule:
    """One entry of NO_PROXY: a network, an address or a domain, the latter two for one port or for all."""

    network: _Network | None = None
    address: _Address | None = None
    suffix: str = ""
    exact: str = ""
    port: str = ""
    everything: bool = False

    def covers(self, host: str, port: str, address: _Address | None) -> bool:
        if self.everything:
            return True
        if self.network is not None:
            return address is not None and address in self.network
        if self.port not in ("", port):
            return False
        if self.address is not None or address is not None:
            return self.address == address
        return host.endswith(self.suffix) or host == self.exact


def _rules(no_proxy: str) -> list[_Rule]:
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    if "*" in entries:
        return [_Rule(everything=True)]
    return [rule for entry in entries if (rule := _rule(entry))]


def _rule(entry: str) -> _Rule | None:
    network = _network(entry)
    if network is not None:
        return _Rule(network=network)
    host, port = _split(entry) or (entry, "")
    if not host:
        return None
    address = _address(host)
    if address is not None:
        return _Rule(address=address, port=port)
    suffix = host.removeprefix("*") if host.startswith("*.") else host
    subdomains_only = suffix.startswith(".")
    suffix = _ascii(suffix if subdomains_only else f".{suffix}")
    return _Rule(suffix=suffix, exact=suffix if subdomains_only else suffix[1:], port=port)


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name.lower()) or environment.get(name) or ""


def _host_and_port(netloc: str) -> tuple[str, str]:
    """Both parts of a URL's network location, as Go's `url.Hostname` and `url.Port` give them."""
    if netloc.startswith("["):
        host, _, rest = netloc[1:].partition("]")
        return host.replace("%25", "%"), rest.removeprefix(":")
    host, _, port = netloc.partition(":")
    return host, port


def _split(entry: str) -> tuple[str, str] | None:
    """Go's `net.SplitHostPort`: None where it gives an error."""
    head, colon, port = entry.rpartition(":")
    if not colon:
        return None
    if entry.startswith("["):
        host = head[1:-1] if head.endswith("]") else ""
        valid = bool(host) and "[" not in host and "]" not in host
    else:
        host, valid = head, not set(":[]") & set(head)
    return (host, port) if valid and not set("[]") & set(port) else None


def _address(text: str) -> _Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        return None if found.scope_id else found.ipv4_mapped or found
    return found


def _network(text: str) -> _Network | None:
    base, slash, bits = text.partition("/")
    if not slash or not bits.isdecimal() or _address(base) is None:
        return None
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        return None
    mapped = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    if mapped is not None and found.prefixlen >= _MAPPED_BITS:
        return IPv4Network((mapped, found.prefixlen - _MAPPED_BITS))
    return found


def _ascii(name: str) -> str:
    """The name as DNS has it; as it was where it cannot be converted."""
    if name.isascii():
        return name
    rest = name.removeprefix(".")
    try:
        return name.removesuffix(rest) + idna.encode(rest, uts46=True).decode()
    except idna.IDNAError:
        return name
