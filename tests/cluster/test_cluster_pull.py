"""ClusterPullSecret: the same Secret in every selected namespace, however many there are and whatever befalls one."""

from __future__ import annotations

import functools
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import ECR, Object, condition, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws.records import Role
from ecr_secret_operator_lab.permissions import NAMESPACE
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.finalizers import delete_but_hold, let_go
from tests.cluster.identities import KEYS, keys_secret, service_account
from tests.laboratory import DEPLOY

from .private import POLICIES
from .pulls import PULLS, Site, Status, is_ready, private_site, state, versions
from .resources import HOST, docker_config, password_in
from .webhooks import LONGEST_SECONDS, slow_webhook

pytestmark = pytest.mark.xdist_group("cluster pull")

COUNT = 500
EVERYWHERE = {"namespaces": {"selector": {"matchLabels": {"fleet": "all"}}}}
QUIET_SECONDS = 10.0
SLOW_COUNT = 40
"""More than there are workers."""


def host(region: str, account: str = "123456789012") -> str:
    return f"{account}.dkr.ecr.{region}.amazonaws.com"


def labelled(label: str) -> dict[str, Any]:
    return {"namespaces": {"selector": {"matchLabels": {"pull": label}}}}


@pytest.fixture(scope="module")
def lasting_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    elsewhere = ("--leader-election-namespace", "default")  # which is not where identities are looked for
    with private_site(tmp_path_factory.mktemp("pull"), *elsewhere) as site:
        yield site


@pytest.fixture
def site(lasting_site: Site) -> Iterator[Site]:
    lasting_site.world.aws.reset()
    yield lasting_site
    lasting_site.clear()


@pytest.fixture
def label(request: pytest.FixtureRequest) -> str:
    """A label, and the name of a resource, of this test alone."""
    return str(request.node.name)[5:40].partition("[")[0].replace("_", "-").strip("-")


# Many


@dataclass(frozen=True)
class PlacementStore:
    """What was seen while all namespaces were served for the first time."""

    status: Status
    calls: int
    writes: list[str]
    seconds: float


@pytest.fixture(scope="module")
def fleet(lasting_site: Site) -> PlacementStore:
    site = lasting_site
    site.namespaces(COUNT, fleet="all")
    site.world.aws.reset()
    began, requests = time.monotonic(), site.requests()
    site.pull("all", **EVERYWHERE)
    site.made.discard("all")
    status = site.wait_served("all", COUNT, within=60)
    seconds = time.monotonic() - began
    return PlacementStore(status, len(site.world.aws.calls()), site.writes(after=requests), seconds)


def test_five_hundred_namespaces_cost_one_call(site: Site, fleet: PlacementStore) -> None:
    assert fleet.calls == 1
    assert fleet.status["namespaces"] == {"selected": COUNT, "served": COUNT, "failing": 0}
    assert "failingNamespaces" not in fleet.status
    secrets = site.generated("all-generated")
    assert len(secrets) == len({one["metadata"]["namespace"] for one in secrets}) == COUNT
    assert len({password_in(one) for one in secrets}) == 1, "all share one token"


def test_five_hundred_namespaces_are_told_of_once_a_second(fleet: PlacementStore) -> None:
    """And each Secret is written once."""
    told = fleet.writes.count("patch clusterpullsecrets/status all")
    assert 1 <= told <= fleet.seconds + 2
    assert len([one for one in fleet.writes if one.startswith("create secrets")]) == COUNT
    assert len(fleet.writes) == COUNT + told, "and nothing else"


def test_a_restart_asks_nothing_and_writes_nothing(site: Site, fleet: PlacementStore) -> None:
    secrets, resource = versions(site.generated("all-generated")), site.get("all")
    operator, requests = site.restart("--leader-election-namespace", "default"), site.requests()
    wait_for(lambda: operator.metric("ecr_secret_operator_reconciles_total") > COUNT, "each was looked at", within=60)
    last = [-1.0, 0.0]

    def quiet() -> bool:
        count = operator.metric("ecr_secret_operator_reconciles_total")
        if count != last[0]:
            last[:] = [count, time.monotonic()]
        return time.monotonic() - last[1] > 2.0

    wait_for(quiet, "the operator has nothing to do", within=60)
    assert site.world.aws.calls() == []
    assert site.writes(after=requests) == []
    assert versions(site.generated("all-generated")) == secrets
    assert site.get("all") == resource


