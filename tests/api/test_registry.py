from __future__ import annotations

import botocore.loaders
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.api.registry import PARTITIONS, Registry, parse_chart_url, parse_registry
from ecr_secret_operator.errors import InvalidField

ACCOUNT = "123456789012"
HOST = f"{ACCOUNT}.dkr.ecr.us-east-2.amazonaws.com"


def full_width(text: str) -> str:
    """The look-alikes of ASCII that some software folds back to ASCII."""
    return "".join(chr(ord(letter) + 0xFEE0) for letter in text)


HOSTS = [
    (HOST, "us-east-2", "aws"),
    ("000000000000.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1", "aws"),
    (f"{ACCOUNT}.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", "aws"),
    (f"{ACCOUNT}.dkr-ecr.us-east-2.on.aws", "us-east-2", "aws"),
    (f"{ACCOUNT}.dkr-ecr-fips.us-west-2.on.aws", "us-west-2", "aws"),
    (f"{ACCOUNT}.dkr.ecr.mx-central-1.amazonaws.com", "mx-central-1", "aws"),
    (f"{ACCOUNT}.dkr.ecr.ap-southeast-12.amazonaws.com", "ap-southeast-12", "aws"),
    (f"{ACCOUNT}.dkr.ecr.us-gov-west-1.amazonaws.com", "us-gov-west-1", "aws-us-gov"),
    (f"{ACCOUNT}.dkr.ecr-fips.us-gov-east-1.amazonaws.com", "us-gov-east-1", "aws-us-gov"),
    (f"{ACCOUNT}.dkr-ecr.us-gov-west-1.on.aws", "us-gov-west-1", "aws-us-gov"),
    (f"{ACCOUNT}.dkr-ecr-fips.us-gov-west-1.on.aws", "us-gov-west-1", "aws-us-gov"),
    (f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", "aws-cn"),
    (f"{ACCOUNT}.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn", "cn-northwest-1", "aws-cn"),
    (f"{ACCOUNT}.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "aws-eusc"),
    (f"{ACCOUNT}.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", "aws-iso"),
    (f"{ACCOUNT}.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", "aws-iso-b"),
    (f"{ACCOUNT}.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", "aws-iso-e"),
    (f"{ACCOUNT}.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", "aws-iso-f"),
]

NOT_HOSTS = {
    "empty": "",
    "blank": " ",
    "a word": "banana",
    "Docker Hub": "docker.io",
    "ECR Public with an account": f"{ACCOUNT}.public.ecr.aws",
    "ECR Public with a region": "public.ecr.us-east-1.aws",
    "ECR Public elsewhere": "public.ecr.aws.evil.org",
    "ECR Public with a path": "public.ecr.aws/alias",
    "ECR Public with other dots": "public-ecr-aws",
    "suffix attack": f"{HOST}.evil.org",
    "suffix attack without dot": f"{HOST}evil.org",
    "suffix attack through a dash": f"{HOST}-evil.org",
    "prefix attack": f"evil.org.{HOST}",
    "prefix attack without dot": f"x{HOST}",
    "lookalike domain": f"{ACCOUNT}.dkr.ecr.us-east-2.amazonaws.com.evil",
    "dot that is any character": f"{ACCOUNT}.dkr.ecr.us-east-2.amazonawsxcom",
    "dot in dkr.ecr that is any character": f"{ACCOUNT}.dkrxecr.us-east-2.amazonaws.com",
    "fragment in the region": f"{ACCOUNT}.dkr.ecr.us-east-2.evil.example/#.amazonaws.com",
    "fragment after the host": f"{HOST}#x",
    "query": f"{HOST}?x=y",
    "newline at the end": f"{HOST}\n",
    "carriage return and newline at the end": f"{HOST}\r\n",
    "newline in front": f"\n{HOST}",
    "a second line": f"{HOST}\nevil.org",
    "blank at the end": f"{HOST} ",
    "tab in front": f"\t{HOST}",
    "NUL at the end": f"{HOST}\0",
    "NUL inside": f"{ACCOUNT}.dkr\0.ecr.us-east-2.amazonaws.com",
    "upper case": HOST.upper(),
    "one upper-case letter": f"{ACCOUNT}.dkr.ecr.us-East-2.amazonaws.com",
    "port": f"{HOST}:443",
    "empty port": f"{HOST}:",
    "user info": f"user@{HOST}",
    "user info that looks like the host": f"{HOST}@evil.org",
    "password": f"AWS:token@{HOST}",
    "trailing dot": f"{HOST}.",
    "two dots": f"{ACCOUNT}..dkr.ecr.us-east-2.amazonaws.com",
    "path": f"{HOST}/team/app",
    "slash": f"{HOST}/",
    "backslash": f"{HOST}\\@evil.org",
    "https": f"https://{HOST}",
    "oci": f"oci://{HOST}",
    "scheme-relative": f"//{HOST}",
    "eleven digits": HOST[1:],
    "thirteen digits": f"1{HOST}",
    "a letter in the account": f"12345678901a.{HOST.partition('.')[2]}",
    "no account": HOST.partition(".")[2],
    "Arabic-Indic digits": f"١٢٣٤٥٦٧٨٩٠١٢.{HOST.partition('.')[2]}",
    "full-width digits": f"{full_width(ACCOUNT)}.{HOST.partition('.')[2]}",
    "full-width letters": HOST.replace("amazonaws", full_width("amazonaws")),
    "full-width everything": full_width(HOST),
    "ideographic full stop": HOST.replace(".", "。"),
    "Cyrillic a": HOST.replace("amazon", "аmazon"),  # noqa: RUF001 - the point
    "unicode digit in the region": HOST.replace("us-east-2", "us-east-٢"),
    "soft hyphen": HOST.replace("amazon", "ama\u00adzon"),
    "percent-encoded dot": HOST.replace(".com", "%2ecom"),
    "percent-encoded slash": f"{HOST}%2f",
    "Chinese region, global suffix": f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com",
    "global region, Chinese suffix": f"{HOST}.cn",
    "sovereign region, global suffix": f"{ACCOUNT}.dkr.ecr.eusc-de-east-1.amazonaws.com",
    "global region, sovereign suffix": f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.eu",
    "isolated region, global suffix": f"{ACCOUNT}.dkr.ecr.us-iso-east-1.amazonaws.com",
    "isolated region of another partition": f"{ACCOUNT}.dkr.ecr.us-isob-east-1.c2s.ic.gov",
    "dkr.ecr with the dual-stack suffix": f"{ACCOUNT}.dkr.ecr.us-east-2.on.aws",
    "dkr-ecr with the plain suffix": f"{ACCOUNT}.dkr-ecr.us-east-2.amazonaws.com",
    "dual stack in a partition without": f"{ACCOUNT}.dkr-ecr.eusc-de-east-1.on.aws",
    "dual stack with the other partition's suffix": f"{ACCOUNT}.dkr-ecr.cn-north-1.on.aws",
    "an unknown word after ecr": f"{ACCOUNT}.dkr.ecr-beta.us-east-2.amazonaws.com",
    "region without number": f"{ACCOUNT}.dkr.ecr.us-east.amazonaws.com",
    "region without direction": f"{ACCOUNT}.dkr.ecr.us-2.amazonaws.com",
    "region with an unknown area": f"{ACCOUNT}.dkr.ecr.xx-east-2.amazonaws.com",
    "region with three digits": f"{ACCOUNT}.dkr.ecr.us-east-200.amazonaws.com",
    "availability zone": f"{ACCOUNT}.dkr.ecr.us-east-2a.amazonaws.com",
    "no region": f"{ACCOUNT}.dkr.ecr.amazonaws.com",
    "two regions": f"{ACCOUNT}.dkr.ecr.us-east-2.us-east-2.amazonaws.com",
    "API endpoint": "api.ecr.us-east-2.amazonaws.com",
    "S3": "s3.us-east-2.amazonaws.com",
    "10 kB of digits": "1" * 10_000,
    "10 kB of host": f"{ACCOUNT}.dkr.ecr." + "us-east-" * 1250 + "2.amazonaws.com",
    "10 kB after the host": HOST + ".x" * 5_000,
}


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
