"""What the API server itself refuses, with a sentence that helps, and what `kubectl explain` says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ..laboratory import Kubectl
from .resources import HOST, a_resource

TEN_KB = "x" * 10_240

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "frequency is a word": ("Secret", {"frequency": "banana"}, "must be a duration"),
    "frequency of a nanosecond": ("Secret", {"frequency": "1ns"}, "must be at least 1m"),
    "frequency of zero": ("Secret", {"frequency": "0s"}, "must be at least 1m"),
    "negative frequency": ("Secret", {"frequency": "-5m"}, "must be a duration"),
    "frequency without unit": ("Secret", {"frequency": "10"}, "must be a duration"),
    "empty frequency": ("Secret", {"frequency": ""}, "must be a duration"),
    "endless frequency": ("Secret", {"frequency": TEN_KB}, "Too long"),
    "frequency that overflows": ("Secret", {"frequency": "99999999999999h"}, "frequency"),
    "host with scheme": ("Secret", {"ecr_registry": f"https://{HOST}"}, "without https://"),
    "host with path": ("Secret", {"ecr_registry": f"{HOST}/team"}, "without a path"),
    "host elsewhere": ("Secret", {"ecr_registry": "registry.example.com"}, "must be an Amazon ECR registry host"),
    "host with an evil suffix": ("Secret", {"ecr_registry": f"{HOST}.evil.org"}, "must be an Amazon ECR registry"),
    "host with user": ("Secret", {"ecr_registry": f"AWS:x@{HOST}"}, "must be an Amazon ECR registry host"),
    "host with a line break": ("Secret", {"ecr_registry": f"{HOST}\n"}, "must be an Amazon ECR registry host"),
    "host in capitals": ("Secret", {"ecr_registry": HOST.upper()}, "must be an Amazon ECR registry host"),
    "endless host": ("Secret", {"ecr_registry": TEN_KB}, "Too long"),
    "wrong partition": (
        "Secret",
        {"ecr_registry": "123456789012.dkr.ecr.cn-north-1.amazonaws.com", "region": None},
        "must be an Amazon ECR registry host",
    ),
    "another region for ECR Public": ("Secret", {"ecr_registry": "public.ecr.aws"}, "region contradicts ecr_registry"),
    "a region in the path": (
        "ArgoHelmRepoSecret",
        {"url": f"{HOST}/a.eu-west-1.b", "region": "eu-west-1"},
        "region contradicts url",
    ),
    "hostile region": ("Secret", {"region": "us-east-2.evil.example/#"}, "region"),
    "region with user": ("Secret", {"region": "x@evil"}, "must be an AWS region"),
    "contradicting region": ("Secret", {"region": "eu-west-1"}, "region contradicts ecr_registry"),
    "contradicting argo region": ("ArgoHelmRepoSecret", {"region": "eu-west-1"}, "region contradicts url"),
    "name with a slash": ("Secret", {"generated_secret_name": "a/b"}, "must be a name that Kubernetes accepts"),
    "name in capitals": ("Secret", {"generated_secret_name": "ABC"}, "must be a name that Kubernetes accepts"),
    "no name": ("Secret", {"generated_secret_name": None}, "Required value"),
    "no registry": ("Secret", {"ecr_registry": None}, "Required value"),
    "deletion policy of none": ("Secret", {"deletion_policy": "Orphan"}, "Unsupported value"),
    "label of the operator": (
        "Secret",
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}},
        "set by the operator itself",
    ),
    "annotation of the operator": (
        "Secret",
        {"metadata": {"annotations": {"ecr.mobb.redhat.com/expires-at": "x"}}},
        "set by the operator itself",
    ),
    "argo https": ("ArgoHelmRepoSecret", {"url": f"https://{HOST}/charts"}, "https:// does not work"),
    "argo elsewhere": ("ArgoHelmRepoSecret", {"url": "oci://charts.example.com"}, "must be an Amazon ECR registry"),
    "argo host in the path": ("ArgoHelmRepoSecret", {"url": f"evil.org/{HOST}"}, "must be an Amazon ECR registry"),
    "argo with a port": ("ArgoHelmRepoSecret", {"url": f"{HOST}:443"}, "must be an Amazon ECR registry"),
    "argo with a query": ("ArgoHelmRepoSecret", {"url": f"{HOST}/a?b=c"}, "must be an Amazon ECR registry"),
    "argo secret of a cluster": ("ArgoHelmRepoSecret", {"secret_type": "cluster"}, "Unsupported value"),
    "argo repository in git": ("ArgoHelmRepoSecret", {"repo_type": "git"}, "Unsupported value"),
    "argo project of repo-creds": (
        "ArgoHelmRepoSecret",
        {"project": "web", "secret_type": "repo-creds"},
        "project needs secret_type: repository",
    ),
    "argo project with a slash": ("ArgoHelmRepoSecret", {"project": "a/b"}, "must be a name that Kubernetes accepts"),
    "argo proxy without scheme": ("ArgoHelmRepoSecret", {"proxy": "proxy:3128"}, "must be the URL of a proxy"),
    "argo proxy with a path": ("ArgoHelmRepoSecret", {"proxy": "http://proxy/x"}, "must be the URL of a proxy"),
    "argo proxy with a line break": ("ArgoHelmRepoSecret", {"proxy": "http://proxy\n"}, "must be the URL of a proxy"),
    "argo proxy with socks": ("ArgoHelmRepoSecret", {"proxy": "socks5://proxy"}, "must be the URL of a proxy"),
    "endless argo proxy": ("ArgoHelmRepoSecret", {"proxy": f"http://{TEN_KB}"}, "Too long"),
    "argo hosts without proxy": ("ArgoHelmRepoSecret", {"no_proxy": "a;b"}, "must be a list of hosts"),
    **{
        f"{kind}: {case}": (kind, spec, sentence)
        for kind in ("Secret", "ClusterPullSecret")
        for case, spec, sentence in (
            ("link of nobody", {"link": [{"for": ["pull"]}]}, "Required value"),
            ("link with a slash", {"link": [{"service_account": "a/b"}]}, "must be a name that Kubernetes accepts"),
            ("link for nothing", {"link": [{"service_account": "a", "for": []}]}, "should have at least 1 items"),
            ("link for push", {"link": [{"service_account": "a", "for": ["push"]}]}, "Unsupported value"),
            ("link twice", {"link": [{"service_account": "a"}, {"service_account": "a"}]}, "Duplicate value"),
            ("links without end", {"link": [{"service_account": f"a-{n}"} for n in range(33)]}, "Too many"),
            (
                "a registry twice",
                {"additional_registries": [{"ecr_registry": HOST}]},
                "additional_registries repeats ecr_registry",
            ),
            ("contradicting region", {"region": "eu-west-1"}, "region contradicts ecr_registry"),
        )
    },
    "access of reading": ("Secret", {"aws": {"access": "read"}}, "Unsupported value"),
    "no access": ("Secret", {"aws": {"access": ""}}, "Unsupported value"),
    "repositories in capitals": ("Secret", {"aws": {"repositories": ["Team/*"]}}, "lower case letters, digits"),
    "repositories of an ARN": ("Secret", {"aws": {"repositories": ["a:repository/b"]}}, "lower case letters, digits"),
    "repositories of a variable": ("Secret", {"aws": {"repositories": ["${aws:x}/a"]}}, "lower case letters, digits"),
    "repositories twice": ("Secret", {"aws": {"repositories": ["a", "a"]}}, "Duplicate value"),
    "too many repositories": ("Secret", {"aws": {"repositories": [f"a{n}" for n in range(21)]}}, "Too many"),
    "a long repository": ("Secret", {"aws": {"repositories": ["a" * 257]}}, "Too long"),
    "long repositories": (
        "Secret",
        {"aws": {"repositories": [f"{n}{'a' * 240}" for n in range(9)]}},
        "repositories are too long for a session policy",
    ),
    "repositories of ECR Public": (
        "Secret",
        {"ecr_registry": "public.ecr.aws", "region": "us-east-1", "aws": {"repositories": ["a"]}},
        "repositories of public.ecr.aws cannot be limited",
    ),
    "inherited repositories of ECR Public": (
        "Secret",
        {"additional_registries": [{"ecr_registry": "public.ecr.aws"}], "aws": {"repositories": ["a"]}},
        "additional_registries: repositories of public.ecr.aws cannot be limited",
    ),
    "additional repositories of ECR Public": (
        "ClusterPullSecret",
        {"additional_registries": [{"ecr_registry": "public.ecr.aws", "aws": {"repositories": ["a"]}}]},
        "repositories of public.ecr.aws cannot be limited",
    ),
    "argo repositories of ECR Public": (
        "ArgoHelmRepoSecret",
        {"url": "oci://public.ecr.aws/a/b", "region": "us-east-1", "aws": {"repositories": ["a"]}},
        "repositories of public.ecr.aws cannot be limited",
    ),
    "cluster host elsewhere": (
        "ClusterPullSecret",
        {"ecr_registry": "registry.example.com"},
        "must be an Amazon ECR registry host",
    ),
    "cluster frequency": ("ClusterPullSecret", {"frequency": "1s"}, "must be at least 1m"),
    "cluster without a name": ("ClusterPullSecret", {"generated_secret_name": None}, "Required value"),
    "cluster label of the operator": (
        "ClusterPullSecret",
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}},
        "set by the operator itself",
    ),
    "namespaces by brackets": ("ClusterPullSecret", {"namespaces": {"include": ["team-[a-z]"]}}, "may hold letters"),
    "namespaces by nothing": ("ClusterPullSecret", {"namespaces": {"exclude": [""]}}, "may hold letters"),
    "namespaces by a line": ("ClusterPullSecret", {"namespaces": {"exclude": ["a\nb"]}}, "may hold letters"),
    "namespaces without end": ("ClusterPullSecret", {"namespaces": {"include": [TEN_KB]}}, "Too long"),
    "too many namespaces": (
        "ClusterPullSecret",
        {"namespaces": {"include": [f"team-{number}" for number in range(101)]}},
        "Too many",
    ),
    "namespaces twice": ("ClusterPullSecret", {"namespaces": {"include": ["a", "a"]}}, "Duplicate value"),
    "namespaces in none": (
        "ClusterPullSecret",
        {"namespaces": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
        "values are needed for In and NotIn",
    ),
    "namespaces like": (
        "ClusterPullSecret",
        {"namespaces": {"selector": {"matchExpressions": [{"key": "a", "operator": "Like", "values": ["b"]}]}}},
        "Unsupported value",
    ),
}


@pytest.mark.parametrize(("kind", "spec", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_resource_is_refused_with_a_sentence(
    kubectl: Kubectl, kind: str, spec: dict[str, Any], sentence: str
) -> None:
    done = kubectl("apply", "--dry-run=server", "-n", "default", "-f", "-", stdin=json.dumps(a_resource(kind, **spec)))
    assert done.returncode != 0
    assert sentence in done.stderr
    assert len(done.stderr) < 16_000


LONG = "x" * 64
REFUSED |= {
    f"{kind}: {field} {entries}": (kind, {"metadata": {field: entries}}, sentence)
    for kind in ("Secret", "ArgoHelmRepoSecret", "ClusterPullSecret")
    for field, entries, sentence in (
        ("labels", {"a b": "c"}, "keys must be metadata keys that Kubernetes accepts"),
        ("labels", {LONG: "c"}, "keys must be metadata keys that Kubernetes accepts"),
        ("labels", {"a": "b c"}, "values must be label values that Kubernetes accepts"),
        ("annotations", {"": "c"}, "keys must be metadata keys that Kubernetes accepts"),
        ("annotations", {"a/b/c": "c"}, "keys must be metadata keys that Kubernetes accepts"),
    )
}


ACCEPTED: dict[str, tuple[str, dict[str, Any]]] = {
    "as the seed document writes it": ("Secret", {}),
    "the least": ("Secret", {"frequency": None, "region": None}),
    "an empty region": ("Secret", {"region": ""}),
    "compound frequency": ("Secret", {"frequency": "1h30m"}),
    "longer than a token lives": ("Secret", {"frequency": "24h"}),
    "china": ("Secret", {"ecr_registry": "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "region": "cn-north-1"}),
    "fips": ("Secret", {"ecr_registry": "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "region": "us-east-1"}),
    "dual-stack": ("Secret", {"ecr_registry": "123456789012.dkr-ecr.us-west-2.on.aws", "region": None}),
    "ecr public": ("Secret", {"ecr_registry": "public.ecr.aws", "region": None}),
    "ecr public with its region": ("Secret", {"ecr_registry": "public.ecr.aws", "region": "us-east-1"}),
    "argo public": ("ArgoHelmRepoSecret", {"url": "public.ecr.aws/alias", "region": "us-east-1"}),
    "argo host": ("ArgoHelmRepoSecret", {}),
    "argo path": ("ArgoHelmRepoSecret", {"url": f"{HOST}/team/charts"}),
    "argo oci": ("ArgoHelmRepoSecret", {"url": f"oci://{HOST}/charts"}),
    "argo for one project": ("ArgoHelmRepoSecret", {"project": "web"}),
    "argo repo-creds": ("ArgoHelmRepoSecret", {"secret_type": "repo-creds", "repo_type": "oci", "project": ""}),
    "argo by proxy": ("ArgoHelmRepoSecret", {"proxy": "http://proxy:3128", "no_proxy": "*.internal, 10.0.0.0/8"}),
    "argo without proxy": ("ArgoHelmRepoSecret", {"proxy": "", "no_proxy": ""}),
    "links": (
        "Secret",
        {"link": [{"service_account": "default", "for": ["pull"]}, {"service_account": "builder"}]},
    ),
    "all namespaces": ("ClusterPullSecret", {}),
    "some namespaces": (
        "ClusterPullSecret",
        {
            "namespaces": {
                "selector": {
                    "matchLabels": {"team": "a"},
                    "matchExpressions": [{"key": "env", "operator": "In", "values": ["dev", ""]}],
                },
                "include": ["team-*"],
                "exclude": ["kube-*", "*-test"],
            },
            "link": [{"service_account": "default"}],
        },
    ),
    "metadata": ("Secret", {"metadata": {"labels": {"team": "web"}, "annotations": {"example.com/a": "b c"}}}),
    "longest metadata": (
        "Secret",
        {"metadata": {"labels": {f"{'a' * 253}/{'b' * 63}": "x" * 63}, "annotations": {"A_b.c-d": "x" * 4096}}},
    ),
}


@pytest.mark.parametrize(("kind", "spec"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_resource_is_accepted(kubectl: Kubectl, kind: str, spec: dict[str, Any]) -> None:
    done = kubectl("apply", "--dry-run=server", "-n", "default", "-f", "-", stdin=json.dumps(a_resource(kind, **spec)))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("ecrsecret", ["Keeps one kubernetes.io/dockerconfigjson Secret", "spec", "status"]),
        ("ecrsecret.spec", ["ecr_registry", "frequency", "required", "suspend"]),
        ("ecrsecret.spec.frequency", ["Go duration", "The minimum is 1m"]),
        ("ecrargo.spec.url", ["repoURL"]),
        ("ecrargo.spec.secret_type", ["repo-creds", "ENUM: repository repo-creds"]),
        ("ecrpull", ["in every namespace that you select by label or by name", "spec", "status"]),
        ("ecrpull.spec.namespaces", ["selector", "include", "exclude", "Defaults to all namespaces"]),
        ("ecrpull.spec.link", ["service_account", "oc secrets link", "for"]),
        ("ecrpull.status.failingNamespaces", ["namespace", "reason", "message"]),
        ("ecrargo.status.conditions", ["reason", "message"]),
    ],
)
def test_kubectl_explain_is_a_manual(kubectl: Kubectl, path: str, words: list[str]) -> None:
    done = kubectl("explain", path)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert all(word in text for word in words), done.stdout
    assert "<no description>" not in text.lower()


def test_a_password_in_the_url_of_a_proxy_is_not_shown(kubectl: Kubectl) -> None:
    body = a_resource("ArgoHelmRepoSecret", proxy="http://user:hunter2@proxy.example.com:3128")
    done = kubectl("create", "--dry-run=server", "-n", "default", "-f", "-", stdin=json.dumps(body))
    assert "without user and password" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("kind", ["ecrsecret", "ecrargo", "ecrpull"])
@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_field_has_a_text(kubectl: Kubectl, kind: str, part: str) -> None:
    done = kubectl("explain", f"{kind}.{part}", "--recursive", "-o", "plaintext")
    assert done.returncode == 0, done.stderr
    fields = re.findall(r"^  (\w+)\t<", done.stdout, re.MULTILINE)
    assert len(fields) >= 7, done.stdout
    for field in fields:
        told = kubectl("explain", f"{kind}.{part}.{field}").stdout
        assert "DESCRIPTION:" in told, field
        assert "<no description>" not in told, field
        assert "<empty>" not in told, field


def test_all_kinds_have_a_short_name_and_are_in_one_category(kubectl: Kubectl) -> None:
    lines = kubectl("api-resources", "--categories=ecr", "--no-headers").stdout.splitlines()
    found = {(words[0], words[1], words[3]) for words in map(str.split, lines)}
    assert found == {
        ("secrets", "ecrsecret", "true"),
        ("argohelmreposecrets", "ecrargo", "true"),
        ("clusterpullsecrets", "ecrpull", "false"),
        ("accesspolicies", "ecrpolicy", "false"),
    }
