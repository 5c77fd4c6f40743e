from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ecr_secret_operator.domain.tokens.schedule import (
    LONGEST_SPACING,
    Freshness,
    due_at,
    is_clamped,
    jitter,
    refresh_interval,
    replaces,
    safe_interval,
    serves,
    wanted,
)
from tests.factories import NOW, a_token

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

frequencies = st.timedeltas(min_value=MINUTE, max_value=timedelta(days=366))
lifetimes = st.timedeltas(min_value=timedelta(seconds=30), max_value=timedelta(days=7))
moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)).map(  # noqa: DTZ001 - set next
    lambda moment: moment.replace(tzinfo=NOW.tzinfo, microsecond=0)
)


@pytest.mark.parametrize(
    ("frequency", "lifetime", "interval"),
    [
        (6 * HOUR, 12 * HOUR, 6 * HOUR),
        (10 * HOUR, 12 * HOUR, 10 * HOUR),
        (24 * HOUR, 12 * HOUR, 10 * HOUR),
        (MINUTE, 12 * HOUR, MINUTE),
        (6 * HOUR, HOUR, 50 * MINUTE),
        (6 * HOUR, timedelta(seconds=30), timedelta(seconds=25)),
    ],
)
def test_a_token_is_kept_for_the_frequency_but_never_beyond_five_sixths_of_its_life(
    frequency: timedelta, lifetime: timedelta, interval: timedelta
) -> None:
    assert refresh_interval(frequency, lifetime) == interval
    assert interval <= safe_interval(lifetime)


@pytest.mark.parametrize(
    ("frequency", "lifetime", "clamped"),
    [
        (6 * HOUR, 12 * HOUR, False),
        (10 * HOUR, 12 * HOUR, False),
        (10 * HOUR, 12 * HOUR - 5 * MINUTE, False),  # as far as the clocks may differ
        (10 * HOUR, 12 * HOUR - 6 * MINUTE, True),
        (10 * HOUR + 5 * MINUTE, 12 * HOUR, True),
        (10 * HOUR, timedelta(seconds=40), True),
        (24 * HOUR, 12 * HOUR, True),
    ],
)
def test_a_frequency_counts_as_clamped_only_beyond_doubt(
    frequency: timedelta, lifetime: timedelta, *, clamped: bool
) -> None:
    assert is_clamped(frequency, lifetime) is clamped


def test_resources_are_spread_over_the_last_tenth_of_the_interval() -> None:
    drawn = [jitter(f"uid-{number}", 6 * HOUR) for number in range(1000)]
    assert min(drawn) < 1 * MINUTE
    assert max(drawn) > 35 * MINUTE
    assert sum(drawn, timedelta()) / len(drawn) == pytest.approx(18 * MINUTE, abs=MINUTE)


def test_a_restart_computes_the_same_time() -> None:
    times = {due_at(a_token(), 6 * HOUR, seed="0b5e1d6c") for _ in range(3)}
    assert len(times) == 1
    assert times != {due_at(a_token(), 6 * HOUR, seed="another")}


@given(frequency=frequencies, seed=st.text(max_size=40))
def test_jitter_is_at_most_a_tenth_and_never_delays(frequency: timedelta, seed: str) -> None:
    assert timedelta(0) <= jitter(seed, frequency) <= frequency / 10


@given(frequency=frequencies, lifetime=lifetimes, issued_at=moments, seed=st.text(max_size=40))
def test_every_token_is_due_while_a_sixth_of_its_life_is_left(
    frequency: timedelta, lifetime: timedelta, issued_at: datetime, seed: str
) -> None:
    token = a_token(issued_at=issued_at, lifetime=lifetime)
    due = due_at(token, frequency, seed=seed)
    assert due <= token.issued_at + safe_interval(token.lifetime)
    assert due < token.expires_at
    assert due > token.issued_at, "a fresh token must not be due at once"
    assert due.microsecond == 0, "what is written to status is whole seconds"


