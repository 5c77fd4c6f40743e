from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.domain.kinds import (
    ARGO_HELM_REPO_SECRET,
    DOCKER_CONFIG_KEY,
    DOCKER_CONFIG_TYPE,
    KINDS,
    SECRET,
    Kind,
    docker_config,
    passwords_of,
)
from ecr_secret_operator.domain.tokens.token import Sensitive
from tests.factories import HOST, OTHER_HOST, PASSWORD, a_spec, an_argo_spec


def test_a_dockerconfigjson_is_byte_for_byte_what_the_go_operator_writes() -> None:
    assert SECRET.render(a_spec(), {HOST: "tok/en+1"}) == {
        ".dockerconfigjson": (
            '{"auths":{"123456789012.dkr.ecr.us-east-2.amazonaws.com":'
            '{"username":"AWS","password":"tok/en+1","auth":"QVdTOnRvay9lbisx"}}}'
        )
    }


def test_auth_is_the_base64_of_user_and_password_on_one_line() -> None:
    entry = json.loads(docker_config({HOST: PASSWORD}))["auths"][HOST]
    assert entry["auth"] == b64encode(f"AWS:{PASSWORD}".encode()).decode()
    assert "\n" not in entry["auth"]


def test_an_argo_repository_secret_has_the_six_keys_of_the_go_operator() -> None:
    assert ARGO_HELM_REPO_SECRET.render(an_argo_spec(url=f"{HOST}/charts"), {HOST: "tok"}) == {
        "username": "AWS",
        "password": "tok",
        "url": f"{HOST}/charts",
        "type": "helm",
        "enableOCI": "true",
        "name": "charts",
    }


def test_argo_gets_the_url_without_the_scheme_that_it_would_double() -> None:
    assert (
        ARGO_HELM_REPO_SECRET.render(an_argo_spec(url=f"oci://{HOST}/charts"), {HOST: "t"})["url"] == f"{HOST}/charts"
    )


def test_the_argo_secret_carries_the_label_that_argo_looks_for() -> None:
    for wanted in ("repository", "repo-creds"):
        spec = an_argo_spec(secret_type=wanted)
        assert ARGO_HELM_REPO_SECRET.labels(spec) == {"argocd.argoproj.io/secret-type": wanted}
    assert ARGO_HELM_REPO_SECRET.secret_type == "Opaque"
    assert SECRET.secret_type == "kubernetes.io/dockerconfigjson"


def test_the_kinds_are_those_of_the_go_operator_and_one_for_many_namespaces() -> None:
    assert {kind.name: (kind.plural, kind.clustered) for kind in KINDS.values()} == {
        "Secret": ("secrets", False),
        "ArgoHelmRepoSecret": ("argohelmreposecrets", False),
        "ClusterPullSecret": ("clusterpullsecrets", True),
    }


@given(password=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_password_that_was_written_is_found_again(kind: Kind, password: str) -> None:
    spec = a_spec() if kind is SECRET else an_argo_spec()
    found = passwords_of(kind.secret_type, kind.render(spec, {HOST: password}))
    assert {host: one.reveal() for host, one in found.items()} == {HOST: password}


@pytest.mark.parametrize(
    ("secret_type", "data"),
    [
        (DOCKER_CONFIG_TYPE, {}),
        (DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: ""}),
        (DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: "banana"}),
        (DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: "[]"}),
        (DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: "null"}),
        (DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: "{}"}),
        (DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: '{"auths":[]}'}),
        (DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: '{"auths":{}}'}),
        (DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: '{"auths":{"x":null}}'}),
        (DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: '{"auths":{"x":{"password":5}}}'}),
        (DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: '{"auths":{"x":{"password":""}}}'}),
        (DOCKER_CONFIG_TYPE, {"password": "x"}),
        ("Opaque", {}),
        ("Opaque", {"password": ""}),
        ("Opaque", {DOCKER_CONFIG_KEY: docker_config({HOST: "x"})}),
    ],
)
def test_in_other_data_there_is_no_password_and_no_crash(secret_type: str, data: dict[str, str]) -> None:
    assert passwords_of(secret_type, data) == {}


def test_every_host_has_its_own_password_in_the_order_that_is_given() -> None:
    (text,) = SECRET.render(a_spec(), {OTHER_HOST: "one", HOST: "two"}).values()
    assert text == docker_config({OTHER_HOST: "one", HOST: "two"})
    assert list(json.loads(text)["auths"]) == [OTHER_HOST, HOST]
    found = passwords_of(DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: text})
    assert {host: one.reveal() for host, one in found.items()} == {OTHER_HOST: "one", HOST: "two"}


def test_one_entry_that_cannot_be_read_does_not_hide_the_others() -> None:
    auths = {HOST: {"password": "x"}, "a": None, "b": {"password": ""}, "c": {"password": 5}, "d": {}}
    found = passwords_of(DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: json.dumps({"auths": auths})})
    assert found == {HOST: Sensitive("x")}


@pytest.mark.parametrize("url", [HOST, f"{HOST}/", f"{HOST}/charts", f"{HOST}/a/b"])
def test_the_password_of_an_argo_secret_is_that_of_the_host_of_its_url(url: str) -> None:
    assert passwords_of("Opaque", {"url": url, "password": "x"}) == {HOST: Sensitive("x")}
