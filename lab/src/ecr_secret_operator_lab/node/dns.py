"""The cluster's DNS: `python -m ecr_secret_operator_lab.node.dns KUBECONFIG` listens at the node's address.

It knows names of Services such as NAME.NAMESPACE.svc.cluster.local, and no other.
"""

from __future__ import annotations

import argparse
import socket
import struct
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

from ..cluster import Cluster, Object
from .inside import ADDRESS, DOMAIN

PORT = 53
LONGEST = 4096
TTL_SECONDS = 5
_HEADER, _QUESTION, _ANSWER = struct.Struct("!6H"), struct.Struct("!2H"), struct.Struct("!3HIH4s")
_A, _IN = 1, 1
_NAME_OF_THE_QUESTION = 0xC00C
_RESPONSE, _AUTHORITATIVE, _KEPT, _NO_SUCH_NAME = 0x8000, 0x0400, 0x7900, 3


def answer(query: bytes, find: Callable[[str], str | None]) -> bytes:
    """The response to a query (RFC 1035).

    Args:
        query: with one question.
        find: gives the IPv4 address for a name; None if there is no such name.
    """
    number, flags, *_ = _HEADER.unpack_from(query)
    name, end = _name(query, _HEADER.size)
    kind, _ = _QUESTION.unpack_from(query, end)
    address = find(name.lower())
    found = [address] if address is not None and kind == _A else []
    code = _NO_SUCH_NAME if address is None else 0
    header = _HEADER.pack(number, _RESPONSE | _AUTHORITATIVE | flags & _KEPT | code, 1, len(found), 0, 0)
    records = [_ANSWER.pack(_NAME_OF_THE_QUESTION, _A, _IN, TTL_SECONDS, 4, IPv4Address(one).packed) for one in found]
    return b"".join([header, query[_HEADER.size : end + _QUESTION.size], *records])


def _name(query: bytes, place: int) -> tuple[str, int]:
    """The name at a place of a query, and the place after it."""
    labels = []
    while length := query[place]:
        labels.append(query[place + 1 : place + 1 + length].decode("ascii", errors="replace"))
        place += 1 + length
    return ".".join(labels), place + 1


class SupportsGet(Protocol):
    """A cluster, as far as it is needed here."""

    def get(self, path: str) -> Object | None:
        """An object; None when there is none."""


def service_address(cluster: SupportsGet, name: str) -> str | None:
    """The address of the Service that has this name in the cluster's domain."""
    service, _, namespace = name.removesuffix(f".svc.{DOMAIN}").partition(".")
    if not name.endswith(f".svc.{DOMAIN}") or not namespace or "." in namespace:
        return None
    found = cluster.get(f"/api/v1/namespaces/{namespace}/services/{service}")
    return str(found["spec"]["clusterIP"]) if found else None


def main() -> None:
    """Parses the command line, and answers until it is ended."""
    parser = argparse.ArgumentParser(prog="dns", description="Answers with the addresses of a cluster's Services.")
    parser.add_argument("kubeconfig", type=Path)
    kubeconfig = parser.parse_args().kubeconfig
    with Cluster(kubeconfig) as cluster, socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((ADDRESS, PORT))
        while True:
            query, client = server.recvfrom(LONGEST)
            server.sendto(answer(query, lambda name: service_address(cluster, name)), client)


if __name__ == "__main__":
    main()
