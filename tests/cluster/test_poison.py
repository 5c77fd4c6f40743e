"""Resources that are stored already and can mean nothing: each harms itself alone, and says why."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecr_secret_operator_lab.cluster import Cluster, Object, condition, resource_path
from ecr_secret_operator_lab.controlplane import ControlPlane, LineReporter, ensure_binaries
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import operator_kubeconfig as kubeconfig_of
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import PERMISSIONS
from .accounts import an_account, essence, the_account, wait_listed
from .resources import HOST, a_resource, apply, events_of, wait_condition, wait_ready, wait_secret

pytestmark = pytest.mark.xdist_group("poison")  # its control plane is started once, by one worker

TEN_KB = "x" * 10_240
CRDS = Path(__file__).parents[2] / "deploy" / "crds"

POISON: dict[str, tuple[str, dict[str, Any], str]] = {
    "banana": ("Secret", {"frequency": "banana"}, "spec.frequency: 'banana' is not a duration"),
    "nanosecond": ("Secret", {"frequency": "1ns"}, "too short"),
    "zero": ("Secret", {"frequency": "0s"}, "too short"),
    "negative": ("Secret", {"frequency": "-5m"}, "is not a duration"),
    "endless-frequency": ("Secret", {"frequency": TEN_KB}, "too long"),
    "number": ("Secret", {"frequency": 10}, "spec.frequency"),
    "evil-suffix": ("Secret", {"ecr_registry": f"{HOST}.evil.org"}, "is not an Amazon ECR registry host"),
    "evil-user": ("Secret", {"ecr_registry": f"{HOST}@evil.org"}, "is not an Amazon ECR registry host"),
    "line-break": ("Secret", {"ecr_registry": f"{HOST}\n"}, "is not an Amazon ECR registry host"),
    "endless-host": ("Secret", {"ecr_registry": TEN_KB}, "too long"),
    "evil-region": ("Secret", {"region": "us-east-2.evil.example/#"}, "is not an AWS region"),
    "user-region": ("Secret", {"region": "x@evil"}, "is not an AWS region"),
    "other-region": ("Secret", {"region": "eu-west-1"}, "contradicts ecr_registry"),
    "slash-name": ("Secret", {"generated_secret_name": "../x"}, "is not a name that Kubernetes accepts"),
    "endless-name": ("Secret", {"generated_secret_name": TEN_KB}, "too long"),
    "no-registry": ("Secret", {"ecr_registry": None}, "spec.ecr_registry"),
    "no-spec": ("Secret", {"generated_secret_name": None, "ecr_registry": None}, "spec.generated_secret_name"),
    "argo-elsewhere": ("ArgoHelmRepoSecret", {"url": "charts.example.com"}, "is not in Amazon ECR"),
    "argo-https": ("ArgoHelmRepoSecret", {"url": f"https://{HOST}"}, "is not in Amazon ECR"),
    "argo-number": ("ArgoHelmRepoSecret", {"url": 7}, "spec.url"),
}


@pytest.fixture(scope="module")
def lenient_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster on which an older CRD lets anything through, as upstream's does."""
    directory = tmp_path_factory.mktemp("lenient")
    for path in CRDS.glob("*.yaml"):
        definition = yaml.safe_load(path.read_text())
        for version in definition["spec"]["versions"]:
            version["schema"]["openAPIV3Schema"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        (directory / path.name).write_text(yaml.safe_dump(definition))
    with ControlPlane.start(ensure_binaries(LineReporter()), manifests=[directory, *PERMISSIONS]) as plane:
        yield plane


@pytest.fixture
def lenient(lenient_plane: ControlPlane) -> Iterator[Cluster]:
    with Cluster(lenient_plane.kubeconfig) as cluster:
        yield cluster


def test_stored_poison_harms_itself_alone(
    lenient: Cluster, lenient_plane: ControlPlane, aws: FakeAws, tmp_path: Path
) -> None:
    namespace = lenient.namespace("poison")
    for name, (kind, spec, _) in POISON.items():
        apply(lenient, namespace, a_resource(kind, name=name, **spec))
    for name, raw in {"spec-is-text": "x", "spec-is-missing": None, "spec-is-a-list": [1]}.items():
        body = {**a_resource(name=name), "spec": raw}
        lenient.create(resource_path("secrets", namespace), body)
    status_is_junk = apply(lenient, namespace, a_resource(name="junk"))
    status_is_junk["status"] = {"phase": 7, "conditions": "none", "expiresAt": [], "lastHandledRefresh": {}}
    lenient.request("PUT", resource_path("secrets", namespace, "junk") + "/status", status_is_junk)
    environment = {**aws.environment(), "WATCH_NAMESPACE": ""}
    with OperatorProcess(
        environment=environment, log=tmp_path / "log", kubeconfig=kubeconfig_of(lenient_plane)
    ).ready() as operator:
        for name, (kind, _, sentence) in POISON.items():
            resource = wait_condition(
                lenient, namespace, name, kind, type="Ready", status="False", reason="InvalidSpec"
            )
            message = condition(resource, "Ready")["message"]
            assert sentence in message, message
            assert len(message) < 600
            assert resource["status"]["phase"] == "Error"
            (event,) = wait_for(partial(events_of, lenient, namespace, name), "an event tells of it")
            assert (event["reason"], event["count"]) == ("InvalidSpec", 1)
        for name in ("spec-is-text", "spec-is-missing", "spec-is-a-list"):
            wait_condition(lenient, namespace, name, type="Ready", status="False", reason="InvalidSpec")
        apply(lenient, namespace, a_resource(name="good"))
        apply(lenient, namespace, a_resource("ArgoHelmRepoSecret", name="good-argo"))
        wait_ready(lenient, namespace, "good")
        wait_ready(lenient, namespace, "good-argo", "ArgoHelmRepoSecret")
        junk = resource_path("secrets", namespace, "junk")
        wait_for(lambda: (lenient.get(junk) or {})["status"]["conditions"] != "none", "its status is replaced")
        wait_ready(lenient, namespace, "junk")
        assert operator.probe("/healthz")[0] == 200
        assert "raised what it should not" not in operator.output()
    assert {(call.action, call.region, call.host) for call in aws.calls()} == {
        ("GetAuthorizationToken", "us-east-2", aws.url.removeprefix("http://"))
    }
    assert len(aws.calls()) == 1


def test_a_spec_that_becomes_invalid_keeps_what_it_has(
    lenient: Cluster, lenient_plane: ControlPlane, aws: FakeAws, tmp_path: Path
) -> None:
    namespace = lenient.namespace("becomes-invalid")
    environment = {**aws.environment(), "WATCH_NAMESPACE": namespace}
    with OperatorProcess(
        environment=environment, log=tmp_path / "log", kubeconfig=kubeconfig_of(lenient_plane)
    ).ready():
        apply(lenient, namespace, a_resource())
        wait_ready(lenient, namespace)
        before = wait_secret(lenient, namespace)
        lenient.patch(resource_path("secrets", namespace, "ecr"), {"spec": {"frequency": "banana"}})
        wait_condition(lenient, namespace, type="Ready", status="False", reason="InvalidSpec")
        assert wait_secret(lenient, namespace) == before
        lenient.patch(resource_path("secrets", namespace, "ecr"), {"spec": {"frequency": "1h"}})
        wait_ready(lenient, namespace)


def test_a_spec_that_becomes_invalid_keeps_its_links(
    lenient: Cluster, lenient_plane: ControlPlane, aws: FakeAws, tmp_path: Path
) -> None:
    namespace = lenient.namespace("links-become-invalid")
    environment = {**aws.environment(), "WATCH_NAMESPACE": namespace}
    log, kubeconfig = tmp_path / "log", kubeconfig_of(lenient_plane)
    before = an_account(lenient, namespace, "builder", pull=["mine"])
    path = resource_path("secrets", namespace, "ecr")
    with OperatorProcess(environment=environment, log=log, kubeconfig=kubeconfig).ready():
        apply(lenient, namespace, a_resource(link=[{"service_account": "builder"}]))
        wait_condition(lenient, namespace, type="Linked", status="True")
        linked = the_account(lenient, namespace, "builder")
        for link in (7, ["builder"], [{"service_account": "builder", "for": ["push"]}]):
            lenient.patch(path, {"spec": {"link": link}})
            wait_condition(lenient, namespace, type="Ready", status="False", reason="InvalidSpec")
    with OperatorProcess(environment=environment, log=log, kubeconfig=kubeconfig).ready() as operator:
        looked = partial(operator.metric, "ecr_secret_operator_reconciles_total", kind="ServiceAccount")
        wait_for(lambda: looked() >= 1, "the ServiceAccount was looked at after a restart too")
        assert the_account(lenient, namespace, "builder") == linked
        lenient.patch(path, {"spec": {"link": []}})
        wait_listed(lenient, namespace, "builder", pull=["mine"])
        assert essence(the_account(lenient, namespace, "builder")) == essence(before)


def test_all_namespaces_are_served_without_a_word(
    lenient: Cluster, lenient_plane: ControlPlane, aws: FakeAws, tmp_path: Path
) -> None:
    environment = {**aws.environment(), "WATCH_NAMESPACE": ""}
    with OperatorProcess(
        environment=environment, log=tmp_path / "log", kubeconfig=kubeconfig_of(lenient_plane)
    ).ready():
        for name in ("anywhere", "elsewhere"):
            apply(lenient, lenient.namespace(name), a_resource())
            wait_ready(lenient, name)


def test_a_frequency_longer_than_a_tokens_life_is_shortened_and_said_so(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource(frequency="24h"))
    resource = wait_ready(cluster, namespace)
    status = resource["status"]
    assert status["nextRefreshTime"] < status["expiresAt"]
    assert "refreshed every 10h" in condition(resource, "Ready")["message"]

    def told() -> list[Object]:
        return [event for event in events_of(cluster, namespace) if event["reason"] == "FrequencyClamped"]

    wait_for(told, "an event tells of it")
