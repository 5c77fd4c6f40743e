"""Several registries in one Secret: each with a token of its own, and none of them at the mercy of another."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from ecr_secret_operator_lab.cluster import Cluster, Object, condition, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .faults import ask_for_a_refresh
from .resources import HOST, a_resource, apply, edit, get, wait_condition, wait_ready, wait_secret

EU = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
PUBLIC = "public.ecr.aws"
ROLE = "arn:aws:iam::210987654321:role/ecr-pull"
MORE: list[dict[str, Any]] = [{"ecr_registry": EU, "aws": {"role_arn": ROLE}}, {"ecr_registry": PUBLIC}]


def passwords(secret: Object | None) -> dict[str, str]:
    if not secret:
        return {}
    auths = json.loads(b64decode(secret["data"][".dockerconfigjson"]))["auths"]
    return {host: entry["password"] for host, entry in auths.items()}


def stored(cluster: Cluster, namespace: str) -> dict[str, str]:
    return passwords(cluster.get(secret_path(namespace, "ecr-generated")))


def test_registries_of_other_regions_and_identities_share_one_secret(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource(additional_registries=MORE))
    wait_ready(cluster, namespace)
    found = {host: aws.find_token(password) for host, password in stored(cluster, namespace).items()}
    assert list(found) == [HOST, EU, PUBLIC]
    assert {host: token and (token.service, token.region) for host, token in found.items()} == {
        HOST: ("ecr", "us-east-2"),
        EU: ("ecr", "eu-west-1"),
        PUBLIC: ("ecr-public", "us-east-1"),
    }
    role = found[EU]
    assert role
    assert "assumed-role/ecr-pull" in role.principal
    assert len(aws.calls("GetAuthorizationToken")) == 3


def test_one_that_fails_keeps_its_last_good_token_and_the_others_stay_fresh(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    aws.settings(lifetime_seconds=14.0)
    apply(cluster, namespace, a_resource(additional_registries=MORE[:1]))
    wait_ready(cluster, namespace)
    aws.fail("AccessDenied", action="AssumeRole")
    first = stored(cluster, namespace)
    ask_for_a_refresh(cluster, namespace, "1")  # else the failure is held back for a while, up to the token's end
    found = wait_condition(cluster, namespace, type="Refreshing", status="False", reason="AWSAccessDenied")
    assert condition(found, "Ready")["status"] == "True", "both tokens are still valid"
    wait_for(lambda: stored(cluster, namespace)[HOST] != first[HOST], "the other one was refreshed")
    assert stored(cluster, namespace)[EU] == first[EU]
    assert ROLE in condition(get(cluster, namespace), "Refreshing")["message"]
    found = wait_condition(cluster, namespace, type="Ready", status="False", reason="AWSAccessDenied")
    assert ROLE in condition(found, "Ready")["message"]
    second = stored(cluster, namespace)
    wait_for(lambda: stored(cluster, namespace)[HOST] != second[HOST], "and is so after the first one's end", within=40)
    aws.fix()
    wait_ready(cluster, namespace, within=40)
    assert stored(cluster, namespace)[EU] != first[EU]


def test_a_refresh_that_one_of_them_refuses_stands_until_that_gives_in(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource(additional_registries=MORE[:1]))
    wait_ready(cluster, namespace)
    first = stored(cluster, namespace)
    aws.fail("AccessDenied", action="AssumeRole")
    path = resource_path("secrets", namespace, "ecr")
    cluster.patch(path, {"metadata": {"annotations": {"ecr.mobb.redhat.com/refresh": "1"}}})
    wait_condition(cluster, namespace, type="Refreshing", status="False", reason="AWSAccessDenied")
    wait_for(lambda: stored(cluster, namespace)[HOST] != first[HOST], "the other one has its new token")
    aws.wait_for_calls(3, "AssumeRole", timeout=60)
    found = wait_condition(cluster, namespace, type="Refreshing", status="False", reason="AWSAccessDenied")
    assert "lastHandledRefresh" not in found["status"], "it has not recovered"
    assert stored(cluster, namespace)[EU] == first[EU]
    near = [call for call in aws.calls("GetAuthorizationToken") if call.region == "us-east-2"]
    assert len(near) == 2, "the other one is not asked with each attempt"
    aws.fix()
    found = wait_condition(cluster, namespace, type="Refreshing", status="True", within=60)
    assert stored(cluster, namespace)[EU] != first[EU]
    assert found["status"]["lastHandledRefresh"] == "1"


def test_one_that_never_worked_does_not_keep_the_others_from_being_served(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    more = [{"ecr_registry": EU, "aws": {"service_account": "missing"}}]
    apply(cluster, namespace, a_resource(additional_registries=more))
    found = wait_condition(cluster, namespace, type="Ready", status="False", reason="IdentityUnavailable")
    assert list(stored(cluster, namespace)) == [HOST]
    assert "missing does not exist" in condition(found, "Ready")["message"]
    edit(cluster, namespace, additional_registries=[])
    wait_ready(cluster, namespace)
    assert len(aws.calls("GetAuthorizationToken")) == 1


def test_an_entry_comes_and_goes_without_disturbing_the_others(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    first = stored(cluster, namespace)
    edit(cluster, namespace, additional_registries=MORE)
    wait_for(lambda: len(stored(cluster, namespace)) == 3, "all three are there")
    assert stored(cluster, namespace)[HOST] == first[HOST]
    edit(cluster, namespace, additional_registries=None)
    wait_for(lambda: stored(cluster, namespace) == first, "only the first one is left")
    assert len(aws.calls("GetAuthorizationToken")) == 3


def test_repair_and_restart_cost_no_call(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws
) -> None:
    operator = start_operator()
    apply(cluster, namespace, a_resource(additional_registries=MORE))
    wait_ready(cluster, namespace)
    first = stored(cluster, namespace)
    cluster.delete(secret_path(namespace, "ecr-generated"))
    assert passwords(wait_secret(cluster, namespace)) == first
    operator.stop()  # once the status that follows the repair is stored
    version = wait_ready(cluster, namespace)["metadata"]["resourceVersion"]
    start_operator()
    wait_for(lambda: get(cluster, namespace), "it settles")
    again = get(cluster, namespace)
    assert again
    assert (again["metadata"]["resourceVersion"], stored(cluster, namespace)) == (version, first)
    assert len(aws.calls("GetAuthorizationToken")) == 3


def test_the_same_host_twice_is_refused(cluster: Cluster, namespace: str, kubectl: Any) -> None:
    for more in ([{"ecr_registry": HOST}], [{"ecr_registry": EU}, {"ecr_registry": EU}]):
        body = a_resource(additional_registries=more)
        refused = kubectl("create", "--namespace", namespace, "--filename=-", stdin=json.dumps(body))
        assert refused.returncode
        assert "repeats ecr_registry" in refused.stderr or "Duplicate value" in refused.stderr
    assert cluster.items(resource_path("secrets", namespace)) == []
