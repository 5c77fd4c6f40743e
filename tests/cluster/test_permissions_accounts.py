"""What the operator's ServiceAccount may change of other ServiceAccounts: links that it recorded there, and no more."""

from __future__ import annotations

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, Refused
from tests.cluster.own_secrets import OWNER

from .accounts import MARK, MOUNT, PULL, RECORD, account_path, an_account, entries, the_account

NOTE, ROLE, AUDIENCE = "example.com/note", "eks.amazonaws.com/role-arn", "eks.amazonaws.com/audience"
KEEP_REST, KEEP_PULL, KEEP_MOUNT = "Keep the rest", f"Keep the entries of {PULL}", f"Keep the entries of {MOUNT}"
NOT_TO_BE_RECORDED = "Record .* only what is put there"


def pulls(*names: str, record: str = "pull:own") -> Object:
    """A change of what a ServiceAccount pulls with, and of the record."""
    return {PULL: entries(*names), "metadata": {"annotations": {RECORD: record}}}


def a_linked_account(cluster: Cluster, namespace: str, name: str) -> Object:
    """One that others use too, with one entry that the operator put there."""
    return an_account(
        cluster,
        namespace,
        name,
        pull=["b", "own", "a"],
        mount=["token", "other"],
        labels={"team": "a", MARK: "true"},
        annotations={NOTE: "x", AUDIENCE: "sts.amazonaws.com", RECORD: "pull:own"},
        finalizers=["example.com/hold"],
    )


MANY = 4000

CHANGES: dict[str, tuple[Object, str]] = {
    "a role in AWS": ({"metadata": {"annotations": {ROLE: "arn:aws:iam::123456789012:role/admin"}}}, KEEP_REST),
    "another role in AWS": ({"metadata": {"annotations": {AUDIENCE: "x"}}}, KEEP_REST),
    "no role in AWS": ({"metadata": {"annotations": {AUDIENCE: None}}}, KEEP_REST),
    "an identity in Google Cloud": ({"metadata": {"annotations": {"iam.gke.io/gcp-service-account": "x"}}}, KEEP_REST),
    "an identity in Azure": ({"metadata": {"annotations": {"azure.workload.identity/client-id": "x"}}}, KEEP_REST),
    "a label for Azure": ({"metadata": {"labels": {"azure.workload.identity/use": "true"}}}, KEEP_REST),
    "a name in Vault": ({"metadata": {"annotations": {"vault.hashicorp.com/alias-metadata-a": "x"}}}, KEEP_REST),
    "a login at OpenShift": (
        {"metadata": {"annotations": {"serviceaccounts.openshift.io/oauth-redirecturi.x": "https://x"}}},
        KEEP_REST,
    ),
    "any Secret to mount": ({"metadata": {"annotations": {"kubernetes.io/enforce-mountable-secrets": "x"}}}, KEEP_REST),
    "an application of Argo CD": ({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}}, KEEP_REST),
    "another key of the operator": ({"metadata": {"annotations": {"ecr.mobb.redhat.com/more": "x"}}}, KEEP_REST),
    "an annotation removed": ({"metadata": {"annotations": {NOTE: None}}}, KEEP_REST),
    "all annotations removed": ({"metadata": {"annotations": None}}, KEEP_REST),
    "a label changed": ({"metadata": {"labels": {"team": "b"}}}, KEEP_REST),
    "a label removed": ({"metadata": {"labels": {"team": None}}}, KEEP_REST),
    "a finalizer added": ({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}, KEEP_REST),
    "a finalizer removed": ({"metadata": {"finalizers": None}}, KEEP_REST),
    "an owner": ({"metadata": {"ownerReferences": [OWNER]}}, KEEP_REST),
    "its token mounted": ({"automountServiceAccountToken": True}, KEEP_REST),
    "a foreign entry removed": (pulls("own", "a"), KEEP_PULL),
    "all entries removed": ({PULL: None}, KEEP_PULL),
    "a foreign entry to mount removed": ({MOUNT: entries("token")}, KEEP_MOUNT),
    "all entries to mount removed": ({MOUNT: None}, KEEP_MOUNT),
    "another order": (pulls("a", "own", "b"), KEEP_PULL),
    "another order to mount": ({MOUNT: entries("other", "token")}, KEEP_MOUNT),
    "entries before and behind those of others": (pulls("new", "b", "own", "a", "more"), KEEP_PULL),
    "an entry between those of others": (pulls("b", "new", "own", "a"), KEEP_PULL),
    "its own in the place of a foreign one": (pulls("new", "own", "a", record="pull:new pull:own"), KEEP_PULL),
    "part of a name": (pulls("bb", "own", "a"), KEEP_PULL),
    "a foreign entry recorded": (pulls("b", "own", "a", record="pull:a pull:own"), KEEP_PULL),
    "a foreign entry to mount recorded": ({"metadata": {"annotations": {RECORD: "mount:token pull:own"}}}, KEEP_MOUNT),
    "an entry to come recorded": (pulls("b", "own", "a", record="pull:own pull:to-come"), NOT_TO_BE_RECORDED),
    "a foreign entry recorded and removed at once": (pulls("b", "own", record="pull:a pull:own"), KEEP_PULL),
    "the only foreign entry to mount recorded": (
        {MOUNT: entries("token", "other", "new"), "metadata": {"annotations": {RECORD: "pull:a mount:new pull:own"}}},
        KEEP_PULL,
    ),
}
"""What gives power over a ServiceAccount or its pods, or takes what is somebody else's."""

