"""What is being deleted, and held by finalizers of others, is governed as long as it exists (ADR 30)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, condition, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.commands import run, someone
from tests.cluster.faults import ask_for_a_refresh, settled, wait_handled
from tests.cluster.finalizers import FINALIZER, delete_but_hold, let_go
from tests.cluster.identities import KEYS, ROLE, keys_secret, service_account
from tests.cluster.resources import (
    PLURALS,
    a_resource,
    apply,
    edit,
    get,
    password_in,
    wait_condition,
    wait_ready,
    wait_secret,
)
from tests.laboratory import Kubectl


def path_of(namespace: str, name: str = "ecr", kind: str = "Secret") -> str:
    return resource_path(PLURALS[kind], namespace, name)


def password(cluster: Cluster, namespace: str, name: str = "ecr-generated") -> str:
    return password_in(wait_secret(cluster, namespace, name))


def wait_another_password(cluster: Cluster, namespace: str, name: str, before: str) -> None:
    wait_for(lambda: password(cluster, namespace, name) != before, f"{name} has another token", within=40)


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_held_resource_is_refreshed_and_says_what_holds_it(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws, policy: str
) -> None:
    aws.settings(lifetime_seconds=12)
    apply(cluster, namespace, a_resource(deletion_policy=policy))
    wait_ready(cluster, namespace)
    delete_but_hold(cluster, path_of(namespace))
    said = condition(wait_condition(cluster, namespace, type="Terminating", status="True"), "Terminating")
    assert FINALIZER in said["message"]
    token = aws.find_token(password(cluster, namespace))
    assert token
    wait_for(lambda: time.time() > token.expires_at, "that token has expired", within=20)
    now = aws.find_token(password(cluster, namespace))
    assert now
    assert now.expires_at > time.time()
    assert condition(get(cluster, namespace), "Ready")["status"] == "True"
    before = wait_secret(cluster, namespace)
    aws.settings(lifetime_seconds=3600)
    ask_for_a_refresh(cluster, namespace, "1")
    wait_handled(cluster, namespace, "1")
    assert wait_secret(cluster, namespace)["metadata"]["uid"] == before["metadata"]["uid"], "in place"
    let_go(cluster, path_of(namespace))
    if policy == "Delete":
        wait_for(lambda: cluster.get(secret_path(namespace, "ecr-generated")) is None, "the Secret goes with it")
    else:
        wait_for(lambda: get(cluster, namespace) is None, "the resource is gone")
        assert wait_secret(cluster, namespace)


def test_an_edited_secret_of_a_held_resource_is_repaired_and_a_deleted_one_is_not_created(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    right = password(cluster, namespace)
    delete_but_hold(cluster, path_of(namespace))
    cluster.patch(secret_path(namespace, "ecr-generated"), {"data": {"more": "eA=="}})
    wait_for(lambda: "more" not in wait_secret(cluster, namespace)["data"], "it is repaired")
    assert password(cluster, namespace) == right
    cluster.delete(secret_path(namespace, "ecr-generated"))
    resource = wait_condition(cluster, namespace, type="Ready", status="False", reason="Terminating")
    assert "No Secret is created" in condition(resource, "Ready")["message"]
    settled(operator)
    assert cluster.get(secret_path(namespace, "ecr-generated")) is None


def test_foreground_deletion_is_not_fought(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    owners = wait_secret(cluster, namespace)["metadata"]["ownerReferences"]
    blocking = [{**owner, "blockOwnerDeletion": True} for owner in owners]
    cluster.patch(secret_path(namespace, "ecr-generated"), {"metadata": {"ownerReferences": blocking}})
    delete_but_hold(cluster, path_of(namespace), foreground=True)
    wait_for(lambda: cluster.get(secret_path(namespace, "ecr-generated")) is None, "the garbage collector deleted it")
    wait_condition(cluster, namespace, type="Ready", status="False", reason="Terminating")
    settled(operator)
    assert cluster.get(secret_path(namespace, "ecr-generated")) is None
    wait_for(
        lambda: (get(cluster, namespace) or {})["metadata"]["finalizers"] == [FINALIZER],
        "the garbage collector is done",
    )
    let_go(cluster, path_of(namespace))
    wait_for(lambda: get(cluster, namespace) is None, "the resource is gone")


def test_another_resource_of_the_name_takes_the_secret_over_from_a_held_one(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource(name="old", generated_secret_name="shared"))
    wait_ready(cluster, namespace, "old")
    before = wait_secret(cluster, namespace, "shared")
    delete_but_hold(cluster, path_of(namespace, "old"))
    following = apply(cluster, namespace, a_resource(name="new", generated_secret_name="shared"))
    wait_ready(cluster, namespace, "new")
    after = wait_secret(cluster, namespace, "shared")
    assert after["metadata"]["uid"] == before["metadata"]["uid"], "in place: no pod is without"
    assert [owner["uid"] for owner in after["metadata"]["ownerReferences"]] == [following["metadata"]["uid"]]
    wait_condition(cluster, namespace, "old", type="Ready", status="False", reason="Terminating")
    let_go(cluster, path_of(namespace, "old"))
    wait_for(lambda: get(cluster, namespace, "old") is None, "the old one is gone")
    settled(operator)
    assert wait_secret(cluster, namespace, "shared")["metadata"]["uid"] == before["metadata"]["uid"]


def test_until_its_follower_can_be_served_the_held_one_keeps_the_secret(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource(name="old", generated_secret_name="shared"))
    wait_ready(cluster, namespace, "old")
    delete_but_hold(cluster, path_of(namespace, "old"))
    missing = {"credentials_secret": "missing"}
    apply(cluster, namespace, a_resource(name="new", generated_secret_name="shared", aws=missing))
    wait_condition(cluster, namespace, "new", type="Ready", status="False", reason="IdentityUnavailable")
    assert condition(get(cluster, namespace, "old"), "Ready")["status"] == "True"
    before = password(cluster, namespace, "shared")
    cluster.patch(path_of(namespace, "old"), {"metadata": {"annotations": {"ecr.mobb.redhat.com/refresh": "1"}}})
    wait_another_password(cluster, namespace, "shared", before)


def test_a_held_secret_is_kept_fresh_and_created_again_once_it_is_gone(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    path = secret_path(namespace, "ecr-generated")
    delete_but_hold(cluster, path)
    said = condition(wait_condition(cluster, namespace, type="Terminating", status="True"), "Terminating")
    assert "Secret ecr-generated is being deleted" in said["message"]
    assert FINALIZER in said["message"]
    before = wait_secret(cluster, namespace)
    ask_for_a_refresh(cluster, namespace, "1")
    wait_handled(cluster, namespace, "1")
    assert password(cluster, namespace) != password_in(before)
    resource = wait_ready(cluster, namespace)
    assert condition(resource, "Refreshing")["status"] == "True"
    let_go(cluster, path)
    wait_for(lambda: (cluster.get(path) or before)["metadata"]["uid"] != before["metadata"]["uid"], "it is another one")
    wait_for(lambda: not condition(get(cluster, namespace), "Terminating"), "nothing is being deleted any more")


def test_an_immutable_secret_of_a_held_resource_stays_until_it_expires(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    aws.settings(lifetime_seconds=12)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    cluster.patch(secret_path(namespace, "ecr-generated"), {"immutable": True})
    before = wait_secret(cluster, namespace)
    delete_but_hold(cluster, path_of(namespace))
    resource = wait_condition(cluster, namespace, type="Ready", status="False", reason="Terminating", within=40)
    assert "only replaced" in condition(resource, "Ready")["message"]
    assert wait_secret(cluster, namespace)["metadata"]["uid"] == before["metadata"]["uid"]


def test_keys_and_service_accounts_that_are_held_are_used_as_long_as_they_are_there(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    aws.add_credentials(KEYS["aws_access_key_id"], KEYS["aws_secret_access_key"])
    cluster.create(secret_path(namespace), keys_secret(KEYS))
    service_account(cluster, namespace, "puller", **{"role-arn": ROLE})
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    apply(cluster, namespace, a_resource(name="keys", aws={"credentials_secret": "aws-keys"}))
    apply(cluster, namespace, a_resource(name="account", aws={"service_account": "puller"}))
    for name in ("keys", "account"):
        wait_ready(cluster, namespace, name)
    delete_but_hold(cluster, secret_path(namespace, "aws-keys"))
    delete_but_hold(cluster, f"{accounts}/puller")
    for name in ("keys", "account"):
        before = password(cluster, namespace, f"{name}-generated")
        cluster.patch(path_of(namespace, name), {"metadata": {"annotations": {"ecr.mobb.redhat.com/refresh": "1"}}})
        wait_another_password(cluster, namespace, f"{name}-generated", before)
        wait_ready(cluster, namespace, name)


def account(cluster: Cluster, namespace: str, name: str) -> Object:
    return cluster.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}") or {}


def test_links_stay_with_a_held_resource_and_none_is_added(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    cluster.create(accounts, {"metadata": {"name": "builder"}})
    link = [{"service_account": "builder"}, {"service_account": "late"}]
    apply(cluster, namespace, a_resource(link=link))
    linked = [{"name": "ecr-generated"}]
    wait_for(lambda: account(cluster, namespace, "builder").get("imagePullSecrets") == linked, "it is linked")
    delete_but_hold(cluster, path_of(namespace))
    wait_condition(cluster, namespace, type="Terminating", status="True")
    cluster.create(accounts, {"metadata": {"name": "late"}})
    settled(operator)
    assert account(cluster, namespace, "builder").get("imagePullSecrets") == linked
    assert "imagePullSecrets" not in account(cluster, namespace, "late")
    let_go(cluster, path_of(namespace))
    wait_for(lambda: "imagePullSecrets" not in account(cluster, namespace, "builder"), "it is unlinked")


def test_out_of_a_held_service_account_links_are_taken_and_none_is_put_in(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    for name in ("old", "new"):
        cluster.create(accounts, {"metadata": {"name": name}})
    apply(cluster, namespace, a_resource(link=[{"service_account": "old"}]))
    wait_condition(cluster, namespace, type="Linked", status="True")
    for name in ("old", "new"):
        delete_but_hold(cluster, f"{accounts}/{name}")
    edit(cluster, namespace, link=[{"service_account": "new"}])
    wait_for(lambda: "imagePullSecrets" not in account(cluster, namespace, "old"), "it is unlinked")
    resource = wait_condition(cluster, namespace, type="Linked", status="False", reason="ServiceAccountMissing")
    assert "new (being deleted)" in condition(resource, "Linked")["message"]
    assert "imagePullSecrets" not in account(cluster, namespace, "new")


def test_people_are_told_since_when_and_by_what_it_is_held(
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    kubectl: Kubectl,
    kubeconfig: Path,
    tmp_path: Path,
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    delete_but_hold(cluster, path_of(namespace))
    since = (get(cluster, namespace) or {})["metadata"]["deletionTimestamp"]
    wait_condition(cluster, namespace, type="Terminating", status="True")
    rule = {"apiGroups": ["ecr.mobb.redhat.com"], "resources": ["*"], "verbs": ["get", "list"]}
    person = someone(cluster, kubectl, kubeconfig, tmp_path / "someone", namespace, rule)
    shown = run(person, "status", "-n", namespace)
    told = f"The resource is being deleted since {since}, and finalizer {FINALIZER} holds it"
    assert told in shown.stdout
    assert shown.returncode == 0, "it has a valid token"
    assert f'"deletion": "{told}"' in run(person, "status", "-n", namespace, "-o", "json").stdout
    found = run(kubeconfig, "doctor", "Secret/ecr", "-n", namespace).stdout
    assert told in found, found
