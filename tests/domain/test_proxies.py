"""Which proxy a URL is reached through. What is right was said by Go's own package: see no_proxy/main.go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ecr_secret_operator.domain.proxies import parse_proxy, proxy_for
from ecr_secret_operator.errors import InvalidField

PROXY = "http://proxy.example:3128"
TABLE = json.loads((Path(__file__).parent / "no_proxy" / "table.json").read_text())


@pytest.mark.parametrize("no_proxy", TABLE["direct"])
def test_no_proxy_means_what_it_means_to_go(no_proxy: str) -> None:
    environment = {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": no_proxy}
    urls = TABLE["urls"]
    direct = [url for url in urls if proxy_for(url, environment) is None]
    assert direct == [urls[index] for index in TABLE["direct"][no_proxy]]


URL = "https://api.example:6443"


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTP_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY}, PROXY),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://another:1"}, PROXY),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "", "NO_PROXY": "example"}, None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "another", "NO_PROXY": "example"}, PROXY),
        ({"ALL_PROXY": PROXY, "all_proxy": PROXY}, None),
        ({"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ({"HTTPS_PROXY": "https://proxy.example"}, "https://proxy.example"),
        ({"HTTPS_PROXY": "socks5://proxy.example", "NO_PROXY": "*"}, None),
    ],
)
def test_the_variables(environment: dict[str, str], proxy: str | None) -> None:
    assert proxy_for(URL, environment) == proxy


def test_plain_http_has_a_variable_of_its_own() -> None:
    assert proxy_for("http://api.example", {"HTTP_PROXY": PROXY, "HTTPS_PROXY": "http://another"}) == PROXY


@pytest.mark.parametrize("proxy", ["http://user:word@", "http://[", "http://proxy:port", "http://proxy:0"])
def test_a_proxy_that_is_no_url_is_refused_without_its_password(proxy: str) -> None:
    with pytest.raises(InvalidField, match="HTTPS_PROXY is not the URL of a proxy") as caught:
        proxy_for(URL, {"HTTPS_PROXY": proxy})
    assert "word" not in str(caught.value)


def test_a_proxy_that_is_not_supported_is_refused() -> None:
    with pytest.raises(InvalidField, match="field x names a proxy with scheme socks5, which is not supported"):
        parse_proxy("socks5://user:word@proxy.example", "field x")


def test_a_name_that_dns_cannot_have_stays_as_it_is() -> None:
    environment = {"HTTPS_PROXY": PROXY, "NO_PROXY": "\u00fc" * 70}
    assert proxy_for(URL, environment) == PROXY
