"""The clock is set ahead: tokens that are due by the new time are replaced at once, and the Lease is kept."""

from __future__ import annotations

import pytest

from ecr_secret_operator.domain.times import parse_time
from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.reporting import print_progress
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import a_resource, apply, get, password_in, wait_ready, wait_secret
from .clock import move_clock, settable_clock
from .faketime import ensure_library
from .installing import Installation
from .pods import LONG
from .test_life import HALF_A_DAY, wait_leader

pytestmark = pytest.mark.xdist_group("life-clock")

AHEAD = HALF_A_DAY + 3600.0


def test_what_is_due_by_the_new_time_is_refreshed_at_once(
    installation: Installation, cluster: Cluster, namespace: str, shared_aws: FakeAws
) -> None:
    """The clocks of AWS and of the operator are set ahead of those of the node and the API server."""
    installation.rolled_out()
    with settable_clock(installation, cluster, ensure_library(print_progress)):
        leader = wait_leader(installation)
        apply(cluster, namespace, a_resource())
        before = expiry(wait_ready(cluster, namespace, within=LONG))
        stored = password_in(wait_secret(cluster, namespace))
        shared_aws.settings(clock_offset_seconds=AHEAD)
        try:
            move_clock(installation, AHEAD)
            wait_for(
                lambda: password_in(wait_secret(cluster, namespace)) != stored, "the token was replaced", within=LONG
            )
            wait_for(lambda: expiry(get(cluster, namespace)) >= before + AHEAD - 60, "the status is new", within=LONG)
            assert installation.leader() == leader
            restarts = [pod["status"]["containerStatuses"][0]["restartCount"] for pod in installation.pods()]
            assert restarts == [0, 0]
        finally:
            shared_aws.settings(clock_offset_seconds=0.0)


def expiry(resource: object) -> float:
    """When the stored token expires by the status, epoch seconds."""
    assert isinstance(resource, dict)
    moment = parse_time(resource["status"]["expiresAt"])
    assert moment
    return moment.timestamp()