def test_a_refresh_of_all_is_one_call(site: Site, fleet: PlacementStore) -> None:
    before = {password_in(one) for one in site.generated("all-generated")}
    annotation = {"ecr.mobb.redhat.com/refresh": "now"}
    site.cluster.patch(f"{PULLS}/all", {"metadata": {"annotations": annotation}})
    site.wait("all", lambda status: status.get("lastHandledRefresh") == "now", "it was refreshed", within=60)
    after = {password_in(one) for one in site.generated("all-generated")}
    assert len(after) == 1
    assert not after & before
    assert len(site.world.aws.calls()) == 1
    status = site.wait_served("all", COUNT)
    assert status["lastHandledRefresh"] == "now"


def test_short_lived_tokens_are_rotated_with_one_call_each_time(site: Site, label: str) -> None:
    site.world.aws.settings(lifetime_seconds=24)  # enough for a slow machine to serve all with the first
    names = site.namespaces(20, pull=label)
    site.pull(label, ecr_registry=host("ap-south-1"), **labelled(label))
    site.wait_served(label, 20)
    first = password_in(site.wait_secret(names[0], f"{label}-generated"))

    def rotated() -> bool:
        found = {password_in(one) for one in site.generated(f"{label}-generated")}
        return len(found) == 1 and first not in found

    wait_for(rotated, "all have the next token", within=40)
    assert len(site.world.aws.calls("GetAuthorizationToken")) == 2
    site.wait_served(label, 20)


# Which


def test_labels_and_patterns_select(site: Site, label: str) -> None:
    chosen, other, excluded = (site.namespace(pull=one) for one in (label, "no", label))
    named = site.namespace()
    site.pull(label, namespaces={**labelled(label)["namespaces"], "exclude": [excluded]})
    site.pull("named", namespaces={"include": [named[:-1] + "?"], "exclude": [chosen, other, excluded]})
    site.wait_served(label, 1)
    site.wait("named", is_ready, "it is ready")
    secret = site.wait_secret(chosen, f"{label}-generated")
    token = password_in(secret)
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    assert secret["data"] == {".dockerconfigjson": b64encode(docker_config(HOST, token).encode()).decode()}
    (owner,) = secret["metadata"]["ownerReferences"]
    resource = site.get(label)
    assert resource
    assert (owner["kind"], owner["uid"]) == ("ClusterPullSecret", resource["metadata"]["uid"])
    assert not owner.get("blockOwnerDeletion")
    assert {one["metadata"]["namespace"] for one in site.generated(f"{label}-generated")} == {chosen}
    assert site.wait_secret(named, "named-generated")
    assert not [one for one in (chosen, other, excluded) if site.secret(one, "named-generated")]


def test_what_kubectl_shows(site: Site, label: str) -> None:
    site.namespaces(2, pull=label)
    site.pull(label, **labelled(label))
    site.wait_served(label, 2)
    head, line = site.world.plane.kubectl("get", "ecrpull", label).stdout.splitlines()
    assert head.split() == ["NAME", "READY", "REASON", "SECRET", "SERVED", "SELECTED", "EXPIRES", "AGE"]
    assert line.split()[:6] == [label, "True", "Refreshed", f"{label}-generated", "2", "2"]
    assert HOST in site.world.plane.kubectl("get", "ecrpull", label, "-o", "wide").stdout
    assert f"clusterpullsecret.ecr.mobb.redhat.com/{label}" in site.world.plane.kubectl("get", "ecr", "-A").stdout
    site.world.plane.kubectl("wait", "--for=condition=Ready", f"ecrpull/{label}", "--timeout=60s")


