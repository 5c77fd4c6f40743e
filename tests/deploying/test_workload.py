"""The Deployment in the forms that are made without Helm."""

from __future__ import annotations

import pytest
from tools.deploying.workload import (
    DEPLOYMENT,
    PODS,
    Form,
    deployment,
    disruption_budget,
    metrics_service,
    network_policy,
)

from ecr_secret_operator.cli.main import cli
from ecr_secret_operator.settings import LEASE_NAME

FORMS = {
    "plain": Form(),
    "some namespaces": Form(watched=("team-a", "team-b")),
    "olm": Form(olm=True),
    "certificate": Form(certificate="tls"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_command_takes_its_arguments(form: Form) -> None:
    (container,) = deployment(form)["spec"]["template"]["spec"]["containers"]
    (command,), (name, *args) = container["command"], container["args"]
    found = cli.commands[name].make_context(name, args).params
    assert command == "ecr-secret-operator"
    assert found["leader_elect"] is True
    assert found["metrics_secure"] == (form.olm or bool(form.certificate))
    assert bool(found["metrics_cert_path"]) == bool(form.certificate)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_is_mounted_is_there(form: Form) -> None:
    spec = deployment(form)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    mounted = [mount["name"] for mount in container["volumeMounts"]]
    assert mounted == [volume["name"] for volume in spec["volumes"]]
    if form.certificate:
        path = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "metrics-tls")
        assert f"--metrics-cert-path={path}" in container["args"]


def test_what_belongs_to_it_finds_its_pods() -> None:
    pods = deployment()["spec"]["template"]["metadata"]["labels"]
    for selector in (
        deployment()["spec"]["selector"]["matchLabels"],
        disruption_budget()["spec"]["selector"]["matchLabels"],
        metrics_service()["spec"]["selector"],
        network_policy()["spec"]["podSelector"]["matchLabels"],
        PODS,
    ):
        assert selector.items() <= pods.items()


def test_two_pods_contend_for_the_lease_of_the_go_operator() -> None:
    spec = deployment()["spec"]
    assert spec["replicas"] == 2
    assert disruption_budget()["spec"]["maxUnavailable"] == 1
    assert deployment()["metadata"]["name"] == DEPLOYMENT
    assert LEASE_NAME == "bc9c1120.mobb.redhat.com"
