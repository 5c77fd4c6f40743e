"""The Secret for Argo CD in all its forms: one repository or all below a URL, charts or OCI artefacts, by proxy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.domain.kinds import ARGO_HELM_REPO_SECRET, passwords_of
from ecr_secret_operator.domain.resource import InvalidSpec, condition_of
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.outcome import READY, Outcome
from ecr_secret_operator.domain.tokens.token import Sensitive
from tests.factories import HOST, NOW, a_desired, a_resource, an_argo_spec, stored_tokens

URL = f"{HOST}/charts"
BASE = {"username": "AWS", "password": "tok"}
ARGO_LABEL = "argocd.argoproj.io/secret-type"


def rendered(**over: Any) -> dict[str, str]:
    return dict(ARGO_HELM_REPO_SECRET.render(an_argo_spec(**{"url": URL, **over}), {HOST: "tok"}))


FORMS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "repository, helm": ({}, {"url": URL, "type": "helm", "enableOCI": "true", "name": "charts"}),
    "repository, oci": ({"repo_type": "oci"}, {"url": f"oci://{URL}", "type": "oci", "name": "charts"}),
    "repo-creds, helm": ({"secret_type": "repo-creds"}, {"url": URL, "type": "helm", "enableOCI": "true"}),
    "repo-creds, oci": ({"secret_type": "repo-creds", "repo_type": "oci"}, {"url": f"oci://{URL}", "type": "oci"}),
    "with a project": (
        {"project": "web"},
        {"url": URL, "type": "helm", "enableOCI": "true", "name": "charts", "project": "web"},
    ),
    "oci with a project": (
        {"repo_type": "oci", "project": "web"},
        {"url": f"oci://{URL}", "type": "oci", "name": "charts", "project": "web"},
    ),
    "by proxy": (
        {"proxy": "http://proxy.example.com:3128", "no_proxy": "*.internal, 10.0.0.0/8"},
        {
            "url": URL,
            "type": "helm",
            "enableOCI": "true",
            "name": "charts",
            "proxy": "http://proxy.example.com:3128",
            "noProxy": "*.internal, 10.0.0.0/8",
        },
    ),
    "repo-creds, oci, by proxy": (
        {"secret_type": "repo-creds", "repo_type": "oci", "proxy": "https://proxy"},
        {"url": f"oci://{URL}", "type": "oci", "proxy": "https://proxy"},
    ),
    "nothing given is nothing written": (
        {"project": "", "proxy": "", "no_proxy": ""},
        {"url": URL, "type": "helm", "enableOCI": "true", "name": "charts"},
    ),
}


@pytest.mark.parametrize(("over", "data"), FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("scheme", ["", "oci://"])
def test_each_form_has_exactly_these_data(over: dict[str, Any], data: dict[str, str], scheme: str) -> None:
    assert rendered(url=scheme + URL, **over) == {**BASE, **data}


@pytest.mark.parametrize(("over", "data"), FORMS.values(), ids=FORMS)
def test_each_form_has_its_label_and_type(over: dict[str, Any], data: dict[str, str]) -> None:
    desired = a_desired(a_resource(spec=an_argo_spec(url=URL, **over)))
    assert desired.labels == {
        ARGO_LABEL: over.get("secret_type", "repository"),
        "app.kubernetes.io/managed-by": "ecr-secret-operator",
    }
    assert desired.secret_type == "Opaque"


def test_a_label_of_the_spec_does_not_change_what_the_secret_is_to_argo() -> None:
    spec = an_argo_spec(metadata={"labels": {"team": "web"}}, secret_type="repo-creds")
    assert a_desired(a_resource(spec=spec)).labels[ARGO_LABEL] == "repo-creds"


@pytest.mark.parametrize(("over", "data"), FORMS.values(), ids=FORMS)
def test_the_password_is_found_in_each_form(over: dict[str, Any], data: dict[str, str]) -> None:
    assert passwords_of("Opaque", rendered(**over)) == {HOST: Sensitive("tok")}


def test_only_what_the_go_operator_could_write_is_taken_over() -> None:
    """It knew no project, no proxy, no repo-creds and no oci: a Secret that says so is somebody else's."""
    taken = ARGO_HELM_REPO_SECRET.written_by_upstream
    written = rendered()
    assert taken(an_argo_spec(url=URL), written)
    assert taken(an_argo_spec(url=URL, project="mine"), written), "what it wrote may be given a project"
    for field, key in (("project", "project"), ("proxy", "proxy"), ("no_proxy", "noProxy")):
        value = "http://mine" if field == "proxy" else "mine"
        assert not taken(an_argo_spec(url=URL, **{field: value}), {**written, key: value})
    for over in ({"secret_type": "repo-creds"}, {"repo_type": "oci"}):
        assert not taken(an_argo_spec(url=URL, **over), rendered(**over))
        assert taken(an_argo_spec(url=URL, **over), written), "what it wrote is still what it wrote"


# What is refused