def test_namespaces_come_and_go(site: Site, label: str) -> None:
    site.pull(label, **labelled(label))
    site.wait(label, lambda status: status["namespaces"]["selected"] == 0, "no namespace is selected")
    later = site.namespace(pull=label)
    site.wait_secret(later, f"{label}-generated", within=5)
    site.label(later, pull=None)
    site.wait_gone(later, f"{label}-generated", within=5)
    site.wait(label, lambda status: status["namespaces"] == {"selected": 0, "served": 0, "failing": 0}, "it is gone")
    site.label(later, pull=label)
    site.wait_secret(later, f"{label}-generated", within=5)
    site.wait_served(label, 1)
    site.cluster.delete(f"/api/v1/namespaces/{later}")
    site.wait(label, lambda status: status["namespaces"] == {"selected": 0, "served": 0, "failing": 0}, "it is gone")


def test_another_selector_moves_the_secrets(site: Site, label: str) -> None:
    before, after, both = site.namespace(pull=label), site.namespace(), site.namespace(pull=label)
    site.pull(label, **labelled(label))
    site.wait_served(label, 2)
    kept = site.wait_secret(both, f"{label}-generated")["metadata"]["uid"]
    site.edit(label, namespaces={"selector": None, "include": [after, both]})
    site.wait_served(label, 2)
    site.wait_secret(after, f"{label}-generated")
    site.wait_gone(before, f"{label}-generated")
    assert site.wait_secret(both, f"{label}-generated")["metadata"]["uid"] == kept
    assert len(site.world.aws.calls()) <= 1


def test_another_name_moves_the_secrets(site: Site, label: str) -> None:
    names = site.namespaces(3, pull=label)
    site.pull(label, **labelled(label))
    site.wait_served(label, 3)
    site.edit(label, generated_secret_name="renamed")
    site.wait_served(label, 3)
    for namespace in names:
        site.wait_secret(namespace, "renamed")
        site.wait_gone(namespace, f"{label}-generated")


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_what_becomes_of_the_secrets_with_their_resource(site: Site, label: str, policy: str) -> None:
    label = f"{label}-{policy.lower()}"
    names = site.namespaces(3, pull=label)
    site.pull(label, deletion_policy=policy, **labelled(label))
    site.wait_served(label, 3)
    site.delete(label)
    wait_for(lambda: site.get(label) is None, "the resource is gone")
    if policy == "Delete":
        for namespace in names:
            site.wait_gone(namespace, f"{label}-generated", within=30)
        return
    before = versions(site.generated(f"{label}-generated"))
    assert len(before) == 3
    site.pull(label, deletion_policy=policy, **labelled(label))
    site.wait_served(label, 3)
    assert versions(site.generated(f"{label}-generated")) == before, "what was retained is found again"


# Drift


def test_what_is_edited_or_deleted_is_back_without_a_call(site: Site, label: str) -> None:
    edited, deleted, fine = site.namespaces(3, pull=label)
    site.pull(label, **labelled(label))
    site.wait_served(label, 3)
    site.world.aws.clear_calls()
    before = {one: site.wait_secret(one, f"{label}-generated") for one in (edited, deleted, fine)}
    site.cluster.patch(secret_path(edited, f"{label}-generated"), {"data": {".dockerconfigjson": "e30="}})
    site.cluster.delete(secret_path(deleted, f"{label}-generated"))
    for namespace in (edited, deleted):

        def restored(namespace: str = namespace) -> bool:
            found = site.secret(namespace, f"{label}-generated")
            return found is not None and found["data"] == before[namespace]["data"]

        wait_for(restored, f"that in {namespace} is restored", within=5)
    assert site.secret(fine, f"{label}-generated") == before[fine]
    assert site.world.aws.calls() == []
    told = wait_for(lambda: found if len(found := site.events(label)) == 2 else None, "both repairs are told")
    assert {one["reason"] for one in told} == {"Repaired"}
    assert {one["message"].partition(": ")[0] for one in told} == {
        f"In namespace {edited}",
        f"In namespace {deleted}",
    }
    site.wait_served(label, 3)


# One bad namespace


def held_object(name: str) -> Object:
    return {"metadata": {"name": name, "finalizers": ["example.com/held"]}}


