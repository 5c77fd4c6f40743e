"""AccessPolicy on a real cluster: who is served, who is not, and how soon that changes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Object, Refused, condition, resource_path, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.finalizers import delete_but_hold, let_go

from .private import POLICIES, World, private_world
from .resources import wait_secret

pytestmark = pytest.mark.xdist_group("policy")

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team-a-pull"
FOREIGN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/admin"


def host(region: str, account: str = ACCOUNT) -> str:
    return f"{account}.dkr.ecr.{region}.amazonaws.com"


@pytest.fixture(scope="module")
def lasting_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, OperatorProcess]]:
    with private_world(tmp_path_factory.mktemp("policy")) as world:
        yield world, world.start()


@pytest.fixture
def world(lasting_world: tuple[World, OperatorProcess]) -> Iterator[World]:
    found, _ = lasting_world
    found.aws.reset()
    yield found
    found.clear()


_numbers = itertools.count()


@pytest.fixture
def namespace(world: World) -> str:
    return world.cluster.namespace(f"team-{next(_numbers)}", team="a")


REGISTRIES = {"allowed account": ACCOUNT, "other account": "999999999999"}
REGIONS = {"allowed region": "us-east-2", "other region": "eu-west-1"}
IDENTITIES = ("ambient", "allowed role", "other role")


@pytest.mark.parametrize("mode", ["roles only", "ambient too"])
def test_the_matrix(world: World, namespace: str, mode: str) -> None:
    """Namespace x registry x region x identity: served exactly where one policy allows all of it.

    AWS is asked for nothing else.
    """
    outside = world.cluster.namespace(f"outside-{next(_numbers)}", team="b")
    ambient_allowed, role = mode == "ambient too", f"{ROLE}-{namespace}"
    aws = {"ambient": {}, "allowed role": {"role_arn": role}, "other role": {"role_arn": FOREIGN_ROLE}}
    world.policy(
        "team-a",
        namespaces={"selector": {"matchLabels": {"team": "a"}}},
        registries=[f"{ACCOUNT}.dkr.ecr.*.amazonaws.com"],
        regions=["us-east-2"],
        role_arns=[f"arn:aws:iam::{ACCOUNT}:role/team-a-*"],
        ambient_identity=ambient_allowed,
    )
    expected = {}
    for number, (where, account, region, identity) in enumerate(
        itertools.product((namespace, outside), REGISTRIES, REGIONS, IDENTITIES)
    ):
        allowed = (
            where == namespace
            and account == "allowed account"
            and region == "allowed region"
            and (identity == "allowed role" or (identity == "ambient" and ambient_allowed))
        )
        expected[where, f"r-{number}"] = allowed
        registry = host(REGIONS[region], REGISTRIES[account])
        world.apply(where, name=f"r-{number}", ecr_registry=registry, aws=aws[identity])
    found = {place: world.ready(*place)["reason"] for place in expected}
    assert found == {place: "Refreshed" if allowed else "PolicyDenied" for place, allowed in expected.items()}
    stored = {
        place: world.cluster.get(secret_path(place[0], f"{place[1]}-generated")) is not None for place in expected
    }
    assert stored == expected
    assert {call.region for call in world.aws.calls()} == {"us-east-2"}
    assert {call.parameters["RoleArn"] for call in world.aws.calls("AssumeRole")} == {role}
    asked = ["AROA" if "assumed-role" in token.principal else "AIDA" for token in world.aws.tokens()]
    assert sorted(asked) in (["AROA"], ["AIDA", "AROA"] if ambient_allowed else ["AROA"])


def test_without_any_policy_every_namespace_is_served(world: World, namespace: str) -> None:
    world.apply(namespace)
    world.wait(namespace, reason="Refreshed")


def test_the_first_policy_takes_what_it_does_not_allow_and_its_deletion_gives_it_back(
    world: World, namespace: str
) -> None:
    world.apply(namespace, deletion_policy="Retain")
    world.wait(namespace, reason="Refreshed")
    calls = len(world.aws.calls())
    world.policy("others", namespaces={"include": ["somebody-else"]}, ambient_identity=True)
    denied = world.wait(namespace, reason="PolicyDenied")
    assert f"no AccessPolicy lets namespace {namespace} use {host('us-east-2')}" in denied["message"]
    assert "ambient_identity: true" in denied["message"]
    assert world.get(namespace)["status"]["phase"] == "Error"  # type: ignore[index]
    wait_for(lambda: world.cluster.get(secret_path(namespace, "ecr-generated")) is None, "the token is taken", within=5)
    assert len(world.aws.calls()) == calls
    world.cluster.delete(f"{POLICIES}/others")
    world.wait(namespace, reason="Refreshed")
    assert world.cluster.get(secret_path(namespace, "ecr-generated"))


def test_a_namespaces_label_takes_effect_at_once_in_both_directions(world: World, namespace: str) -> None:
    selector = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "c"]}]}
    world.policy("team-a", namespaces={"selector": selector}, ambient_identity=True)
    world.apply(namespace)
    world.apply(namespace, "ArgoHelmRepoSecret", "charts")
    world.wait(namespace, reason="Refreshed")
    for label, reason in (("b", "PolicyDenied"), ("c", "Refreshed")):
        world.cluster.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"team": label}}})
        world.wait(namespace, reason=reason)
        wait_for(
            lambda reason=reason: (
                (world.cluster.get(secret_path(namespace, "charts-generated")) is not None)  # type: ignore[misc]
                == (reason == "Refreshed")
            ),
            "the other kind too",
            within=5,
        )


def test_what_is_denied_keeps_no_name_from_what_is_allowed(world: World, namespace: str) -> None:
    """Though it is older; once it is allowed, it has the name, for as long as it is."""
    one = {"namespaces": {"include": [namespace]}, "ambient_identity": True}
    world.policy("ohio", **one, regions=["us-east-2"])
    world.apply(namespace, name="a-older", generated_secret_name="shared", ecr_registry=host("eu-west-1"))
    world.wait(namespace, "a-older", reason="PolicyDenied")
    world.apply(namespace, name="b-younger", generated_secret_name="shared")
    world.wait(namespace, "b-younger", reason="Refreshed")
    world.policy("ireland", **one, regions=["eu-west-1"])
    world.wait(namespace, "a-older", reason="Refreshed")
    world.wait(namespace, "b-younger", reason="SecretConflict")
    world.cluster.delete(f"{POLICIES}/ireland")
    world.wait(namespace, "a-older", reason="PolicyDenied")
    world.wait(namespace, "b-younger", reason="Refreshed")


def test_policies_do_not_add_up(world: World, namespace: str) -> None:
    """One policy with the registry and another one with the role allow nothing together."""
    world.policy("registry", registries=[host("us-east-2")], ambient_identity=True)
    world.policy("role", registries=[host("eu-west-1")], role_arns=[ROLE])
    world.apply(namespace, aws={"role_arn": ROLE})
    message = world.wait(namespace, reason="PolicyDenied")["message"]
    assert "registry selects it but does not allow this role" in message
    assert "role selects it but does not allow this registry" in message


@pytest.mark.parametrize("deletion_policy", ["Delete", "Retain"])
def test_a_denial_holds_for_a_resource_that_is_being_deleted(
    world: World, namespace: str, deletion_policy: str
) -> None:
    world.apply(namespace, deletion_policy=deletion_policy)
    world.wait(namespace, reason="Refreshed")
    path = resource_path("secrets", namespace, "ecr")
    delete_but_hold(world.cluster, path)
    world.policy("others", namespaces={"include": ["somebody-else"]}, ambient_identity=True)
    world.wait(namespace, reason="PolicyDenied")
    wait_for(lambda: world.cluster.get(secret_path(namespace, "ecr-generated")) is None, "the Secret is removed")
    let_go(world.cluster, path)


def test_a_denied_secret_that_finalizers_hold_is_told_of(world: World, namespace: str) -> None:
    world.apply(namespace)
    world.wait(namespace, reason="Refreshed")
    path = secret_path(namespace, "ecr-generated")
    world.cluster.patch(path, {"metadata": {"finalizers": ["example.com/hold"]}})
    world.policy("others", namespaces={"include": ["somebody-else"]}, ambient_identity=True)
    world.wait(namespace, reason="PolicyDenied")
    told = wait_for(lambda: condition(world.get(namespace), "Terminating"), "it says that the Secret is still there")
    assert "finalizer example.com/hold holds it" in told["message"]
    let_go(world.cluster, path)
    wait_for(lambda: not condition(world.get(namespace), "Terminating"), "it is gone")


def test_a_policy_that_is_being_deleted_is_in_force_until_it_is_gone(world: World, namespace: str) -> None:
    """It is the only one: without it, everything would be allowed."""
    world.policy("others", namespaces={"include": ["somebody-else"]}, ambient_identity=True)
    delete_but_hold(world.cluster, f"{POLICIES}/others")
    world.apply(namespace)
    world.wait(namespace, reason="PolicyDenied")
    let_go(world.cluster, f"{POLICIES}/others")
    world.wait(namespace, reason="Refreshed")


def test_what_policy_refuses_goes_although_an_update_is_refused(world: World, namespace: str) -> None:
    world.apply(namespace)
    world.wait(namespace, reason="Refreshed")
    before = wait_secret(world.cluster, namespace)
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": ["UPDATE"]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    spec = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
        "validations": [{"expression": "object.data == oldObject.data", "message": "no other data"}],
    }
    world.cluster.create(f"{path}ies", {"metadata": {"name": namespace}, "spec": spec})
    binding = {"policyName": namespace, "validationActions": ["Deny"]}
    world.cluster.create(f"{path}ybindings", {"metadata": {"name": namespace}, "spec": binding})

    def in_force() -> bool:
        change = {"data": {".dockerconfigjson": "e30="}}
        try:
            world.cluster.patch(f"{secret_path(namespace, 'ecr-generated')}?dryRun=All", change)
        except Refused as refusal:
            return "no other data" in refusal.message
        return False

    wait_for(in_force, "the policy is in force")
    world.policy("defaults", default_role_arn=f"{ROLE}-{namespace}")
    after = wait_for(lambda: _another(world, namespace, before), "the Secret is another one")
    assert after["data"] != before["data"]
    world.wait(namespace, reason="Refreshed")
    for kind in ("ybindings", "ies"):
        world.cluster.delete(f"{path}{kind}/{namespace}")


def _another(world: World, namespace: str, before: Object) -> Object | None:
    found = world.cluster.get(secret_path(namespace, "ecr-generated"))
    return found if found and found["metadata"]["uid"] != before["metadata"]["uid"] else None


def test_a_default_role_takes_the_place_of_the_operators_own_identity(world: World, namespace: str) -> None:
    role = f"{ROLE}-of-{namespace}"
    world.policy("defaults", default_role_arn=role)
    world.apply(namespace)
    world.wait(namespace, reason="Refreshed")
    assert [call.parameters["RoleArn"] for call in world.aws.calls("AssumeRole")] == [role]


def test_the_role_of_a_service_account_is_judged_too(world: World, namespace: str) -> None:
    world.policy("team-a", role_arns=[ROLE])
    for name, role in (("good", ROLE), ("bad", FOREIGN_ROLE)):
        metadata = {"name": name, "annotations": {"eks.amazonaws.com/role-arn": role}}
        world.cluster.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": metadata})
        world.apply(namespace, name=name, aws={"service_account": name})
    world.wait(namespace, "good", reason="Refreshed")
    world.wait(namespace, "bad", reason="PolicyDenied")
    assert [call.parameters["RoleArn"] for call in world.aws.calls()[:1]] == [ROLE]


def test_one_registry_that_is_not_allowed_denies_the_whole(world: World, namespace: str) -> None:
    world.policy("ohio", regions=["us-east-2"], ambient_identity=True)
    world.apply(namespace, additional_registries=[{"ecr_registry": host("eu-west-1")}])
    assert host("eu-west-1") in world.wait(namespace, reason="PolicyDenied")["message"]
    assert world.aws.calls() == []


def denials(operator: OperatorProcess, namespace: str, **labels: str) -> float:
    return operator.metric("ecr_secret_operator_policy_denied", namespace=namespace, name="ecr", **labels)


def test_audit_serves_and_reports(world: World, namespace: str, lasting_world: tuple[World, OperatorProcess]) -> None:
    _, operator = lasting_world
    world.policy("audit", registries=[host("eu-west-1")], ambient_identity=True, mode="Audit")
    world.apply(namespace)
    world.wait(namespace, reason="Refreshed")
    found = condition(world.get(namespace), "PolicyAllowed")
    assert (found["status"], found["reason"]) == ("False", "PolicyDenied")
    events = wait_for(lambda: world.cluster.items(f"/api/v1/namespaces/{namespace}/events"), "an event tells of it")
    assert [event["reason"] for event in events] == ["PolicyAudited"]
    wait_for(lambda: denials(operator, namespace, mode="audit") == 1, "a metric tells of it")
    world.cluster.patch(f"{POLICIES}/audit", {"spec": {"mode": "Enforce"}})
    world.wait(namespace, reason="PolicyDenied")
    assert condition(world.get(namespace), "PolicyAllowed") == {}
    wait_for(lambda: denials(operator, namespace, mode="enforce") == 1, "the metric tells of it")
    world.cluster.patch(f"{POLICIES}/audit", {"spec": {"registries": [host("us-east-2")]}})
    world.wait(namespace, reason="Refreshed")
    wait_for(lambda: denials(operator, namespace) == 0, "the metric is gone")


def test_audit_reports_the_identity_that_enforcing_replaces(
    world: World, namespace: str, lasting_world: tuple[World, OperatorProcess]
) -> None:
    _, operator = lasting_world
    world.policy("audit", default_role_arn=ROLE, mode="Audit")
    world.apply(namespace)
    world.wait(namespace, reason="Refreshed")
    found = condition(world.get(namespace), "PolicyAllowed")
    replaces = f"AccessPolicy audit replaces the operator's own identity for {host('us-east-2')}"
    assert (found["status"], found["reason"]) == ("False", "PolicyDenied")
    assert f"{replaces} in namespace {namespace} with role {ROLE}" in found["message"]
    (event,) = wait_for(lambda: world.cluster.items(f"/api/v1/namespaces/{namespace}/events"), "an event reports it")
    assert (event["reason"], event["type"], event["message"]) == ("PolicyAudited", "Warning", found["message"])
    wait_for(lambda: denials(operator, namespace, mode="audit") == 1, "a metric reports it")
    assert world.aws.calls("AssumeRole") == []
    world.cluster.patch(f"{POLICIES}/audit", {"spec": {"mode": "Enforce"}})
    wait_for(lambda: world.aws.calls("AssumeRole"), "the role replaces the identity")
    wait_for(lambda: condition(world.get(namespace), "PolicyAllowed") == {}, "nothing is left to report")


def test_audit_reports_a_stored_token_that_enforcing_removes(world: World, namespace: str) -> None:
    """Also where the spec names another identity by now, whose token cannot be had."""
    world.apply(namespace)
    world.wait(namespace, reason="Refreshed")
    world.cluster.patch(resource_path("secrets", namespace, "ecr"), {"spec": {"aws": {"service_account": "nobody"}}})
    world.policy("audit", role_arns=[ROLE], mode="Audit")
    wait_for(
        lambda: "would be removed" in condition(world.get(namespace), "PolicyAllowed").get("message", ""),
        "the removal is reported",
    )
    assert world.cluster.get(secret_path(namespace, "ecr-generated"))
    world.cluster.patch(f"{POLICIES}/audit", {"spec": {"mode": "Enforce"}})
    wait_for(lambda: world.cluster.get(secret_path(namespace, "ecr-generated")) is None, "it is removed", within=10)


@pytest.mark.parametrize(
    "change",
    [
        {"aws": {"service_account": "nobody"}},
        {"aws": {"credentials_secret": "missing"}},
        {"frequency": "banana"},
        {"suspend": True},
        {"generated_secret_name": "taken", "aws": {"role_arn": ROLE}},
        {"generated_secret_name": "new", "aws": {"service_account": "nobody"}},
    ],
    ids=["missing account", "missing keys", "invalid", "suspended", "another's name", "renamed and missing account"],
)
def test_a_token_of_a_former_identity_is_judged_too(world: World, namespace: str, change: dict[str, Any]) -> None:
    """Else a tenant keeps what it had by naming something that cannot be judged."""
    world.cluster.create(secret_path(namespace), {"metadata": {"name": "taken"}, "data": {}})
    world.apply(namespace)
    world.wait(namespace, reason="Refreshed")
    path = resource_path("secrets", namespace, "ecr")
    world.store_unchecked(lambda: world.cluster.patch(path, {"spec": change}))
    world.policy("roles", registries=[host("us-east-2")], role_arns=[ROLE])
    wait_for(
        lambda: world.cluster.get(secret_path(namespace, "ecr-generated")) is None, "the token is taken", within=10
    )
    wait_for(lambda: world.ready(namespace)["status"] == "False", "it says so")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "role that is none": ({"default_role_arn": "admin"}, "must be the ARN of an IAM role"),
    "pattern with brackets": ({"registries": ["[0-9]*"]}, "may hold letters, digits"),
    "unknown mode": ({"mode": "Off"}, "Unsupported value"),
    "region that is none": ({"regions": ["everywhere"]}, "must be an AWS region"),
    "In without values": (
        {"namespaces": {"selector": {"matchExpressions": [{"key": "team", "operator": "In"}]}}},
        "values are needed",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_policy_that_cannot_mean_anything_is_refused(world: World, case: str) -> None:
    spec, sentence = REFUSED[case]
    with pytest.raises(Refused, match=sentence):
        world.policy("bad", **spec)
