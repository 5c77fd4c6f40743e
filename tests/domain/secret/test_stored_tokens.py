"""Several tokens in one Secret: how they are written, read and merged with newer ones."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ecr_secret_operator.domain.identity.authorization import Authorization, RegistryLogin
from ecr_secret_operator.domain.identity.identity import AccessKeys, StoredKeys
from ecr_secret_operator.domain.identity.limit import UNLIMITED, TokenLimit
from ecr_secret_operator.domain.secret.annotations import (
    EXPIRES_AT,
    ISSUED_AT,
    TOKENS,
    StoredToken,
    StoredTokens,
    read_tokens,
    written_tokens,
)
from ecr_secret_operator.domain.secret.failures import merge_failures
from ecr_secret_operator.domain.secret.registries import hosts_missing_token, newest
from ecr_secret_operator.domain.secret.render import differences, render
from ecr_secret_operator.domain.secret.target import intact
from ecr_secret_operator.domain.times import format_time
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.reasons import Failure, Reason
from tests.domain.secret.registries import (
    ACCOUNT_ROLE,
    BOTH,
    FINE,
    LOST,
    OLD,
    SOON,
    THIRD_HOST,
    YOUNG,
    held,
    login,
    scope,
    stored_with,
)
from tests.factories import HOST, NOW, OTHER_HOST, a_token, spec_of

# What is written


def test_the_tokens_are_written_in_the_order_of_the_spec_and_noted_one_by_one() -> None:
    desired = render(BOTH, spec_of(BOTH), {OTHER_HOST: FINE[OTHER_HOST], HOST: FINE[HOST]})
    assert list(desired.tokens) == [HOST, OTHER_HOST]
    assert list(json.loads(desired.data[".dockerconfigjson"])["auths"]) == [HOST, OTHER_HOST]
    assert json.loads(desired.annotations[TOKENS]) == {
        host: {
            "issued": format_time(token.issued_at),
            "expires": format_time(token.expires_at),
            "for": scope(host).mark,
            "by": "ambient",
        }
        for host, token in ((HOST, YOUNG), (OTHER_HOST, OLD))
    }
    assert "young" not in str(desired.annotations)


def test_the_times_for_people_are_those_of_the_token_that_expires_first() -> None:
    annotations = render(BOTH, spec_of(BOTH), FINE).annotations
    assert annotations[EXPIRES_AT] == format_time(OLD.expires_at)
    assert annotations[ISSUED_AT] == format_time(OLD.issued_at)


def test_tokens_of_hosts_that_the_spec_does_not_name_are_not_written() -> None:
    desired = render(BOTH, spec_of(BOTH), {**FINE, THIRD_HOST: held(THIRD_HOST, YOUNG)})
    assert desired == render(BOTH, spec_of(BOTH), FINE)


def test_what_is_written_is_read_back() -> None:
    keys = AccessKeys("AKIAEXAMPLE", Sensitive("x"))
    stored_tokens = {
        HOST: held(HOST, YOUNG, StoredKeys("team-a", "aws", keys.version, keys)),
        OTHER_HOST: held(OTHER_HOST, OLD, ACCOUNT_ROLE),
    }
    stored = stored_with(BOTH, stored_tokens)
    assert stored.stored_tokens == stored_tokens
    assert differences(stored, render(BOTH, spec_of(BOTH), stored_tokens)) == ()


@pytest.mark.parametrize("limit", [TokenLimit("pull"), TokenLimit("push", ("a/*", "b"))], ids=str)
def test_the_limit_of_a_token_is_written_and_read_back(limit: TokenLimit) -> None:
    tokens = {**FINE, HOST: StoredToken.of(replace(scope(HOST), limit=limit, account="123456789012"), YOUNG)}
    stored = stored_with(BOTH, tokens)
    assert stored.stored_tokens == tokens
    assert stored.stored_tokens[HOST].limit == limit
    written = json.loads(render(BOTH, spec_of(BOTH), tokens).annotations[TOKENS])
    assert (written[HOST]["access"], written[HOST].get("repositories", [])) == (limit.access, list(limit.repositories))
    assert not {"access", "repositories"} & written[OTHER_HOST].keys()


@pytest.mark.parametrize("forged", [{"access": "none"}, {"access": ["pull"]}, {}])
def test_an_unknown_access_counts_as_full(forged: dict[str, object]) -> None:
    text = json.dumps({HOST: {**json.loads(written_tokens(FINE))[HOST], **forged}})
    assert read_tokens(text)[0][3][-1] == UNLIMITED


def test_repositories_that_are_no_list_cannot_be_read() -> None:
    text = json.dumps({HOST: {**json.loads(written_tokens(FINE))[HOST], "repositories": "team-a/*"}})
    with pytest.raises(TypeError):
        read_tokens(text)


# What stands


@pytest.mark.parametrize(
    ("logins", "stored", "now", "lacking"),
    [
        ((), FINE, SOON, ()),
        ((login(HOST), login(OTHER_HOST)), FINE, SOON, ()),
        ((login(HOST), login(OTHER_HOST)), {}, SOON, (HOST, OTHER_HOST)),
        ((login(HOST), login(OTHER_HOST)), {HOST: FINE[HOST]}, SOON, (OTHER_HOST,)),
        ((login(HOST), login(OTHER_HOST)), FINE, OLD.expires_at, (OTHER_HOST,)),
        ((login(HOST), login(OTHER_HOST)), FINE, YOUNG.expires_at, (HOST, OTHER_HOST)),
        ((login(HOST, ACCOUNT_ROLE), login(OTHER_HOST)), FINE, SOON, (HOST,)),
        ((login(HOST), LOST), FINE, SOON, (OTHER_HOST,)),  # it was had with the operator's own identity
        ((login(HOST), LOST), {**FINE, OTHER_HOST: held(OTHER_HOST, OLD, ACCOUNT_ROLE)}, SOON, ()),
        ((login(HOST), LOST), FINE, OLD.expires_at, (OTHER_HOST,)),
        ((login(HOST), LOST), {HOST: FINE[HOST]}, SOON, (OTHER_HOST,)),
        ((login(HOST),), FINE, OLD.expires_at, ()),
    ],
)
def test_which_registries_lack_a_valid_token_of_their_identity(
    logins: tuple[RegistryLogin, ...], stored: StoredTokens, now: datetime, lacking: tuple[str, ...]
) -> None:
    assert hosts_missing_token(Authorization(logins), stored, now) == lacking


@pytest.mark.parametrize(
    ("failures", "reason", "text"),
    [
        (["a"], Reason.AWS_UNAVAILABLE, "a"),
        (["a", "b"], Reason.AWS_UNAVAILABLE, "a; b"),
        (["a", "b", "a"], Reason.AWS_UNAVAILABLE, "a; b"),
        (["a", "b", "c", "d", "e"], Reason.AWS_UNAVAILABLE, "a; b; c; d; e"),
        (["a", "b", "c", "d", "e", "f"], Reason.AWS_UNAVAILABLE, "a; b; c; d; e; and 1 more"),
        ([str(number) for number in range(21)], Reason.AWS_UNAVAILABLE, "0; 1; 2; 3; 4; and 16 more"),
    ],
)
def test_several_failures_are_one(failures: list[str], reason: Reason, text: str) -> None:
    found = merge_failures([Failure(reason, message) for message in failures])
    assert found
    assert (found.reason, found.message) == (reason, text)
    assert set(found.causes or (found.message,)) == set(failures)
    mixed = merge_failures(
        [Failure(Reason.AWS_ACCESS_DENIED, "x"), *(Failure(reason, message) for message in failures[:4])]
    )
    assert mixed
    assert mixed.reason is Reason.AWS_ACCESS_DENIED


def test_no_failures_are_none() -> None:
    assert merge_failures([]) is None


# Newer tokens that somebody else wrote


def test_of_each_registry_the_newer_token_of_the_same_identity_stays() -> None:
    newer = a_token(issued_at=NOW + timedelta(hours=1), password="theirs")
    theirs = {HOST: held(HOST, newer), OTHER_HOST: held(OTHER_HOST, newer, ACCOUNT_ROLE)}
    found = newest(FINE, intact(stored_with(BOTH, theirs), BOTH, spec_of(BOTH)))
    assert found == {HOST: theirs[HOST], OTHER_HOST: FINE[OTHER_HOST]}
    partial = newest(FINE, intact(stored_with(BOTH, {OTHER_HOST: held(OTHER_HOST, newer)}), BOTH, spec_of(BOTH)))
    assert partial == {HOST: FINE[HOST], OTHER_HOST: held(OTHER_HOST, newer)}


def test_a_newer_token_that_was_had_with_other_keys_does_not_stay() -> None:
    newer = StoredToken(a_token(issued_at=NOW + timedelta(hours=1)), scope(HOST).mark, version="old keys")
    assert newest(FINE, intact(stored_with(BOTH, {HOST: newer}), BOTH, spec_of(BOTH))) == FINE
