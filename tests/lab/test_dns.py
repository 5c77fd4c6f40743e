"""The DNS of a cluster with a node: what it answers. Pods use it in `tests/node`, as root."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest

from ecr_secret_operator_lab.cluster import Object
from ecr_secret_operator_lab.node.dns import answer, service_address

A, AAAA = 1, 28
CATALOG = "ecr-catalog.olm.svc.cluster.local"
ADDRESS = "10.96.0.7"


def a_query(name: str, kind: int = A) -> bytes:
    """A query with recursion desired, and an EDNS record, which is not repeated in the answer."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    edns = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
    return struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 1) + labels + b"\x00" + struct.pack("!2H", kind, 1) + edns


@pytest.mark.parametrize("name", [CATALOG, CATALOG.upper()])
def test_a_known_name_has_an_address(name: str) -> None:
    answered = answer(a_query(name), {CATALOG: ADDRESS}.get)
    number, flags, *counts = struct.unpack_from("!6H", answered)
    assert (number, flags) == (4711, 0x8500)
    assert counts == [1, 1, 0, 0]
    assert answered.endswith(IPv4Address(ADDRESS).packed)


@pytest.mark.parametrize(("name", "kind", "code"), [(CATALOG, AAAA, 0), ("other.olm.svc.cluster.local", A, 3)])
def test_what_is_not_there_is_told_apart_from_what_has_no_such_address(name: str, kind: int, code: int) -> None:
    query = a_query(name, kind)
    answered = answer(query, {CATALOG: ADDRESS}.get)
    _, flags, *counts = struct.unpack_from("!6H", answered)
    assert flags & 0xF == code
    assert counts == [1, 0, 0, 0]
    assert len(answered) == len(query) - 11


class AServer:
    """An API server with one Service."""

    def get(self, path: str) -> Object | None:
        return {"spec": {"clusterIP": ADDRESS}} if path == "/api/v1/namespaces/olm/services/ecr-catalog" else None


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (CATALOG, ADDRESS),
        ("other.olm.svc.cluster.local", None),
        ("ecr-catalog.olm.svc.cluster.local.olm.svc.cluster.local", None),
        ("olm.svc.cluster.local", None),
        ("sts.us-east-2.amazonaws.com", None),
    ],
)
def test_names_are_those_of_services(name: str, address: str | None) -> None:
    assert service_address(AServer(), name) == address