def problem_of(**over: Any) -> str:
    spec = ARGO_HELM_REPO_SECRET.parse({"generated_secret_name": "charts", "url": URL, **over})
    assert isinstance(spec, InvalidSpec), spec
    return spec.message


@pytest.mark.parametrize(
    "proxy",
    [
        "http://user:hunter2@proxy.example.com:3128",
        "http://hunter2@proxy.example.com",
        "https://proxy.example.com/?password=hunter2",
        "https://proxy.example.com/hunter2",
        "socks5://user:hunter2@proxy",
        "hunter2",
        "http://proxy.example.com:3128\nhunter2",
        "http://proxy:hunter2",
    ],
)
def test_a_proxy_with_more_than_an_address_is_refused_without_being_shown(proxy: str) -> None:
    message = problem_of(proxy=proxy)
    assert message.startswith("spec.proxy: must be the URL of a proxy")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "proxy", ["http://proxy", "https://proxy:3128", "http://10.0.0.1:3128/", "http://p.example.com"]
)
def test_the_address_of_a_proxy_is_accepted(proxy: str) -> None:
    assert an_argo_spec(proxy=proxy).proxy == proxy


def test_a_proxy_that_is_too_long_is_not_shown_either() -> None:
    message = problem_of(proxy="http://user:hunter2@" + "p" * 512)
    assert message.startswith("spec.proxy: ")
    assert "hunter2" not in message
    assert "520 characters, at most 512 are allowed" in problem_of(proxy="http://" + "p" * 513)


@pytest.mark.parametrize("no_proxy", ["a;b", "a\nb", "user@host", "a" * 513, "ä"])
def test_a_list_of_hosts_that_is_none_is_refused(no_proxy: str) -> None:
    problem = problem_of(no_proxy=no_proxy)
    assert problem.startswith("spec.no_proxy: ")
    assert "user@" not in problem, "it may be a proxy's URL, with a password"


@pytest.mark.parametrize("no_proxy", ["localhost", ".svc,.cluster.local", "*.a.b, 10.0.0.0/8, fd00::/8", "a:8443"])
def test_lists_of_hosts_are_accepted(no_proxy: str) -> None:
    assert an_argo_spec(no_proxy=no_proxy).no_proxy == no_proxy


def test_repo_creds_belong_to_no_project() -> None:
    assert "project needs secret_type: repository" in problem_of(project="web", secret_type="repo-creds")
    assert an_argo_spec(project="", secret_type="repo-creds").secret_type == "repo-creds"


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"secret_type": "cluster"}, "spec.secret_type: "),
        ({"secret_type": ""}, "spec.secret_type: "),
        ({"repo_type": "git"}, "spec.repo_type: "),
        ({"project": "a/b"}, "spec.project: "),
        ({"project": "Web"}, "spec.project: "),
    ],
)
def test_what_argo_does_not_know_is_refused(over: dict[str, Any], field: str) -> None:
    assert problem_of(**over).startswith(field)


@given(
    proxy=st.sampled_from(["", "http://proxy:3128"]),
    no_proxy=st.sampled_from(["", "localhost"]),
    repo_type=st.sampled_from(["helm", "oci"]),
    secret_type=st.sampled_from(["repository", "repo-creds"]),
    path=st.sampled_from(["", "/", "/charts", "/team/charts/"]),
    scheme=st.sampled_from(["", "oci://"]),
)
def test_whatever_the_form_the_token_goes_to_ecr_only(
    proxy: str, no_proxy: str, repo_type: str, secret_type: str, path: str, scheme: str
) -> None:
    data = rendered(
        url=f"{scheme}{HOST}{path}", proxy=proxy, no_proxy=no_proxy, repo_type=repo_type, secret_type=secret_type
    )
    kept = path.rstrip("/") if secret_type == "repository" else path
    assert data["url"] == ("oci://" if repo_type == "oci" else "") + HOST + kept
    assert ("enableOCI" in data) == (repo_type == "helm")
    assert ("name" in data) == (secret_type == "repository")
    assert set(data) <= {"username", "password", "url", "type", "enableOCI", "name", "proxy", "noProxy"}


@pytest.mark.parametrize(
    ("over", "cautioned"),
    [
        ({"url": HOST, "secret_type": "repo-creds"}, True),
        ({"url": f"oci://{HOST}", "secret_type": "repo-creds", "repo_type": "oci"}, True),
        ({"url": f"{HOST}/", "secret_type": "repo-creds"}, False),
        ({"url": f"{HOST}/charts", "secret_type": "repo-creds"}, False),
        ({"url": HOST}, False),
    ],
)
def test_a_template_for_a_bare_host_says_what_else_it_matches(over: dict[str, Any], *, cautioned: bool) -> None:
    """Argo CD compares the beginnings of two texts: HOST.example.org begins with HOST."""
    resource = a_resource(spec=an_argo_spec(**over), status={})
    outcome = Outcome(stored=stored_tokens(resource), written=True)
    message = condition_of(next_status(resource, outcome, now=NOW), READY)["message"]
    assert message.endswith(f"{HOST}.example.org too: end the url with /") is cautioned
