"""Resources on the command line, named in every way that kubectl accepts."""

from __future__ import annotations

import click
import pytest

from ecr_secret_operator.cli.targets import Target, Targets, parse
from ecr_secret_operator.crds import all_definitions

WEB, API = Target("Secret", "web"), Target("Secret", "api")

NAMED: dict[str, list[Target]] = {
    "secret/web": [WEB],
    "Secret/web": [WEB],
    "secrets/web": [WEB],
    "ecrsecret/web": [WEB],
    "ECRSecret/web": [WEB],
    "secret.ecr.mobb.redhat.com/web": [WEB],
    "secrets.v1alpha1.ecr.mobb.redhat.com/web": [WEB],
    "secret web": [WEB],
    "secret web api": [WEB, API],
    "secret/web secret/api": [WEB, API],
    "secret/web ecrsecret/web": [WEB],
    "secret web web": [WEB],
    "ecrargo/charts": [Target("ArgoHelmRepoSecret", "charts")],
    "argohelmreposecrets charts": [Target("ArgoHelmRepoSecret", "charts")],
    "ecrpull/all ecrpolicy/a": [Target("ClusterPullSecret", "all"), Target("AccessPolicy", "a")],
    "clusterpullsecret all": [Target("ClusterPullSecret", "all")],
    "accesspolicy/a": [Target("AccessPolicy", "a")],
    "secret,ecrargo web": [WEB, Target("ArgoHelmRepoSecret", "web")],
    "secret/web.v1": [Target("Secret", "web.v1")],
}


@pytest.mark.parametrize("words", NAMED)
def test_single_resources(words: str) -> None:
    found = parse(words.split())
    assert list(found.named) == NAMED[words]
    assert found.kinds == ()


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("ecrsecret", ["Secret"]),
        ("secrets", ["Secret"]),
        ("ecrsecret,ecrargo", ["Secret", "ArgoHelmRepoSecret"]),
        ("secret,ecrsecret", ["Secret"]),
    ],
)
def test_all_resources_of_a_type(words: str, kinds: list[str]) -> None:
    found = parse(words.split())
    assert (list(found.named), list(found.kinds)) == ([], kinds)


def test_no_words_name_nothing() -> None:
    assert parse([]) == Targets()


@pytest.mark.parametrize("definition", all_definitions(), ids=lambda one: one["spec"]["names"]["kind"])
def test_the_types_are_those_of_the_definitions(definition: dict[str, dict[str, dict[str, str]]]) -> None:
    names = definition["spec"]["names"]
    for word in (names["kind"], names["singular"], names["plural"], *names["shortNames"]):
        for suffix in ("", ".ecr.mobb.redhat.com", ".v1alpha1.ecr.mobb.redhat.com"):
            assert parse([f"{word}{suffix}/a"]).named == (Target(names["kind"], "a"),)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["pod/web"],
            "there is no resource type 'pod'. The types are secret (ecrsecret), argohelmreposecret (ecrargo)",
        ),
        (["web"], "there is no resource type 'web'"),
        (["/web"], "there is no resource type ''"),
        (["secret/"], "the name of a resource is missing"),
        (["secret/a/b"], "'a/b' is not a name that Kubernetes accepts"),
        (["secret", "Web"], "'Web' is not a name that Kubernetes accepts"),
        (["secret/web", "api"], "'api' is not TYPE/NAME. Give TYPE/NAME for every resource, or TYPE NAME..."),
        (["secret", "secret/web"], "'secret' is not TYPE/NAME"),
        (["secret,pod"], "there is no resource type 'pod'"),
        (["secret.example.com/web"], "there is no resource type 'secret.example.com'"),
    ],
)
def test_what_names_no_resource_is_wrong_usage(words: list[str], said: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        parse(words)
    assert said in refused.value.message


def test_a_policy_has_no_token() -> None:
    with pytest.raises(click.UsageError, match=r"an AccessPolicy has no Secret and no token.*doctor ecrpolicy/NAME"):
        parse(["secret/web", "ecrpolicy/a"]).require_credentials()
    parse(["secret/web"]).require_credentials()


def test_a_type_alone_names_no_resource() -> None:
    with pytest.raises(click.UsageError, match="give the names of the resources too, such as ecrargo/NAME"):
        parse(["argohelmreposecret"]).require_names()
    parse(["ecrargo", "charts"]).require_names()
