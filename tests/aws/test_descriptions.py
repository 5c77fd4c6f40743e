"""What is kept of botocore's descriptions of AWS, compared with what botocore itself reads."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from botocore.loaders import Loader

from ecr_secret_operator.aws.descriptions import SERVICES, shared_loader

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def whole() -> Any:
    """As botocore reads its own data."""
    return Loader()


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
