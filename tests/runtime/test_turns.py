"""Turns are shared out fairly among groups, and those of groups that take long are few."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.runtime.fairness import SLOW_AT_A_TIME, Fairness
from ecr_secret_operator.runtime.turns import Turn, Turns


def some_turns(most: int = 4, most_in_all: int = 6, at_a_time: int = 3) -> Turns[str]:
    fairness: Fairness[str] = Fairness(group_of=lambda group: group, at_a_time=at_a_time, clock=lambda: 0.0)
    return Turns(most=most, most_in_all=most_in_all, fairness=fairness)


def ask(turns: Turns[str], group: str) -> Turn[str]:
    turn = Turn[str]()
    turns.ask(turn, group)
    return turn


def begun(found: list[Turn[str]]) -> list[str | None]:
    return [turn.group for turn in found if turn.begun.is_set()]


async def test_a_group_has_a_part_of_the_turns_and_another_one_the_rest() -> None:
    turns = some_turns()
    found = [ask(turns, group) for group in "aaaaab"]
    assert begun(found) == ["a", "a", "a", "b"]
    turns.end(found[0])
    assert found[3].begun.is_set(), "the next in line"


async def test_a_group_that_has_none_gets_one_although_all_are_taken() -> None:
    turns = some_turns()
    found = [ask(turns, group) for group in "aaabbcdde"]
    assert begun(found) == ["a", "a", "a", "b", "c", "d"], "and so on to the bound of all"
    turns.end(found[0])
    assert found[8].begun.is_set(), "e, which has none, comes before the second one of b"
    assert not found[4].begun.is_set()


async def test_a_slow_group_has_few() -> None:
    turns = some_turns(most=64, most_in_all=64, at_a_time=32)
    found = [ask(turns, "a") for _ in range(50)]
    assert len(begun(found)) == 32
    turns.mark_slow(found[0])
    for turn in found[:32]:
        turns.end(turn)
    assert len(begun(found[32:])) == SLOW_AT_A_TIME


async def test_a_turn_that_two_groups_wait_for_begins_once() -> None:
    turns = some_turns(at_a_time=1)
    first, common = ask(turns, "a"), ask(turns, "a")
    assert not common.begun.is_set()
    turns.ask(common, "b")
    assert common.group == "b"
    turns.end(first)
    third = ask(turns, "a")
    assert third.begun.is_set(), "the entry of a for the common one is passed over"


async def test_a_turn_that_is_given_up_before_it_began_is_passed_over() -> None:
    turns = some_turns(at_a_time=1)
    first, second, third = (ask(turns, "a") for _ in range(3))
    turns.end(second)
    turns.end(first)
    assert third.group == "a"


def test_no_more_run_than_the_bound_however_many_have_ended() -> None:
    turns = some_turns(most=2, most_in_all=2)
    found = [ask(turns, group) for group in "abcdefghi"]
    for place in range(len(found)):
        assert begun(found[place:]) == list("abcdefghi"[place : place + 2])
        turns.end(found[place])


def test_a_group_whose_turns_have_ended_has_none() -> None:
    turns = some_turns(most=2, most_in_all=3)
    for turn in [ask(turns, "a"), ask(turns, "a")]:
        turns.end(turn)
    found = [ask(turns, group) for group in "bca"]
    assert begun(found) == ["b", "c", "a"], "a gets one although all are taken"


def test_a_group_that_has_one_left_waits_while_all_are_taken() -> None:
    turns = some_turns(most=2, most_in_all=3)
    first = ask(turns, "a")
    ask(turns, "a")
    turns.end(first)
    found = [ask(turns, group) for group in "ba"]
    assert begun(found) == ["b"]


STEPS = st.lists(st.tuples(st.sampled_from(["ask", "end", "slow"]), st.sampled_from("abcde")), max_size=80)


@given(STEPS)
def test_nobody_is_forgotten(steps: list[tuple[str, str]]) -> None:
    turns, open_turns = some_turns(), list[Turn[str]]()
    for step, group in steps:
        if step == "ask":
            open_turns.append(ask(turns, group))
        elif open_turns and step == "end":
            turns.end(open_turns.pop(0))
        elif open_turns:
            turns.mark_slow(open_turns[0])
        running = begun(open_turns)
        assert len(running) <= 6
        assert max((running.count(one) for one in "abcde"), default=0) <= SLOW_AT_A_TIME
    while open_turns:
        ready = next((turn for turn in open_turns if turn.begun.is_set()), None)
        assert ready, "some one is always running"
        open_turns.remove(ready)
        turns.end(ready)
