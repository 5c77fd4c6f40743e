"""Links when things go wrong: the operator is killed, others write at the same time, a permission is missing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, Refused, condition, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import SERVICE_ACCOUNT
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.linking import RECONCILES, link, remove, wait_linked

from ..laboratory import Install, Kubectl, StartOperator
from .accounts import MARK, PULL, RECORD, account_path, an_account, entries, essence, listed, the_account, wait_listed
from .resources import a_resource, apply, edit, get, wait_condition, wait_ready

# Restarts


def _deleted(cluster: Cluster, namespace: str) -> None:
    remove(cluster, namespace, "ecr")


def _elsewhere(cluster: Cluster, namespace: str) -> None:
    edit(cluster, namespace, link=link("other"))


def _dropped(cluster: Cluster, namespace: str) -> None:
    edit(cluster, namespace, link=None)


@pytest.mark.parametrize("change", [_deleted, _elsewhere, _dropped])
def test_what_ended_while_the_operator_was_dead_is_unlinked_once_it_is_back(
    cluster: Cluster, namespace: str, start_operator: StartOperator, change: Callable[[Cluster, str], None]
) -> None:
    """Nothing but the ServiceAccount's own label tells of it then."""
    before = an_account(cluster, namespace, "builder", pull=["mine"], mount=["token"])
    an_account(cluster, namespace, "other")
    first = start_operator()
    apply(cluster, namespace, a_resource(link=link("builder")))
    wait_linked(cluster, namespace, "ecr")
    first.kill()
    change(cluster, namespace)
    labelled = cluster.items(account_path(namespace), labelSelector=f"{MARK}=true")
    assert [account["metadata"]["name"] for account in labelled] == ["builder"]
    start_operator()
    wait_listed(cluster, namespace, "builder", pull=["mine"], mount=["token"])
    assert essence(the_account(cluster, namespace, "builder")) == essence(before)
    if change is _elsewhere:
        wait_linked(cluster, namespace, "ecr")


def test_a_restart_writes_to_no_service_account(
    cluster: Cluster, namespace: str, start_operator: StartOperator
) -> None:
    """Not where links are as they should be, nor where a person has them, nor to a retained one."""
    names = ["builder", "puller", "retained"]
    for name in names:
        an_account(cluster, namespace, name, pull=["mine"])
    first = start_operator()
    apply(cluster, namespace, a_resource(name="one", link=[*link("builder"), *link("puller", "pull")]))
    apply(cluster, namespace, a_resource(name="two", link=link("builder", "mount")))
    apply(cluster, namespace, a_resource(name="three", link=link("retained"), deletion_policy="Retain"))
    for name in ("one", "two", "three"):
        wait_linked(cluster, namespace, name)
    remove(cluster, namespace, "three")
    edit(cluster, namespace, "two", suspend=True)
    wait_condition(cluster, namespace, "two", type="Ready", status="True", reason="Suspended")
    first.kill()
    before = {name: the_account(cluster, namespace, name) for name in names}
    resources = {name: get(cluster, namespace, name) for name in ("one", "two")}
    second = start_operator()
    wait_for(lambda: second.metric(RECONCILES, kind="ServiceAccount", result="ok") >= len(names), "all were looked at")
    # Something that is done after what is on its way: what would have been written is by then.
    apply(cluster, namespace, a_resource(name="last", link=link("last")))
    an_account(cluster, namespace, "last")
    wait_linked(cluster, namespace, "last")
    assert {name: the_account(cluster, namespace, name) for name in names} == before
    assert {name: get(cluster, namespace, name) for name in ("one", "two")} == resources
    remove(cluster, namespace, "one")
    edit(cluster, namespace, "two", suspend=False, link=None)
    cluster.delete(secret_path(namespace, "three-generated"))
    for name in names:
        wait_listed(cluster, namespace, name, pull=["mine"])


# Others who write


@dataclass
class ThirdParty:
    """Adds and removes entries of its own, as a careful program does: it reads, changes, and writes that version."""

    cluster: Cluster
    path: str
    own: list[str] = field(default_factory=list)
    writes: int = 0

    def _foreign(self, account: Object) -> list[str]:
        return [entry["name"] for entry in account.get(PULL, []) if entry["name"].startswith("theirs-")]

    def turn(self) -> None:
        """One change. Fails when somebody else has touched its entries."""
        account = self.cluster.request("GET", self.path)
        assert self._foreign(account) == self.own, "somebody lost or moved an entry"
        names = [entry["name"] for entry in account.get(PULL, [])]
        if len(self.own) < 6:
            names.insert(self.writes % (len(names) + 1), f"theirs-{self.writes}")
        else:
            names = [name for name in names if name not in self.own[::2]]
        account[PULL] = entries(*names)
        try:
            self.own = self._foreign(self.cluster.request("PUT", self.path, account))
            self.writes += 1
        except Refused as refusal:
            if refusal.status != 409:
                raise


