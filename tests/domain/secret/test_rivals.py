"""Several resources that name one Secret: whose it is follows from the resources, not from what came first."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.domain.resource import InvalidSpec, Resource
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.observed import Observed
from ecr_secret_operator.domain.secret.ownership import (
    CONFLICT_RETRY,
    claimed,
    conflict,
    first_of,
    gives_way,
    outranked,
    taken,
)
from ecr_secret_operator.domain.secret.plan import Plan
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import (
    NOW,
    a_key,
    a_resource,
    a_served_status,
    a_spec,
    a_stored_secret,
    an_observed,
)

OLD, YOUNG = "2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z"


def a_rival(name: str = "other", created_at: str = OLD, **over: Any) -> Resource:
    return a_resource(**{"key": a_key(name=name), "uid": f"uid-{name}", "created_at": created_at, **over})


def not_served(**over: Any) -> Resource:
    return a_resource(**{"status": {}, **over})


def observed(resource: Resource, *rivals: Resource, **over: Any) -> Observed:
    return an_observed(**{"resource": resource, "secrets": (), "remembered": {}, "rivals": rivals, **over})


def says(rival: Resource, name: str = "ecr-pull") -> Plan:
    return Plan(failure=outranked(rival, name), retry_at=NOW + CONFLICT_RETRY)


# Who comes first


DENIED = {"conditions": [{"type": "Ready", "status": "False", "reason": "PolicyDenied"}]}


@pytest.mark.parametrize(
    ("over", "name"),
    [
        ({}, "ecr-pull"),
        ({"status": {}}, "ecr-pull"),
        ({"spec": a_spec(suspend=True)}, "ecr-pull"),
        ({"spec": InvalidSpec("no")}, ""),
        ({"deleting": True}, ""),
        ({"selected": False}, ""),
        ({"status": DENIED}, ""),
    ],
    ids=["served", "not served yet", "suspended", "invalid", "deleting", "unwanted", "denied"],
)
def test_what_claims_a_name(over: dict[str, Any], name: str) -> None:
    assert claimed(a_rival(**over)) == name
    assert first_of(a_resource(), [a_rival(**over)]) == (a_rival(**over) if name else None)


def test_nobody_claims_nothing() -> None:
    assert claimed(None) == ""


def test_the_oldest_comes_first_and_of_the_same_second_the_first_by_name() -> None:
    oldest, same, youngest = a_rival("m", OLD), a_rival("a", YOUNG), a_rival("b", YOUNG)
    for order in itertools.permutations((oldest, same, youngest)):
        assert first_of(youngest, [one for one in order if one is not youngest]) == oldest
        assert first_of(oldest, [one for one in order if one is not oldest]) is None
    assert first_of(youngest, [same]) == same
    assert first_of(same, [youngest]) is None


# What the younger does


def test_the_younger_makes_nothing_though_there_is_nothing_yet() -> None:
    assert decide(observed(not_served(), a_rival()), now=NOW) == says(a_rival())


def test_the_younger_leaves_the_secret_of_the_oldest_and_names_that() -> None:
    oldest, between = a_rival(), a_rival("between", "2026-02-15T00:00:00Z")
    stored = a_stored_secret(oldest)
    for rivals in ((oldest, between), (between, oldest)):
        assert decide(observed(a_resource(), *rivals, secrets=(stored,)), now=NOW) == says(oldest)


def test_one_between_does_not_take_from_the_youngest_what_is_the_oldests() -> None:
    oldest, youngest = a_rival(), a_rival("youngest", YOUNG)
    over = {"secrets": (a_stored_secret(youngest),), "released": frozenset({"ecr-pull"})}
    assert decide(observed(a_resource(), oldest, youngest, **over), now=NOW) == says(oldest)


def test_a_younger_that_has_the_secret_keeps_it_fresh_until_the_oldest_takes_it() -> None:
    resource = a_resource()
    plan = decide(an_observed(resource=resource, rivals=(a_rival(),)), now=NOW)
    assert plan.failure is None
    assert plan.stored


FAILING = {"conditions": [{"type": "Ready", "status": "False", "reason": "AWSAccessDenied", "observedGeneration": 1}]}


def test_a_younger_that_had_the_secret_restores_it_while_the_oldest_fails() -> None:
    plan = decide(an_observed(secrets=(), rivals=(a_rival(status=FAILING),)), now=NOW)
    assert plan.failure is None
    assert plan.write
    assert plan.write.repairs == ("it was deleted",)


@pytest.mark.parametrize(
    "oldest",
    [a_rival(), a_rival(status={}), a_rival(status=FAILING, generation=2)],
    ids=["served", "not looked at", "not looked at since it changed"],
)
def test_a_younger_does_not_restore_what_the_oldest_may_be_taking_over(oldest: Resource) -> None:
    """Where types differ, that one deletes the Secret and makes another one."""
    plan = decide(an_observed(secrets=(), rivals=(oldest,)), now=NOW)
    assert plan == says(oldest)


def test_a_younger_that_never_had_it_does_not_make_it_though_the_oldest_fails() -> None:
    oldest = a_rival(status=FAILING)
    assert decide(observed(not_served(), oldest), now=NOW) == says(oldest)


def test_what_is_in_the_way_of_a_write_is_told_in_the_same_words() -> None:
    stored = a_stored_secret(a_rival())
    assert taken(a_resource(), "ecr-pull", stored, [a_rival()]) == outranked(a_rival(), "ecr-pull")
    assert taken(a_resource(), "ecr-pull", stored, []) == conflict(stored, a_resource())


@pytest.mark.parametrize("status", [{}, a_served_status()], ids=["new", "served before"])
def test_the_oldest_is_served_as_if_it_were_alone(status: dict[str, Any]) -> None:
    resource = a_resource(status=status)
    plan = decide(observed(resource, a_rival(created_at=YOUNG)), now=NOW)
    assert plan == decide(observed(resource), now=NOW)
    assert plan.write


def test_the_oldest_takes_the_secret_of_a_younger_over_in_place() -> None:
    younger = a_rival(created_at=YOUNG)
    stored = a_stored_secret(younger)
    plan = decide(observed(not_served(), younger, secrets=(stored,), released=frozenset({stored.name})), now=NOW)
    assert plan.failure is None
    assert plan.write
    assert plan.write.stored == stored
    assert plan.write.wants, "with a token of its own: that of another resource is not taken"
    assert not plan.write.repairs


def test_what_is_said_names_the_other_and_what_to_do() -> None:
    assert outranked(a_rival(), "ecr-pull") == Failure(
        Reason.SECRET_CONFLICT,
        "Secret ecr-pull is generated for Secret team-a/other, the oldest resource with this generated_secret_name."
        " Choose another one here, or there, or delete that resource: this one is then served by itself",
    )
    placement = a_rival(key=a_key(kind="ClusterPullSecret", name="everywhere"))
    assert " ClusterPullSecret everywhere, " in outranked(placement, "x").message, "as it is called, in no namespace"


# Who leaves a name


ME = a_resource()


@pytest.mark.parametrize(
    ("owner", "leaves"),
    [
        (a_rival(created_at=YOUNG), True),
        (a_rival(created_at=OLD), False),
        (a_rival(created_at=OLD, spec=a_spec(generated_secret_name="elsewhere")), True),
        (a_rival(created_at=OLD, selected=False), True),
        (a_rival(created_at=YOUNG, spec=InvalidSpec("no")), False),
    ],
    ids=["younger", "older", "renamed", "unwanted", "invalid"],
)
def test_who_leaves_a_name(owner: Resource, leaves: bool) -> None:  # noqa: FBT001 - a table's column
    stored = a_stored_secret(a_rival(created_at=owner.created_at))
    assert gives_way(owner, stored, ME) is leaves


def test_what_was_made_for_another_one_of_that_name_is_not_its_to_leave() -> None:
    owner = a_rival(created_at=YOUNG)
    stored = a_stored_secret(a_rival("third"))
    assert not gives_way(owner, stored, ME)


def test_no_two_of_many_ever_hold_a_name_and_the_oldest_has_it_in_the_end() -> None:
    """Whoever is looked at, in whatever order: at most one write a takeover, and then nothing moves."""
    people = [a_rival(name, at, status={}) for name, at in (("a", YOUNG), ("b", OLD), ("c", YOUNG), ("d", OLD))]
    for order in itertools.permutations(people):
        holder: Resource | None = None
        writes = 0
        for resource in (*order, *order, *order):
            stored = (a_stored_secret(holder),) if holder else ()
            free = frozenset(one.name for one in stored if holder and gives_way(holder, one, resource))
            rivals = tuple(replace(one) for one in people if one is not resource)
            plan = decide(observed(resource, *rivals, secrets=stored, released=free), now=NOW)
            if plan.write and holder is not resource:
                holder, writes = resource, writes + 1
        assert holder is people[1]
        assert writes == 1
