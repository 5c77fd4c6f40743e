from __future__ import annotations

import botocore.loaders
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.api.registry import PARTITIONS, Registry, parse_chart_url, parse_registry, registry_host
from ecr_secret_operator.errors import InvalidField
from tests.api.hosts import ACCOUNT, HOST, HOSTS, NOT_HOSTS


@pytest.mark.parametrize(("host", "region", "partition"), HOSTS)
def test_every_form_of_ecr_host_is_read(host: str, region: str, partition: str) -> None:
    account = host.partition(".")[0]
    assert parse_registry(host) == Registry(host=host, account=account, region=region, partition=partition)


def test_ecr_public_is_one_registry_in_one_region() -> None:
    public = parse_registry("public.ecr.aws")
    assert public == Registry(host="public.ecr.aws", account="", region="us-east-1", partition="aws")
    assert public.public
    assert not parse_registry(HOST).public
    assert parse_chart_url("oci://public.ecr.aws/alias/charts").without_scheme == "public.ecr.aws/alias/charts"


@pytest.mark.parametrize("host", NOT_HOSTS.values(), ids=NOT_HOSTS)
def test_whatever_is_not_certainly_an_ecr_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidField, match="is not an Amazon ECR registry host"):
        parse_registry(host)
    with pytest.raises(InvalidField):  # nor may it become one as a chart URL's host
        parse_chart_url(f"oci://evil.org/{host}")


def test_the_refusal_shows_the_value_cut_and_says_what_to_write() -> None:
    with pytest.raises(InvalidField) as caught:
        parse_registry("x" * 10_000)
    assert str(caught.value) == (
        f"'{'x' * 80}...' is not an Amazon ECR registry host. Write the host alone, without https:// and without a"
        " path, such as 123456789012.dkr.ecr.us-east-2.amazonaws.com or public.ecr.aws"
    )


def botocore_regions() -> list[tuple[str, str]]:
    found = botocore.loaders.create_loader().load_data("partitions")["partitions"]
    return [
        (partition["id"], region)
        for partition in found
        for region in partition["regions"]
        if not region.endswith("-global")
    ]


@pytest.mark.parametrize(("partition", "region"), botocore_regions())
def test_every_region_that_botocore_knows_has_a_registry(partition: str, region: str) -> None:
    suffix = next(entry.suffix for entry in PARTITIONS if entry.name == partition)
    registry = parse_registry(f"{ACCOUNT}.dkr.ecr.{region}.{suffix}")
    assert (registry.region, registry.partition) == (region, partition)
    assert registry_host(ACCOUNT, region) == registry.host


def test_the_host_for_a_placeholder_is_one_of_the_ordinary_partition() -> None:
    assert registry_host("ACCOUNT_ID", "REGION") == "ACCOUNT_ID.dkr.ecr.REGION.amazonaws.com"


@given(
    host=st.from_regex(r"\A[0-9]{11,13}\.dkr[.-]ecr(-fips)?\.[a-z]{2,4}(-[a-z]{1,5}){1,3}-[0-9]{1,3}\.[a-z.]{3,30}\Z")
)
def test_what_is_accepted_names_account_and_region_as_written(host: str) -> None:
    try:
        registry = parse_registry(host)
    except InvalidField:
        return
    assert host.startswith(f"{registry.account}.dkr")
    assert f".{registry.region}." in host
    assert len(registry.account) == 12


@given(prefix=st.text(max_size=20), suffix=st.text(max_size=20))
def test_nothing_may_stand_around_a_host(prefix: str, suffix: str) -> None:
    if prefix or suffix:
        with pytest.raises(InvalidField):
            parse_registry(prefix + HOST + suffix)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (HOST, ""),
        (f"{HOST}/", "/"),
        (f"{HOST}/charts", "/charts"),
        (f"{HOST}/charts/", "/charts/"),
        (f"{HOST}/team-a/charts_v2/web.app", "/team-a/charts_v2/web.app"),
        (f"{HOST}/a__b/c--d", "/a__b/c--d"),
    ],
)
@pytest.mark.parametrize("scheme", ["", "oci://"])
def test_chart_urls_in_ecr_are_read_with_or_without_scheme(scheme: str, url: str, path: str) -> None:
    chart = parse_chart_url(scheme + url)
    assert chart.registry == parse_registry(HOST)
    assert chart.path == path
    assert chart.without_scheme == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "oci://",
        "banana",
        f"https://{HOST}",
        f"https://{HOST}/charts",
        f"OCI://{HOST}",
        f"oci:{HOST}",
        f"oci:///{HOST}",
        f"oci://oci://{HOST}",
        f"oci://user@{HOST}/charts",
        f"oci://{HOST}@evil.org/charts",
        f"oci://evil.org/{HOST}",
        f"evil.org/{HOST}/charts",
        f"{HOST}.evil.org/charts",
        f"{HOST}:443/charts",
        f"{HOST}//charts",
        f"{HOST}/charts//web",
        f"{HOST}/Charts",
        f"{HOST}/../charts",
        f"{HOST}/./charts",
        f"{HOST}/-charts",
        f"{HOST}/charts-",
        f"{HOST}/charts:1.0",
        f"{HOST}/charts?x=1",
        f"{HOST}/charts#x",
        f"{HOST}/charts\n",
        f"{HOST}/char ts",
        f"{HOST}/%63harts",
        f"{HOST}/charts\0",
        f"{HOST}/chärts",
        f"{HOST}\\charts",
        f"{HOST}/" + "a-" * 5_000,
    ],
)
def test_chart_urls_that_are_not_in_ecr_are_refused(url: str) -> None:
    with pytest.raises(InvalidField, match="is not in Amazon ECR"):
        parse_chart_url(url)


def test_a_refused_chart_url_says_that_https_does_not_work() -> None:
    with pytest.raises(InvalidField, match="https:// does not work for OCI charts in Argo CD"):
        parse_chart_url(f"https://{HOST}/charts")
