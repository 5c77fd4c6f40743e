"""Which endpoint is asked: that of the registry's partition, region and kind, or the one that the environment names."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ecr_secret_operator.api.registry import PARTITIONS, parse_registry
from ecr_secret_operator.aws.session import empty_session
from ecr_secret_operator.domain.identity.identity import AMBIENT, Identity
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator_lab.fakeaws import FakeAws

from .conftest import Write
from .identities import AS_ACCOUNT, AS_ROLE, KEY_ID, SECRET_KEY, fetch_as, stored_keys

ACCOUNT = "123456789012"


class Sent(Exception):
    """A request was ready to be sent, to this host."""


def a_client(scope: Scope, service: str) -> Any:
    """The client that would be used, which sends nothing."""
    session = empty_session(scope)
    session.set_credentials("AKIANOBODY0000000000", "x")
    client = session.create_client(service)

    def stop(request: Any, **_: Any) -> None:
        raise Sent(urlsplit(request.url).netloc)

    client.meta.events.register("before-send", stop)
    return client


def host(scope: Scope, service: str = "") -> str:
    """The host that a request would go to."""
    client = a_client(scope, service or scope.service)
    with pytest.raises(Sent) as caught:
        (client.get_caller_identity if service == "sts" else client.get_authorization_token)()
    return str(caught.value)


def scope_of(registry: str, identity: Identity = AMBIENT) -> Scope:
    return Scope.of(parse_registry(registry), identity)


DOMAINS = [
    ("aws", "us-east-2", "amazonaws.com"),
    ("aws", "eu-west-1", "amazonaws.com"),
    ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
    ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
    ("aws-eusc", "eusc-de-east-1", "amazonaws.eu"),
    ("aws-iso", "us-iso-east-1", "c2s.ic.gov"),
    ("aws-iso-b", "us-isob-east-1", "sc2s.sgov.gov"),
    ("aws-iso-e", "eu-isoe-west-1", "cloud.adc-e.uk"),
    ("aws-iso-f", "us-isof-south-1", "csp.hci.ic.gov"),
]


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize(("partition", "region", "suffix"), DOMAINS)
def test_each_partition_is_asked_at_its_own_domain(partition: str, region: str, suffix: str) -> None:
    scope = scope_of(f"{ACCOUNT}.dkr.ecr.{region}.{suffix}")
    assert scope.partition == partition
    assert (host(scope), host(scope, "sts")) == (f"api.ecr.{region}.{suffix}", f"sts.{region}.{suffix}")
    assert a_client(scope, "ecr").meta.endpoint_url == f"https://api.ecr.{region}.{suffix}"


def test_no_partition_is_left_out_above() -> None:
    assert {partition for partition, _, _ in DOMAINS} == {one.name for one in PARTITIONS}


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize(
    ("registry", "ecr", "sts"),
    [
        (
            "dkr.ecr-fips.us-east-2.amazonaws.com",
            "ecr-fips.us-east-2.amazonaws.com",
            "sts-fips.us-east-2.amazonaws.com",
        ),
        ("dkr-ecr.us-east-2.on.aws", "ecr.us-east-2.api.aws", "sts.us-east-2.api.aws"),
        ("dkr-ecr-fips.us-east-2.on.aws", "ecr-fips.us-east-2.api.aws", "sts-fips.us-east-2.api.aws"),
        # All of STS is FIPS there, and named as elsewhere (botocore's endpoint rules).
        (
            "dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "ecr-fips.us-gov-west-1.amazonaws.com",
            "sts.us-gov-west-1.amazonaws.com",
        ),
        ("dkr-ecr.us-gov-west-1.on.aws", "ecr.us-gov-west-1.api.aws", "sts.us-gov-west-1.api.aws"),
        (
            "dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
            "ecr.cn-north-1.api.amazonwebservices.com.cn",
            "sts.cn-north-1.api.amazonwebservices.com.cn",
        ),
    ],
    ids=lambda value: value if "dkr" in value else "",
)
def test_a_host_of_a_kind_has_its_token_from_an_endpoint_of_that_kind(registry: str, ecr: str, sts: str) -> None:
    scope = scope_of(f"{ACCOUNT}.{registry}")
    assert host(scope).removeprefix("api.") == ecr, "with api. or without: both are ECR's"
    assert host(scope, "sts") == sts


@pytest.mark.usefixtures("clean_environment")
def test_ecr_public_has_one_endpoint() -> None:
    assert host(scope_of("public.ecr.aws")) == "api.ecr-public.us-east-1.amazonaws.com"


PLAIN = scope_of(f"{ACCOUNT}.dkr.ecr.us-east-2.amazonaws.com")


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize(
    ("name", "ecr", "sts"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "ecr-fips.us-east-2.amazonaws.com", "sts-fips.us-east-2.amazonaws.com"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "ecr.us-east-2.api.aws", "sts.us-east-2.api.aws"),
    ],
)
def test_the_environment_can_ask_for_a_kind_of_endpoint(
    monkeypatch: pytest.MonkeyPatch, name: str, ecr: str, sts: str
) -> None:
    monkeypatch.setenv(name, "true")
    assert (host(PLAIN).removeprefix("api."), host(PLAIN, "sts")) == (ecr, sts)
    monkeypatch.setenv(name, "false")
    assert host(PLAIN) == "api.ecr.us-east-2.amazonaws.com"


def test_so_can_the_config_file(config_file: Write) -> None:
    config_file("use_fips_endpoint = true")
    assert "ecr-fips." in host(PLAIN)


@pytest.mark.usefixtures("clean_environment")
def test_a_registry_with_fips_keeps_it_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "false")
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    fips = scope_of(f"{ACCOUNT}.dkr.ecr-fips.us-east-2.amazonaws.com")
    assert host(fips) == "ecr-fips.us-east-2.api.aws", "both, when each is asked for by somebody"


KINDS = [(fips, dual_stack) for fips in (False, True) for dual_stack in (False, True)]


@pytest.mark.parametrize(("fips", "dual_stack"), KINDS)
@pytest.mark.parametrize("identity", [AMBIENT, AS_ROLE, AS_ACCOUNT, stored_keys()], ids=lambda one: type(one).__name__)
@pytest.mark.usefixtures("keys_in_the_environment")
def test_an_endpoint_that_the_environment_names_is_asked_whatever_the_kind(
    fake: FakeAws, identity: Identity, *, fips: bool, dual_stack: bool
) -> None:
    fake.add_credentials(KEY_ID, SECRET_KEY)
    token = fetch_as(Scope("aws", "us-east-2", identity, fips=fips, dual_stack=dual_stack))
    assert fake.find_token(token.password.reveal()) is not None
    assert {call.host for call in fake.calls()} == {urlsplit(fake.url).netloc}


@pytest.mark.usefixtures("keys_in_the_environment")
def test_services_can_have_endpoints_of_their_own(
    fake: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A VPC endpoint for each, as in a cluster without a way out."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", fake.url.replace("127.0.0.1", "localhost"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", fake.url)
    fetch_as(Scope("aws", "us-east-2", AS_ROLE))
    port = urlsplit(fake.url).port
    assert [(call.service, call.host) for call in fake.calls()] == [
        ("sts", f"localhost:{port}"),
        ("ecr", f"127.0.0.1:{port}"),
    ]
