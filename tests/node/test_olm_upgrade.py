"""Updates by OLM: from the Go operator to a release, and from there to the next one. Every Secret stays valid."""

from __future__ import annotations

import time

import pytest

from ecr_secret_operator_lab.cluster import Object, resource_path, secret_path
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import docker_config, password_in
from ..e2e.installing import NAMESPACE, give_credentials, seed, wait_served
from . import go_operator
from .installing import a_token
from .subscribing import LONG, Olm

pytestmark = pytest.mark.xdist_group("olm-upgrade")

RELEASE, NEXT = "1.0.0", "1.0.1"
MANAGED = "app.kubernetes.io/managed-by"


def as_the_go_operator_wrote(resource: Object, password: str) -> Object:
    """The generated Secret of a resource."""
    spec = resource["spec"]
    metadata = {"name": spec["generated_secret_name"], "namespace": resource["metadata"]["namespace"]}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    if resource["kind"] == "Secret":
        text = docker_config(spec["ecr_registry"], password)
        return {**secret, "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": text}}
    metadata["labels"] = {"argocd.argoproj.io/secret-type": "repository"}
    data = {"username": "AWS", "password": password, "url": spec["url"], "type": "helm", "enableOCI": "true"}
    return {**secret, "stringData": {**data, "name": spec["generated_secret_name"]}}


@pytest.fixture
def resources(olm: Olm) -> list[Object]:
    """Resources of the seed document with their Secrets, in a cluster that has the Go operator by OLM."""
    olm.purge()
    olm.serve(olm.catalogs.go_operator())
    olm.namespaces(NAMESPACE)
    give_credentials(olm.cluster, olm.aws)
    olm.subscribe(channel=go_operator.CHANNEL)
    olm.approve(go_operator.VERSION)
    found = seed(olm.node.plane, olm.cluster)
    a_token(olm.aws)
    password = olm.aws.tokens()[-1].password
    olm.apply(*(as_the_go_operator_wrote(one, password) for one in found))
    return found


def generated(olm: Olm, resources: list[Object]) -> list[Object]:
    """The Secrets, each of which has a token that has not expired."""
    secrets = []
    for one in resources:
        secret = olm.cluster.get(secret_path(one["metadata"]["namespace"], one["spec"]["generated_secret_name"]))
        assert secret, one
        token = olm.aws.find_token(password_in(secret))
        assert token
        assert time.time() < token.expires_at
        secrets.append(secret)
    return secrets


def uids(objects: list[Object]) -> list[str]:
    return [one["metadata"]["uid"] for one in objects]


def test_every_secret_stays_valid_and_the_same_object(olm: Olm, resources: list[Object]) -> None:
    before = uids(generated(olm, resources))

    def stay() -> None:
        assert uids(generated(olm, resources)) == before

    try:
        olm.update(olm.catalogs.release(RELEASE))
        olm.approve(RELEASE, stay)
        wait_served(olm.cluster, resources, olm.aws)
        stay()
        adopted = generated(olm, resources)
        assert {one["metadata"]["labels"][MANAGED] for one in adopted} == {"ecr-secret-operator"}
        wait_for(lambda: olm.version(go_operator.VERSION) is None, "OLM has removed the Go operator", within=LONG)

        pods, calls = uids(olm.pods()), len(olm.aws.calls())
        olm.update(olm.catalogs.release(NEXT))
        olm.approve(NEXT, stay)
        wait_for(lambda: not set(uids(olm.pods())) & set(pods), "the Pods were replaced", within=LONG)
        wait_for(olm.leads, "one of the new Pods leads", within=LONG)
        assert generated(olm, resources) == adopted
        assert len(olm.aws.calls()) == calls
        wait_for(lambda: olm.version(RELEASE) is None, "OLM has removed the release before", within=LONG)

        for one in resources:
            path = resource_path(f"{one['kind'].lower()}s", one["metadata"]["namespace"], one["metadata"]["name"])
            olm.cluster.patch(path, {"metadata": {"annotations": {"ecr.mobb.redhat.com/refresh": "now"}}})
        tokens = set(map(password_in, adopted))
        wait_for(lambda: not tokens & set(map(password_in, generated(olm, resources))), "new tokens", within=LONG)
        stay()
    finally:
        olm.purge()
