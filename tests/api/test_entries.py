"""The registries that a spec names, one or several, and the hosts that no field takes."""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.api.model import AwsSpec
from ecr_secret_operator.api.pull_secrets import MOST_REGISTRIES
from ecr_secret_operator.domain.kinds import ARGO_HELM_REPO_SECRET, CLUSTER_PULL_SECRET, SECRET, Kind
from ecr_secret_operator.domain.resource import InvalidSpec
from tests.api.hosts import NOT_HOSTS
from tests.factories import HOST, OTHER_HOST, a_raw_spec, a_spec, an_argo_spec

ROLE = "arn:aws:iam::123456789012:role/ecr-pull"
CHINA_ROLE = "arn:aws-cn:iam::123456789012:role/ecr-pull"
CHINA_HOST = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"
THIRD_HOST = "999999999999.dkr.ecr.us-east-2.amazonaws.com"


def problem_of(raw: object, kind: Kind = SECRET) -> str:
    spec = kind.parse(raw)
    assert isinstance(spec, InvalidSpec), spec
    return spec.message


def more(*registries: object) -> dict[str, object]:
    return {"additional_registries": list(registries)}


# Hostile hosts, in every field that takes one: a live token would be written for them

URLS_IN_ECR = {"path", "slash", "oci", "ECR Public with a path"}
"""Hosts these are not, but the url of a chart they may be."""

HOST_FIELDS: dict[str, Any] = {
    "ecr_registry": (SECRET, a_raw_spec(), lambda host: {"ecr_registry": host}),
    "additional_registries": (SECRET, a_raw_spec(), lambda host: more({"ecr_registry": host})),
    "the last of additional_registries": (
        SECRET,
        a_raw_spec(),
        lambda host: more({"ecr_registry": OTHER_HOST}, {"ecr_registry": host}),
    ),
    "url": (ARGO_HELM_REPO_SECRET, {"generated_secret_name": "x"}, lambda host: {"url": host}),
    "url with oci": (ARGO_HELM_REPO_SECRET, {"generated_secret_name": "x"}, lambda host: {"url": f"oci://{host}"}),
    "ecr_registry of the cluster": (CLUSTER_PULL_SECRET, a_raw_spec(), lambda host: {"ecr_registry": host}),
    "additional_registries of the cluster": (
        CLUSTER_PULL_SECRET,
        a_raw_spec(),
        lambda host: more({"ecr_registry": host}),
    ),
    **{
        f"url of {secret_type}, {repo_type}": (
            ARGO_HELM_REPO_SECRET,
            {"generated_secret_name": "x", "secret_type": secret_type, "repo_type": repo_type},
            lambda host: {"url": host},
        )
        for secret_type in ("repository", "repo-creds")
        for repo_type in ("helm", "oci")
    },
}


@pytest.mark.parametrize("field", HOST_FIELDS)
@pytest.mark.parametrize("name", NOT_HOSTS)
def test_no_field_takes_what_is_not_certainly_an_ecr_host(name: str, field: str) -> None:
    kind, raw, given = HOST_FIELDS[field]
    if field.startswith("url") and name in URLS_IN_ECR and (field, name) != ("url with oci", "oci"):
        return
    message = problem_of({**raw, **given(NOT_HOSTS[name])}, kind)
    assert message.startswith("spec.url: " if "url" in field else "spec.")
    assert ".ecr_registry: " in message or "spec.url: " in message
    assert "\n" not in message
    assert len(message) < 500


# Several registries


def test_entries_are_in_the_order_of_the_spec_and_inherit_the_identity() -> None:
    spec = a_spec(
        aws={"role_arn": ROLE},
        **more(
            {"ecr_registry": OTHER_HOST},
            {"ecr_registry": THIRD_HOST, "aws": {}},
            {"ecr_registry": "public.ecr.aws", "region": "us-east-1", "aws": {"service_account": "puller"}},
        ),
    )
    assert spec.hosts == (HOST, OTHER_HOST, THIRD_HOST, "public.ecr.aws")
    assert [entry.aws for entry in spec.entries] == [
        AwsSpec(role_arn=ROLE),
        AwsSpec(role_arn=ROLE),
        AwsSpec(),
        AwsSpec(service_account="puller"),
    ]
    assert {entry.field for entry in spec.entries} == {"ecr_registry"}


