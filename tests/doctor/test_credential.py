"""What is told of a resource is what its status says, and what the clock adds to that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ecr_secret_operator.doctor.credential import OVERDUE_AFTER, Counts, CredentialState, Trouble, Use, credential
from ecr_secret_operator.domain.kinds import CLUSTER_PULL_SECRET, KINDS, SECRET
from ecr_secret_operator.domain.times import format_time
from tests.factories import HOST, NOW, OTHER_HOST

from .objects import Object, a_condition, a_status, an_object

DENIED = ("AWSAccessDenied", "AWS refused")
MISSING = ("ServiceAccountMissing", "builder does not exist")


def ago(**time: float) -> str:
    return format_time(NOW - timedelta(**time))


STATES: list[tuple[str, Object, CredentialState, bool, str]] = [
    ("served", a_status(), CredentialState.READY, True, "Refreshed"),
    ("nothing said", {}, CredentialState.PENDING, False, ""),
    (
        "what the Go operator says",
        {"phase": "Updated", "lastUpdatedTime": ago(hours=1)},
        CredentialState.PENDING,
        False,
        "",
    ),
    ("an older spec", a_status(observedGeneration=0), CredentialState.PENDING, False, ""),
    ("refresh fails", a_status(a_condition("Refreshing", "False", *DENIED)), CredentialState.FAILING, True, DENIED[0]),
    ("overdue", a_status(nextRefreshTime=ago(minutes=6)), CredentialState.OVERDUE, True, ""),
    ("not linked", a_status(a_condition("Linked", "False", *MISSING)), CredentialState.NOT_LINKED, True, MISSING[0]),
    ("a little late", a_status(nextRefreshTime=ago(minutes=4)), CredentialState.READY, True, "Refreshed"),
    ("expired", a_status(expiresAt=ago(seconds=0)), CredentialState.EXPIRED, False, ""),
    (
        "suspended",
        a_status(a_condition("Ready", "True", "Suspended"), a_condition("Refreshing", "False", "Suspended")),
        CredentialState.SUSPENDED,
        True,
        "Suspended",
    ),
    (
        "suspended, not served",
        a_status(a_condition("Ready", "False", "Suspended")),
        CredentialState.SUSPENDED,
        False,
        "Suspended",
    ),
    (
        "in error",
        a_status(a_condition("Ready", "False", *DENIED), phase="Error"),
        CredentialState.ERROR,
        False,
        DENIED[0],
    ),
    (
        "waits for AWS",
        a_status(a_condition("Ready", "False", "AWSUnavailable"), phase="Pending", expiresAt=ago(hours=1)),
        CredentialState.PENDING,
        False,
        "AWSUnavailable",
    ),
]


@pytest.mark.parametrize(
    ("status", "state", "ready", "reason"), [row[1:] for row in STATES], ids=[r[0] for r in STATES]
)
def test_state(status: Object, state: CredentialState, ready: bool, reason: str) -> None:  # noqa: FBT001 - a column
    found = credential(SECRET, an_object(status=status), now=NOW)
    assert (found.state, found.ready, found.reason) == (state, ready, reason)
    assert found.message


def test_how_late_is_late() -> None:
    status = a_status(nextRefreshTime=format_time(NOW - OVERDUE_AFTER))
    assert credential(SECRET, an_object(status=status), now=NOW).state is CredentialState.READY
    assert credential(SECRET, an_object(status=status), now=NOW + timedelta(seconds=1)).state is CredentialState.OVERDUE


@pytest.mark.parametrize(
    ("spec", "uses"),
    [
        ({}, [(HOST, "operator")]),
        ({"aws": {"role_arn": "arn:aws:iam::123456789012:role/x"}}, [(HOST, "arn:aws:iam::123456789012:role/x")]),
        ({"aws": {"service_account": "builder"}}, [(HOST, "ServiceAccount builder")]),
        ({"aws": {"credentials_secret": "keys"}}, [(HOST, "Secret keys")]),
        (
            {
                "aws": {"service_account": "builder"},
                "additional_registries": [{"ecr_registry": OTHER_HOST}, {"ecr_registry": "public.ecr.aws", "aws": {}}],
            },
            [(HOST, "ServiceAccount builder"), (OTHER_HOST, "ServiceAccount builder"), ("public.ecr.aws", "operator")],
        ),
    ],
    ids=["own", "role", "account", "keys", "inherited or not"],
)
def test_registries_and_identities(spec: Object, uses: list[tuple[str, str]]) -> None:
    assert credential(SECRET, an_object(spec=spec), now=NOW).uses == tuple(Use(*use) for use in uses)


def test_the_url_of_an_argo_resource_is_its_registry() -> None:
    raw = an_object("ArgoHelmRepoSecret", spec={"url": f"oci://{HOST}/charts"})
    assert credential(KINDS["ArgoHelmRepoSecret"], raw, now=NOW).uses == (Use(f"{HOST}/charts", "operator"),)


def test_a_cluster_resource_counts_namespaces() -> None:
    troubles = [{"namespace": "b", "reason": "SecretConflict", "message": "taken"}]
    status = a_status(namespaces={"selected": 3, "served": 2, "failing": 1}, failingNamespaces=troubles)
    found = credential(CLUSTER_PULL_SECRET, an_object("ClusterPullSecret", status=status), now=NOW)
    assert found.counts == Counts(selected=3, served=2, failing=1)
    assert found.troubles == (Trouble("b", "SecretConflict", "taken"),)
    assert found.document(NOW)["failingNamespaces"] == troubles


def test_a_link_that_is_missing_is_a_thing_to_see_to() -> None:
    status = a_status(a_condition("Linked", "False", "ServiceAccountMissing", "builder does not exist"))
    found = credential(SECRET, an_object(status=status), now=NOW)
    assert found.ready
    assert not found.good
    assert not found.healthy
    assert found.linked == "builder does not exist"


def test_one_that_cannot_be_refreshed_and_is_not_linked_is_not_healthy() -> None:
    links = a_condition("Linked", "False", "KubernetesError", "refused")
    status = a_status(a_condition("Refreshing", "False", *DENIED), links)
    found = credential(SECRET, an_object(status=status), now=NOW)
    assert (found.state, found.ready, found.healthy, found.linked) == (CredentialState.FAILING, True, False, "refused")


def test_links_that_rest_with_their_resource_are_no_failure() -> None:
    status = a_status(
        a_condition("Ready", "True", "Suspended"),
        a_condition("Refreshing", "False", "Suspended"),
        a_condition("Linked", "False", "Suspended", "nothing is linked until this is false again"),
    )
    found = credential(SECRET, an_object(status=status), now=NOW)
    assert (found.state, found.healthy, found.links_fail) == (CredentialState.SUSPENDED, True, False)


@pytest.mark.parametrize("junk", [None, 7, "x", [], [None, 7], {"x": 1}], ids=repr)
@pytest.mark.parametrize("place", ["spec", "status", "metadata", "expiresAt", "conditions", "failingNamespaces", "aws"])
def test_whatever_is_stored_is_no_error(place: str, junk: Any) -> None:
    raw = an_object()
    inner = raw["spec"] if place == "aws" else raw["status"]
    (raw if place in raw else inner)[place] = junk
    for kind in KINDS.values():
        assert credential(kind, raw, now=NOW).document(NOW)["kind"] == kind.name


def test_the_document_is_what_the_reference_lists() -> None:
    shown = credential(SECRET, an_object(), now=NOW).document(NOW)
    assert shown["secondsLeft"] == 6 * 3600
    assert shown["registries"] == [{"host": HOST, "identity": "operator"}]
    assert shown["secret"] == "ecr-generated"
