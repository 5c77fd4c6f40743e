from __future__ import annotations

from pathlib import Path

import pytest

from ecr_secret_operator.errors import InvalidField
from ecr_secret_operator.serving.address import Address
from ecr_secret_operator.settings import LEASE_NAME, parse_certificate, parse_namespaces


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        (" ", ()),
        (",", ()),
        ("team-a", ("team-a",)),
        ("team-a,team-b", ("team-a", "team-b")),
        (" team-a , team-b ,", ("team-a", "team-b")),
        ("b,a,b", ("b", "a")),
        ("9", ("9",)),
        ("a" * 63, ("a" * 63,)),
    ],
)
def test_watch_namespace_is_a_comma_list_and_empty_means_all(text: str, names: tuple[str, ...]) -> None:
    assert parse_namespaces(text) == names


@pytest.mark.parametrize(
    "text", ["Team-A", "team_a", "-a", "a-", "a.b", "a b", "*", "a/b", "team-a,Team-B", "a" * 64, "a\nb", "é"]
)
def test_what_is_no_namespace_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidField, match=r"^WATCH_NAMESPACE: '.*' is not the name of a namespace"):
        parse_namespaces(text)


def test_the_lease_is_that_of_the_go_operator_so_that_only_one_of_the_two_leads() -> None:
    assert LEASE_NAME == "bc9c1120.mobb.redhat.com"


def test_a_certificate_is_for_metrics_that_have_an_address_of_their_own() -> None:
    one, other = Address(None, 8080), Address(None, 8081)
    for secure in (True, False):
        assert parse_certificate("/certs", secure=secure, metrics=one, probes=other) == Path("/certs")
        assert parse_certificate("/certs", secure=secure, metrics=None, probes=None) == Path("/certs")
        assert parse_certificate("", secure=secure, metrics=one, probes=other) is None
        with pytest.raises(InvalidField, match=r"^--metrics-cert-path: metrics and probes share an address"):
            parse_certificate("/certs", secure=secure, metrics=one, probes=one)
    assert parse_certificate("", secure=False, metrics=one, probes=one) is None
    with pytest.raises(InvalidField, match=r"^--metrics-secure: metrics and probes share an address"):
        parse_certificate("", secure=True, metrics=one, probes=one)