def test_one_bad_namespace_stops_no_other(site: Site, label: str) -> None:
    generated, made = f"{label}-generated", site.namespaces(5, pull=label)
    foreign, terminating, forbidden, *fine = made
    before = site.cluster.create(secret_path(foreign), {"metadata": {"name": generated}, "data": {"precious": "eWVz"}})
    config_maps = f"/api/v1/namespaces/{terminating}/configmaps"
    site.cluster.create(config_maps, held_object("held"))
    site.cluster.delete(f"/api/v1/namespaces/{terminating}")
    quotas, none = f"/api/v1/namespaces/{forbidden}/resourcequotas", {"hard": {"count/secrets": "0"}}
    site.cluster.create(quotas, {"metadata": {"name": "none"}, "spec": none})
    used = {"status": {**none, "used": {"count/secrets": "0"}}}  # in place of a controller that is not here
    site.cluster.patch(f"{quotas}/none/status", used)
    site.pull(label, **labelled(label))

    status = site.wait_failing(label, {foreign: "SecretConflict", forbidden: "KubernetesError"})
    assert status["namespaces"] == {"selected": 4, "served": 2, "failing": 2}
    assert status["phase"] == "Error"
    assert state(status, "Ready") == ("False", "SecretConflict")
    messages = {one["namespace"]: one["message"] for one in status["failingNamespaces"]}
    assert f"Secret {generated} exists and was not made by this operator" in messages[foreign]
    assert "quota" in messages[forbidden]
    for namespace in fine:
        site.wait_secret(namespace, generated)
    assert site.secret(foreign, generated) == before
    assert site.secret(terminating, generated) is None

    site.cluster.delete(secret_path(foreign, generated))
    site.cluster.delete(f"{quotas}/none")
    site.wait_served(label, 4, within=40)
    site.cluster.patch(f"{config_maps}/held", {"metadata": {"finalizers": None}})
    wait_for(lambda: "Recovered" in {one["reason"] for one in site.events(label)}, "the recovery is reported")
    reasons = {one["reason"]: one["count"] for one in site.events(label)}
    assert reasons.pop("SecretConflict") == 1
    assert reasons.pop("Recovered") == 1
    assert reasons.keys() <= {"KubernetesError"}, "and what was known first, or lasted longer"


def test_a_namespace_that_terminates_is_left_alone(site: Site, label: str) -> None:
    terminating, fine = site.namespaces(2, pull=label)
    config_maps = f"/api/v1/namespaces/{terminating}/configmaps"
    site.cluster.create(config_maps, held_object("held"))
    site.pull(label, **labelled(label))
    site.wait_served(label, 2)
    requests = site.requests()
    site.cluster.delete(f"/api/v1/namespaces/{terminating}")
    site.wait_gone(terminating, f"{label}-generated", within=30)
    site.wait_served(label, 1)
    assert site.wait_secret(fine, f"{label}-generated")
    assert site.cluster.get(f"{config_maps}/held"), "the namespace is still there"
    site.cluster.patch(f"{config_maps}/held", {"metadata": {"finalizers": None}})
    tried = [one for one in site.writes(after=requests) if " secrets" in one]
    assert len(tried) <= 1, "at most once, before it was seen that it terminates"
    reasons = {one["reason"] for one in site.events(label)}
    assert reasons <= {"SecretRemoved"}, "its Secret goes by the operator or by the namespace's own deletion"


# What is being deleted, and still there


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_held_resource_is_pruned_and_refreshed_and_comes_to_no_new_namespace(
    site: Site, label: str, policy: str
) -> None:
    label = f"{label[:30]}-{policy.lower()}"
    kept, leaving = site.namespaces(2, pull=label)
    site.pull(label, deletion_policy=policy, **labelled(label))
    site.wait_served(label, 2)
    delete_but_hold(site.cluster, f"{PULLS}/{label}")
    held = site.wait(label, lambda status: bool(state(status, "Terminating")), "it is being deleted")
    assert state(held, "Terminating") == ("True", "Terminating")
    late = site.namespace(pull=label)
    site.label(leaving, pull=None)
    site.wait_gone(leaving, f"{label}-generated")
    before = password_in(site.wait_secret(kept, f"{label}-generated"))
    annotation = {"annotations": {"ecr.mobb.redhat.com/refresh": "1"}}
    site.cluster.patch(f"{PULLS}/{label}", {"metadata": annotation})
    wait_for(lambda: password_in(site.wait_secret(kept, f"{label}-generated")) != before, "it is refreshed", within=40)
    site.wait_served(label, 1)
    assert site.secret(late, f"{label}-generated") is None
    let_go(site.cluster, f"{PULLS}/{label}")
    wait_for(lambda: site.get(label) is None, "the resource is gone")
    site.made.discard(label)


