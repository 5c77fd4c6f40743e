"""What becomes of a ServiceAccount when it is reconciled, whatever the API server answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ecr_secret_operator.controllers.service_account.reconciler import ServiceAccountReconciler
from ecr_secret_operator.domain.links import LINKED_LABEL, DesiredLinks, LinkedAccount, Ref
from ecr_secret_operator.domain.resource import Key, Resource
from ecr_secret_operator.domain.secret.removal import Unlinked
from ecr_secret_operator.domain.status.events import Event
from ecr_secret_operator.errors import ApiError, Conflict, Forbidden, Internal, Invalid, NotFound, Unavailable
from ecr_secret_operator.reasons import Removal
from ecr_secret_operator.runtime.damping import FREE_REPAIRS, LONGEST_PAUSE, QUIET, contested
from ecr_secret_operator.runtime.result import AGAIN, DONE, Result
from tests.factories import NOW

PULL = Ref("pull", "ecr-pull")
PLAIN = LinkedAccount(
    namespace="team-a",
    name="builder",
    resource_version="7",
    lists={"pull": (), "mount": ()},
    recorded=frozenset(),
    labels=frozenset(),
    annotations=frozenset(),
)
TO_BE_LINKED, AS_IT_IS = DesiredLinks({PULL: True}, frozenset()), DesiredLinks({}, frozenset())


@dataclass
class FakeAccounts:
    """One ServiceAccount, what is wanted of it, and what the API server answers."""

    found: LinkedAccount | None = PLAIN
    wanted: DesiredLinks | None = TO_BE_LINKED
    answer: ApiError | None = None
    changes: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    now: datetime = NOW
    removed_because: list[Removal] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def account(self, key: Key) -> LinkedAccount | None:
        assert key == PLAIN.key
        return self.found

    def desired_links(self, account: LinkedAccount) -> DesiredLinks | None:
        assert account == self.found
        return self.wanted

    async def change(self, account: LinkedAccount, operations: Sequence[Mapping[str, Any]]) -> None:
        assert operations
        self.changes.append(account.resource_version)
        if self.answer:
            raise self.answer

    def set_link_error(self, account: LinkedAccount, failure: str) -> None:
        assert account == self.found
        self.said.append(failure)

    def unlinked(self, account: LinkedAccount, ref: Ref) -> Unlinked:
        assert account == self.found
        return Unlinked(ref, Removal.NOT_ASKED)

    def removed(self, key: Key, event: Event, cause: Removal) -> None:
        assert (key, event.reason) == (PLAIN.key, "Unlinked")
        self.removed_because.append(cause)

    async def record(self, about: Resource | LinkedAccount, events: Sequence[Event]) -> None:
        assert about == self.found
        self.events.extend(events)

    async def managers(self, account: LinkedAccount) -> tuple[str, ...]:
        assert account == self.found
        return ("rival",)


def a_reconciler(accounts: FakeAccounts) -> ServiceAccountReconciler:
    return ServiceAccountReconciler(accounts, observer=accounts, recorder=accounts, clock=lambda: accounts.now)


async def test_what_is_wanted_is_patched() -> None:
    accounts = FakeAccounts()
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == DONE
    assert (accounts.changes, accounts.said) == (["7"], [""])


async def test_into_one_that_is_being_deleted_nothing_is_put() -> None:
    accounts = FakeAccounts(replace(PLAIN, deleting=True))
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == DONE
    assert accounts.changes == []


async def test_one_that_is_gone_is_left_alone() -> None:
    accounts = FakeAccounts(None)
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == DONE
    assert (accounts.changes, accounts.said) == ([], [])


MOUNT = Ref("mount", "ecr-pull")
LINKED = replace(
    PLAIN, lists={"pull": ("ecr-pull",), "mount": ("ecr-pull",)}, recorded=frozenset((PULL, MOUNT)), labels=frozenset()
)


async def test_what_is_taken_out_is_reported_once_it_is_out() -> None:
    accounts = FakeAccounts(LINKED, wanted=AS_IT_IS)
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == DONE
    assert accounts.removed_because == [Removal.NOT_ASKED] * 2
    assert [(event.reason, event.message, event.warning) for event in accounts.events] == [
        ("Unlinked", f"Secret ecr-pull was removed from {where}: no resource asks for it", False)
        for where in ("secrets", "imagePullSecrets")
    ]


@pytest.mark.parametrize("answer", [Conflict("x"), NotFound("x"), Forbidden("x"), Internal("x", status=500)])
async def test_a_removal_that_fails_is_not_reported(answer: ApiError) -> None:
    accounts = FakeAccounts(LINKED, wanted=AS_IT_IS, answer=answer)
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == AGAIN
    assert (accounts.removed_because, accounts.events) == ([], [])


async def test_what_stays_and_what_somebody_else_took_out_is_not_reported() -> None:
    theirs = replace(LINKED, lists={"pull": (), "mount": ("ecr-pull",)})
    accounts = FakeAccounts(theirs, wanted=DesiredLinks({}, frozenset((MOUNT,))))
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == DONE
    assert accounts.changes
    assert (accounts.removed_because, accounts.events) == ([], [])


async def test_while_not_all_wishes_are_known_nothing_is_touched() -> None:
    accounts = FakeAccounts(wanted=None)
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == AGAIN
    assert (accounts.changes, accounts.said) == ([], [])


async def test_where_nothing_is_to_be_done_a_failure_is_over() -> None:
    accounts = FakeAccounts(wanted=AS_IT_IS)
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == DONE
    assert (accounts.changes, accounts.said) == ([], [""])


@pytest.mark.parametrize("answer", [Conflict("another version"), NotFound("gone")], ids=["conflict", "not found"])
async def test_what_somebody_else_changed_is_looked_at_again_and_is_no_failure(answer: ApiError) -> None:
    accounts = FakeAccounts(answer=answer)
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == AGAIN
    assert accounts.said == []


async def test_a_refusal_is_said_and_tried_again() -> None:
    accounts = FakeAccounts(answer=Forbidden("cannot patch resource serviceaccounts"))
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == AGAIN
    assert accounts.said == ["ServiceAccount builder could not be changed: cannot patch resource serviceaccounts"]


async def test_a_missing_permission_is_reported_with_its_remedy() -> None:
    accounts = FakeAccounts(answer=Forbidden('serviceaccounts is forbidden: User "operator" cannot patch', status=403))
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == AGAIN
    (text,) = accounts.said
    assert text == (
        "the operator may not change ServiceAccount builder. An administrator can give it the permission,"
        " patch serviceaccounts (rbac.links in the chart); or remove link"
    )


async def test_an_api_server_that_is_away_is_no_refusal() -> None:
    accounts = FakeAccounts(answer=Unavailable("the API server did not answer in time"))
    with pytest.raises(Unavailable):
        await a_reconciler(accounts).reconcile(PLAIN.key)
    assert accounts.said == []


async def test_a_patch_that_does_not_fit_is_said_once_the_same_version_has_refused_it_twice() -> None:
    """422 is also what the API server answers to a place in a list that is no longer there."""
    accounts = FakeAccounts(answer=Invalid("the server rejected our request"))
    reconciler = a_reconciler(accounts)
    assert await reconciler.reconcile(PLAIN.key) == AGAIN
    accounts.found = replace(PLAIN, resource_version="8")
    assert await reconciler.reconcile(PLAIN.key) == AGAIN
    assert accounts.said == []
    assert await reconciler.reconcile(PLAIN.key) == AGAIN
    assert accounts.said == ["ServiceAccount builder could not be changed: the server rejected our request"]
    accounts.answer = None
    assert await reconciler.reconcile(PLAIN.key) == DONE
    assert accounts.said[1:] == [""]
    accounts.answer = Invalid("the server rejected our request")
    assert await reconciler.reconcile(PLAIN.key) == AGAIN
    assert accounts.said[2:] == []


async def test_a_refusal_counts_from_the_last_success() -> None:
    accounts = FakeAccounts(answer=Invalid("the server rejected our request"))
    reconciler = a_reconciler(accounts)
    assert await reconciler.reconcile(PLAIN.key) == AGAIN
    accounts.answer = Forbidden("a webhook denied it")
    assert await reconciler.reconcile(PLAIN.key) == AGAIN
    accounts.answer = Invalid("the server rejected our request")
    assert await reconciler.reconcile(PLAIN.key) == AGAIN
    assert len(accounts.said) == 2, "another failure is not the end of the first one"


async def test_nothing_is_remembered_of_one_that_is_gone() -> None:
    accounts = FakeAccounts()
    reconciler = a_reconciler(accounts)
    for _ in range(FREE_REPAIRS + 1):
        await reconciler.reconcile(PLAIN.key)
    assert accounts.said[-1] == CONTESTED
    accounts.found = None
    await reconciler.reconcile(PLAIN.key)
    accounts.found = PLAIN
    assert await reconciler.reconcile(PLAIN.key) == DONE
    assert accounts.said[-1] == ""


async def test_one_that_is_created_again_is_another_one() -> None:
    accounts = FakeAccounts()
    reconciler = a_reconciler(accounts)
    for _ in range(FREE_REPAIRS + 1):
        await reconciler.reconcile(PLAIN.key)
    accounts.found = replace(PLAIN, uid="another")
    assert await reconciler.reconcile(PLAIN.key) == DONE
    assert accounts.said[-1] == ""


async def test_a_first_link_beside_one_that_is_undone_is_made_at_once() -> None:
    accounts = FakeAccounts()
    reconciler = a_reconciler(accounts)
    for _ in range(FREE_REPAIRS + 1):
        await reconciler.reconcile(PLAIN.key)
    made = len(accounts.changes)
    accounts.wanted = DesiredLinks({PULL: True, MOUNT: True}, frozenset())
    await reconciler.reconcile(PLAIN.key)
    assert len(accounts.changes) == made + 1


async def test_a_link_whose_secret_is_not_ready_yet_is_no_new_one() -> None:
    accounts = FakeAccounts(wanted=DesiredLinks({PULL: True, MOUNT: False}, frozenset()))
    reconciler = a_reconciler(accounts)
    for _ in range(FREE_REPAIRS + 1):
        await reconciler.reconcile(PLAIN.key)
    assert accounts.said[-1] == CONTESTED


async def test_a_webhook_that_fails_is_told() -> None:
    """The API server answers 500 for it: it is there, and what it says is worth telling."""
    accounts = FakeAccounts(answer=Internal("failed calling webhook", status=500))
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == AGAIN
    assert accounts.said == ["ServiceAccount builder could not be changed: failed calling webhook"]


async def test_one_that_is_too_slow_is_told() -> None:
    accounts = FakeAccounts(answer=Unavailable("request did not complete within the allotted time", status=504))
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == AGAIN
    assert len(accounts.said) == 1


CONTESTED = contested("ServiceAccount builder", ["rival"])


async def test_what_is_undone_each_time_is_done_less_and_less_often_and_reported() -> None:
    accounts = FakeAccounts()
    reconciler = a_reconciler(accounts)
    assert await reconciler.reconcile(PLAIN.key) == DONE
    for _ in range(FREE_REPAIRS - 1):
        assert await reconciler.reconcile(PLAIN.key) == DONE
    assert set(accounts.said) == {""}
    assert await reconciler.reconcile(PLAIN.key) == Result(again_at=accounts.now + QUIET)
    pauses = []
    for _ in range(12):
        result = await reconciler.reconcile(PLAIN.key)
        assert result.again_at
        pauses.append(result.again_at - accounts.now)
        assert await reconciler.reconcile(PLAIN.key) == result, "not before its time"
        accounts.now = result.again_at
        assert await reconciler.reconcile(PLAIN.key) == Result(again_at=accounts.now + QUIET)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(seconds=1), LONGEST_PAUSE)
    assert set(accounts.said[FREE_REPAIRS:]) == {CONTESTED}
    accounts.now += QUIET
    assert await reconciler.reconcile(PLAIN.key) == DONE
    assert await reconciler.reconcile(PLAIN.key) == DONE, "after a quiet minute repairs are immediate again"
    assert accounts.said[-1] == ""


async def test_a_contest_ends_when_nothing_had_to_be_restored_for_a_minute() -> None:
    accounts = FakeAccounts()
    reconciler = a_reconciler(accounts)
    for _ in range(FREE_REPAIRS + 1):
        await reconciler.reconcile(PLAIN.key)
    accounts.found = replace(LINKED, labels=frozenset((LINKED_LABEL,)))
    assert await reconciler.reconcile(PLAIN.key) == Result(again_at=accounts.now + QUIET)
    assert accounts.said[-1] == CONTESTED
    accounts.now += QUIET
    assert await reconciler.reconcile(PLAIN.key) == DONE
    assert accounts.said[-1] == ""


async def test_a_clock_that_was_set_back_holds_nothing_up() -> None:
    accounts = FakeAccounts()
    reconciler = a_reconciler(accounts)
    for _ in range(FREE_REPAIRS + 1):
        await reconciler.reconcile(PLAIN.key)
    accounts.now -= timedelta(hours=1)
    assert await reconciler.reconcile(PLAIN.key) == DONE


async def test_one_with_too_many_entries_is_left_as_it_is_and_that_is_told() -> None:
    accounts = FakeAccounts(replace(PLAIN, oversized="secrets"))
    assert await a_reconciler(accounts).reconcile(PLAIN.key) == DONE
    assert accounts.changes == []
    (said,) = accounts.said
    assert said == (
        "ServiceAccount builder has more than 1000 entries in secrets: nothing is linked to it, nor taken out."
        " Remove the entries that are not used"
    )


async def test_a_link_that_the_other_client_put_back_is_reported_for_a_minute_only() -> None:
    accounts = FakeAccounts()
    reconciler = a_reconciler(accounts)
    for _ in range(FREE_REPAIRS + 2):
        await reconciler.reconcile(PLAIN.key)
    accounts.found, accounts.wanted = PLAIN, AS_IT_IS
    assert await reconciler.reconcile(PLAIN.key) == Result(again_at=accounts.now + QUIET)
    accounts.now += QUIET
    assert await reconciler.reconcile(PLAIN.key) == DONE
    assert accounts.said[-1] == ""
