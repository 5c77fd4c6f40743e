"""Specs of custom resources, for the rules of the CRDs."""

from __future__ import annotations

from typing import Any

from .steps import (
    COLLECTIONS,
    HOST,
    POLICY_KIND,
    Step,
    create,
    delete,
    merge,
    resource,
)

LONG = "x" * 10_240
PUBLIC = {"ecr_registry": "public.ecr.aws"}
ROLE = "arn:aws:iam::123456789012:role/pull"
SPECS: dict[str, list[dict[str, Any]]] = {
    "Secret": [
        {"frequency": one} for one in ("banana", "1ns", "59.9s", "60s", "-5m", "10", "", "1h30m", ".5h", "+2h", LONG)
    ]
    + [
        {"frequency": "99999999999999h"},
        {"frequency": "1\u00b5s"},
        {"frequency": None, "suspend": None, "deletion_policy": None},
        {"ecr_registry": f"https://{HOST}"},
        {"ecr_registry": f"{HOST}\n"},
        {"ecr_registry": LONG},
        {"ecr_registry": None, "generated_secret_name": None},
        {"region": "eu-west-1"},
        {"region": "us-east-2"},
        {"region": "x@evil"},
        {**PUBLIC, "region": "us-east-1"},
        {**PUBLIC, "region": "us-east-2"},
        {"generated_secret_name": "a/b"},
        {"generated_secret_name": ""},
        {"generated_secret_name": "n" * 254},
        {"deletion_policy": "Orphan"},
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me", "a b": "c d"}}},
        {"metadata": {"labels": {f"l{n}": "x" for n in range(65)}}},
        {"metadata": {"annotations": {"ecr.mobb.redhat.com/x": "x", "ok": "x" * 4097}}},
        {"link": [{"for": ["pull"]}]},
        {"link": [{"service_account": "a", "for": []}]},
        {"link": [{"service_account": "a", "for": ["push", "pull", "pull"]}]},
        {"link": [{"service_account": "a"}, {"service_account": "a"}, {"service_account": "b/c"}]},
        {"link": [{"service_account": f"a-{n}"} for n in range(33)]},
        {"additional_registries": [{"ecr_registry": HOST}]},
        {"additional_registries": [PUBLIC, PUBLIC]},
        {"additional_registries": [PUBLIC], "aws": {"repositories": ["a"]}},
        {"additional_registries": [{**PUBLIC, "region": "eu-west-1"}]},
        {"aws": {"role_arn": ROLE}},
        {"aws": {"role_arn": "arn:aws-cn:iam::123456789012:role/pull"}},
        {"aws": {"role_arn": ROLE, "credentials_secret": "keys"}},
        {"aws": {"external_id": "id"}},
        {"aws": {"access": "read", "repositories": ["A", "a", "a", "b" * 257]}},
        {"aws": {"repositories": [f"{n}{'a' * 240}" for n in range(9)]}},
        {"aws": {"repositories": [f"a{n}" for n in range(21)]}},
        {"aws": {}, "link": [], "additional_registries": []},
    ],
    "ArgoHelmRepoSecret": [
        {},
        {"url": f"https://{HOST}/charts"},
        {"url": f"{HOST}/a.eu-west-1.b", "region": "eu-west-1"},
        {"secret_type": "cluster", "repo_type": "git"},
        {"project": "web", "secret_type": "repo-creds"},
        {"proxy": "proxy:3128", "no_proxy": "a;b"},
        {"proxy": "http://proxy\n"},
        {"url": "oci://public.ecr.aws/a/b", "aws": {"repositories": ["a"]}},
    ],
    "ClusterPullSecret": [
        {},
        {"namespaces": {"include": ["team-[a-z]"], "exclude": ["", "a\nb", "a", "a"]}},
        {"namespaces": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}, {"key": "b"}]}}},
        {"namespaces": {"selector": {"matchLabels": {"a": "x" * 64}, "matchExpressions": []}}},
    ],
    POLICY_KIND: [
        {"registries": ["*"], "regions": ["us-east-2", "x"], "external_ids": ["{namespace}", "{x}"]},
        {"default_role_arn": "x", "ambient_identity": "yes"},
        {"limit": {"access": "pull", "repositories": ["{namespace}/*", "A"]}, "mode": "Log"},
    ],
}


def validation(kind: str) -> list[Step]:
    """Creates each of the specs, and changes a valid resource to each of them."""
    path = COLLECTIONS[kind]
    steps = [create(path, resource("{ns}", kind))]
    for spec in SPECS[kind]:
        body = resource("{ns}-x", kind, **spec)
        steps += [create(path, body, dryRun="All"), merge(path, "{ns}", {"spec": spec}, dryRun="All")]
    return [*steps, delete(path, "{ns}")]