def test_where_an_unwanted_secret_is_held_the_status_says_so(site: Site, label: str) -> None:
    held, fine = site.namespaces(2, pull=label)
    site.pull(label, **labelled(label))
    site.wait_served(label, 2)
    path = secret_path(held, f"{label}-generated")
    site.cluster.patch(path, {"metadata": {"finalizers": ["example.com/held"]}})
    site.label(held, pull=None)
    status = site.wait_failing(label, {held: "Terminating"})
    assert "finalizer example.com/held holds it" in status["failingNamespaces"][0]["message"]
    let_go(site.cluster, path)
    site.wait_served(label, 1)
    assert site.wait_secret(fine, f"{label}-generated")


def test_a_secret_that_is_held_in_a_namespace_that_terminates_is_told_of(site: Site, label: str) -> None:
    held, fine = site.namespaces(2, pull=label)
    site.pull(label, **labelled(label))
    site.wait_served(label, 2)
    path = secret_path(held, f"{label}-generated")
    site.cluster.patch(path, {"metadata": {"finalizers": ["example.com/held"]}})
    site.cluster.delete(f"/api/v1/namespaces/{held}")
    site.wait_failing(label, {held: "Terminating"})
    let_go(site.cluster, path)
    site.wait_served(label, 1)
    assert site.wait_secret(fine, f"{label}-generated")


def test_a_namespace_in_which_requests_hang_delays_no_other(site: Site, label: str, tmp_path: Path) -> None:
    slow, fine = site.namespaces(2, pull=label)
    with slow_webhook(site.cluster, slow, tmp_path, seconds=3600):
        for number in range(SLOW_COUNT):
            site.pull(f"{label}-{number}", **labelled(label))
        for number in range(SLOW_COUNT):
            site.wait_secret(fine, f"{label}-{number}-generated", within=LONGEST_SECONDS / 3)
        wait_for(
            lambda: site.operator.metric("ecr_secret_operator_namespace_slow", namespace=slow) == 1,
            "the metric names the slow namespace",
            within=LONGEST_SECONDS,
        )
        site.pull(label, **labelled(label))
        site.wait_secret(fine, f"{label}-generated", within=LONGEST_SECONDS / 3)
        assert site.secret(slow, f"{label}-generated") is None, "it hangs still"


# More than one resource


def test_who_was_first_keeps_a_name(site: Site, label: str) -> None:
    """Of two cluster resources, and of one beside a resource of the namespace, whichever of the two was first."""
    shared, alone, theirs = site.namespace(pull=label), site.namespace(pull=f"{label}-2"), site.namespace(pull=label)
    site.world.apply(theirs, name="theirs", generated_secret_name="shared")
    site.world.wait(theirs, "theirs", reason="Refreshed")
    time.sleep(1)  # creationTimestamps are whole seconds: in the same one, the cluster resource is first by kind
    site.pull("first", generated_secret_name="shared", **labelled(label))
    status = site.wait_failing("first", {theirs: "SecretConflict"})
    assert f"is generated for Secret {theirs}/theirs" in status["failingNamespaces"][0]["message"]

    selector = {"matchExpressions": [{"key": "pull", "operator": "In", "values": [label, f"{label}-2"]}]}
    site.pull("second", generated_secret_name="shared", namespaces={"selector": selector})
    status = site.wait_failing("second", {shared: "SecretConflict", theirs: "SecretConflict"})
    messages = {one["namespace"]: one["message"] for one in status["failingNamespaces"]}
    assert "is generated for ClusterPullSecret first" in messages[shared]
    assert status["namespaces"] == {"selected": 3, "served": 1, "failing": 2}
    site.wait_secret(alone, "shared")

    site.world.apply(shared, name="late", generated_secret_name="shared")
    late = site.world.wait(shared, "late", reason="SecretConflict")
    assert "is generated for ClusterPullSecret first" in late["message"]

    before, resources = versions(site.generated("shared")), [site.get("first"), site.get("second")]
    # A measurement over a time needs the time: nothing may change in it.
    time.sleep(QUIET_SECONDS)
    assert versions(site.generated("shared")) == before
    assert [site.get("first"), site.get("second")] == resources
    owners = {one["metadata"]["namespace"]: one["metadata"]["ownerReferences"][0] for one in site.generated("shared")}
    assert {place: (owner["kind"], owner["name"]) for place, owner in owners.items()} == {
        shared: ("ClusterPullSecret", "first"),
        alone: ("ClusterPullSecret", "second"),
        theirs: ("Secret", "theirs"),
    }

    site.cluster.delete(resource_path("secrets", theirs, "theirs"))
    site.cluster.delete(resource_path("secrets", shared, "late"))
    site.delete("first")
    site.wait_served("second", 3, within=60)