ENGINES: dict[str, Object] = {
    "an annotation added": {"metadata": {"annotations": {"policies.example.com/seen": "x"}}},
    "an annotation changed": {"metadata": {"annotations": {NOTE: "y"}}},
    "a label added": {"metadata": {"labels": {"more": "x"}}},
    "a label added below kubernetes.io": {"metadata": {"labels": {"app.kubernetes.io/part-of": "x"}}},
    "its token not mounted": {"automountServiceAccountToken": False},
    "an entry behind": pulls("b", "own", "a", "new"),
    "an entry before": pulls("new", "b", "own", "a"),
    "an entry to mount behind": {MOUNT: entries("token", "other", "new")},
    "an entry that is recorded for another list": {
        PULL: entries("b", "own", "a", "new"),
        MOUNT: entries("token", "other", "new"),
        "metadata": {"annotations": {RECORD: "mount:new pull:own"}},
    },
    "a foreign entry repeated": pulls("b", "own", "a", "b"),
    "its own repeated and no longer recorded": pulls("b", "own", "own", "a", record=""),
}
"""What a policy engine may do in the operator's request, as far as the policies can tell: none of it gives power."""


@pytest.mark.parametrize("case", CHANGES)
def test_of_a_service_account_it_can_change_nothing_that_is_not_its_own(
    cluster: Cluster, thief: Cluster, namespace: str, name: str, case: str
) -> None:
    change, sentence = CHANGES[case]
    before, path = a_linked_account(cluster, namespace, name), account_path(namespace, name)
    with pytest.raises(Refused, match=sentence) as refusal:
        thief.patch(path, change)
    assert refusal.value.status == 403
    assert the_account(cluster, namespace, name) == before
    cluster.patch(path, change)  # the policy restricts no other user


@pytest.mark.parametrize("case", ENGINES)
def test_what_a_policy_engine_may_add_in_its_requests_is_let_pass(
    cluster: Cluster, thief: Cluster, namespace: str, name: str, case: str
) -> None:
    a_linked_account(cluster, namespace, name)
    thief.patch(account_path(namespace, name), ENGINES[case])


