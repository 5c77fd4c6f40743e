from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ecr_secret_operator.serving.remembered import Remembered


@dataclass
class HandClock:
    """A monotonic clock that moves when a test says so."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def remembered(clock: Callable[[], float], most: int = 10) -> Remembered[str, int]:
    return Remembered(clock, most=most)


def test_an_answer_is_good_until_its_time_is_over(clock: HandClock) -> None:
    answers = remembered(clock)
    assert answers.get("a") is None
    answers.put("a", 1, seconds=30)
    clock.now += 29.9
    assert answers.get("a") == 1
    clock.now += 0.1
    assert answers.get("a") is None
    assert len(answers) == 0, "what is over is not kept"


def test_a_no_is_an_answer_too(clock: HandClock) -> None:
    answers = remembered(clock)
    answers.put("a", 0, seconds=30)
    assert answers.get("a") == 0


def test_each_answer_has_its_own_time_and_a_new_one_starts_it_anew(clock: HandClock) -> None:
    answers = remembered(clock)
    answers.put("short", 1, seconds=10)
    answers.put("long", 1, seconds=60)
    clock.now += 9
    answers.put("short", 0, seconds=10)
    clock.now += 9
    assert (answers.get("short"), answers.get("long")) == (0, 1)


def test_it_is_bounded_and_the_oldest_goes_first(clock: HandClock) -> None:
    answers = remembered(clock, most=3)
    for key in "abc":
        answers.put(key, 1, seconds=60)
    answers.put("a", 1, seconds=60)
    answers.put("d", 1, seconds=60)
    assert [key for key in "abcd" if answers.get(key)] == ["a", "c", "d"]
    for number in range(1_000):
        answers.put(str(number), 1, seconds=60)
    assert len(answers) == 3
