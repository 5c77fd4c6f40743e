"""What is decided for objects that are being deleted and are still there (ADR 30)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.domain.identity.authorization import Authorization
from ecr_secret_operator.domain.links import DesiredLinks, LinkedAccount, Ref, links_patch
from ecr_secret_operator.domain.resource import InvalidSpec, Key, condition_of
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.deletion import finalizers_hold, terminating
from ecr_secret_operator.domain.secret.ownership import gives_way
from ecr_secret_operator.domain.secret.plan import Plan
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.events import events
from ecr_secret_operator.domain.status.outcome import TERMINATING, Outcome
from ecr_secret_operator.domain.status.placements import Placements, cluster_status
from ecr_secret_operator.reasons import Reason
from tests.factories import (
    LIFETIME,
    NOW,
    a_key,
    a_resource,
    a_spec,
    a_stored_secret,
    an_argo_spec,
    an_observed,
    logins_of,
    stored_tokens,
)

EXPIRED = NOW + LIFETIME
GOING: dict[str, Any] = {"deleting": True, "deleted_at": "2026-03-01T11:00:00Z", "finalizers": ("example.com/a",)}
RESOURCE = a_resource(**GOING)
SECRET = a_stored_secret(RESOURCE)
HELD_SECRET = replace(SECRET, deleting=True, finalizers=("example.com/s",))
DENIED = Authorization(denied="no")


@pytest.mark.parametrize("now", [NOW, EXPIRED])
def test_with_its_secret_it_is_served_as_before(now: Any) -> None:
    going, staying = an_observed(resource=RESOURCE), an_observed(resource=a_resource(), secrets=(SECRET,))
    assert decide(going, now=now) == decide(staying, now=now)


@pytest.mark.parametrize("secrets", [(), (a_stored_secret(a_resource(uid="other", key=a_key(name="other"))),)])
@pytest.mark.parametrize("over", [{}, {"spec": a_spec(suspend=True)}])
def test_without_its_secret_none_is_created_nor_taken_over(secrets: Any, over: Any) -> None:
    resource = replace(RESOURCE, **over)
    free = frozenset(one.name for one in secrets)
    plan = decide(an_observed(resource=resource, secrets=secrets, released=free), now=NOW)
    assert (plan.write, plan.remove) == (None, ())
    assert plan.failure
    assert plan.failure.reason is Reason.TERMINATING
    assert plan.failure.message == (
        "The resource is being deleted since 2026-03-01T11:00:00Z, and finalizer example.com/a holds it. No Secret is"
        " created for a resource that is being deleted"
    )


def test_policy_holds_for_it() -> None:
    plan = decide(an_observed(resource=RESOURCE, authorization=DENIED), now=NOW)
    assert plan.remove == (SECRET,)
    assert plan.failure
    assert plan.failure.reason is Reason.POLICY_DENIED


def test_what_is_being_deleted_already_is_not_deleted_once_more() -> None:
    assert decide(an_observed(secrets=(HELD_SECRET,), authorization=DENIED), now=NOW).remove == ()


@pytest.mark.parametrize("now", [NOW, EXPIRED])
def test_a_held_secret_is_kept_fresh(now: Any) -> None:
    held, other = (decide(an_observed(secrets=(one,)), now=now) for one in (HELD_SECRET, SECRET))
    assert (held.stored, held.failure, held.remove) == (other.stored, other.failure, other.remove)
    assert bool(held.write) is bool(other.write)


FROZEN = {
    "the resource goes": (RESOURCE, replace(SECRET, immutable=True), "No Secret is created"),
    "the Secret goes": (a_resource(), replace(HELD_SECRET, immutable=True), "finalizer example.com/s holds it"),
    "of another type": (a_resource(), replace(HELD_SECRET, secret_type="Opaque"), "finalizer example.com/s holds it"),
}


@pytest.mark.parametrize(("resource", "stored", "words"), FROZEN.values(), ids=FROZEN.keys())
def test_what_could_only_be_replaced_stays_until_policy_refuses_it(resource: Any, stored: Any, words: str) -> None:
    plan = decide(an_observed(resource=resource, secrets=(stored,)), now=EXPIRED)
    assert (plan.write, plan.remove) == (None, ())
    assert plan.failure
    assert "cannot be updated, only replaced" in plan.failure.message
    assert words in plan.failure.message
    if not stored.stored_tokens:
        return
    revoked = Authorization(logins_of(resource.spec), revoked=frozenset(stored.stored_tokens))
    refused = decide(an_observed(resource=resource, secrets=(stored,), authorization=revoked), now=NOW)
    assert refused.stored == {}
    assert refused.remove == (() if stored.deleting else (stored,))


def test_an_immutable_secret_whose_token_is_not_due_is_no_failure() -> None:
    stored = replace(SECRET, immutable=True)
    assert decide(an_observed(resource=RESOURCE, secrets=(stored,)), now=NOW) == Plan(stored=stored_tokens())


def test_it_leaves_its_name_to_whoever_comes() -> None:
    follower = a_resource(uid="new", key=a_key(name="new"), created_at="2026-04-01T00:00:00Z")
    assert gives_way(RESOURCE, SECRET, follower)
    assert gives_way(replace(RESOURCE, spec=InvalidSpec("no")), SECRET, follower)
    assert not gives_way(a_resource(), SECRET, follower)
    taken = an_observed(resource=follower, secrets=(SECRET,), remembered={}, released=frozenset({SECRET.name}))
    write = decide(replace(taken, rivals=(RESOURCE,)), now=NOW).write
    assert write
    assert write.stored == SECRET


def test_it_keeps_the_secret_fresh_until_that() -> None:
    follower = a_resource(uid="new", key=a_key(name="new"), created_at="2020-01-01T00:00:00Z")
    assert decide(an_observed(resource=RESOURCE, rivals=(follower,)), now=EXPIRED).write


def test_after_a_rename_the_old_secret_stays_until_there_is_a_new_one() -> None:
    """Here the identity is another one, too, and cannot be used: nothing takes the old one's place."""
    old = a_stored_secret(a_resource(spec=a_spec(generated_secret_name="old")))
    resource = a_resource()
    (login,) = logins_of(resource.spec)
    broken = replace(
        login, scope=None, problem=decide(an_observed(authorization=DENIED), now=NOW).failure, origin="other"
    )
    observed = an_observed(resource=resource, secrets=(old,), remembered={}, authorization=Authorization((broken,)))
    plan = decide(observed, now=NOW)
    assert (plan.write, plan.remove) == (None, ())
    revoked = Authorization((broken,), revoked=frozenset(old.stored_tokens))
    assert decide(replace(observed, authorization=revoked), now=NOW).remove == (old,)


