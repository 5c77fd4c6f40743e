"""The cluster's DNS: `python -m ecr_secret_operator_lab.node.dns KUBECONFIG` listens at the node's address.

It knows names of Services such as NAME.NAMESPACE.svc.cluster.local, and no other.
"""

from __future__ import annotations

import argparse
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from dnslib import QTYPE, RCODE, RR, A, DNSError, DNSRecord

from ..cluster import Cluster, Object
from .inside import ADDRESS, DOMAIN

PORT = 53
LONGEST = 4096
TTL_SECONDS = 5


def answer(query: bytes, find: Callable[[str], str | None]) -> bytes:
    """The response to a query.

    Args:
        query: with one question.
        find: gives the IPv4 address for a name; None if there is no such name.

    Raises:
        DNSError: the query cannot be read.
    """
    request = DNSRecord.parse(query)
    reply, question = request.reply(ra=0), request.q
    address = find(str(question.qname).removesuffix(".").lower())
    if address is None:
        reply.header.rcode = RCODE.NXDOMAIN
    elif question.qtype == QTYPE.A:
        reply.add_answer(RR(question.qname, QTYPE.A, rdata=A(address), ttl=TTL_SECONDS))
    packed: bytes = reply.pack()
    return packed


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
            with suppress(DNSError):
                server.sendto(answer(query, lambda name: service_address(cluster, name)), client)


if __name__ == "__main__":
    main()
