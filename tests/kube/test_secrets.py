"""A generated Secret as it is kept in memory: without its data, and sharing what many Secrets have alike."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec
import pytest

from ecr_secret_operator.domain.generated import data_digest
from ecr_secret_operator.domain.kinds import DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE, docker_config
from ecr_secret_operator.domain.token import Sensitive
from ecr_secret_operator.kube.objects import SecretObject
from ecr_secret_operator.kube.secrets import convert
from tests.factories import PASSWORD

HOST = "123456789012.dkr.ecr.us-east-2.amazonaws.com"
CONFIG = docker_config({HOST: PASSWORD})


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def a_secret(data: dict[str, str] | None, *, name: str = "pull", kind: str = DOCKER_CONFIG_TYPE) -> SecretObject:
    raw: dict[str, Any] = {"metadata": {"name": name, "namespace": "team-a"}, "type": kind}
    return msgspec.json.decode(msgspec.json.encode(raw | ({} if data is None else {"data": data})), type=SecretObject)


def test_the_data_become_a_digest_and_a_token_that_hides_itself() -> None:
    stored = convert(a_secret({DOCKER_CONFIG_KEY: encoded(CONFIG)}))
    assert stored.passwords == {HOST: Sensitive(PASSWORD)}
    assert stored.data_digest == data_digest(DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: CONFIG})
    assert stored.data_keys == (DOCKER_CONFIG_KEY,)
    assert PASSWORD not in repr(stored)


def test_secrets_with_the_same_data_have_them_in_memory_once() -> None:
    one, other = (convert(a_secret({DOCKER_CONFIG_KEY: encoded(CONFIG)}, name=name)) for name in ("a", "b"))
    assert (one.name, other.name) == ("a", "b")
    assert one.passwords is other.passwords
    assert one.data_digest is other.data_digest


def test_the_same_token_among_other_data_is_in_memory_once_too() -> None:
    first = convert(a_secret({DOCKER_CONFIG_KEY: encoded(CONFIG)}))
    other = convert(a_secret({DOCKER_CONFIG_KEY: encoded(CONFIG), "more": encoded("x")}))
    assert first.data_digest != other.data_digest
    assert first.passwords[HOST] is other.passwords[HOST]


@pytest.mark.parametrize("data", [None, {}, {DOCKER_CONFIG_KEY: "no base64!"}, {"another": encoded(CONFIG)}])
def test_a_secret_without_a_token_has_none(data: dict[str, str] | None) -> None:
    assert convert(a_secret(data)).passwords == {}


def test_the_same_data_in_a_secret_of_another_type_are_something_else() -> None:
    data = {DOCKER_CONFIG_KEY: encoded(CONFIG)}
    one, other = convert(a_secret(data)), convert(a_secret(data, kind="Opaque"))
    assert one.passwords
    assert not other.passwords
    assert one.data_digest != other.data_digest