def test_an_older_one_that_rests_keeps_a_name_until_it_goes(site: Site, label: str) -> None:
    """It has made nothing there, so no Secret tells anybody that the name is free."""
    namespace = site.namespace(pull=label)
    site.pull("rests", generated_secret_name="shared", suspend=True, **labelled(label))
    site.wait("rests", lambda status: state(status, "Ready")[1] == "Suspended", "it rests")
    site.world.apply(namespace, name="late", generated_secret_name="shared")
    late = site.world.wait(namespace, "late", reason="SecretConflict")
    assert "is generated for ClusterPullSecret rests, the oldest" in late["message"]
    assert site.secret(namespace, "shared") is None
    site.delete("rests")
    site.world.wait(namespace, "late", reason="Refreshed", within=20)


# Policies and identities


def test_policies_judge_each_namespace(site: Site, label: str, fleet: PlacementStore) -> None:
    allowed, denied = site.namespace(pull=label), site.namespace(pull=label)
    site.world.policy("others", namespaces={"exclude": [allowed, denied]}, ambient_identity=True)
    site.world.policy("one", namespaces={"include": [allowed]}, ambient_identity=True)
    site.pull(label, **labelled(label))
    status = site.wait_failing(label, {denied: "PolicyDenied"})
    assert f"no AccessPolicy lets the namespace use {HOST}" in status["failingNamespaces"][0]["message"]
    assert status["namespaces"] == {"selected": 2, "served": 1, "failing": 1}
    site.wait_secret(allowed, f"{label}-generated")
    assert site.secret(denied, f"{label}-generated") is None
    site.world.policy("two", namespaces={"include": [denied]}, ambient_identity=True)
    site.wait_served(label, 2, within=10)
    site.cluster.delete(f"{POLICIES}/one")
    site.wait_failing(label, {allowed: "PolicyDenied"}, within=10)
    site.wait_gone(allowed, f"{label}-generated")
    site.world.policy(
        "one", namespaces={"include": [allowed]}, ambient_identity=True, mode="Audit", regions=["eu-west-1"]
    )
    status = site.wait_served(label, 2, within=10)
    assert state(status, "PolicyAllowed") == ("False", "PolicyDenied")
    assert condition({"status": status}, "PolicyAllowed")["message"].startswith(f"{allowed}: ")
    site.cluster.patch(f"{POLICIES}/others", {"spec": {"namespaces": {"exclude": None}}})
    site.wait(label, lambda status: state(status, "PolicyAllowed") == ("", ""), "no policy refuses it", within=10)