@pytest.mark.parametrize("case", [case for case in CHANGES if PULL in CHANGES[case][0] and CHANGES[case][0][PULL]])
def test_it_cannot_by_other_kinds_of_patches_either(
    cluster: Cluster, thief: Cluster, namespace: str, name: str, case: str
) -> None:
    change, _ = CHANGES[case]
    before, path = a_linked_account(cluster, namespace, name), account_path(namespace, name)
    applied = {"apiVersion": "v1", "kind": "ServiceAccount", **change}
    with pytest.raises(Refused, match="ValidatingAdmissionPolicy"):
        thief.request("PATCH", f"{path}?fieldManager=x&force=true", applied, content="application/apply-patch+yaml")
    operations: list[Object] = [{"op": "replace", "path": f"/{PULL}", "value": change[PULL]}]
    record = change["metadata"]["annotations"][RECORD]
    operations += [{"op": "replace", "path": f"/metadata/annotations/{RECORD.replace('/', '~1')}", "value": record}]
    with pytest.raises(Refused, match="ValidatingAdmissionPolicy"):
        thief.request("PATCH", path, operations, content="application/json-patch+json")  # type: ignore[arg-type]
    assert the_account(cluster, namespace, name) == before


def test_what_it_put_there_it_can_take_out_and_nothing_refuses_what_it_is_for(
    cluster: Cluster, thief: Cluster, namespace: str, name: str
) -> None:
    a_linked_account(cluster, namespace, name)
    path = account_path(namespace, name)
    thief.patch(path, pulls("b", "own", "a", "new", record="pull:new pull:own"))
    thief.patch(path, pulls("b", "a", "new", record="pull:new"))
    marks = {"labels": {MARK: None}, "annotations": {RECORD: None}}
    after = thief.patch(path, {PULL: entries("b", "a"), "metadata": marks})
    assert after[PULL] == entries("b", "a")
    assert after["metadata"]["labels"] == {"team": "a"}
    assert after["metadata"]["annotations"] == {NOTE: "x", AUDIENCE: "sts.amazonaws.com"}


def test_an_account_with_thousands_of_entries_can_be_linked(
    cluster: Cluster, thief: Cluster, namespace: str, name: str
) -> None:
    """OpenShift has left that many behind; an admission policy may cost no more than so much."""
    many = [f"{name}-dockercfg-{number:04}" for number in range(MANY)]
    an_account(cluster, namespace, name, pull=many, mount=many)
    both = {PULL: entries(*many, "own"), MOUNT: entries(*many, "own")}
    thief.patch(account_path(namespace, name), {**both, "metadata": {"annotations": {RECORD: "mount:own pull:own"}}})


MANY_WITH_ENGINE = 2000


def test_an_engine_may_add_to_one_with_a_thousand(cluster: Cluster, thief: Cluster, namespace: str, name: str) -> None:
    many = [f"{name}-dockercfg-{number:04}" for number in range(MANY_WITH_ENGINE)]
    an_account(cluster, namespace, name, pull=many, mount=many)
    both = {PULL: entries(*many, "own", "engine"), MOUNT: entries("engine", *many, "own")}
    thief.patch(account_path(namespace, name), {**both, "metadata": {"annotations": {RECORD: "mount:own pull:own"}}})


def test_it_can_neither_make_nor_delete_a_service_account(
    cluster: Cluster, thief: Cluster, namespace: str, name: str
) -> None:
    an_account(cluster, namespace, name)
    with pytest.raises(Refused, match='cannot create resource "serviceaccounts"'):
        thief.create(account_path(namespace), {"metadata": {"name": f"{name}-new"}})
    applied = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": f"{name}-new"}}
    path = f"{account_path(namespace, f'{name}-new')}?fieldManager=x&force=true"
    with pytest.raises(Refused, match=r"cannot (create|patch)|not found"):
        thief.request("PATCH", path, applied, content="application/apply-patch+yaml")
    with pytest.raises(Refused, match='cannot delete resource "serviceaccounts"'):
        thief.delete(account_path(namespace, name))
    assert cluster.get(account_path(namespace, f"{name}-new")) is None