def _come_and_go(cluster: Cluster, namespace: str, name: str, enough: Callable[[], bool]) -> None:
    """Makes a resource and deletes it, again and again, whether or not it was linked meanwhile."""
    turn = 0
    while not enough():
        apply(cluster, namespace, a_resource(name=name, link=link("builder", *(("pull",) if turn % 2 else ()))))
        if turn % 3:

            def linked() -> bool:
                state = condition(get(cluster, namespace, name), "Linked")
                assert state.get("reason") in (None, "Linked"), state
                return state.get("status") == "True"

            wait_for(linked, f"{name} is linked", within=30)
        remove(cluster, namespace, name)
        turn += 1


def test_nobodys_entry_is_lost_while_all_write_at_the_same_time(
    cluster: Cluster, kubeconfig: Path, namespace: str, operator: OperatorProcess
) -> None:
    an_account(cluster, namespace, "builder", mount=["token"])
    stop, failures, turns = threading.Event(), list[BaseException](), {"one": 0, "two": 0, "third party": 0}
    third_parties: list[ThirdParty] = []

    def counting(who: str) -> bool:
        turns[who] += 1
        return stop.is_set()

    def run(who: str, act: Callable[[Cluster], None]) -> None:
        try:
            with Cluster(kubeconfig) as own:
                act(own)
        except BaseException as error:  # noqa: BLE001 - it is raised where the test can see it
            failures.append(error)
            stop.set()

    def meddle(own: Cluster) -> None:
        third_parties.append(ThirdParty(own, account_path(namespace, "builder")))
        while not counting("third party"):
            third_parties[0].turn()

    def resource(who: str) -> Callable[[Cluster], None]:
        return lambda own: _come_and_go(own, namespace, who, lambda: counting(who))

    acts = {"third party": meddle, "one": resource("one"), "two": resource("two")}
    threads = [threading.Thread(target=run, args=item) for item in acts.items()]
    for thread in threads:
        thread.start()

    def met() -> bool:
        conflicts = operator.metric(RECONCILES, kind="ServiceAccount", result="failed")
        return stop.is_set() or (conflicts >= 5 and min(turns.values()) > 12)

    try:
        wait_for(met, "the operator has met versions that were not the judged ones", within=90)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    theirs = third_parties[0].own
    assert theirs
    account = wait_listed(cluster, namespace, "builder", pull=theirs, mount=["token"])
    assert RECORD not in account["metadata"].get("annotations", {})
    assert MARK not in account["metadata"].get("labels", {})
    assert "raised what it should not" not in operator.output()


# A permission that is missing


def _without(kubectl: Kubectl, cluster: Cluster, namespace: str, verb: str) -> None:
    """Takes a permission for ServiceAccounts from the operator that is installed in a namespace."""
    (role,) = (
        one
        for one in cluster.items(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles")
        if any(rule["resources"] == ["serviceaccounts"] for rule in one["rules"])
    )
    for rule in role["rules"]:
        if rule["resources"] == ["serviceaccounts"]:
            rule["verbs"] = [one for one in rule["verbs"] if one != verb]
    role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
    name = role["metadata"]["name"]
    cluster.request("PUT", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/{name}", role)
    user = f"system:serviceaccount:{namespace}:{SERVICE_ACCOUNT}"

    def refused() -> bool:
        asked = kubectl("auth", "can-i", verb, "serviceaccounts", "-n", namespace, "--as", user)
        return asked.stdout.strip() == "no"

    wait_for(refused, f"the operator may no longer {verb} ServiceAccounts")


@pytest.mark.parametrize(
    ("verb", "sentence"),
    [
        ("patch", "the operator may not change ServiceAccount builder"),
        ("list", "the operator may not list ServiceAccounts"),
    ],
)
def test_without_the_right_the_resource_is_served_and_says_why_it_is_not_linked(
    cluster: Cluster,
    namespace: str,
    install: Install,
    kubectl: Kubectl,
    start_operator: StartOperator,
    verb: str,
    sentence: str,
) -> None:
    confined = install()
    _without(kubectl, cluster, namespace, verb)
    operator = start_operator("--kubeconfig", str(confined))
    before = an_account(cluster, namespace, "builder")
    apply(cluster, namespace, a_resource(link=link("builder")))
    resource = wait_condition(cluster, namespace, type="Linked", status="False", reason="KubernetesError")
    assert sentence in condition(resource, "Linked")["message"]
    assert condition(wait_ready(cluster, namespace), "Ready")["reason"] == "Refreshed"
    for kind in ("Secret", "ArgoHelmRepoSecret"):
        apply(cluster, namespace, a_resource(kind, name=f"other-{kind.lower()}"))
        wait_ready(cluster, namespace, f"other-{kind.lower()}", kind)
    assert the_account(cluster, namespace, "builder") == before
    assert operator.probe("/readyz")[0] == 200
    apply_permissions = install()
    assert apply_permissions.is_file()
    wait_condition(cluster, namespace, type="Linked", status="True", reason="Linked", within=60)
    assert listed(the_account(cluster, namespace, "builder")) == (["ecr-generated"], ["ecr-generated"])