def test_identities_are_those_of_the_operators_namespace(site: Site, label: str) -> None:
    """A tenant's Secret or ServiceAccount of the same name has no say."""
    (tenant,) = site.namespaces(1, pull=label)
    roles = {name: f"arn:aws:iam::210987654321:role/{name}" for name in ("direct", "account", "tenant")}
    aws = site.world.aws
    aws.add_credentials(KEYS["aws_access_key_id"], KEYS["aws_secret_access_key"])
    subject = f"system:serviceaccount:{NAMESPACE}:puller"
    aws.set_roles([Role(role_arn=roles["direct"]), Role(role_arn=roles["account"], subject=subject)])
    for place, role, keys in (
        (NAMESPACE, "account", KEYS),
        (tenant, "tenant", {**KEYS, "aws_access_key_id": "AKIATENANT0000000001"}),
    ):
        service_account(site.cluster, place, "puller", **{"role-arn": roles[role]})
        site.cluster.create(secret_path(place), keys_secret(keys, "pull-keys"))
    identities: dict[str, dict[str, str]] = {
        "by-role": {"role_arn": roles["direct"]},
        "by-keys": {"credentials_secret": "pull-keys"},
        "by-account": {"service_account": "puller"},
    }
    for name, identity in identities.items():
        site.pull(name, ecr_registry=host("eu-central-1"), aws=identity, **labelled(label))
    principals = {}
    for name in identities:
        site.wait_served(name, 1)
        token = aws.find_token(password_in(site.wait_secret(tenant, f"{name}-generated")))
        assert token
        principals[name] = token.principal
    assert principals["by-role"] == "arn:aws:sts::210987654321:assumed-role/direct/ClusterPullSecret.by-role"
    assert principals["by-account"] == "arn:aws:sts::210987654321:assumed-role/account/ClusterPullSecret.by-account"
    assert ":user/" in principals["by-keys"]
    assert {call.access_key_id for call in aws.calls()} & {"AKIATENANT0000000001"} == set()
    site.cluster.delete(secret_path(NAMESPACE, "pull-keys"))
    status = site.wait(
        "by-keys", lambda status: state(status, "Refreshing")[1] == "IdentityUnavailable", "its keys are gone"
    )
    assert is_ready(status), "the token is still good"
    assert f"Secret {NAMESPACE}/pull-keys does not exist" in condition({"status": status}, "Refreshing")["message"]


# AWS


def test_aws_refusing_is_told_once_and_passes(site: Site, label: str) -> None:
    names, role = site.namespaces(10, pull=label), "arn:aws:iam::210987654321:role/refused"
    site.world.aws.fail("AccessDenied", role_arn=role)
    site.pull(label, ecr_registry=host("eu-west-1"), aws={"role_arn": role}, **labelled(label))
    status = site.wait_failing(label, dict.fromkeys(names, "AWSAccessDenied"))
    assert (status["phase"], state(status, "Ready")) == ("Error", ("False", "AWSAccessDenied"))
    assert state(status, "Refreshing") == ("False", "AWSAccessDenied")
    message = condition({"status": status}, "Ready")["message"]
    assert message.startswith("0 of 10 namespaces served.")
    assert "and 7 more: " in message, "what is the same for all is said once"
    (event,) = wait_for(functools.partial(site.events, label), "an event tells of it")
    assert (event["reason"], event["count"], event["type"]) == ("AWSAccessDenied", 1, "Warning")
    site.world.aws.wait_for_calls(2, "AssumeRole", timeout=30)
    site.world.aws.fix()
    site.wait_served(label, 10, within=60)
    told = wait_for(lambda: found if len(found := site.events(label)) == 2 else None, "the recovery is told")
    assert {one["reason"]: one["count"] for one in told} == {"AWSAccessDenied": 1, "Recovered": 1}


# Promise 7


def test_no_token_of_all_these_namespaces_shows_in_what_is_said_of_them(site: Site, label: str) -> None:
    names = site.namespaces(3, pull=label)
    site.cluster.create(secret_path(names[0]), {"metadata": {"name": f"{label}-generated"}, "data": {"x": "eWVz"}})
    site.pull(label, link=[{"service_account": "default"}], **labelled(label))
    site.wait_failing(label, {names[0]: "SecretConflict"})
    site.wait_secret(names[1], f"{label}-generated")
    site.cluster.delete(secret_path(names[1], f"{label}-generated"))
    token = password_in(site.wait_secret(names[1], f"{label}-generated"))
    wait_pulls_with(site, names[1], f"{label}-generated")
    said = {
        "log": site.operator.output(),
        "events": json.dumps(site.events(label)),
        "resource": json.dumps(site.get(label)),
        "accounts": json.dumps(site.cluster.get(f"/api/v1/namespaces/{names[1]}/serviceaccounts/default")),
        "metrics": site.operator.probe("/metrics")[1],
    }
    for place, text in said.items():
        assert label in text or place == "metrics", place
        assert token[:40] not in text, place
        assert token[-40:] not in text, place


# Links