@pytest.mark.parametrize(
    ("age", "newer_than_age", "max_age", "does"),
    [
        # (age of the cached token, age of what the resource has or None, oldest that it accepts, whether it serves)
        (timedelta(0), None, 6 * HOUR, True),
        (HOUR, None, 6 * HOUR, True),
        (timedelta(hours=1, minutes=11, seconds=59), None, 6 * HOUR, True),
        (timedelta(hours=1, minutes=12), None, 6 * HOUR, False),  # a tenth of its life
        (HOUR, 5 * HOUR, 6 * HOUR, True),
        (HOUR, HOUR, 6 * HOUR, False),  # the very one that it has
        (HOUR, MINUTE, 6 * HOUR, False),  # older than what it has
        (timedelta(seconds=4), timedelta(seconds=4), 6 * HOUR, True),  # asked twice within the spacing
        (timedelta(seconds=5), timedelta(seconds=5), 6 * HOUR, False),
        (timedelta(seconds=4), timedelta(seconds=1), 6 * HOUR, True),
        (timedelta(seconds=53), None, timedelta(seconds=54), True),
        (timedelta(seconds=54), None, timedelta(seconds=54), False),  # it would be due again at once
        (-timedelta(seconds=30), None, 6 * HOUR, True),  # the clock was set back
        (12 * HOUR, None, 24 * HOUR, False),
        (13 * HOUR, 20 * HOUR, 24 * HOUR, False),
    ],
)
def test_which_cached_token_serves(
    age: timedelta, newer_than_age: timedelta | None, max_age: timedelta, *, does: bool
) -> None:
    newer_than = None if newer_than_age is None else NOW - newer_than_age
    freshness = Freshness(newer_than=newer_than, max_age=max_age)
    assert serves(a_token(issued_at=NOW - age), freshness, NOW) is does


def test_a_token_of_a_few_seconds_life_does_not_serve_once_it_has_expired() -> None:
    token = a_token(issued_at=NOW - timedelta(milliseconds=500), lifetime=timedelta(milliseconds=400))
    assert not serves(token, Freshness(newer_than=None, max_age=HOUR), NOW)


@given(
    frequency=frequencies,
    lifetime=lifetimes,
    overdue=st.floats(min_value=0.9, max_value=3.0),
    cached_share=st.floats(min_value=0.0, max_value=0.12),
    seed=st.text(max_size=10),
)
def test_a_due_resource_gets_a_newer_token_that_is_not_due_itself(
    frequency: timedelta, lifetime: timedelta, overdue: float, cached_share: float, seed: str
) -> None:
    held = a_token(issued_at=NOW - refresh_interval(frequency, lifetime) * overdue, lifetime=lifetime)
    cached = a_token(issued_at=NOW - lifetime * cached_share, lifetime=lifetime)
    assume(due_at(held, frequency, seed=seed) <= NOW)
    assume(serves(cached, wanted(frequency, newer_than=held.issued_at), NOW))
    assert not cached.expired(NOW)
    assert cached.issued_at > held.issued_at or NOW - cached.issued_at < LONGEST_SPACING
    # due_at is in whole seconds, so it may be up to one second early
    assert due_at(cached, frequency, seed=seed) > NOW - timedelta(seconds=1)


@given(frequency=frequencies, seeds=st.lists(st.text(max_size=10), min_size=2, max_size=8, unique=True))
def test_resources_that_fall_due_together_share_one_call(frequency: timedelta, seeds: list[str]) -> None:
    held = a_token()
    dues = sorted(due_at(held, frequency, seed=seed) for seed in seeds)
    shared = a_token(issued_at=dues[0])
    for due in dues:
        assert serves(shared, wanted(frequency, newer_than=held.issued_at), due)


@pytest.mark.parametrize(
    ("later", "expected"),
    [(timedelta(seconds=1), True), (timedelta(), False), (timedelta(seconds=-1), False)],
)
def test_a_token_replaces_an_older_one(later: timedelta, *, expected: bool) -> None:
    had = a_token(issued_at=NOW + later)
    assert replaces(had, NOW, a_token()) is expected
    assert replaces(had, None, a_token()), "what it has is of another identity"


def test_another_token_of_the_same_second_does_as_well() -> None:
    """A process that was killed may ask again within the second."""
    other = a_token(password="another")
    assert replaces(other, NOW, a_token())
    assert replaces(other, NOW, None), "the one that it had is no longer valid"
    assert not replaces(a_token(password="another", issued_at=NOW - timedelta(seconds=1)), NOW, a_token())
