"""What a cluster resource says of itself, from what its placements say; and that it says it once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.domain.links import LinkStatus
from ecr_secret_operator.domain.resource import InvalidSpec, Resource, condition_of
from ecr_secret_operator.domain.status.events import Event
from ecr_secret_operator.domain.status.outcome import LINKED, POLICY_ALLOWED, READY, REFRESHING, Outcome, Status
from ecr_secret_operator.domain.status.placements import (
    MOST_LISTED,
    Placements,
    cluster_events,
    cluster_status,
    first_status,
    patience,
)
from ecr_secret_operator.domain.times import format_time
from ecr_secret_operator.reasons import Reason
from tests.domain.clusters import a_cluster_resource, a_cluster_spec, failed, good, placements_of, said, served, stored
from tests.domain.outcomes import DENIED, DUE, HELD, TAKEN, THROTTLED
from tests.domain.status.conflicts import NEW, taken
from tests.factories import HOST, NOW, OTHER_HOST, a_token, stored_tokens

SUSPENDED = a_cluster_resource(spec=a_cluster_spec(suspend=True))

INVALID = a_cluster_resource(spec=InvalidSpec("spec.frequency: 'banana' is not a duration"))

LINKING = a_cluster_resource(spec=a_cluster_spec(link=[{"service_account": "default"}]))

EXPIRED = stored_tokens(NEW, a_token(issued_at=NOW - timedelta(hours=13)))

LATER = NOW + timedelta(minutes=5)


def throttled(*namespaces: str) -> dict[str, Status]:
    """They have a good token still."""
    return failed(NEW, *namespaces, reason=THROTTLED.reason, message=THROTTLED.message, stored=HELD)


def states(status: Status) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


def ready_message(status: Status) -> str:
    return str(condition_of(status, READY)["message"])


def test_the_status_of_a_resource_that_is_served_everywhere() -> None:
    ready = f"Secret ecr-pull holds a valid token for {HOST} in 2 namespaces"
    common = {"observedGeneration": 1, "lastTransitionTime": "2026-03-01T12:00:00Z", "reason": "Refreshed"}
    assert cluster_status(placements_of(NEW, served(NEW, "a", "b")), now=NOW) == {
        "phase": "Updated",
        "observedGeneration": 1,
        "lastUpdatedTime": "2026-03-01T12:00:00Z",
        "expiresAt": "2026-03-02T00:00:00Z",
        "nextRefreshTime": format_time(DUE),
        "namespaces": {"selected": 2, "served": 2, "failing": 0},
        "conditions": [
            {**common, "type": "Ready", "status": "True", "message": ready},
            {**common, "type": "Refreshing", "status": "True", "message": "The token is refreshed on schedule"},
        ],
    }


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        (["", ""], None),
        (["pull", "pull"], "pull"),
        (["pull", ""], None),
        (["pull in a/*", "pull in b/*"], "different in each namespace"),
    ],
)
def test_the_limit_is_that_of_all_namespaces(limits: list[str], shown: str | None) -> None:
    statuses = served(NEW, "a", "b")
    pairs = zip(statuses.items(), limits, strict=True)
    limited = {name: {**status, "tokenLimit": limit} for (name, status), limit in pairs}
    assert cluster_status(placements_of(NEW, limited), now=NOW).get("tokenLimit") == shown
    with_denied = {**limited, **taken("c")}
    assert cluster_status(placements_of(NEW, with_denied), now=NOW).get("tokenLimit") == shown, "it has no token"


GOOD, BAD = ("True", "Refreshed"), ("False", "SecretConflict")

CASES: dict[str, tuple[Placements, str, Any, Any, tuple[int, int, int]]] = {
    # what is known; then the phase, Ready, Refreshing, and how many namespaces are selected, served and failing
    "all served": (placements_of(NEW, served(NEW, "a", "b")), "Updated", GOOD, GOOD, (2, 2, 0)),
    "none selected": (placements_of(NEW, {}), "Updated", GOOD, GOOD, (0, 0, 0)),
    "one taken": (placements_of(NEW, {**served(NEW, "a"), **taken("b")}), "Error", BAD, BAD, (2, 1, 1)),
    "all taken": (placements_of(NEW, taken("a", "b")), "Error", BAD, BAD, (2, 0, 2)),
    "a refresh failed, the tokens are good": (
        placements_of(NEW, {**served(NEW, "a"), **throttled("b")}),
        "Updated",
        GOOD,
        ("False", "AWSUnavailable"),
        (2, 2, 1),
    ),
    "what passes by itself": (
        placements_of(NEW, failed(NEW, "a", reason=Reason.AWS_UNAVAILABLE, message="x")),
        "Pending",
        ("False", "AWSUnavailable"),
        ("False", "AWSUnavailable"),
        (1, 0, 1),
    ),
    "what needs a person comes first": (
        placements_of(NEW, {**failed(NEW, "a", reason=Reason.AWS_UNAVAILABLE, message="x"), **taken("b")}),
        "Error",
        BAD,
        BAD,
        (2, 0, 2),
    ),
    "nothing known yet": (placements_of(NEW, {}, selected=3, unknown=3), "Pending", None, None, (3, 0, 0)),
    "one unknown": (placements_of(NEW, served(NEW, "a"), selected=2, unknown=1), "Pending", None, None, (2, 1, 0)),
    "one unknown, one taken": (
        placements_of(NEW, taken("a"), selected=2, unknown=1),
        "Error",
        BAD,
        BAD,
        (2, 0, 1),
    ),
    "one unknown, a refresh failed": (
        placements_of(NEW, throttled("a"), selected=2, unknown=1),
        "Pending",
        None,
        ("False", "AWSUnavailable"),
        (2, 1, 1),
    ),
    "one is left over where nothing is selected": (
        placements_of(NEW, failed(NEW, "gone", reason=Reason.KUBERNETES_ERROR, message="forbidden"), selected=0),
        "Pending",
        ("False", "KubernetesError"),
        ("False", "KubernetesError"),
        (0, 0, 1),
    ),
    "suspended": (
        placements_of(SUSPENDED, served(SUSPENDED, "a")),
        "Suspended",
        ("True", "Suspended"),
        ("False", "Suspended"),
        (1, 1, 0),
    ),
    "suspended with nothing selected": (
        placements_of(SUSPENDED, {}),
        "Suspended",
        ("True", "Suspended"),
        ("False", "Suspended"),
        (0, 0, 0),
    ),
    "suspended, and a token has expired": (
        placements_of(SUSPENDED, {**served(SUSPENDED, "a"), "b": said(SUSPENDED, Outcome(stored=EXPIRED))}),
        "Suspended",
        ("False", "Suspended"),
        ("False", "Suspended"),
        (2, 1, 1),
    ),
    "invalid": (
        placements_of(INVALID, {}, selected=2),
        "Error",
        ("False", "InvalidSpec"),
        ("False", "InvalidSpec"),
        (2, 0, 0),
    ),
    "namespaces may not be listed": (
        placements_of(NEW, {}, problem="the operator may not list namespaces"),
        "Pending",
        ("False", "KubernetesError"),
        ("False", "KubernetesError"),
        (0, 0, 0),
    ),
    "a token has expired and is being replaced": (
        placements_of(NEW, {"a": said(NEW, Outcome(stored=EXPIRED))}),
        "Pending",
        ("False", "Refreshed"),
        ("False", "Refreshed"),
        (1, 0, 1),
    ),
}


@pytest.mark.parametrize(("placements", "phase", "ready", "refreshing", "counts"), CASES.values(), ids=CASES)
def test_phase_conditions_and_counts(
    placements: Placements, phase: str, ready: Any, refreshing: Any, counts: tuple[int, int, int]
) -> None:
    status = cluster_status(placements, now=NOW)
    expected = {READY: ready, REFRESHING: refreshing}
    assert states(status) == {kind: value for kind, value in expected.items() if value}
    assert (status["phase"], tuple(status["namespaces"].values())) == (phase, counts)
    assert len(status.get("failingNamespaces", [])) == counts[2]


@pytest.mark.parametrize("placements", [case[0] for case in CASES.values()], ids=CASES)
def test_what_has_been_said_is_not_said_again(placements: Placements) -> None:
    again = replace(placements, resource=stored(placements.resource, placements))
    assert cluster_status(again, now=LATER) == again.resource.status
    assert list(cluster_events(again, cluster_status(again, now=LATER))) == []


_OUTCOMES: dict[str, Outcome] = {
    "served": good(NEW),
    "older": good(NEW, stored=stored_tokens(NEW, a_token(issued_at=NOW - timedelta(hours=1))), written=False),
    "taken": Outcome(failure=TAKEN),
    "throttled": Outcome(stored=HELD, failure=THROTTLED),
    "denied": Outcome(failure=DENIED),
    "expired": Outcome(stored=EXPIRED),
    "audited": good(NEW, audited="no policy allows it"),
    "linked": good(NEW, link_status=LinkStatus(linked=("default",))),
    "not linked": good(NEW, link_status=LinkStatus(absent=("default",))),
}


@given(
    outcomes=st.lists(st.sampled_from(sorted(_OUTCOMES)), max_size=30),
    resource=st.sampled_from([NEW, LINKING, SUSPENDED]),
    unknown=st.integers(0, 2),
)
def test_whatever_the_shares_say_it_adds_up_and_is_said_once(
    outcomes: list[str], resource: Resource, unknown: int
) -> None:
    statuses = {f"n-{number}": said(resource, _OUTCOMES[name]) for number, name in enumerate(outcomes)}
    placements = Placements(resource, len(statuses) + unknown, statuses, unknown)
    status = cluster_status(placements, now=NOW)
    counts = status["namespaces"]
    assert counts["served"] <= counts["selected"]
    assert len(status.get("failingNamespaces", [])) == min(counts["failing"], MOST_LISTED)
    if condition_of(status, READY).get("status") == "True":
        assert counts["served"] == counts["selected"]
    if counts["served"] + counts["failing"] < counts["selected"]:
        assert unknown
    assert cluster_status(replace(placements, resource=stored(resource, placements)), now=LATER) == status


# Times


def test_the_earliest_expiry_and_refresh_and_the_latest_write_count() -> None:
    old = stored_tokens(NEW, a_token(issued_at=NOW - timedelta(hours=2)))
    statuses = {**served(NEW, "a"), "b": said(NEW, good(NEW, stored=old), now=NOW - timedelta(hours=2))}
    status = cluster_status(placements_of(NEW, statuses), now=NOW)
    assert status["lastUpdatedTime"] == statuses["a"]["lastUpdatedTime"] == "2026-03-01T12:00:00Z"
    assert status["expiresAt"] == statuses["b"]["expiresAt"] == "2026-03-01T22:00:00Z"
    assert status["nextRefreshTime"] == statuses["b"]["nextRefreshTime"]


def test_after_a_restart_the_last_write_is_still_the_last() -> None:
    """The placements have no status yet, and only the time at which their token was issued is known."""
    before = stored(NEW, placements_of(NEW, {"a": said(NEW, good(NEW), now=LATER)}), now=LATER)
    assert before.status["lastUpdatedTime"] == format_time(LATER)
    placements = placements_of(before, served(before, "a", written=False, refreshed=False))
    assert cluster_status(placements, now=LATER + timedelta(hours=1)) == before.status


def test_times_of_tokens_that_are_gone_are_not_kept_but_that_of_the_last_write_is() -> None:
    before = stored(NEW, placements_of(NEW, served(NEW, "a")))
    status = cluster_status(placements_of(before, {}), now=LATER)
    assert not {"expiresAt", "nextRefreshTime"} & status.keys()
    assert status["lastUpdatedTime"] == before.status["lastUpdatedTime"]


# Messages


@pytest.mark.parametrize(
    ("namespaces", "message"),
    [
        (["b"], "1 of 2 namespaces served. b: Secret ecr-pull exists"),
        (["c", "b"], "1 of 3 namespaces served. b, c: Secret ecr-pull exists"),
        (["b", "c", "d"], "1 of 4 namespaces served. b, c, d: Secret ecr-pull exists"),
        (["e", "d", "c", "b", "f"], "1 of 6 namespaces served. b, c, d and 2 more: Secret ecr-pull exists"),
    ],
)
def test_namespaces_of_which_the_same_is_said_are_named_together(namespaces: list[str], message: str) -> None:
    status = cluster_status(placements_of(NEW, {**served(NEW, "a"), **taken(*namespaces)}), now=NOW)
    assert ready_message(status) == message
    assert condition_of(status, REFRESHING)["message"] == message


def test_a_message_tells_three_things_and_how_many_more() -> None:
    statuses: dict[str, Status] = {}
    for number in range(5):
        statuses |= failed(NEW, f"n-{number}", reason=Reason.AWS_UNAVAILABLE, message=f"failure {number}")
    assert ready_message(cluster_status(placements_of(NEW, statuses), now=NOW)) == (
        "0 of 5 namespaces served. n-0: failure 0; n-1: failure 1; n-2: failure 2; and 2 more"
    )


@pytest.mark.parametrize(("count", "words"), [(1, "in 1 namespace"), (2, "in 2 namespaces")])
def test_one_namespace_is_no_plural(count: int, words: str) -> None:
    placements = placements_of(NEW, served(NEW, *map(str, range(count))))
    assert ready_message(cluster_status(placements, now=NOW)) == (
        f"Secret ecr-pull holds a valid token for {HOST} {words}"
    )
    assert ready_message(cluster_status(placements_of(NEW, taken("a")), now=NOW)).startswith(
        "0 of 1 namespaces served. a:"
    )


def test_several_registries_are_counted() -> None:
    resource = a_cluster_resource(spec=a_cluster_spec(additional_registries=[{"ecr_registry": OTHER_HOST}]))
    status = cluster_status(placements_of(resource, served(resource, "a")), now=NOW)
    assert ready_message(status) == ("Secret ecr-pull holds a valid token for each of 2 registries in 1 namespace")


EAGER = a_cluster_resource(spec=a_cluster_spec(frequency="24h"))

SHORTENED = "frequency 24h is longer than is safe for a token that lives 12h: it is refreshed every 10h"


def test_a_frequency_that_is_not_kept_is_said_once_for_all() -> None:
    placements = placements_of(EAGER, served(EAGER, "a", "b"))
    status = cluster_status(placements, now=NOW)
    assert ready_message(status) == f"Secret ecr-pull holds a valid token for {HOST} in 2 namespaces. {SHORTENED}"
    assert list(cluster_events(placements, status)) == [Event("FrequencyClamped", SHORTENED, warning=False)]
    assert told(placements, served(EAGER, "a", "b", "c")) == []


def test_that_no_namespace_is_selected_is_said() -> None:
    assert (
        ready_message(cluster_status(placements_of(NEW, {}), now=NOW)) == "No namespace is selected by spec.namespaces"
    )


def test_the_failing_namespaces_are_listed_by_name_with_reason_and_sentence() -> None:
    statuses = {**taken("z"), **throttled("b"), **served(NEW, "c")}
    assert cluster_status(placements_of(NEW, statuses), now=NOW)["failingNamespaces"] == [
        {"namespace": "b", "reason": "AWSUnavailable", "message": THROTTLED.message},
        {"namespace": "z", "reason": "SecretConflict", "message": TAKEN.message},
    ]


def test_of_many_failing_namespaces_the_first_twenty_are_listed() -> None:
    status = cluster_status(placements_of(NEW, taken(*(f"n-{number:03}" for number in range(500)))), now=NOW)
    assert status["namespaces"] == {"selected": 500, "served": 0, "failing": 500}
    assert [one["namespace"] for one in status["failingNamespaces"]] == [f"n-{number:03}" for number in range(20)]
    assert len(str(status)) < 10_000, "a status stays small"


def test_nothing_failing_is_no_empty_list() -> None:
    assert "failingNamespaces" not in cluster_status(placements_of(NEW, served(NEW, "a")), now=NOW)


# What has not been looked at yet


def test_while_shares_are_unknown_the_conditions_stay_as_they_are_stored() -> None:
    before = stored(NEW, placements_of(NEW, served(NEW, "a", "b")))
    status = cluster_status(placements_of(before, served(before, "a"), selected=2, unknown=1), now=LATER)
    assert status["conditions"] == before.status["conditions"]
    assert status["namespaces"] == {"selected": 2, "served": 1, "failing": 0}


def test_while_shares_are_unknown_it_is_not_said_that_the_spec_has_been_seen_to() -> None:
    """Helm and Flux take it for done when the generation is the present one and no condition says otherwise."""
    assert "observedGeneration" not in cluster_status(placements_of(NEW, {}, selected=2, unknown=2), now=NOW)
    before = stored(NEW, placements_of(NEW, served(NEW, "a", "b")))
    edited = replace(before, generation=2)
    status = cluster_status(placements_of(edited, served(edited, "a"), selected=2, unknown=1), now=LATER)
    assert status["observedGeneration"] == 1
    assert cluster_status(placements_of(edited, served(edited, "a", "b")), now=LATER)["observedGeneration"] == 2


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"failingNamespaces": [{"namespace": "a", "reason": "SecretConflict", "message": "x"}]}, "SecretConflict"),
        ({"failingNamespaces": [{"namespace": "b", "reason": "SecretConflict", "message": "x"}]}, None),
        ({"failingNamespaces": [{"namespace": "a", "reason": "AWSUnavailable", "message": "x"}]}, None),
        ({"failingNamespaces": ["a"]}, None),
        ({"failingNamespaces": "a"}, None),
        ({}, None),
    ],
)
def test_after_a_restart_a_share_whose_name_was_taken_knows_that(status: Mapping[str, Any], reason: str | None) -> None:
    """Or a token would be asked for, only to find the name taken still."""
    first = first_status(replace(NEW, status={**status, "lastHandledRefresh": "1"}), "a")
    assert condition_of(first, READY).get("reason") == reason
    assert first["lastHandledRefresh"] == "1"


def test_a_failure_is_not_held_back_by_what_is_unknown() -> None:
    before = stored(NEW, placements_of(NEW, served(NEW, "a", "b")))
    status = cluster_status(placements_of(before, taken("a"), selected=2, unknown=1), now=LATER)
    assert states(status) == {READY: BAD, REFRESHING: BAD}
    assert condition_of(status, READY)["lastTransitionTime"] == format_time(LATER)


@pytest.mark.parametrize(
    ("status", "seconds"),
    [({}, 1), ({"observedGeneration": 1}, 30), ({"observedGeneration": 0}, 1), ({"observedGeneration": "x"}, 1)],
)
def test_what_is_stored_of_this_very_spec_may_stand_longer(status: Status, seconds: int) -> None:
    assert patience(placements_of(replace(NEW, status=status), {})) == timedelta(seconds=seconds)


# Refresh requests

ASKED = a_cluster_resource(refresh_request="now", status={"lastHandledRefresh": "before"})


@pytest.mark.parametrize(
    ("resource", "statuses", "unknown", "handled"),
    [
        # all have a newer token
        (ASKED, served(ASKED, "a", "b"), 0, "now"),
        # one has been looked at, and not refreshed
        (ASKED, {**served(ASKED, "a"), **served(ASKED, "b", refreshed=False)}, 0, "before"),
        # one has not been looked at
        (ASKED, served(ASKED, "a"), 1, "before"),
        # one cannot be served at all, and keeps nothing from being done
        (ASKED, {**served(ASKED, "a"), **taken("b")}, 0, "now"),
        # the refresh failed
        (ASKED, throttled("a"), 0, "before"),
        # nobody is served
        (ASKED, taken("a"), 0, "before"),
        (ASKED, {}, 0, "before"),
        # nobody asks
        (NEW, served(NEW, "a"), 0, None),
    ],
)
def test_a_request_for_a_refresh_is_handled_once_all_that_are_served_have_a_newer_token(
    resource: Resource, statuses: Mapping[str, Status], unknown: int, handled: str | None
) -> None:
    placements = placements_of(resource, statuses, unknown=unknown)
    assert cluster_status(placements, now=NOW).get("lastHandledRefresh") == handled


# Audit


def test_what_a_policy_would_refuse_is_said_with_the_namespaces() -> None:
    statuses = {**served(NEW, "a"), **served(NEW, "b", "c", audited="no policy allows it")}
    status = cluster_status(placements_of(NEW, statuses), now=NOW)
    found = condition_of(status, POLICY_ALLOWED)
    assert (found["status"], found["reason"]) == ("False", "PolicyDenied")
    assert found["message"] == "b, c: reported only, because an AccessPolicy is in mode Audit: no policy allows it"
    assert states(status)[READY] == GOOD
    assert condition_of(cluster_status(placements_of(NEW, served(NEW, "a")), now=NOW), POLICY_ALLOWED) == {}


# Links


def linked(*namespaces: str, **link_status: Any) -> dict[str, Status]:
    return served(LINKING, *namespaces, link_status=LinkStatus(**link_status))


def test_links_of_all_namespaces_are_summed_up() -> None:
    status = cluster_status(placements_of(LINKING, linked("a", "b", linked=("default",))), now=NOW)
    assert states(status)[LINKED] == ("True", "Linked")
    assert condition_of(status, LINKED)["message"] == "The Secret is linked in 2 namespaces"


def test_a_missing_service_account_is_named_with_its_namespace() -> None:
    statuses = {**linked("a", linked=("default",)), **linked("b", absent=("default",))}
    status = cluster_status(placements_of(LINKING, statuses), now=NOW)
    found = condition_of(status, LINKED)
    assert (found["status"], found["reason"]) == ("False", "ServiceAccountMissing")
    assert found["message"].startswith("b: ServiceAccounts that do not exist: default.")
    assert states(status)[READY] == GOOD, "the Secret is there all the same"


def test_links_that_are_not_known_everywhere_stay_as_they_are_stored() -> None:
    pending = linked("b", pending=True)
    new = cluster_status(placements_of(LINKING, {**linked("a", linked=("default",)), **pending}), now=NOW)
    assert condition_of(new, LINKED) == {}
    before = stored(LINKING, placements_of(LINKING, linked("a", linked=("default",))))
    for placements in (
        placements_of(before, {**linked("a", linked=("default",)), **pending}),
        placements_of(before, linked("a", linked=("default",)), selected=2, unknown=1),
    ):
        assert condition_of(cluster_status(placements, now=LATER), LINKED) == condition_of(before.status, LINKED)


def test_nothing_is_said_of_links_that_nobody_wants_or_whose_namespaces_are_not_known() -> None:
    before = stored(LINKING, placements_of(LINKING, linked("a", linked=("default",))))
    assert condition_of(before.status, LINKED)
    for resource in (replace(before, spec=a_cluster_spec()), replace(before, spec=INVALID.spec)):
        placements = placements_of(resource, served(NEW, "a"))
        assert condition_of(cluster_status(placements, now=LATER), LINKED) == {}
    refused = placements_of(before, {}, problem="the operator may not list namespaces")
    assert condition_of(cluster_status(refused, now=LATER), LINKED) == {}


# Events


def told(before: Placements, after: Mapping[str, Status], **over: Any) -> list[Event]:
    """What is told when the placements change."""
    placements = placements_of(stored(before.resource, before), after, **over)
    return list(cluster_events(placements, cluster_status(placements, now=LATER)))


FINE, NOT_SO = placements_of(NEW, served(NEW, "a", "b")), placements_of(NEW, {**served(NEW, "a"), **taken("b")})


def test_a_failure_is_told_once_without_a_count_that_is_soon_another_one() -> None:
    (event,) = told(FINE, {**served(NEW, "a"), **taken("b")})
    assert event == Event("SecretConflict", "b: Secret ecr-pull exists", warning=True, causes=(REFRESHING,))
    assert told(NOT_SO, taken("a", "b")) == [], "which namespaces fail is for the status to say"


def test_another_reason_is_told_anew() -> None:
    assert [event.reason for event in told(NOT_SO, {**served(NEW, "a"), **throttled("b")})] == ["AWSUnavailable"]


def test_links_that_fail_are_told_once_and_so_is_their_end() -> None:
    fine = stored(LINKING, placements_of(LINKING, linked("a", "b", linked=("default",))))
    missing = {**linked("a", linked=("default",)), **linked("b", absent=("default",))}
    failing = placements_of(fine, missing)
    (event,) = cluster_events(failing, cluster_status(failing, now=LATER))
    assert (event.reason, event.warning) == ("ServiceAccountMissing", True)
    assert event.message.startswith("b: ServiceAccounts that do not exist: default")
    more = placements_of(stored(LINKING, failing), linked("a", "b", absent=("default",)))
    assert list(cluster_events(more, cluster_status(more, now=LATER))) == []
    over = placements_of(stored(LINKING, failing), linked("a", "b", linked=("default",)))
    (event,) = cluster_events(over, cluster_status(over, now=LATER))
    assert event == Event(
        "Recovered", "ServiceAccountMissing is over: The Secret is linked in 2 namespaces", warning=False
    )


def test_a_recovery_is_told() -> None:
    (event,) = told(NOT_SO, served(NEW, "a", "b"))
    assert event == Event("Recovered", "SecretConflict is over in every namespace", warning=False)


def test_a_first_service_and_what_is_unknown_are_no_events() -> None:
    assert list(cluster_events(FINE, cluster_status(FINE, now=NOW))) == []
    nothing_known = placements_of(NEW, {}, selected=2, unknown=2)
    assert list(cluster_events(nothing_known, cluster_status(nothing_known, now=NOW))) == []


def test_to_suspend_and_to_resume_are_no_events() -> None:
    running, resting = placements_of(NEW, served(NEW, "a")), placements_of(SUSPENDED, served(SUSPENDED, "a"))
    suspended = placements_of(replace(SUSPENDED, status=stored(NEW, running).status), resting.statuses)
    assert list(cluster_events(suspended, cluster_status(suspended, now=LATER))) == []
    resumed = placements_of(replace(NEW, status=stored(SUSPENDED, resting).status), running.statuses)
    assert list(cluster_events(resumed, cluster_status(resumed, now=LATER))) == []


def test_that_a_policy_would_refuse_it_is_told_once() -> None:
    audited = served(NEW, "b", audited="no policy allows it")
    (event,) = told(FINE, {**served(NEW, "a"), **audited})
    assert (event.reason, event.warning) == ("PolicyAudited", True)
    assert event.message.startswith("b: reported only, because an AccessPolicy is in mode Audit")
    assert told(placements_of(NEW, audited), served(NEW, "a", "b", audited="no policy allows it")) == []


@pytest.mark.parametrize(
    ("spec", "problem", "reason"),
    [(InvalidSpec("spec.frequency: no"), "", "InvalidSpec"), (None, "may not list namespaces", "KubernetesError")],
)
def test_what_concerns_the_whole_is_said_in_its_own_words(spec: InvalidSpec | None, problem: str, reason: str) -> None:
    whole = a_cluster_resource(**({"spec": spec} if spec else {}))
    placements = Placements(whole, 2, {}, problem=problem)
    status = cluster_status(placements, now=NOW)
    words = spec.message if spec else problem
    for kind in ("Ready", "Refreshing"):
        found = condition_of(status, kind)
        assert (found["status"], found["reason"], found["message"]) == ("False", reason, words)
    assert [(event.reason, event.message, event.warning) for event in cluster_events(placements, status)] == [
        (reason, words, True)
    ]
