"""Which proxy leads to the API server."""

from __future__ import annotations

import pytest

from ecr_secret_operator.kube.proxy import proxy_of_environment

PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def _proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", PROXY)


@pytest.mark.parametrize("url", ["https://api.example:6443", "https://172.30.0.1:443", "https://[fd02::1]:443"])
def test_the_environments_proxy_leads_to_the_api_server(url: str) -> None:
    assert proxy_of_environment(url) == PROXY


def test_none_is_named_for_plain_http() -> None:
    assert proxy_of_environment("http://api.example") is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "[::1]", "localhost"])
def test_the_machine_itself_needs_none(host: str) -> None:
    assert proxy_of_environment(f"https://{host}:6443") is None


@pytest.mark.parametrize(
    ("exceptions", "host"),
    [
        (".cluster.local,.svc,10.128.0.0/14,172.30.0.0/16", "172.30.0.1"),
        ("172.30.0.1/16", "172.30.0.1"),
        ("fd02::/112", "[fd02::1]"),
        ("10.0.0.0/8, 172.30.0.0/16", "172.30.0.1"),
        ("172.30.0.1", "172.30.0.1"),
        ("api.example", "api.example"),
        (".example", "api.example"),
        ("example", "api.example"),
        ("*", "172.30.0.1"),
    ],
)
def test_what_no_proxy_names_is_reached_without(monkeypatch: pytest.MonkeyPatch, exceptions: str, host: str) -> None:
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert proxy_of_environment(f"https://{host}:6443") is None


@pytest.mark.parametrize("exceptions", ["10.0.0.0/8", "172.31.0.0/16", "172.30.0.0/nonsense", "a/b", "fd02::/112", ""])
def test_what_it_does_not_name_is_not(monkeypatch: pytest.MonkeyPatch, exceptions: str) -> None:
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert proxy_of_environment("https://172.30.0.1:443") == PROXY
