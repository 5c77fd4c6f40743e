"""Whatever people do in whatever order, the world comes to what a small model foretells (`expected.py`).

Hypothesis draws sequences of what users, tenants and the weather do to a real API server with a real operator. At
quiet moments the whole of it is compared with the model: each Secret, each token, each status, each ServiceAccount,
all that is somebody else's, and how often AWS was asked. A sequence that fails is printed as Python, so that it can be
put into `REPLAY` and run again with `-k replay`.

In a run of all tests the sequences are few, short, and always the same. To hunt, with other ones each time:

    ECR_STATEFUL_EXAMPLES=100 ECR_STATEFUL_STEPS=40 .venv/bin/pytest tests/cluster/test_stateful.py --hypothesis-seed=1
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import ClassVar, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from .comparing import ROLE
from .expected import FAULTS, Policy
from .private import World, private_world
from .steps import (
    ACCOUNTS,
    CHANGES,
    DAMAGES,
    REGIONS,
    SLOTS,
    TEAMS,
    WORDS,
    Life,
    Sequence,
)

pytestmark = pytest.mark.xdist_group("stateful")

EXAMPLES = int(os.environ.get("ECR_STATEFUL_EXAMPLES", "0"))
STEPS = int(os.environ.get("ECR_STATEFUL_STEPS", "0"))
HUNTING = bool(EXAMPLES or STEPS)

POLICY = st.builds(
    Policy,
    team=st.sampled_from(("", *TEAMS)),
    regions=st.sampled_from(((), REGIONS[:1], REGIONS)),
    ambient=st.booleans(),
    roles=st.sampled_from(((), (ROLE,))),
    audit=st.sampled_from((False, False, True)),
)


class Machine(RuleBasedStateMachine):
    """Draws what is done next."""

    world: ClassVar[World]
    lives: ClassVar[list[Life]]

    def __init__(self) -> None:
        super().__init__()
        self.it = Sequence(self.world, self.lives)

    # What there is to choose from

    def made(self) -> list[tuple[str, str, str]]:
        return [slot for slot in SLOTS if self.it._key(slot) in self.it.model.wishes]  # noqa: SLF001 - one machine

    def unmade(self) -> list[tuple[str, str, str]]:
        return [slot for slot in SLOTS if slot not in self.made()]

    def active(self) -> list[tuple[str, str, str]]:
        return [slot for slot in self.made() if not self.it.model.wishes[self.it._key(slot)].suspend]  # noqa: SLF001

    def left(self) -> list[tuple[str, str, str]]:
        left = {key for (key, _), secrets in self.it.model.stored.items() if secrets}
        return [slot for slot in self.unmade() if self.it._key(slot) in left]  # noqa: SLF001

    def changes(self, slot: tuple[str, str, str]) -> list[str]:
        wish = self.it.model.wishes[self.it._key(slot)]  # noqa: SLF001
        without = set() if slot[0] == "ClusterPullSecret" else {"team"}
        without |= {"link", "link default"} if slot[0] == "ArgoHelmRepoSecret" else set()
        without |= {"retain"} if wish.suspend else set()  # it is not looked at, so what counts is what was there
        return sorted(CHANGES.keys() - without)

    # What is done

    @initialize(slot=st.sampled_from(SLOTS), region=st.sampled_from(REGIONS))
    def begin(self, slot: tuple[str, str, str], region: str) -> None:
        self.it.make(slot, region)

    @precondition(lambda self: self.unmade())
    @rule(data=st.data(), region=st.sampled_from(REGIONS), retain=st.booleans(), link=st.booleans())
    def make(self, data: st.DataObject, region: str, *, retain: bool, link: bool) -> None:
        self.it.make(data.draw(st.sampled_from(self.unmade())), region, retain=retain, link=link)

    @precondition(lambda self: self.made())
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(self.made()))
        self.it.edit(slot, data.draw(st.sampled_from(self.changes(slot))))

    @precondition(lambda self: self.made())
    @rule(data=st.data())
    def edit_again(self, data: st.DataObject) -> None:
        self.edit(data)

    @precondition(lambda self: self.active())
    @rule(data=st.data(), how=st.sampled_from(["delete", "delete", *DAMAGES]))
    def damage(self, data: st.DataObject, how: str) -> None:
        self.it.damage(data.draw(st.sampled_from(self.active())), how)

    @precondition(lambda self: self.made())
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.it.damage(data.draw(st.sampled_from(self.made())), "delete")

    @precondition(lambda self: self.active() and not self.it.model.fault)
    @rule(data=st.data())
    def refresh(self, data: st.DataObject) -> None:
        self.it.refresh(data.draw(st.sampled_from(self.active())))

    @precondition(lambda self: self.made())
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.it.delete(data.draw(st.sampled_from(self.made())))

    @precondition(lambda self: self.left())
    @rule(data=st.data())
    def remove_what_is_left(self, data: st.DataObject) -> None:
        self.it.remove_what_is_left(data.draw(st.sampled_from(self.left())))

    @precondition(lambda self: not self.it.model.fault)
    @rule(slot=st.sampled_from(SLOTS), word=st.sampled_from(WORDS), end=st.sampled_from("xy"))
    def put(self, slot: tuple[str, str, str], word: str, end: str) -> None:
        self.it.put(slot[1] or word, slot, end)

    @precondition(lambda self: self.it.model.foreign)
    @rule(place=st.integers(0, 3))
    def take(self, place: int) -> None:
        self.it.take(place)

    @rule(word=st.sampled_from(WORDS))
    def account(self, word: str) -> None:
        self.it.account(word)

    @rule(
        word=st.sampled_from(WORDS),
        name=st.sampled_from(ACCOUNTS),
        names=st.sampled_from(((), ("mine",), ("z-mine", "mine"))),
    )
    def list_own(self, word: str, name: str, names: tuple[str, ...]) -> None:
        self.it.list_own(word, name, names)

    @precondition(lambda self: not self.it.model.fault)
    @rule(word=st.sampled_from(WORDS), team=st.sampled_from(TEAMS))
    def relabel(self, word: str, team: str) -> None:
        self.it.relabel(word, team)

    @precondition(lambda self: not self.it.model.fault)
    @rule(name=st.sampled_from(("first", "second")), policy=POLICY)
    def policy(self, name: str, policy: Policy) -> None:
        self.it.policy(name, policy)

    @precondition(lambda self: self.it.model.policies and not self.it.model.fault)
    @rule(data=st.data())
    def no_policy(self, data: st.DataObject) -> None:
        self.it.policy(data.draw(st.sampled_from(sorted(self.it.model.policies))), None)

    @precondition(lambda self: not self.it.model.fault)
    @rule(how=st.sampled_from(sorted(FAULTS)))
    def fail(self, how: str) -> None:
        self.it.fail(how)

    @precondition(lambda self: self.it.model.fault)
    @rule()
    def fix(self) -> None:
        self.it.fix()

    def just(self, *steps: str) -> bool:
        """Whether one of these was the last thing that was done."""
        return self.it.story[-1].startswith(tuple(f"it.{step}" for step in steps))

    @precondition(lambda self: not self.just("restart"))
    @rule(kill=st.booleans())
    def restart(self, *, kill: bool) -> None:
        self.it.restart(kill=kill)

    @precondition(lambda self: not self.just("restart"))
    @rule()
    def restart_for_nothing(self) -> None:
        self.it.restart_for_nothing()

    @precondition(lambda self: len(self.it.story) % 7 == 6)
    @rule()
    def restart_api_server(self) -> None:
        self.it.restart_api_server()

    @rule()
    def settle(self) -> None:
        self.it.settle()

    def teardown(self) -> None:
        self.it.end()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, list[Life]]]:
    with private_world(tmp_path_factory.mktemp("stateful")) as world:
        yield world, [Life.begin(world)]


@pytest.mark.timeout(0 if HUNTING else 600)
def test_whatever_is_done_the_world_comes_to_what_was_foretold(
    lasting: tuple[World, list[Life]],
) -> None:
    bound = cast("type[Machine]", type("Bound", (Machine,), {"world": lasting[0], "lives": lasting[1]}))
    chosen = settings(
        max_examples=EXAMPLES or 4,
        stateful_step_count=STEPS or 12,
        derandomize=not HUNTING,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # each attempt at a shorter sequence would take as long as this one
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    run_state_machine_as_test(bound, settings=chosen)


REPLAY = """
"""
"""The steps of a sequence that failed, as it printed them."""


if REPLAY.strip():

    def test_replay(lasting: tuple[World, list[Life]]) -> None:
        it = Sequence(*lasting)
        for line in REPLAY.strip().splitlines():
            eval(line, {"it": it, "Policy": Policy})  # noqa: S307 - pasted here by a developer
        it.end()
