"""A generated Secret as it is kept in memory: without its data, and sharing what many Secrets have alike."""

from __future__ import annotations

import gc
import weakref
from base64 import b64encode
from typing import Any

import msgspec
import pytest

from ecr_secret_operator.domain.kinds import DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE, docker_config
from ecr_secret_operator.domain.secret.annotations import DIGEST, OWNER, TOKENS
from ecr_secret_operator.domain.secret.stored import data_digest
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.kube.objects import SecretObject
from ecr_secret_operator.kube.secrets import LAST_APPLIED, convert
from tests.factories import PASSWORD, a_desired

HOST = "123456789012.dkr.ecr.us-east-2.amazonaws.com"
CONFIG = docker_config({HOST: PASSWORD})
SEALED = {key: text for key, text in a_desired().annotations.items() if key in (DIGEST, OWNER, TOKENS)}
"""The annotations of the Secret with just these data."""


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def a_secret(
    data: dict[str, str] | None, *, name: str = "pull", kind: str = DOCKER_CONFIG_TYPE, **annotations: str
) -> SecretObject:
    meta = {"name": name, "namespace": "team-a", "annotations": annotations}
    raw: dict[str, Any] = {"metadata": meta, "type": kind}
    return msgspec.json.decode(msgspec.json.encode(raw | ({} if data is None else {"data": data})), type=SecretObject)


def ours(name: str = "pull") -> SecretObject:
    return a_secret({DOCKER_CONFIG_KEY: encoded(CONFIG)}, name=name, **SEALED)


def test_the_data_become_a_digest_and_a_token_that_hides_itself() -> None:
    stored = convert(ours())
    assert stored.passwords == {HOST: Sensitive(PASSWORD)}
    assert stored.data_digest == data_digest(DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: CONFIG})
    assert stored.data_keys == (DOCKER_CONFIG_KEY,)
    assert PASSWORD not in repr(stored)
    assert stored.stored_tokens[HOST].token.password.reveal() == PASSWORD


def test_secrets_with_the_same_data_have_them_in_memory_once() -> None:
    one, other = convert(ours("a")), convert(ours("b"))
    assert (one.name, other.name) == ("a", "b")
    assert one.passwords is other.passwords
    assert one.data_digest is other.data_digest


def test_nothing_is_remembered_of_a_secret_that_is_cached_no_more() -> None:
    stored = convert(ours())
    password = weakref.ref(stored.passwords[HOST])
    del stored
    gc.collect()
    assert password() is None


CHANGED = {
    "no seal": a_secret({DOCKER_CONFIG_KEY: encoded(CONFIG)}),
    "other data": a_secret({DOCKER_CONFIG_KEY: encoded(CONFIG), "more": encoded("x")}, **SEALED),
    "another type": a_secret({DOCKER_CONFIG_KEY: encoded(CONFIG)}, kind="Opaque", **SEALED),
    "no base64": a_secret({DOCKER_CONFIG_KEY: "no base64!"}, **SEALED),
    "no data": a_secret(None, **SEALED),
}


@pytest.mark.parametrize("raw", CHANGED.values(), ids=CHANGED.keys())
def test_of_a_secret_without_an_intact_seal_no_value_is_kept(raw: SecretObject) -> None:
    (raw.metadata.annotations or {})[LAST_APPLIED] = "its data, once more"
    stored = convert(raw)
    assert stored.passwords == {}
    assert LAST_APPLIED not in stored.annotations


def test_the_same_data_in_a_secret_of_another_type_are_something_else() -> None:
    assert convert(CHANGED["no seal"]).data_digest == convert(ours()).data_digest
    assert convert(CHANGED["another type"]).data_digest != convert(ours()).data_digest