@pytest.mark.parametrize(
    ("finalizers", "words"),
    [
        ((), "it is not gone yet"),
        (("a",), "finalizer a holds it"),
        (("a", "b"), "finalizers a, b hold it"),
        (tuple("abcdefg"), "finalizers a, b, c, d, e and 2 more hold it"),
    ],
)
def test_the_finalizers_are_named(finalizers: tuple[str, ...], words: str) -> None:
    assert finalizers_hold(finalizers) == words


def test_the_status_says_so_as_long_as_it_lasts() -> None:
    told = terminating(RESOURCE, (HELD_SECRET, SECRET))
    assert told == (
        "The resource is being deleted since 2026-03-01T11:00:00Z, and finalizer example.com/a holds it;"
        " Secret ecr-pull is being deleted, and finalizer example.com/s holds it"
    )
    outcome = Outcome(stored=stored_tokens(), terminating=told)
    status = next_status(RESOURCE, outcome, now=NOW)
    found = condition_of(status, TERMINATING)
    assert (found["status"], found["reason"], found["message"]) == ("True", "Terminating", told)
    assert condition_of(status, "Ready")["status"] == "True"
    assert not condition_of(next_status(RESOURCE, Outcome(stored=stored_tokens()), now=NOW), TERMINATING)


def test_a_resource_without_secret_is_not_ready_and_that_is_no_event() -> None:
    failure = decide(an_observed(resource=RESOURCE, secrets=()), now=NOW).failure
    outcome = Outcome(failure=failure)
    status = next_status(RESOURCE, outcome, now=NOW)
    assert condition_of(status, "Ready")["reason"] == "Terminating"
    assert list(events(RESOURCE, status, outcome)) == []


def test_a_cluster_resource_tells_of_itself_and_of_its_secrets() -> None:
    whole = replace(RESOURCE, key=Key("ClusterPullSecret", "", "pull"))
    placement = whole.placement("team-a", {}, selected=True, identities_in="")
    assert terminating(placement, (SECRET,)) == ""
    outcome = Outcome(stored=stored_tokens(), terminating=terminating(placement, (HELD_SECRET,)))
    statuses = {"team-a": next_status(placement, outcome, now=NOW)}
    told = condition_of(cluster_status(Placements(whole, 1, statuses), now=NOW), TERMINATING)["message"]
    assert told.startswith("The resource is being deleted since 2026-03-01T11:00:00Z")
    assert told.endswith("; team-a: Secret ecr-pull is being deleted, and finalizer example.com/s holds it")


def test_of_a_service_account_that_goes_links_are_taken_out_and_none_is_put_in() -> None:
    old, new = Ref("pull", "old"), Ref("pull", "new")
    account = LinkedAccount(
        namespace="team-a",
        name="builder",
        resource_version="7",
        lists={"pull": ("old",), "mount": ()},
        recorded=frozenset({old}),
        labels=frozenset(),
        annotations=frozenset(),
        deleting=True,
    )
    operations = links_patch(account, DesiredLinks({new: True}, frozenset()))
    lists = [one for one in operations if one["path"].startswith("/imagePullSecrets")]
    assert lists == [{"op": "remove", "path": "/imagePullSecrets/0"}]


def test_the_kind_of_its_secret_counts_for_what_can_be_updated() -> None:
    argo = a_resource(spec=an_argo_spec(), **GOING)
    assert decide(an_observed(resource=argo), now=EXPIRED).write
