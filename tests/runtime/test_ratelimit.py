"""So many at once, then so many a second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.runtime.ratelimit import Buckets


def buckets(burst: int = 3, per_second: float = 0.5) -> Buckets[str]:
    return Buckets(burst=burst, per_second=per_second, longest_wait=60)


def test_a_first_few_are_had_at_once_and_then_one_at_a_time() -> None:
    found = buckets()
    for _ in range(3):
        assert found.wait("a", 100.0) == 0
        found.take("a", 100.0)
    assert found.wait("a", 100.0) == 2
    assert found.wait("b", 100.0) == 0, "each has a bucket of its own"
    assert found.wait("a", 102.0) == 0
    found.take("a", 102.0)
    assert found.wait("a", 102.0) > 0


def test_those_who_are_refused_come_back_one_after_the_other() -> None:
    found = buckets()
    for _ in range(3):
        found.take("a", 0.0)
    waits = [found.wait("a", 0.0) for _ in range(40)]
    assert waits[:3] == [2, 4, 6]
    assert waits[-1] == 60, "but nobody waits for long"


def test_what_came_in_already_shortens_the_wait() -> None:
    found = buckets()
    for _ in range(3):
        found.take("a", 100.0)
    assert found.wait("a", 101.0) == 1


def test_a_use_ends_the_wait_of_one_and_those_that_still_wait_keep_their_places() -> None:
    found = buckets()
    for _ in range(3):
        found.take("a", 0.0)
    assert [found.wait("a", 0.0) for _ in range(3)] == [2, 4, 6]
    assert found.wait("a", 2.0) == 0
    found.take("a", 2.0)
    assert found.wait("a", 2.0) == 6


def test_a_clock_that_is_set_back_refuses_nobody_for_long() -> None:
    found = buckets()
    for _ in range(3):
        found.take("a", 10_000.0)
    assert found.wait("a", 0.0) <= 60
    assert found.wait("a", 2.0) == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5)), max_size=60))
def test_never_more_than_the_rate(asks: list[tuple[str, float]]) -> None:
    found, now, had = buckets(), 0.0, dict.fromkeys("abc", 0)
    for key, pause in asks:
        now += pause
        if not found.wait(key, now):
            found.take(key, now)
            had[key] += 1
        assert had[key] <= 3 + now * 0.5 + 1e-6
    found.wait("d", now + 1_000)
    assert len(found) == 0, "full buckets are forgotten"
