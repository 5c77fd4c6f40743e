"""What is done about a Secret with several registries: one fails or changes, the others go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ecr_secret_operator.domain.identity.authorization import Authorization, RegistryLogin
from ecr_secret_operator.domain.identity.identity import AccessKeys, AssumedRole, StoredKeys
from ecr_secret_operator.domain.identity.limit import UNLIMITED, TokenLimit
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.plan import Plan
from ecr_secret_operator.domain.secret.registries import hosts_missing_token
from ecr_secret_operator.domain.tokens.schedule import Freshness, due_at
from ecr_secret_operator.domain.tokens.token import Sensitive
from tests.domain.secret.registries import (
    ACCOUNT_ROLE,
    BOTH,
    FINE,
    LOST,
    MISSING,
    OLD,
    ROLE,
    SOON,
    THIRD_HOST,
    YOUNG,
    held,
    login,
    of,
    scope,
    seen,
    wanted_of,
    write_of,
)
from tests.factories import HOST, NOW, OTHER_HOST, a_resource, a_served_status, an_observed, spec_of

FREQUENCY = spec_of(BOTH).interval

OLD_DUE = due_at(OLD, FREQUENCY, seed=BOTH.uid)


assert NOW < SOON < OLD_DUE < due_at(YOUNG, FREQUENCY, seed=BOTH.uid)


TOLD = replace(MISSING, message=f"{OTHER_HOST}: {MISSING.message}")
"""The failure as a resource with several registries tells it."""


# One is due, another is not


@pytest.mark.parametrize(
    ("now", "wants"),
    [
        (SOON, None),
        (OLD_DUE - timedelta(seconds=1), None),
        (OLD_DUE, {OTHER_HOST: OLD.issued_at}),
        (due_at(YOUNG, FREQUENCY, seed=BOTH.uid), {HOST: YOUNG.issued_at, OTHER_HOST: OLD.issued_at}),
    ],
)
def test_each_token_is_replaced_when_it_is_due(now: datetime, wants: dict[str, datetime] | None) -> None:
    plan = decide(seen(FINE), now=now)
    assert plan.stored == FINE
    assert plan.failure is None
    assert (wanted_of(plan.write) if plan.write else None) == wants
    assert plan.write is None or plan.write.keep == FINE


def test_a_restart_finds_all_tokens_in_the_secret() -> None:
    assert decide(seen(FINE, remembered={}), now=SOON) == Plan(stored=FINE)


def test_a_request_for_a_refresh_is_for_all_of_them() -> None:
    asked = replace(BOTH, refresh_request="now")
    assert wanted_of(write_of(seen(FINE, resource=asked), SOON)) == {
        HOST: YOUNG.issued_at,
        OTHER_HOST: OLD.issued_at,
    }


def test_one_that_has_expired_is_no_longer_kept_while_it_is_asked_for_anew() -> None:
    write = write_of(seen(FINE), OLD.expires_at)
    assert write.keep == {HOST: FINE[HOST]}
    assert OTHER_HOST in wanted_of(write)


# One identity cannot be used


def test_an_identity_that_cannot_be_used_leaves_its_token_and_the_others_are_refreshed() -> None:
    old = {HOST: held(HOST, OLD), OTHER_HOST: held(OTHER_HOST, YOUNG, ACCOUNT_ROLE)}
    plan = decide(seen(old, login(HOST), LOST), now=OLD_DUE)
    assert plan.failure == TOLD
    assert plan.stored == old
    assert plan.write
    assert plan.write.keep == old
    assert wanted_of(plan.write) == {HOST: OLD.issued_at}


def test_with_nothing_due_only_the_failure_is_told() -> None:
    stored_tokens = {HOST: held(HOST, YOUNG), OTHER_HOST: held(OTHER_HOST, OLD, ACCOUNT_ROLE)}
    assert decide(seen(stored_tokens, login(HOST), LOST), now=SOON) == Plan(stored=stored_tokens, failure=TOLD)


def test_one_that_never_had_a_token_does_not_hold_up_the_others() -> None:
    plan = decide(
        an_observed(resource=BOTH, secrets=(), remembered={}, authorization=Authorization((login(HOST), LOST))), now=NOW
    )
    assert plan.failure == TOLD
    assert plan.write
    assert (plan.write.keep, wanted_of(plan.write)) == ({}, {HOST: None})


def test_with_no_identity_at_all_nothing_is_written() -> None:
    lost = (RegistryLogin(HOST, None, MISSING), LOST)
    observed = an_observed(resource=BOTH, secrets=(), remembered={}, authorization=Authorization(lost))
    each = (f"{HOST}: {MISSING.message}", TOLD.message)
    both = replace(MISSING, message="; ".join(each), causes=each)
    assert decide(observed, now=NOW) == Plan(failure=both)
    assert decide(seen(FINE, *lost), now=SOON) == Plan(stored=FINE, failure=both)


def test_a_token_whose_identity_is_lost_goes_when_it_has_expired() -> None:
    stored_tokens = {HOST: held(HOST, YOUNG), OTHER_HOST: held(OTHER_HOST, OLD, ACCOUNT_ROLE)}
    young = {HOST: stored_tokens[HOST]}
    now = OLD.expires_at
    write = write_of(seen(stored_tokens, login(HOST), LOST), now)
    assert write.keep == young
    again = seen(young, login(HOST), LOST)
    assert decide(again, now=YOUNG.issued_at) == Plan(stored=young, failure=TOLD), "and then there is peace"


def test_a_damaged_secret_is_restored_with_the_token_of_the_lost_identity_too() -> None:
    stored_tokens = {HOST: held(HOST, YOUNG), OTHER_HOST: held(OTHER_HOST, OLD, ACCOUNT_ROLE)}
    observed = seen(stored_tokens, login(HOST), LOST)
    broken = replace(observed, secrets=(replace(observed.secrets[0], data_digest="0"),))
    for damaged in (broken, replace(observed, secrets=())):
        plan = decide(damaged, now=SOON)
        assert plan.stored == {}
        assert plan.write
        assert (plan.write.keep, plan.write.wants) == (stored_tokens, ())
        assert plan.write.repairs


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (UNLIMITED, True),
        (TokenLimit("pull", ("team-a/*",)), True),
        (TokenLimit("pull"), True),
        (TokenLimit("pull", ("team-a/web",)), False),
        (TokenLimit("full", ("team-b/*",)), False),
    ],
)
def test_a_damaged_secret_gets_no_token_of_the_lost_identity_back_that_may_do_more(
    limit: TokenLimit, *, kept: bool
) -> None:
    held_before = replace(held(OTHER_HOST, OLD, ACCOUNT_ROLE), limit=TokenLimit("pull", ("team-a/*",)))
    stored_tokens = {HOST: held(HOST, YOUNG), OTHER_HOST: held_before}
    observed = seen(stored_tokens, login(HOST), replace(LOST, limit=limit))
    plan = decide(replace(observed, secrets=()), now=SOON)
    assert plan.write
    assert (OTHER_HOST in plan.write.keep) is kept


def test_a_role_of_another_partition_is_not_asked_for() -> None:
    elsewhere = replace(login(OTHER_HOST, ACCOUNT_ROLE), problem=MISSING)
    plan = decide(seen({HOST: held(HOST, OLD)}, login(HOST), elsewhere), now=OLD_DUE)
    assert plan.failure == TOLD
    assert plan.write
    assert list(wanted_of(plan.write)) == [HOST]


# The identity changes


def test_a_token_of_another_identity_is_replaced_at_once_and_stays_until_then() -> None:
    changed = (login(HOST), login(OTHER_HOST, AssumedRole(ROLE)))
    plan = decide(seen(FINE, *changed), now=SOON)
    assert plan.stored == FINE
    assert plan.write
    assert plan.write.keep == FINE
    (want,) = plan.write.wants
    assert (want.host, want.scope) == (OTHER_HOST, scope(OTHER_HOST, AssumedRole(ROLE)))
    assert want.freshness == Freshness(newer_than=None, max_age=FREQUENCY * 0.9), "any young token of the new one does"
    assert hosts_missing_token(Authorization(changed), FINE, SOON) == (OTHER_HOST,)


def test_a_token_of_another_identity_is_not_used_for_a_repair() -> None:
    """Memory must not bring back what the resource has come to lose."""
    changed = (login(HOST), login(OTHER_HOST, AssumedRole(ROLE)))
    write = write_of(replace(seen(FINE, *changed), secrets=()), SOON)
    assert write.keep == {HOST: FINE[HOST]}
    assert wanted_of(write) == {OTHER_HOST: None}


@pytest.mark.parametrize("when", [SOON, OLD_DUE])
def test_other_keys_ask_for_a_token_at_once_but_the_old_one_is_good(when: datetime) -> None:
    old, new = (AccessKeys("AKIAEXAMPLE", Sensitive(text)) for text in ("old", "new"))
    before, after = (StoredKeys("team-a", "aws", keys.version, keys) for keys in (old, new))
    stored_tokens = {HOST: held(HOST, YOUNG), OTHER_HOST: held(OTHER_HOST, OLD, before)}
    now_is = (login(HOST), login(OTHER_HOST, after))
    write = write_of(seen(stored_tokens, *now_is), when)
    assert write.keep == stored_tokens
    assert wanted_of(write) == {OTHER_HOST: None}, "one that was had with the new keys, whatever its age"
    assert hosts_missing_token(Authorization(now_is), stored_tokens, when) == ()
    rewritten = seen(stored_tokens, login(HOST), login(OTHER_HOST, before))
    assert decide(rewritten, now=SOON) == Plan(stored=stored_tokens), "the same keys in a Secret that was written again"


def test_another_endpoint_of_the_region_is_no_other_identity() -> None:
    fips = RegistryLogin(HOST, replace(scope(HOST), fips=True))
    assert decide(seen(FINE, fips, login(OTHER_HOST)), now=SOON) == Plan(stored=FINE)


# Registries are added and removed


def test_an_added_registry_is_asked_for_and_the_others_are_not() -> None:
    one = {HOST: held(HOST, YOUNG)}
    for served in (one, {}):
        write = write_of(seen(one, made_as=of(HOST), remembered=served), SOON)
        assert write.keep == one
        assert wanted_of(write) == {OTHER_HOST: None}
        assert write.repairs == ()


def test_a_removed_registry_leaves_the_secret_without_aws_being_asked() -> None:
    resource = replace(of(HOST), generation=2)
    write = write_of(seen(FINE, login(HOST), resource=resource, made_as=BOTH), SOON)
    assert (write.keep, write.wants, write.repairs) == ({HOST: FINE[HOST]}, (), ())


@pytest.mark.parametrize("hosts", [(OTHER_HOST, HOST), (OTHER_HOST, HOST, THIRD_HOST)])
def test_another_order_keeps_the_tokens(hosts: tuple[str, ...]) -> None:
    resource = replace(of(*hosts), generation=2)
    write = write_of(seen(FINE, *map(login, hosts), resource=resource, made_as=BOTH), SOON)
    assert write.keep == {**FINE, **({THIRD_HOST: FINE[HOST]} if THIRD_HOST in hosts else {})}
    assert wanted_of(write) == {}, "the third is another account of the first one's region"
    assert write.repairs == ()


def test_a_registry_that_was_removed_and_damaged_is_no_part_of_the_repair() -> None:
    resource = a_resource(spec=of(HOST).spec, status=a_served_status())
    observed = replace(seen(FINE, login(HOST), resource=resource, made_as=BOTH), secrets=())
    assert write_of(observed, SOON).keep == {HOST: FINE[HOST]}
    assert write_of(observed, SOON).repairs == ("it was deleted",)
    gone = replace(observed, remembered={OTHER_HOST: FINE[OTHER_HOST]})
    assert write_of(gone, SOON).repairs == ()
