"""The token source among identities: nobody gets what was had as somebody else, and nobody waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from ecr_secret_operator.aws import source as module
from ecr_secret_operator.aws.scope_states import REMEMBERED
from ecr_secret_operator.domain.identity.identity import (
    AMBIENT,
    AccessKeys,
    AccountRole,
    AssumedRole,
    Identity,
    StoredKeys,
)
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.tokens.token import Sensitive, Token
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from tests.aws.scopes import ANY, Aws, at, kept, wants
from tests.factories import a_key
from tests.virtual_time import elapsed, in_virtual_time, running, settle

ROLE = "arn:aws:iam::210987654321:role/ecr-pull"

KEY, OTHER_KEY = a_key(), a_key(namespace="team-b")


def keys(key_id: str = "AKIATEAMAEXAMPLE0001", secret: str = "s" * 40, *, name: str = "aws-keys") -> StoredKeys:
    found = AccessKeys(key_id, Sensitive(secret))
    return StoredKeys("team-a", name, found.version, found)


IDENTITIES: tuple[Identity, ...] = (
    AMBIENT,
    AssumedRole(ROLE),
    AssumedRole(ROLE, "external-1"),
    AssumedRole(ROLE, "external-2"),
    AssumedRole(ROLE + "-2"),
    AccountRole("team-a", "builder", ROLE, "sts.amazonaws.com"),
    AccountRole("team-b", "builder", ROLE, "sts.amazonaws.com"),
    AccountRole("team-a", "deployer", ROLE, "sts.amazonaws.com"),
    AccountRole("team-a", "builder", ROLE + "-2", "sts.amazonaws.com"),
    AccountRole("team-a", "builder", ROLE, "another"),
    keys(),
    keys("AKIATEAMAEXAMPLE0002"),
    keys(secret="t" * 40),
    keys(name="other-keys"),
    replace(keys(), namespace="team-b"),
)


def passwords(found: Sequence[Token | TokenError]) -> list[str]:
    """What was had; of what was not, the sentence."""
    return [one.password.reveal() if isinstance(one, Token) else str(one) for one in found]


def named(*scopes: Scope) -> set[tuple[object, ...]]:
    """What scopes are kept under."""
    return {scope.shared_by for scope in scopes}


@in_virtual_time
async def test_each_identity_has_a_token_of_its_own() -> None:
    aws = Aws()
    tokens = [await aws.source.token(at(identity), ANY, KEY) for identity in IDENTITIES]
    assert len({token.password.reveal() for token in tokens}) == len(IDENTITIES)
    assert aws.asked == [at(identity) for identity in IDENTITIES]
    again = [await aws.source.token(at(identity), ANY, OTHER_KEY) for identity in IDENTITIES]
    assert again == tokens
    assert len(aws.calls) == len(IDENTITIES)


@in_virtual_time
async def test_each_identity_backs_off_for_itself() -> None:
    aws = Aws()
    for identity in IDENTITIES[::2]:
        aws.refused.add(at(identity))
    found = await aws.source.tokens(wants(*(at(identity) for identity in IDENTITIES)), KEY)
    assert [isinstance(one, TokenError) for one in found] == [number % 2 == 0 for number in range(len(IDENTITIES))]
    aws.refused.clear()
    for identity in IDENTITIES[::2]:
        with pytest.raises(TokenError, match="AWS refused it"):
            await aws.source.token(at(identity), ANY, KEY)
    assert len(aws.calls) == len(IDENTITIES), "while it backs off, AWS is not asked"


@in_virtual_time
async def test_a_wrong_external_id_gets_nothing_of_the_right_one() -> None:
    aws = Aws()
    right, wrong, none = (at(AssumedRole(ROLE, external_id)) for external_id in ("right", "wrong", ""))
    aws.refused |= {wrong, none}
    token = await aws.source.token(right, ANY, KEY)
    for scope in (wrong, none):
        with pytest.raises(TokenError, match="AWS refused it"):
            await aws.source.token(scope, ANY, OTHER_KEY)
    assert await aws.source.token(right, ANY, KEY) == token, "nor does the right one back off with it"
    assert aws.asked == [right, wrong, none]


@in_virtual_time
async def test_a_wrong_external_id_does_not_join_the_call_of_the_right_one() -> None:
    aws = Aws()
    right, wrong = (at(AssumedRole(ROLE, external_id)) for external_id in ("right", "wrong"))
    aws.seconds[right] = 5.0
    aws.refused.add(wrong)
    found = await aws.source.tokens(wants(right, wrong), KEY)
    assert passwords(found) == ["token 1", "AWS refused it"]


@in_virtual_time
async def test_new_keys_in_the_same_secret_are_asked_for_at_once() -> None:
    aws = Aws()
    old, new = at(keys()), at(keys("AKIATEAMAEXAMPLE0002"))
    assert old.mark == new.mark, "they are the same identity"
    aws.refused.add(old)
    with pytest.raises(TokenError):
        await aws.source.token(old, ANY, KEY)
    token = await aws.source.token(new, ANY, KEY)
    assert token.issued_at == aws.now()
    assert aws.asked == [old, new], "the back-off of the old keys does not hold up the new ones"


@in_virtual_time
async def test_the_same_keys_read_again_are_the_same() -> None:
    aws = Aws()
    assert await aws.source.token(at(keys()), ANY, KEY) == await aws.source.token(at(keys()), ANY, KEY)
    assert len(aws.calls) == 1


@in_virtual_time
async def test_aws_hears_the_name_of_the_one_that_asked_first() -> None:
    aws = Aws()
    aws.seconds[at(AMBIENT)] = 1.0
    first = asyncio.create_task(aws.source.tokens(wants(at(AMBIENT)), KEY))
    await settle()
    second = asyncio.create_task(aws.source.tokens(wants(at(AMBIENT)), OTHER_KEY))
    assert passwords(await first) == passwords(await second) == ["token 1"]
    assert aws.calls == [(at(AMBIENT), KEY)]


# Several at once


@in_virtual_time
async def test_several_are_asked_for_at_the_same_time_and_answered_in_order() -> None:
    aws = Aws()
    scopes = [at(identity) for identity in IDENTITIES[:5]]
    for number, scope in enumerate(scopes):
        aws.seconds[scope] = 5.0 - number
    found = await aws.source.tokens(wants(*scopes), KEY)
    assert elapsed() == pytest.approx(5.0)
    assert passwords(found) == [f"token {number}" for number in (1, 2, 3, 4, 5)]
    one_by_one = [await aws.source.token(scope, ANY, KEY) for scope in scopes]
    assert found == one_by_one


@in_virtual_time
async def test_one_that_hangs_costs_the_others_nothing_but_the_wait_of_whoever_wants_both() -> None:
    aws = Aws()
    hanging, quick = at(AssumedRole(ROLE)), at(keys())
    aws.seconds[hanging] = 3600.0
    both = asyncio.create_task(aws.source.tokens(wants(hanging, quick), KEY))
    await settle()
    (token,) = await aws.source.tokens(wants(quick), OTHER_KEY)
    assert elapsed() == 0.0, "another resource does not wait at all"
    lost, had = await both
    assert had == token
    assert isinstance(lost, TokenError)
    assert (lost.reason, elapsed()) == (Reason.AWS_UNAVAILABLE, module.CALL_SECONDS)
    assert lost.retry_at is not None
    assert aws.asked == [hanging, quick]
    assert [scope for scope, _ in aws.told] == [quick, hanging]


@in_virtual_time
async def test_two_that_hang_are_given_up_together() -> None:
    aws = Aws()
    scopes = [at(AssumedRole(ROLE)), at(AssumedRole(ROLE + "-2"))]
    aws.seconds = dict.fromkeys(scopes, 3600.0)
    found = await aws.source.tokens(wants(*scopes), KEY)
    assert all(isinstance(one, TokenError) for one in found)
    assert elapsed() == module.CALL_SECONDS


@in_virtual_time
async def test_registries_of_one_scope_share_one_call() -> None:
    aws = Aws()
    aws.seconds[at(AMBIENT)] = 1.0
    found = await aws.source.tokens(wants(*[at(AMBIENT)] * 20), KEY)
    assert passwords(found) == ["token 1"] * 20
    assert len(aws.calls) == 1


@in_virtual_time
async def test_registries_of_one_scope_share_one_failure() -> None:
    aws = Aws()
    aws.refused.add(at(AMBIENT))
    found = await aws.source.tokens(wants(*[at(AMBIENT)] * 20), KEY)
    assert len({(str(one), one.retry_at) for one in found if isinstance(one, TokenError)}) == 1
    assert (len(found), len(aws.calls)) == (20, 1)


@in_virtual_time
async def test_nothing_wanted_is_nothing_asked() -> None:
    aws = Aws()
    assert await aws.source.tokens([], KEY) == []
    assert aws.calls == []


@in_virtual_time
async def test_what_is_cancelled_goes_on_for_the_others() -> None:
    """A resource that is deleted while its tokens are under way."""
    aws = Aws()
    aws.seconds[at(AMBIENT)] = 5.0
    asked = asyncio.create_task(aws.source.tokens(wants(at(AMBIENT), at(AssumedRole(ROLE))), KEY))
    await settle()
    other = asyncio.create_task(aws.source.tokens(wants(at(AMBIENT)), OTHER_KEY))
    await settle()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert passwords(await other) == ["token 1"]
    assert len(aws.calls) == 2


# What is kept


@in_virtual_time
async def test_tokens_are_kept_until_they_expire_and_are_then_forgotten() -> None:
    aws = Aws()
    await aws.source.token(at(keys()), ANY, KEY)
    running().skew = timedelta(hours=11, minutes=59)
    await aws.source.token(at(keys("AKIATEAMAEXAMPLE0002")), ANY, KEY)
    assert len(kept(aws.source)) == 2
    running().skew = timedelta(hours=12)
    await aws.source.token(at(keys("AKIATEAMAEXAMPLE0003")), ANY, KEY)
    assert kept(aws.source) == named(*(at(keys(f"AKIATEAMAEXAMPLE000{number}")) for number in (2, 3)))


@in_virtual_time
async def test_failures_are_kept_while_they_may_be_asked_for_again() -> None:
    """Else the first ask after each change elsewhere would begin the back-off again."""
    aws = Aws()
    refused = at(AssumedRole(ROLE))
    aws.refused.add(refused)
    with pytest.raises(TokenError):
        await aws.source.token(refused, ANY, KEY)
    running().skew = REMEMBERED
    await aws.source.token(at(keys()), ANY, KEY)
    assert named(refused) <= kept(aws.source)
    running().skew += timedelta(seconds=31)
    await aws.source.token(at(AMBIENT), ANY, KEY)
    assert kept(aws.source) == named(at(keys()), at(AMBIENT))


@in_virtual_time
async def test_a_call_under_way_is_never_forgotten() -> None:
    aws = Aws()
    aws.seconds[at(AssumedRole(ROLE))] = 20.0
    asked = asyncio.create_task(aws.source.token(at(AssumedRole(ROLE)), ANY, KEY))
    await settle()
    running().skew = timedelta(days=2)
    await aws.source.token(at(AMBIENT), ANY, KEY)
    assert named(at(AssumedRole(ROLE))) <= kept(aws.source)
    token = await asked
    assert await aws.source.token(at(AssumedRole(ROLE)), ANY, KEY) == token
    assert len(aws.calls) == 2


@in_virtual_time
async def test_keys_that_change_all_the_time_do_not_fill_the_memory() -> None:
    aws = Aws()
    for number in range(200):
        running().skew = timedelta(hours=number)
        await aws.source.token(at(keys(f"AKIATEAMAEXAMPLE{number:04}")), ANY, KEY)
    assert len(kept(aws.source)) <= 13
