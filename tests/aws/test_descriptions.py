"""What is kept of botocore's descriptions of AWS, compared with what botocore itself reads."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from tools.image_content import SERVICES as IN_THE_IMAGE

from ecr_secret_operator.aws.descriptions import SERVICES, shared_loader

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def whole() -> Any:
    """As botocore reads its own data."""
    return Loader()


def test_whatever_botocore_calls_for_credentials_is_among_the_services() -> None:
    sources = (Path(botocore.__file__).with_name(f"{name}.py") for name in ("credentials", "tokens"))
    called = re.compile(r"client(?:_creator)?\(\s*(?:[\w.]+,\s*)?['\"]([\w-]+)")
    found = {name for source in sources for name in called.findall(source.read_text(encoding="utf-8"))}
    assert {"sts", "sso", "sso-oidc", "signin"} <= found <= set(SERVICES)


def test_the_image_has_the_descriptions_of_the_same_services() -> None:
    assert set(SERVICES) == IN_THE_IMAGE


def undocumented(value: Any) -> Any:
    """The same without texts, and with dictionaries that have no order."""
    if isinstance(value, dict):
        return {
            key: undocumented(one)
            for key, one in value.items()
            if not (key == "documentation" and isinstance(one, str))
        }
    return [undocumented(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1"])
def test_all_but_the_documentation_of_a_service_is_read(whole: Any, service: str, kind: str) -> None:
    read = shared_loader().load_service_model(service, kind)
    assert read == undocumented(whole.load_service_model(service, kind))
    assert whole.load_service_model(service, "service-2")["metadata"]["endpointPrefix"] == SERVICES[service]


def test_endpoints_are_those_of_every_partition_and_of_the_services_that_are_called(whole: Any) -> None:
    # botocore changes what it has read when it looks for an endpoint: another test may have done so.
    read, every = shared_loader.__wrapped__().load_data("endpoints"), whole.load_data("endpoints")
    assert {key: value for key, value in read.items() if key != "partitions"} == {
        key: value for key, value in every.items() if key != "partitions"
    }
    assert len(read["partitions"]) == len(every["partitions"])
    for partition, other in zip(read["partitions"], every["partitions"], strict=True):
        called = {name: one for name, one in other["services"].items() if name in SERVICES.values()}
        assert partition == {**other, "services": called}


@pytest.mark.parametrize("name", ["partitions", "_retry", "sdk-default-configuration"])
def test_other_files_are_read_as_they_are(whole: Any, name: str) -> None:
    assert shared_loader().load_data(name) == whole.load_data(name)


def test_what_is_read_for_a_token_takes_little_memory() -> None:
    """As botocore reads it, it takes 9 MiB."""
    shared_loader.cache_clear()
    loader = shared_loader()
    tracemalloc.start()
    try:
        loader.load_data("endpoints")
        for service in ("ecr", "sts"):
            loader.load_service_model(service, "service-2")
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 1.2 * MEBIBYTE
