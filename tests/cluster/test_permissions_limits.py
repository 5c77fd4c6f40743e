"""What the admission policies deny the operator's ServiceAccount although RBAC allows it, tried with its token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, Refused, secret_path
from ecr_secret_operator_lab.permissions import NAMESPACE, SERVICE_ACCOUNT
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.foreign import ARGO, ARGO_DATA, DOCKER, docker, encoded
from tests.cluster.own_secrets import OURS, OWNER, a_secret
from tests.cluster.resources import HOST, a_resource, apply, docker_config, wait_ready, wait_secret
from tests.laboratory import StartOperator, with_token

PULL = docker(docker_config(HOST, "x"))

# What the admission policy for Secrets refuses

CREATED = {
    "opaque": a_secret(encoded(a="b")),
    "opaque with the label": a_secret(encoded(a="b"), labels=OURS),
    "tls": a_secret({"tls.crt": "", "tls.key": ""}, "kubernetes.io/tls", labels=OURS),
    "a ServiceAccount's token": a_secret(
        {},
        "kubernetes.io/service-account-token",
        labels=OURS,
        annotations={"kubernetes.io/service-account.name": "default"},
    ),
    "a bootstrap token": a_secret({}, "bootstrap.kubernetes.io/token", labels=OURS),
    "pull without the label": a_secret(PULL, DOCKER),
    "pull with another's label": a_secret(PULL, DOCKER, labels={"app.kubernetes.io/managed-by": "Helm"}),
    "argo without the label": a_secret(encoded(**ARGO_DATA), labels=ARGO),
    "an argo cluster": a_secret(encoded(a="b"), labels={**OURS, "argocd.argoproj.io/secret-type": "cluster"}),
}


@pytest.mark.parametrize("secret", CREATED.values(), ids=CREATED.keys())
def test_it_can_create_no_secret_of_another_kind(thief: Cluster, lasting: str, secret: Object) -> None:
    with pytest.raises(Refused, match="ValidatingAdmissionPolicy") as refusal:
        thief.create(secret_path(lasting), secret)
    assert refusal.value.status == 403


def test_it_can_create_what_it_generates(thief: Cluster, namespace: str) -> None:
    thief.create(secret_path(namespace), a_secret(PULL, DOCKER, labels=OURS))
    for kind in ("repository", "repo-creds"):
        labels = {**OURS, "argocd.argoproj.io/secret-type": kind}
        data = {key: value for key, value in ARGO_DATA.items() if key != "name" or kind == "repository"}
        body = a_secret(encoded(**data | ({"name": kind} if "name" in data else {})), labels=labels)
        body["metadata"]["name"] = kind
        thief.create(secret_path(namespace), body)


FOREIGN: dict[str, Object] = {
    "opaque": a_secret(encoded(a="b")),
    "opaque of another tool": a_secret(encoded(a="b"), labels={"app.kubernetes.io/managed-by": "Helm"}),
    "tls": a_secret({"tls.crt": "", "tls.key": ""}, "kubernetes.io/tls"),
    "pull elsewhere": a_secret(docker(docker_config("quay.io", "x")), DOCKER),
    "pull with spaces": a_secret(docker(f'{{ "auths":{{"{HOST}":{{}}}}}}'), DOCKER),
    "pull of another owner": a_secret(PULL, DOCKER, ownerReferences=[{**OWNER, "apiVersion": "apps/v1"}]),
    "pull of a look-alike owner": a_secret(
        PULL, DOCKER, ownerReferences=[{**OWNER, "apiVersion": "ecr.mobb.redhat.com.evil.org/v1"}]
    ),
    "pull of another tool": a_secret(PULL, DOCKER, labels={"app.kubernetes.io/managed-by": "Helm"}),
    "pull with a key more": a_secret({**PULL, "more": "eA=="}, DOCKER),
    "immutable pull": {**a_secret(PULL, DOCKER), "immutable": True},
    "pull data that are opaque": a_secret(PULL),
    "argo elsewhere": a_secret(encoded(**{**ARGO_DATA, "url": "charts.example.com"}), labels=ARGO),
    "argo of another user": a_secret(encoded(**{**ARGO_DATA, "username": "me"}), labels=ARGO),
    "argo with a project": a_secret(encoded(**ARGO_DATA, project="x"), labels=ARGO),
    "argo without its label": a_secret(encoded(**ARGO_DATA)),
    "argo credentials": a_secret(encoded(**ARGO_DATA), labels={"argocd.argoproj.io/secret-type": "repo-creds"}),
    "argo of nothing": a_secret({}, labels=ARGO),
    "a digest in a label": a_secret(encoded(a="b"), labels={"ecr.mobb.redhat.com/digest": "x"}),
}


@pytest.mark.parametrize("secret", FOREIGN.values(), ids=FOREIGN.keys())
def test_it_can_neither_change_nor_take_nor_delete_what_it_did_not_make(
    cluster: Cluster, thief: Cluster, namespace: str, secret: Object
) -> None:
    before = cluster.create(secret_path(namespace), secret)
    path = secret_path(namespace, "target")
    becoming_ours = {"metadata": {"labels": {**OURS, **ARGO}}}
    with pytest.raises(Refused, match="ValidatingAdmissionPolicy"):
        thief.patch(path, becoming_ours)
    applied = {"apiVersion": "v1", "kind": "Secret", "type": secret["type"], **becoming_ours}
    with pytest.raises(Refused, match="ValidatingAdmissionPolicy"):
        thief.request("PATCH", f"{path}?fieldManager=x&force=true", applied, content="application/apply-patch+yaml")
    with pytest.raises(Refused, match="did not make it and may not delete it"):
        thief.delete(path)
    assert cluster.get(path) == before


MADE = {
    "label": {"labels": OURS},
    "digest": {"annotations": {"ecr.mobb.redhat.com/digest": "sha256:x"}},
    "owner": {"ownerReferences": [OWNER]},
}


@pytest.mark.parametrize("metadata", MADE.values(), ids=MADE.keys())
def test_what_is_left_of_its_marks_lets_it_repair_and_delete(
    cluster: Cluster, thief: Cluster, lasting: str, metadata: dict[str, Any], name: str
) -> None:
    owner = apply(cluster, lasting, a_resource(name=name, suspend=True))
    if "ownerReferences" in metadata:
        metadata = {"ownerReferences": [{**OWNER, "name": name, "uid": owner["metadata"]["uid"]}]}
    cluster.create(secret_path(lasting), a_secret(docker("{}"), DOCKER, **metadata, name=name))
    path = secret_path(lasting, name)
    with pytest.raises(Refused, match="Keep the label"):
        thief.patch(path, {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}})
    thief.patch(path, {"metadata": {"labels": OURS}, "data": PULL})
    thief.delete(path)


def test_it_cannot_strip_its_own_of_the_label(
    cluster: Cluster, thief: Cluster, namespace: str, start_operator: StartOperator
) -> None:
    start_operator()
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = wait_secret(cluster, namespace)
    for label in (None, "me"):
        with pytest.raises(Refused, match="Keep the label"):
            thief.patch(
                secret_path(namespace, "ecr-generated"),
                {"metadata": {"labels": {"app.kubernetes.io/managed-by": label}}},
            )
    assert wait_secret(cluster, namespace) == before


def test_the_policy_holds_nobody_else(cluster: Cluster, namespace: str) -> None:
    for number, secret in enumerate((*CREATED.values(), *FOREIGN.values())):
        if secret["type"].startswith(("kubernetes.io/service", "bootstrap")):
            continue  # they need more than this to be accepted by anybody
        body = {**secret, "metadata": {**secret["metadata"], "name": f"target-{number}"}}
        cluster.create(secret_path(namespace), body)
        cluster.delete(secret_path(namespace, f"target-{number}"))


# Tokens

REFUSED_TOKENS: dict[str, Object] = {
    "of the API server, by default": {},
    "of the API server, by an empty list": {"audiences": []},
    "of the API server, by name": {"audiences": ["API"]},
    "of both": {"audiences": ["sts.amazonaws.com", "API"]},
    "of somebody": {"audiences": ["vault"]},
    "that last": {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 3601},
}


@pytest.mark.parametrize("spec", REFUSED_TOKENS.values(), ids=REFUSED_TOKENS.keys())
@pytest.mark.parametrize("account", ["default", SERVICE_ACCOUNT])
def test_it_gets_no_tokens(cluster: Cluster, thief: Cluster, account: str, spec: Object) -> None:
    place = NAMESPACE if account == SERVICE_ACCOUNT else "default"
    issuer = (cluster.get("/.well-known/openid-configuration") or {})["issuer"]
    named = {**spec, "audiences": [issuer if one == "API" else one for one in spec.get("audiences", [])]}
    with pytest.raises(Refused, match="ValidatingAdmissionPolicy"):
        thief.create(f"/api/v1/namespaces/{place}/serviceaccounts/{account}/token", {"spec": named})


FOR_AWS: Object = {"spec": {"audiences": ["sts.amazonaws.com"]}}


@pytest.mark.parametrize("place", ["kube-system", "kube-public", "kube-node-lease", "openshift", "openshift-ingress"])
def test_it_gets_no_tokens_of_the_clusters_own_namespaces(cluster: Cluster, thief: Cluster, place: str) -> None:
    path = f"/api/v1/namespaces/{place}/serviceaccounts"
    if cluster.get(f"/api/v1/namespaces/{place}") is None:
        cluster.namespace(place)
        wait_for(lambda: cluster.get(f"{path}/default"), "the namespace has a ServiceAccount")
    with pytest.raises(Refused, match="Use a ServiceAccount of another namespace"):
        thief.create(f"{path}/default/token", FOR_AWS)
    cluster.create(f"{path}/default/token", FOR_AWS)  # the policy restricts no other user


def test_a_token_for_aws_is_one_that_the_api_server_refuses(
    thief: Cluster, operator_kubeconfig: Path, tmp_path: Path
) -> None:
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    for audience in ("sts.amazonaws.com", "openshift"):
        token = thief.create(path, {"spec": {"audiences": [audience]}})["status"]["token"]
        stolen = with_token(operator_kubeconfig, tmp_path / "stolen", token)
        with Cluster(stolen) as cluster, pytest.raises(Refused) as refusal:
            cluster.items("/api/v1/namespaces")
        assert refusal.value.status == 401