def pulls_with(site: Site, namespace: str) -> list[str]:
    account = site.cluster.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default") or {}
    return [entry["name"] for entry in account.get("imagePullSecrets", [])]


def wait_pulls_with(site: Site, namespace: str, *secrets: str, within: float = 30.0) -> None:
    wait_for(lambda: pulls_with(site, namespace) == list(secrets), f"{namespace} pulls with {secrets}", within=within)


def _message(status: Status) -> str:
    return str(condition({"status": status}, "Linked").get("message"))


def test_the_default_service_account_is_linked_everywhere(site: Site, label: str) -> None:
    names = site.namespaces(10, pull=label)
    site.pull(label, link=[{"service_account": "default", "for": ["pull"]}], **labelled(label))
    site.wait_served(label, 10)
    for namespace in names:
        wait_pulls_with(site, namespace, f"{label}-generated")
    later = site.namespace(pull=label)
    wait_for(lambda: pulls_with(site, later) == [f"{label}-generated"], "the new one is linked", within=5)
    everywhere = "The Secret is linked in 11 namespaces"
    status = site.wait(label, lambda status: _message(status) == everywhere, "it says that all are linked")
    assert state(status, "Linked") == ("True", "Linked")
    site.label(names[0], pull=None)
    site.wait_gone(names[0], f"{label}-generated")
    wait_for(lambda: pulls_with(site, names[0]) == [], "what is pruned is unlinked", within=5)
    site.delete(label)
    for namespace in (*names, later):
        wait_pulls_with(site, namespace)


# Operators that see less, or nothing for a while


def test_an_operator_of_some_namespaces_leaves_cluster_resources_to_one_of_all(site: Site, label: str) -> None:
    """And what changed meanwhile is made good by the latter as soon as it is back."""

    def content(namespace: str) -> str:
        return b64decode(site.wait_secret(namespace, f"{label}-generated")["data"][".dockerconfigjson"]).decode()

    there, lost = site.namespaces(2, pull=label)
    site.pull(label, **labelled(label))
    site.wait_served(label, 2)
    site.restart(WATCH_NAMESPACE=f"{there},{lost}")
    resource, secrets = site.get(label), versions(site.generated(f"{label}-generated"))
    site.label(lost, pull=None)
    gained = site.namespace(pull=label)
    site.cluster.patch(secret_path(there, f"{label}-generated"), {"data": {".dockerconfigjson": "e30="}})
    site.world.apply(there)
    site.world.wait(there, reason="Refreshed")
    assert versions(site.generated(f"{label}-generated")).keys() == secrets.keys()
    assert site.get(label) == resource
    assert content(there) == "{}"

    site.restart()
    site.wait_secret(gained, f"{label}-generated", within=10)
    site.wait_gone(lost, f"{label}-generated")
    wait_for(lambda: "auths" in content(there), "what was edited is restored")
    site.wait_served(label, 2)
    tokens = {password_in(site.wait_secret(one, f"{label}-generated")) for one in (there, gained)}
    assert all(site.world.aws.find_token(token) for token in tokens)


def test_a_cluster_without_the_kind_is_served_and_the_kind_once_it_is_there(site: Site, label: str) -> None:
    """The last one: with the kind go all resources of the others."""
    definition = "clusterpullsecrets.ecr.mobb.redhat.com"
    site.world.plane.kubectl("delete", "crd", definition, "--timeout=60s")
    wait_for(lambda: _served_kinds(site) == {"secrets", "argohelmreposecrets", "accesspolicies"}, "it is not served")
    site.restart()
    there = site.namespace(pull=label)
    site.world.apply(there)
    site.world.wait(there, reason="Refreshed")
    assert "a kind is not installed" in site.operator.output()
    site.world.plane.kubectl("apply", "--server-side", "-f", str(DEPLOY / "crds" / f"{definition}.yaml"))
    wait_for(lambda: "clusterpullsecrets" in _served_kinds(site), "it is served")
    site.pull(label, **labelled(label))
    site.wait_served(label, 1, within=60)


def _served_kinds(site: Site) -> set[str]:
    return {one["name"] for one in site.cluster.request("GET", ECR)["resources"] if "/" not in one["name"]}
