"""A failure that lasts is reported once, whatever its words; another one, or the same one later, is reported again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecr_secret_operator.domain.resource import Resource
from ecr_secret_operator.domain.secret.failures import merge_failures, of_registry
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.events import Event, events
from ecr_secret_operator.domain.status.outcome import LINKED, Outcome
from ecr_secret_operator.domain.status.reported import MOST_REMEMBERED, Reported
from ecr_secret_operator.errors import ApiError, Forbidden, Internal
from ecr_secret_operator.reasons import EventReason, Failure, Reason
from tests.domain.outcomes import HELD, NEW, SERVED, after
from tests.factories import HOST, NOW, a_spec

OTHER = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"


def warning(*causes: str, message: str = "no", reason: str = "KubernetesError") -> Event:
    return Event(reason, message, warning=True, causes=causes)


def attempt(reported: Reported, resource: Resource, outcome: Outcome) -> tuple[Resource, tuple[Event, ...]]:
    """The resource with the status of one more attempt, and the events of that."""
    status = next_status(resource, outcome, now=NOW)
    found = tuple(events(resource, status, outcome))
    return replace(resource, status=status), reported.new(resource, found, failing=outcome.failure is not None)


def refused(number: int, error: type[ApiError] = Forbidden, admission: str = "rules.example.com") -> Outcome:
    return Outcome(stored=HELD, failure=error(f"request {number}", status=403, admission=admission).failure)


def test_a_failure_in_other_words_each_time_is_reported_once() -> None:
    reported, resource, told = Reported(), after(NEW, SERVED), list[Event]()
    for number in range(10):
        resource, new = attempt(reported, resource, refused(number))
        told.extend(new)
        assert f"request {number}" in str(resource.status), "the status has the latest words"
    assert told == [warning("Forbidden/403/rules.example.com", message="request 0")]


@pytest.mark.parametrize("other", [refused(1, Internal), refused(1, admission="other.example.com")])
def test_another_cause_is_another_failure(other: Outcome) -> None:
    reported = Reported()
    resource, _ = attempt(reported, after(NEW, SERVED), refused(0))
    resource, told = attempt(reported, resource, other)
    assert [event.message for event in told] == ["request 1"]
    _, again = attempt(reported, resource, refused(2))
    assert again == (), "causes that alternate are each reported once"


def test_what_is_over_is_reported_when_it_comes_back() -> None:
    reported = Reported()
    resource, _ = attempt(reported, after(NEW, SERVED), refused(0))
    resource, told = attempt(reported, resource, SERVED)
    assert [event.reason for event in told] == [EventReason.RECOVERED]
    _, told = attempt(reported, resource, refused(1))
    assert [event.message for event in told] == ["request 1"]


def test_a_new_process_goes_on_with_what_the_status_reports() -> None:
    resource, _ = attempt(Reported(), after(NEW, SERVED), refused(0))
    reported = Reported()
    resource, told = attempt(reported, resource, refused(1))
    assert told == ()
    resource, told = attempt(reported, resource, refused(2, Internal))
    assert [event.message for event in told] == ["request 2"], "of another cause, since it has seen one"
    edited = replace(resource, generation=2)
    _, told = attempt(Reported(), edited, refused(3))
    assert [event.message for event in told] == ["request 3"], "a status of another spec reports nothing of this one"


def test_a_failure_of_links_is_not_the_failure_of_the_resource() -> None:
    resource, _ = attempt(Reported(), after(NEW, SERVED), refused(0))
    assert Reported().new(resource, [warning(LINKED)], failing=True) == (warning(LINKED),)


def test_of_several_that_fail_each_is_reported_once() -> None:
    """Registries fail and recover in any order: only one that has not failed before is news."""
    reported = Reported()
    assert reported.new(NEW, [warning("a", "b")], failing=True) == (warning("a", "b"),)
    assert reported.new(NEW, [warning("a")], failing=True) == ()
    assert reported.new(NEW, [warning("b", "a")], failing=True) == ()
    assert reported.new(NEW, [warning("b", "c")], failing=True) == (warning("b", "c"),)


def test_what_happens_again_is_reported_again() -> None:
    repaired = Event(EventReason.REPAIRED, "restored", warning=False)
    reported = Reported()
    for failing in (True, True, False, False):
        assert reported.new(NEW, [repaired], failing=failing) == (repaired,)


def test_a_frequency_that_stays_clamped_is_not_reported_again_for_another_edit() -> None:
    """The stored status reports it for one generation only."""
    reported, resource = Reported(), replace(NEW, spec=a_spec(frequency="24h"))
    for generation in (1, 2):
        edited = replace(resource, generation=generation)
        found = tuple(events(edited, next_status(edited, SERVED, now=NOW), SERVED))
        assert [event.reason for event in found] == [EventReason.FREQUENCY_CLAMPED]
        assert bool(reported.new(edited, found, failing=False)) is (generation == 1)
        resource = replace(resource, status=next_status(edited, SERVED, now=NOW))


def test_memory_is_bounded() -> None:
    reported = Reported()
    for number in range(2 * MOST_REMEMBERED):
        reported.new(NEW, [warning(str(number))], failing=True)
    newest = warning(str(2 * MOST_REMEMBERED - 1))
    assert reported.new(NEW, [newest], failing=True) == ()
    assert reported.new(NEW, [warning("0")], failing=True) == (warning("0"),)


def test_failures_of_several_registries_keep_their_causes_apart() -> None:
    several = a_spec(additional_registries=[{"ecr_registry": OTHER}])
    own, foreign = Failure(Reason.INVALID_SPEC, "wrong"), Failure(Reason.AWS_UNAVAILABLE, "port 1", ("connect",))
    assert merge_failures([own, foreign]) == Failure(Reason.INVALID_SPEC, "wrong; port 1", ("wrong", "connect"))
    both = merge_failures([of_registry(host, foreign, several) for host in (HOST, OTHER)])
    assert both
    assert both.causes == (f"{HOST}: connect", f"{OTHER}: connect")
    assert of_registry(HOST, foreign, a_spec()) == foreign
