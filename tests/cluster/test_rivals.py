"""Two resources with one target: the oldest has the Secret, the other says so, and nothing moves to and fro."""

from __future__ import annotations

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, condition, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .resources import (
    PLURALS,
    a_resource,
    apply,
    edit,
    events_of,
    get,
    older_than_now,
    password_in,
    wait_condition,
    wait_ready,
    wait_secret,
)

KINDS = ("Secret", "ArgoHelmRepoSecret")
PAIRS = [(older, younger) for older in KINDS for younger in KINDS]


def wait_outranked(cluster: Cluster, namespace: str, loser: Object, winner: Object) -> Object:
    """Waits until a resource names the winner. The one that was the oldest so far may have been named before."""
    kind, name = loser["kind"], loser["metadata"]["name"]
    oldest = f" {winner['kind']} {namespace}/{winner['metadata']['name']}, the oldest"

    def is_outranked() -> Object | None:
        found = get(cluster, namespace, name, kind)
        ready = condition(found, "Ready")
        return found if ready.get("reason") == "SecretConflict" and oldest in ready["message"] else None

    return wait_for(is_outranked, f"{kind} {name} names {winner['metadata']['name']} as the oldest")


def owner_of(secret: Object) -> tuple[str, str]:
    (owner,) = secret["metadata"]["ownerReferences"]
    return owner["kind"], owner["name"]


def rank(resource: Object) -> tuple[str, str]:
    return resource["metadata"]["creationTimestamp"], f"{resource['kind']}/{resource['metadata']['name']}"


def test_of_those_created_at_once_the_oldest_is_served_and_a_restart_changes_nothing(
    cluster: Cluster, namespace: str, start_operator: StartOperator
) -> None:
    operator = start_operator()
    groups: list[list[Object]] = []
    for number in range(6):
        names = ("z", "y", "x") if number % 2 else ("x", "y", "z")
        bodies = [
            a_resource(KINDS[(number + place) % 2], name=f"{name}-{number}", generated_secret_name=f"shared-{number}")
            for place, name in enumerate(names)
        ]
        groups.append([apply(cluster, namespace, body) for body in bodies])
    states = {}
    for number, group in enumerate(groups):
        first, *others = sorted(group, key=rank)
        wait_ready(cluster, namespace, first["metadata"]["name"], first["kind"])
        states.update({other["metadata"]["name"]: wait_outranked(cluster, namespace, other, first) for other in others})
        assert owner_of(wait_secret(cluster, namespace, f"shared-{number}")) == (
            first["kind"],
            first["metadata"]["name"],
        )
        assert not [one for one in events_of(cluster, namespace, first["metadata"]["name"]) if one["type"] == "Warning"]

    def versions() -> dict[str, str]:
        paths = (secret_path(namespace), *(resource_path(PLURALS[kind], namespace) for kind in KINDS))
        found = [one for path in paths for one in cluster.items(path)]
        return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in found}

    before = versions()
    operator.kill()
    restarted = start_operator()
    wait_for(lambda: restarted.metric("ecr_secret_operator_reconciles_total") >= 18 + 12, "all were looked at, twice")
    assert versions() == before, "nothing was written"


@pytest.mark.parametrize("goes", ["deleted", "renamed"])
@pytest.mark.parametrize(("older", "younger"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_when_the_oldest_goes_the_next_takes_over(
    cluster: Cluster, lasting: str, name: str, older: str, younger: str, goes: str
) -> None:
    shared = f"{name}-shared"
    first = apply(cluster, lasting, a_resource(older, name=f"{name}-old", generated_secret_name=shared))
    wait_ready(cluster, lasting, f"{name}-old", older)
    older_than_now(first)
    second = apply(cluster, lasting, a_resource(younger, name=f"{name}-and-young", generated_secret_name=shared))
    wait_outranked(cluster, lasting, second, first)
    assert owner_of(wait_secret(cluster, lasting, shared)) == (older, f"{name}-old")
    if goes == "deleted":
        cluster.delete(resource_path(PLURALS[older], lasting, f"{name}-old"))
    else:
        edit(cluster, lasting, f"{name}-old", older, generated_secret_name=f"{name}-elsewhere")
    wait_ready(cluster, lasting, f"{name}-and-young", younger, within=30)
    assert owner_of(wait_secret(cluster, lasting, shared)) == (younger, f"{name}-and-young")
    if goes == "renamed":
        wait_ready(cluster, lasting, f"{name}-old", older)


@pytest.mark.parametrize(("older", "younger"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_one_that_is_older_takes_over_the_name_that_it_comes_to_want(
    cluster: Cluster, lasting: str, name: str, older: str, younger: str
) -> None:
    first = apply(cluster, lasting, a_resource(older, name=f"{name}-old"))
    older_than_now(first)
    second = apply(cluster, lasting, a_resource(younger, name=name))
    before = wait_secret(cluster, lasting, f"{name}-generated")
    wait_ready(cluster, lasting, name, younger)
    wait_ready(cluster, lasting, f"{name}-old", older)
    edit(cluster, lasting, f"{name}-old", older, generated_secret_name=f"{name}-generated")
    wait_ready(cluster, lasting, f"{name}-old", older)
    wait_outranked(cluster, lasting, second, first)
    after = wait_secret(cluster, lasting, f"{name}-generated")
    assert owner_of(after) == (older, f"{name}-old")
    if older == younger:
        assert after["metadata"]["uid"] == before["metadata"]["uid"], "in place: whoever uses it is never without"
    wait_for(lambda: not cluster.get(secret_path(lasting, f"{name}-old-generated")), "its former Secret is gone")
    edit(cluster, lasting, f"{name}-old", older, generated_secret_name=f"{name}-old-generated")
    wait_ready(cluster, lasting, name, younger)
    wait_ready(cluster, lasting, f"{name}-old", older)


def test_the_younger_is_served_until_the_older_can_be(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    """An older resource that cannot be served harms no one that is; there is no moment without a valid token."""
    first = apply(cluster, namespace, a_resource(name="old"))
    older_than_now(first)
    wait_ready(cluster, namespace, "old")
    second = apply(cluster, namespace, a_resource(name="young"))
    wait_ready(cluster, namespace, "young")
    role = "arn:aws:iam::123456789012:role/mine"
    aws.fail("AccessDenied", role_arn=role)
    edit(cluster, namespace, "old", generated_secret_name="young-generated", aws={"role_arn": role})
    wait_condition(cluster, namespace, "old", type="Ready", status="False", reason="AWSAccessDenied")
    token = password_in(wait_secret(cluster, namespace, "young-generated"))
    cluster.patch(
        resource_path("secrets", namespace, "young"),
        {"metadata": {"annotations": {"ecr.mobb.redhat.com/refresh": "1"}}},
    )
    wait_for(lambda: password_in(wait_secret(cluster, namespace, "young-generated")) != token, "it is refreshed")
    cluster.delete(secret_path(namespace, "young-generated"))
    assert owner_of(wait_secret(cluster, namespace, "young-generated")) == ("Secret", "young"), "and restored"
    assert condition(get(cluster, namespace, "young"), "Ready")["status"] == "True"
    aws.fix()
    wait_ready(cluster, namespace, "old", within=60)
    wait_outranked(cluster, namespace, second, first)
    assert owner_of(wait_secret(cluster, namespace, "young-generated")) == ("Secret", "old")
