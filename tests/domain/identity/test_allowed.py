"""What policies let a resource do, registry by registry, and when that can be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.domain.identity.access_policy import Policy
from ecr_secret_operator.domain.identity.authorization import WAITING, Authorization, needed
from ecr_secret_operator.domain.identity.identity import AMBIENT, AssumedRole
from ecr_secret_operator.domain.identity.sources import Missing
from tests.domain.identity.dependencies import (
    ACCOUNT,
    CHINA_HOST,
    CREDENTIALS,
    OTHER_ROLE,
    ROLE,
    Cluster,
    a_policy,
    access_of,
    login,
    problem,
)
from tests.factories import HOST, OTHER_HOST, a_resource, a_spec

TWO = a_spec(
    aws={"role_arn": ROLE}, additional_registries=[{"ecr_registry": OTHER_HOST, "aws": {"role_arn": OTHER_ROLE}}]
)


@pytest.mark.parametrize(
    ("policies", "denied", "audited"),
    [
        ([], (), ()),
        ([a_policy(role_arns=["*"])], (), ()),
        ([a_policy(role_arns=[ROLE])], (OTHER_ROLE,), ()),  # one that is refused refuses the resource
        ([a_policy(role_arns=[OTHER_ROLE])], (ROLE,), ()),
        ([a_policy("a", role_arns=[ROLE]), a_policy("b", role_arns=[OTHER_ROLE])], (), ()),
        ([a_policy(mode="Audit", role_arns=[ROLE])], (), (OTHER_ROLE,)),
        ([a_policy(mode="Audit")], (), (ROLE, OTHER_ROLE)),
        ([a_policy(mode="Audit", role_arns=["*"])], (), ()),
    ],
)
def test_policy_judges_every_registry(
    policies: list[Policy], denied: tuple[str, ...], audited: tuple[str, ...]
) -> None:
    access = access_of(TWO, Cluster(policies))
    for said, roles in ((access.denied, denied), (access.audited, audited)):
        assert bool(said) == bool(roles)
        assert said.count("no AccessPolicy lets") == len(roles)
        assert all(f"with role {role}" in said for role in roles)
    assert len(access.logins) == (0 if denied else 2)


def test_a_policy_that_is_required_and_is_not_there_denies() -> None:
    assert access_of(a_spec(), required=True).denied.startswith("no AccessPolicy lets namespace team-a use")
    assert access_of(a_spec(suspend=True), required=True).denied


@pytest.mark.parametrize(
    ("aws", "cluster", "role_arns", "denied"),
    [
        ({"service_account": "puller"}, Cluster(accounts={("team-a", "puller"): ACCOUNT}), [ROLE], False),
        ({"service_account": "puller"}, Cluster(accounts={("team-a", "puller"): ACCOUNT}), [OTHER_ROLE], True),
        ({"service_account": "puller"}, Cluster(), ["*"], False),  # its role is not known yet
        ({"service_account": "puller"}, Cluster(), [], True),  # whatever its role is
        ({"credentials_secret": "aws"}, Cluster(secrets={("team-a", "aws"): CREDENTIALS}), [], False),
        ({"credentials_secret": "aws"}, Cluster(), [], False),
        ({}, Cluster(), ["*"], True),
    ],
)
def test_policy_judges_every_kind_of_identity(
    aws: dict[str, object], cluster: Cluster, role_arns: list[str], *, denied: bool
) -> None:
    access = access_of(a_spec(aws=aws), replace(cluster, known=[a_policy(role_arns=role_arns)]))
    assert bool(access.denied) is denied


@pytest.mark.parametrize("aws", [{"service_account": "puller"}, {"credentials_secret": "aws"}])
def test_a_registry_that_is_not_allowed_is_denied_whatever_the_identity_may_be(aws: dict[str, object]) -> None:
    assert access_of(a_spec(aws=aws), Cluster([a_policy(registries=[OTHER_HOST])])).denied


def test_the_default_role_takes_the_place_of_the_operators_own_identity() -> None:
    spec = a_spec(
        additional_registries=[
            {"ecr_registry": OTHER_HOST, "aws": {"role_arn": OTHER_ROLE}},
            {"ecr_registry": CHINA_HOST},
        ]
    )
    access = access_of(spec, Cluster([a_policy(default_role_arn=ROLE, role_arns=[OTHER_ROLE])]))
    assert access.logins[:2] == (login(HOST, AssumedRole(ROLE)), login(OTHER_HOST, AssumedRole(OTHER_ROLE)))
    assert access.logins[2].problem == problem(
        f"role {ROLE}, assumed with the operator's own identity is in partition aws, and {CHINA_HOST} in aws-cn"
    )


# Labels of the namespace


BY_LABEL = a_policy(ambient_identity=True, namespaces={"selector": {"matchLabels": {"team": "a"}}})


@pytest.mark.parametrize(
    ("policies", "labels", "access"),
    [
        ([BY_LABEL], {"team": "a"}, Authorization((login(HOST, AMBIENT),))),
        ([BY_LABEL], Missing.NOT_YET, WAITING),
        ([BY_LABEL], Missing.ABSENT, WAITING),  # it holds a resource, so it will be seen
        # nobody asks for labels: that they cannot be had is no matter
        ([a_policy(ambient_identity=True)], Missing.REFUSED, Authorization((login(HOST, AMBIENT),))),
        ([], Missing.NOT_YET, Authorization((login(HOST, AMBIENT),))),
    ],
)
def test_labels_are_looked_at_only_when_a_policy_asks_for_them(
    policies: list[Policy], labels: Mapping[str, str] | Missing, access: Authorization
) -> None:
    assert access_of(a_spec(), Cluster(policies, {"team-a": labels})) == access


def test_other_labels_are_denied() -> None:
    assert "none selects it" in access_of(a_spec(), Cluster([BY_LABEL], {"team-a": {"team": "b"}})).denied
    assert access_of(a_spec(), Cluster([BY_LABEL], {"team-a": {}, "team-b": {"team": "a"}})).denied


def test_labels_that_may_not_be_read_leave_policy_unknown_and_change_nothing() -> None:
    access = access_of(a_spec(), Cluster([BY_LABEL], {"team-a": Missing.REFUSED}))
    assert access.unknown.startswith("AccessPolicies select namespaces by label")
    assert (access.logins, access.denied, access.waiting) == ((), "", False)


@pytest.mark.parametrize(
    ("aws", "identity"),
    [
        ({}, {"ambient_identity": True}),
        ({"role_arn": ROLE}, {"role_arns": [ROLE]}),
        ({"service_account": "puller"}, {"role_arns": [ROLE]}),
        ({"credentials_secret": "aws"}, {}),
        ({"service_account": "nobody"}, {"role_arns": [ROLE]}),
        ({"credentials_secret": "nothing"}, {}),
    ],
)
@pytest.mark.parametrize(
    ("places", "denied"),
    [
        ({"regions": ["us-east-2"]}, False),
        ({"regions": ["eu-west-1"]}, True),
        ({"registries": [HOST]}, False),
        ({"registries": [OTHER_HOST]}, True),
        ({"registries": [HOST], "regions": ["us-east-2"]}, False),
    ],
)
def test_registry_and_region_are_judged_with_every_kind_of_identity(
    aws: dict[str, object], identity: dict[str, Any], places: dict[str, Any], *, denied: bool
) -> None:
    cluster = Cluster(
        [a_policy(**identity, **places)],
        accounts={("team-a", "puller"): ACCOUNT},
        secrets={("team-a", "aws"): CREDENTIALS},
    )
    assert bool(access_of(a_spec(aws=aws), cluster).denied) is denied


@pytest.mark.parametrize("aws", [{"service_account": "puller"}, {"credentials_secret": "aws"}])
@pytest.mark.parametrize("denied_last", [True, False])
def test_a_denial_does_not_wait_for_what_is_not_read_because_of_it(
    aws: dict[str, object], *, denied_last: bool
) -> None:
    others = [aws, {"role_arn": OTHER_ROLE}] if denied_last else [{"role_arn": OTHER_ROLE}, aws]
    spec = a_spec(aws=others[0], additional_registries=[{"ecr_registry": OTHER_HOST, "aws": others[1]}])
    not_yet = Cluster(
        [a_policy(role_arns=[ROLE])],
        accounts={("team-a", "puller"): Missing.NOT_YET},
        secrets={("team-a", "aws"): Missing.NOT_YET},
    )
    assert needed(a_resource(spec=spec), not_yet, policy_required=False) == frozenset(), "so neither of them is read"
    assert OTHER_ROLE in access_of(spec, not_yet).denied