def test_an_argo_secret_has_one_registry() -> None:
    (entry,) = an_argo_spec(url=f"oci://{HOST}/charts", aws={"role_arn": ROLE}).entries
    assert (entry.registry.host, entry.aws, entry.field) == (HOST, AwsSpec(role_arn=ROLE), "url")


@pytest.mark.parametrize(
    ("over", "says"),
    [
        (more({}), "spec.additional_registries.0.ecr_registry: Field required"),
        (more({"ecr_registry": OTHER_HOST}, 5), "spec.additional_registries.1: "),
        ({"additional_registries": "x"}, "spec.additional_registries: "),
        (more({"ecr_registry": HOST}), f"spec: '{HOST}' is given more than once"),
        (more({"ecr_registry": OTHER_HOST}, {"ecr_registry": OTHER_HOST}), f"spec: '{OTHER_HOST}' is given more than"),
        (
            more({"ecr_registry": OTHER_HOST, "aws": {"role_arn": ROLE}}, {"ecr_registry": OTHER_HOST}),
            "a Secret can hold one token for a host",
        ),
        (
            more({"ecr_registry": OTHER_HOST, "region": "us-east-2"}),
            f"spec: region 'us-east-2' contradicts ecr_registry '{OTHER_HOST}'",
        ),
        (more({"ecr_registry": OTHER_HOST, "region": "x"}), "spec.additional_registries.0.region: "),
        (
            more({"ecr_registry": CHINA_HOST, "aws": {"role_arn": ROLE}}),
            f"spec: role_arn '{ROLE}' is of another AWS partition than '{CHINA_HOST}', which is in aws-cn",
        ),
        ({"aws": {"role_arn": CHINA_ROLE}}, f"'{CHINA_ROLE}' is of another AWS partition than '{HOST}'"),
        ({"aws": {"role_arn": ROLE}, **more({"ecr_registry": CHINA_HOST})}, "no role can be assumed across partitions"),
        (
            more(*({"ecr_registry": f"{number:012}.{HOST.partition('.')[2]}"} for number in range(21))),
            "spec: additional_registries has more than 20 entries",
        ),
    ],
)
def test_registries_that_are_refused(over: dict[str, object], says: str) -> None:
    assert says in problem_of(a_raw_spec(**over))


@pytest.mark.parametrize(
    "over",
    [
        more(),
        more(*({"ecr_registry": f"{number:012}.{HOST.partition('.')[2]}"} for number in range(MOST_REGISTRIES))),
        more({"ecr_registry": OTHER_HOST, "region": "eu-west-1"}, {"ecr_registry": THIRD_HOST, "region": ""}),
        {"aws": {"role_arn": ROLE}, **more({"ecr_registry": CHINA_HOST, "aws": {"role_arn": CHINA_ROLE}})},
        {"aws": {"role_arn": ROLE}, **more({"ecr_registry": CHINA_HOST, "aws": {}})},
        {"aws": {"role_arn": ROLE}, **more({"ecr_registry": "public.ecr.aws"})},
        {"region": "us-east-2", **more({"ecr_registry": OTHER_HOST})},  # the region is that of the first alone
    ],
)
def test_registries_that_are_taken(over: dict[str, object]) -> None:
    spec = a_spec(**over)
    assert len(spec.entries) == 1 + len(spec.additional_registries)


def test_the_argo_kind_refuses_a_role_of_another_partition_too() -> None:
    raw = {"generated_secret_name": "x", "url": f"oci://{HOST}/charts", "aws": {"role_arn": CHINA_ROLE}}
    assert "no role can be assumed across partitions" in problem_of(raw, ARGO_HELM_REPO_SECRET)
