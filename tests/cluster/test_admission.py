"""What the API server itself refuses, with a sentence that helps, and what `kubectl explain` says."""

from __future__ import annotations

import json
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
}


@pytest.mark.parametrize(("kind", "spec", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_resource_is_refused_with_a_sentence(
    kubectl: Kubectl, kind: str, spec: dict[str, Any], sentence: str
) -> None:
    done = kubectl("apply", "--dry-run=server", "-n", "default", "-f", "-", stdin=json.dumps(a_resource(kind, **spec)))
    assert done.returncode != 0
    assert sentence in done.stderr
    assert len(done.stderr) < 16_000


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
    "metadata": ("Secret", {"metadata": {"labels": {"team": "web"}, "annotations": {"example.com/a": "b c"}}}),
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
        ("ecrsecret.spec.frequency", ["Go duration", "At least 1m"]),
        ("ecrargo.spec.url", ["repoURL"]),
        ("ecrargo.status.conditions", ["reason", "message"]),
    ],
)
def test_kubectl_explain_is_a_manual(kubectl: Kubectl, path: str, words: list[str]) -> None:
    done = kubectl("explain", path)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert all(word in text for word in words), done.stdout
    assert "<no description>" not in text.lower()
