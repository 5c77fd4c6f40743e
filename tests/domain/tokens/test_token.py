"""Promise 7: no token in a log, event, status or traceback. Whatever shows a value must not show this one."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest

from ecr_secret_operator.domain.identity.authorization import Authorization, RegistryLogin
from ecr_secret_operator.domain.identity.identity import AccessKeys, StoredKeys
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.identity.sources import KeySecret
from ecr_secret_operator.domain.ports import Existing
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.status.outcome import Outcome
from ecr_secret_operator.domain.tokens.token import Sensitive
from tests.factories import (
    HOST,
    NOW,
    PASSWORD,
    a_desired,
    a_resource,
    a_stored_secret,
    a_token,
    an_argo_spec,
    an_observed,
    stored_tokens,
)

SECRET = Sensitive(PASSWORD)
KEYS = AccessKeys("AKIAEXAMPLE", SECRET, SECRET)

HOLDERS: dict[str, object] = {
    "Sensitive": SECRET,
    "Token": a_token(),
    "Desired": a_desired(),
    "Desired, Argo": a_desired(a_resource(spec=an_argo_spec())),
    "StoredSecret": a_stored_secret(),
    "Existing": Existing(a_stored_secret(), a_desired().data),
    "Observed": an_observed(),
    "Plan": decide(an_observed(secrets=()), now=NOW),
    "StoredToken": stored_tokens()[HOST],
    "AccessKeys": KEYS,
    "StoredKeys": StoredKeys("team-a", "aws", KEYS.version, KEYS),
    "Credentials": KeySecret("team-a", "aws", "1", KEYS),
    "Access": Authorization(
        (RegistryLogin(HOST, Scope("aws", "us-east-2", StoredKeys("team-a", "aws", KEYS.version, KEYS))),)
    ),
    "Outcome": Outcome(stored=stored_tokens(), written=True),
    "in a list": [a_token()],
    "in a dict": {"token": a_token()},
}
SHOWN: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "f-string": lambda value: f"{value} {value!r} {value!s} {value!a}",
    "format": lambda value: format(value, ""),
    "str.format": "{0} {0!r}".format,
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031 - the point
    "json with default": lambda value: json.dumps({"value": str(value)}),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
def test_no_way_of_showing_a_value_shows_the_token(holder: object, show: Callable[[Any], str]) -> None:
    text = show(holder)
    assert PASSWORD not in text
    assert PASSWORD[:40] not in text
    assert PASSWORD[-40:] not in text


def test_padding_hides_it_too() -> None:
    assert f"{SECRET:>20}" == "      Sensitive(***)"


def test_only_reveal_gives_it() -> None:
    assert SECRET.reveal() == PASSWORD


@pytest.mark.parametrize(
    "leave", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps], ids=["pickle", "copy", "deepcopy", "json"]
)
@pytest.mark.parametrize("value", [SECRET, a_token()], ids=["Sensitive", "Token"])
def test_it_cannot_be_carried_out_of_the_process(leave: Callable[[object], object], value: object) -> None:
    if value is not SECRET and leave is copy.copy:
        assert PASSWORD not in repr(copy.copy(value))
        return
    with pytest.raises(TypeError) as caught:
        leave(value)
    assert PASSWORD[:40] not in str(caught.value)


def test_asdict_gives_no_plain_token() -> None:
    with pytest.raises(TypeError):
        asdict(a_token())


def test_a_traceback_with_locals_does_not_show_it() -> None:
    token, desired = a_token(), a_desired()
    try:
        raise ValueError(f"refused {token} for {desired}")  # noqa: TRY301 - the point
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "desired" in shown
    assert PASSWORD[:40] not in shown


def test_it_has_no_attributes_to_walk_over() -> None:
    assert not hasattr(SECRET, "__dict__")
    assert PASSWORD not in str(dir(SECRET))


def test_equality_is_by_content() -> None:
    assert Sensitive("a") == Sensitive("a")
    assert Sensitive("a") != Sensitive("b")
    assert Sensitive("a") != "a"
    assert len({Sensitive("a"), Sensitive("a"), Sensitive("b")}) == 2


def test_a_token_is_expired_from_its_last_second_on() -> None:
    token = a_token(lifetime=timedelta(hours=12))
    assert not token.expired(token.expires_at - timedelta(microseconds=1))
    assert token.expired(token.expires_at)
