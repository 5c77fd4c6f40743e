"""What a resource says of its links: nothing without any, else whether every ServiceAccount has the Secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ecr_secret_operator.domain.links import LinkStatus
from ecr_secret_operator.domain.resource import InvalidSpec, Resource, condition_of
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.events import Event, link_failure, recorded
from ecr_secret_operator.domain.status.outcome import LINKED, READY, Outcome
from ecr_secret_operator.reasons import Failure, Reason
from tests.domain.outcomes import BAD_SPEC, HELD, SERVED, after, told
from tests.factories import NOW, a_resource, a_spec

LINKING = a_resource(spec=a_spec(link=[{"service_account": "builder"}, {"service_account": "default"}]), status={})
DONE = LinkStatus(linked=("builder", "default"))
ABSENT = LinkStatus(linked=("default",), absent=("builder",))
FAILED = LinkStatus(linked=("default",), failed=(("builder", "it could not be changed: no"),), pending=True)
PENDING = LinkStatus(linked=("default",), pending=True)
LATER = NOW + timedelta(minutes=5)


def served(link_status: LinkStatus | None) -> Outcome:
    return replace(SERVED, link_status=link_status)


@pytest.mark.parametrize(
    ("link_status", "status", "reason", "message"),
    [
        (DONE, "True", "Linked", "Secret ecr-pull is linked to builder, default"),
        (
            ABSENT,
            "False",
            "ServiceAccountMissing",
            "ServiceAccounts that do not exist: builder. Each is linked as soon as it does",
        ),
        (FAILED, "False", "KubernetesError", "it could not be changed: no"),
        (
            LinkStatus(failed=(("a", "one."), ("b", "two.")), absent=("c",)),
            "False",
            "KubernetesError",
            "one.; two.",
        ),
    ],
    ids=["linked", "absent", "failed", "failed and absent"],
)
def test_the_condition_says_how_the_links_stand(
    link_status: LinkStatus, status: str, reason: str, message: str
) -> None:
    assert condition_of(next_status(LINKING, served(link_status), now=NOW), LINKED) == {
        "type": "Linked",
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": "2026-03-01T12:00:00Z",
    }


@pytest.mark.parametrize("link_status", [None, PENDING], ids=["no links", "not done yet"])
def test_what_is_not_known_is_not_said(link_status: LinkStatus | None) -> None:
    assert condition_of(next_status(LINKING, served(link_status), now=NOW), LINKED) == {}


@pytest.mark.parametrize("link_status", [DONE, ABSENT, FAILED], ids=["linked", "absent", "failed"])
def test_while_something_is_to_be_done_what_was_said_stands(link_status: LinkStatus) -> None:
    before = after(LINKING, served(link_status))
    pending = next_status(before, Outcome(stored=HELD, link_status=PENDING), now=LATER)
    assert condition_of(pending, LINKED) == condition_of(before.status, LINKED)


def test_without_links_the_condition_goes() -> None:
    before = after(LINKING, served(DONE))
    assert condition_of(next_status(before, served(None), now=LATER), LINKED) == {}


def test_a_spec_that_cannot_be_read_says_nothing_of_links() -> None:
    invalid = replace(after(LINKING, served(DONE)), spec=InvalidSpec("no"))
    assert condition_of(next_status(invalid, Outcome(failure=BAD_SPEC, link_status=None), now=LATER), LINKED) == {}
    assert condition_of(next_status(invalid, Outcome(failure=BAD_SPEC, link_status=DONE), now=LATER), LINKED) == {}


def test_links_that_fail_leave_the_resource_ready() -> None:
    before = after(LINKING, served(DONE))
    assert condition_of(next_status(before, served(FAILED), now=LATER), READY)["status"] == "True"


@pytest.mark.parametrize("before", [LINKING, after(LINKING, served(DONE))], ids=["at once", "later"])
@pytest.mark.parametrize(("link_status", "reason"), [(FAILED, "KubernetesError"), (ABSENT, "ServiceAccountMissing")])
def test_a_link_that_fails_is_a_warning(before: Resource, link_status: LinkStatus, reason: str) -> None:
    message = condition_of(next_status(before, served(link_status), now=LATER), LINKED)["message"]
    assert told(before, served(link_status), now=LATER) == [Event(reason, message, warning=True, causes=(LINKED,))]


def test_it_is_one_for_each_reason_whatever_the_message() -> None:
    failing = after(LINKING, served(FAILED))
    other_words = replace(FAILED, failed=(("builder", "it could not be changed: request 7"),))
    assert told(failing, served(other_words), now=LATER) == []
    assert [event.reason for event in told(failing, served(ABSENT), now=LATER)] == ["ServiceAccountMissing"]


def test_that_links_are_made_again_is_told() -> None:
    for link_status, reason in ((FAILED, "KubernetesError"), (ABSENT, "ServiceAccountMissing")):
        failing = after(LINKING, served(link_status))
        text = f"{reason} is over: Secret ecr-pull is linked to builder, default"
        assert told(failing, served(DONE), now=LATER) == [Event("Recovered", text, warning=False)]
        assert told(failing, served(PENDING), now=LATER) == []
        assert told(failing, served(None), now=LATER) == [], "the spec links nothing any more"


def test_what_the_resource_itself_fails_at_is_told_once_and_not_for_its_links_too() -> None:
    linked = after(LINKING, served(DONE))
    denied = Outcome(failure=Failure(Reason.POLICY_DENIED, "no AccessPolicy"), link_status=PENDING)
    assert [event.reason for event in told(linked, denied, now=LATER)] == ["PolicyDenied"]
    again = after(linked, denied)
    assert [event.reason for event in told(again, served(DONE), now=LATER)] == ["Recovered"]


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (served(FAILED), "KubernetesError"),
        (served(ABSENT), "ServiceAccountMissing"),
        (served(DONE), ""),
        (served(PENDING), ""),
        (Outcome(failure=Failure(Reason.POLICY_DENIED, "no"), link_status=PENDING), "PolicyDenied"),
    ],
)
def test_why_links_are_not_made(outcome: Outcome, reason: str) -> None:
    assert link_failure(next_status(LINKING, outcome, now=NOW)) == reason


def test_that_links_rest_is_no_failure() -> None:
    resting = replace(LINKING, spec=a_spec(suspend=True, link=[{"service_account": "builder"}]))
    assert link_failure(next_status(resting, served(PENDING), now=NOW)) == ""
    assert "Linked" not in [event.reason for event in told(resting, served(PENDING), now=NOW)]


def test_the_time_of_the_condition_is_that_of_its_last_turn() -> None:
    first = after(LINKING, served(ABSENT))
    same = after(first, served(FAILED), now=LATER)
    turned = after(same, served(DONE), now=LATER)
    times = [condition_of(one.status, LINKED)["lastTransitionTime"] for one in (first, same, turned)]
    assert times == ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z"]


def test_a_resource_that_is_denied_is_not_said_to_be_linked() -> None:
    """Its Secret is taken away, and with it the entry: what was said before is no longer so."""
    before = after(LINKING, served(DONE))
    denied = Failure(Reason.POLICY_DENIED, "no AccessPolicy lets namespace team-a")
    for link_status in (DONE, PENDING, ABSENT):
        status = next_status(before, Outcome(failure=denied, link_status=link_status), now=LATER)
        state = condition_of(status, LINKED)
        assert (state["status"], state["reason"]) == ("False", "PolicyDenied")
        assert state["message"] == "nothing is linked: no AccessPolicy lets namespace team-a"


def test_while_it_rests_it_says_that_nothing_is_linked_and_that_what_is_stays() -> None:
    resting = replace(LINKING, spec=a_spec(suspend=True, link=[{"service_account": "builder"}]))
    found = condition_of(next_status(resting, served(PENDING), now=NOW), LINKED)
    assert (found["status"], found["reason"]) == ("False", "Suspended")
    linked = next_status(resting, served(DONE), now=NOW)
    assert condition_of(linked, LINKED)["status"] == "True"
    unseen = next_status(replace(resting, status=linked), served(LinkStatus(unseen=True)), now=LATER)
    assert condition_of(unseen, LINKED) == condition_of(linked, LINKED), "after a restart"


def test_what_is_taken_by_somebody_else_is_not_linked() -> None:
    taken = Outcome(failure=Failure(Reason.SECRET_CONFLICT, "Secret ecr-pull exists"), link_status=DONE)
    found = condition_of(next_status(LINKING, taken, now=NOW), LINKED)
    assert (found["status"], found["reason"]) == ("False", "SecretConflict")
    assert found["message"] == "nothing is linked: Secret ecr-pull exists"


def test_what_is_told_of_a_resource_of_a_namespace_is_stored_as_it_is() -> None:
    one = Event("AWSAccessDenied", "AWS refused it", warning=True)
    assert recorded(LINKING, [one]) == (one,)
