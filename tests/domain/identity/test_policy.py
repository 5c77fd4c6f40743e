"""What policies allow: a table of asks and policies."""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.domain.identity.access_policy import Policy
from ecr_secret_operator.domain.identity.policy import AccessRequest, Verdict
from tests.domain.identity.policies import (
    AMBIENT,
    ASSUMED,
    INVALID,
    KEYS,
    OTHER_ROLE,
    ROLE,
    UNKNOWN,
    a_policy,
    verdict_of,
)
from tests.factories import HOST, OTHER_HOST

PUBLIC_HOST = "public.ecr.aws"

EXTERNAL = AccessRequest(HOST, "us-east-2", "role", ROLE, "tenant/team-a")

WITHOUT_EXTERNAL = AccessRequest(HOST, "us-east-2", "role", ROLE, "")

PUBLIC = AccessRequest(PUBLIC_HOST, "us-east-1", "ambient")

FINE = Verdict()

ANY: dict[str, object] = {"ambient_identity": True, "role_arns": ["*"]}


@pytest.mark.parametrize(
    ("policy", "ask", "allowed"),
    [
        # registries
        ({"ambient_identity": True}, AMBIENT, True),
        ({"ambient_identity": True, "registries": [HOST]}, AMBIENT, True),
        ({"ambient_identity": True, "registries": [OTHER_HOST, HOST]}, AMBIENT, True),
        ({"ambient_identity": True, "registries": [OTHER_HOST]}, AMBIENT, False),
        ({"ambient_identity": True, "registries": ["123456789012.dkr.ecr.*.amazonaws.com"]}, AMBIENT, True),
        ({"ambient_identity": True, "registries": ["123456789012.*"]}, AMBIENT, True),
        ({"ambient_identity": True, "registries": ["?23456789012.*"]}, AMBIENT, True),
        ({"ambient_identity": True, "registries": ["?123456789012.*"]}, AMBIENT, False),
        ({"ambient_identity": True, "registries": ["123456789012"]}, AMBIENT, False),
        ({"ambient_identity": True, "registries": ["*.amazonaws.com"]}, AMBIENT, True),
        ({"ambient_identity": True, "registries": ["*.amazonaws.co"]}, AMBIENT, False),
        ({"ambient_identity": True, "registries": ["*amazonawsxcom"]}, AMBIENT, False),
        ({"ambient_identity": True, "registries": [HOST.upper()]}, AMBIENT, False),
        ({"ambient_identity": True, "registries": ["*"]}, PUBLIC, True),
        ({"ambient_identity": True, "registries": [PUBLIC_HOST]}, PUBLIC, True),
        ({"ambient_identity": True, "registries": ["*.dkr.ecr.*"]}, PUBLIC, False),
        # regions
        ({"ambient_identity": True, "regions": ["us-east-2"]}, AMBIENT, True),
        ({"ambient_identity": True, "regions": ["eu-west-1", "us-east-2"]}, AMBIENT, True),
        ({"ambient_identity": True, "regions": ["us-east-1"]}, AMBIENT, False),
        ({"ambient_identity": True, "regions": ["us-east-1"]}, PUBLIC, True),
        ({"ambient_identity": True, "regions": ["us-east-2"]}, PUBLIC, False),
        ({"ambient_identity": True, "regions": [""]}, AMBIENT, False),
        # all of it has to hold
        ({"ambient_identity": True, "registries": [HOST], "regions": ["us-east-1"]}, AMBIENT, False),
        ({"ambient_identity": True, "registries": [OTHER_HOST], "regions": ["us-east-2"]}, AMBIENT, False),
        ({"ambient_identity": False, "registries": [HOST], "regions": ["us-east-2"]}, AMBIENT, False),
        ({"ambient_identity": True, "registries": [HOST], "regions": ["us-east-2"]}, AMBIENT, True),
        # the operator's own identity
        ({}, AMBIENT, False),
        ({"ambient_identity": False}, AMBIENT, False),
        ({"role_arns": ["*"]}, AMBIENT, False),
        # roles
        ({}, ASSUMED, False),
        ({"ambient_identity": True}, ASSUMED, False),
        ({"role_arns": [ROLE]}, ASSUMED, True),
        ({"role_arns": [OTHER_ROLE, ROLE]}, ASSUMED, True),
        ({"role_arns": [OTHER_ROLE]}, ASSUMED, False),
        ({"role_arns": ["arn:aws:iam::123456789012:role/team-a-*"]}, ASSUMED, True),
        ({"role_arns": ["arn:aws:iam::123456789012:role/team-b-*"]}, ASSUMED, False),
        ({"role_arns": ["arn:aws:iam::999999999999:role/*"]}, ASSUMED, False),
        ({"role_arns": ["arn:aws:iam::????????????:role/team-a-pull"]}, ASSUMED, True),
        ({"role_arns": ["team-a-*"]}, ASSUMED, False),
        ({"role_arns": [ROLE[:-1]]}, ASSUMED, False),
        ({"role_arns": ["*"], "registries": [OTHER_HOST]}, ASSUMED, False),
        ({"role_arns": ["*"], "regions": ["eu-west-1"]}, ASSUMED, False),
        ({"default_role_arn": ROLE}, ASSUMED, True),
        ({"default_role_arn": OTHER_ROLE}, ASSUMED, False),
        ({"default_role_arn": OTHER_ROLE, "role_arns": [ROLE]}, ASSUMED, True),
        # external ids
        ({"role_arns": ["*"]}, EXTERNAL, True),
        ({"role_arns": ["*"], "external_ids": ["tenant/{namespace}"]}, EXTERNAL, True),
        ({"role_arns": ["*"], "external_ids": ["tenant/team-b", "tenant/team-?"]}, EXTERNAL, True),
        ({"role_arns": ["*"], "external_ids": ["*"]}, EXTERNAL, True),
        ({"role_arns": ["*"], "external_ids": ["{namespace}"]}, EXTERNAL, False),
        ({"role_arns": ["*"], "external_ids": ["tenant/team-b"]}, EXTERNAL, False),
        ({"role_arns": [OTHER_ROLE], "external_ids": ["tenant/{namespace}"]}, EXTERNAL, False),
        ({"default_role_arn": ROLE, "external_ids": ["tenant/{namespace}"]}, EXTERNAL, True),
        ({"default_role_arn": ROLE, "external_ids": ["tenant/team-b"]}, EXTERNAL, False),
        ({"role_arns": ["*"], "external_ids": ["tenant/{namespace}"]}, WITHOUT_EXTERNAL, False),
        ({"role_arns": ["*"], "external_ids": ["?*"]}, WITHOUT_EXTERNAL, False),
        ({"role_arns": ["*"], "external_ids": ["*"]}, WITHOUT_EXTERNAL, False),
        ({"role_arns": ["*"], "external_ids": ["x"]}, ASSUMED, True),  # a ServiceAccount's role has none
        ({"external_ids": ["x"]}, KEYS, True),
        ({**ANY, "external_ids": ["x"]}, AMBIENT, True),
        ({**ANY, "external_ids": ["x"]}, UNKNOWN, True),
        # keys of their own need no entry, but the registry has to be allowed
        ({}, KEYS, True),
        ({"registries": [HOST], "regions": ["us-east-2"]}, KEYS, True),
        ({"registries": [OTHER_HOST]}, KEYS, False),
        ({"regions": ["eu-west-1"]}, KEYS, False),
        # an identity that cannot be told yet gets nothing anyhow
        ({}, UNKNOWN, False),
        ({"ambient_identity": True}, UNKNOWN, False),
        ({"role_arns": [ROLE]}, UNKNOWN, True),
        ({"default_role_arn": ROLE}, UNKNOWN, True),
        ({"role_arns": ["*"], "registries": [OTHER_HOST]}, UNKNOWN, False),
        ({"role_arns": ["*"], "regions": ["eu-west-1"]}, UNKNOWN, False),
        # namespaces
        ({**ANY, "namespaces": {}}, AMBIENT, True),
        ({**ANY, "namespaces": {"include": ["team-a"]}}, AMBIENT, True),
        ({**ANY, "namespaces": {"include": ["team-*"]}}, ASSUMED, True),
        ({**ANY, "namespaces": {"include": ["team-?"]}}, AMBIENT, True),
        ({**ANY, "namespaces": {"include": ["team"]}}, AMBIENT, False),
        ({**ANY, "namespaces": {"include": ["team-b", "team-c"]}}, KEYS, False),
        ({**ANY, "namespaces": {"exclude": ["team-b"]}}, AMBIENT, True),
        ({**ANY, "namespaces": {"exclude": ["team-*"]}}, AMBIENT, False),
        ({**ANY, "namespaces": {"include": ["*"], "exclude": ["team-a"]}}, ASSUMED, False),
        ({**ANY, "namespaces": {"include": ["team-a"], "exclude": ["team-a"]}}, AMBIENT, False),
        ({**ANY, "namespaces": {"selector": {"matchLabels": {"team": "a"}}}}, AMBIENT, True),
        ({**ANY, "namespaces": {"selector": {"matchLabels": {"team": "b"}}}}, AMBIENT, False),
        (
            {**ANY, "namespaces": {"selector": {"matchLabels": {"team": "a"}}, "include": ["team-b"]}},
            AMBIENT,
            False,
        ),
        (
            {**ANY, "namespaces": {"selector": {"matchLabels": {"team": "a"}}, "exclude": ["team-a"]}},
            AMBIENT,
            False,
        ),
        (
            {**ANY, "namespaces": {"selector": {"matchLabels": {"kubernetes.io/metadata.name": "team-a"}}}},
            AMBIENT,
            True,
        ),
    ],
)
@pytest.mark.parametrize("required", [True, False])
def test_what_one_policy_allows(policy: dict[str, Any], ask: AccessRequest, *, allowed: bool, required: bool) -> None:
    verdict = verdict_of(ask, a_policy(**policy), required=required)
    assert (verdict.refusal == "", verdict.served) == (allowed, allowed)
    audited = verdict_of(ask, a_policy(**policy, mode="Audit"))
    assert audited.served
    assert audited.default_role_arn == ""


@pytest.mark.parametrize("ask", [AMBIENT, ASSUMED, KEYS, UNKNOWN])
def test_without_policies_everything_is_allowed_unless_they_are_required(ask: AccessRequest) -> None:
    assert verdict_of(ask) == FINE
    assert not verdict_of(ask, required=True).served


# Several policies


ALLOWS = a_policy("allows", **ANY)

REFUSES = a_policy("refuses", registries=[OTHER_HOST], **ANY)

ELSEWHERE = a_policy("elsewhere", namespaces={"include": ["team-b"]}, **ANY)

AUDITS = a_policy("audits", registries=[OTHER_HOST], mode="Audit")

AUDITS_ELSEWHERE = a_policy("audits-elsewhere", namespaces={"include": ["team-b"]}, mode="Audit")

DEFAULTS = a_policy("defaults", default_role_arn=ROLE)


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("policies", "allowed", "served"),
    [
        # (all policies of the cluster, whether one allows it, whether it is served: always / unless required)
        ([ALLOWS], True, (True, True)),
        ([REFUSES], False, (False, False)),
        ([ELSEWHERE], False, (False, False)),
        ([ALLOWS, REFUSES], True, (True, True)),
        ([REFUSES, ELSEWHERE], False, (False, False)),
        # two halves make no whole
        (
            [a_policy("registry", registries=[HOST]), a_policy("identity", registries=[OTHER_HOST], **ANY)],
            False,
            (0, 0),
        ),
        (
            [a_policy("region", regions=["us-east-2"]), a_policy("identity", regions=["eu-west-1"], **ANY)],
            False,
            (0, 0),
        ),
        # audit
        ([AUDITS], False, (True, True)),
        ([AUDITS, REFUSES], False, (True, True)),  # the namespace is one of those that are only audited
        ([AUDITS_ELSEWHERE], False, (False, True)),
        ([AUDITS_ELSEWHERE, REFUSES], False, (False, False)),
        ([AUDITS, ALLOWS], True, (True, True)),
        ([a_policy("audits-well", mode="Audit", **ANY)], True, (True, True)),
        ([a_policy("audits-well", mode="Audit", **ANY), REFUSES], True, (True, True)),
        # one that cannot be read allows nothing, and is a policy
        ([INVALID], False, (False, False)),
        ([INVALID, ALLOWS], True, (True, True)),
        ([INVALID, REFUSES], False, (False, False)),
        ([INVALID, AUDITS], False, (True, True)),
        ([INVALID, AUDITS_ELSEWHERE], False, (False, False)),
    ],
)
def test_what_several_policies_allow(
    policies: list[Policy], served: tuple[bool, bool], *, allowed: bool, required: bool
) -> None:
    for ask in (AMBIENT, ASSUMED):
        for order in (policies, policies[::-1]):
            verdict = verdict_of(ask, *order, required=required)
            assert (verdict.refusal == "", verdict.served) == (allowed, bool(served[0 if required else 1]))


# The default role


@pytest.mark.parametrize(
    ("policies", "ask", "role"),
    [
        ([DEFAULTS], AMBIENT, ROLE),
        ([a_policy(default_role_arn=ROLE, ambient_identity=True)], AMBIENT, ROLE),
        ([DEFAULTS, ALLOWS], AMBIENT, ROLE),  # whoever sets one does not want the operator's own used
        ([DEFAULTS], ASSUMED, ""),
        ([DEFAULTS], KEYS, ""),
        ([DEFAULTS], UNKNOWN, ""),
        ([a_policy("b", default_role_arn=ROLE), a_policy("a", default_role_arn=OTHER_ROLE)], AMBIENT, OTHER_ROLE),
        ([a_policy(default_role_arn=ROLE, mode="Audit", ambient_identity=True)], AMBIENT, ""),
        (
            [a_policy("a", default_role_arn=ROLE, mode="Audit"), a_policy("b", default_role_arn=OTHER_ROLE)],
            AMBIENT,
            OTHER_ROLE,
        ),
        ([a_policy("a", default_role_arn=ROLE, registries=[OTHER_HOST]), ALLOWS], AMBIENT, ""),
        ([a_policy("a", default_role_arn=ROLE, regions=["eu-west-1"]), ALLOWS], AMBIENT, ""),
        ([a_policy("a", default_role_arn=ROLE, namespaces={"exclude": ["team-a"]}), ALLOWS], AMBIENT, ""),
    ],
)
def test_the_default_role_takes_the_place_of_the_operators_own_identity(
    policies: list[Policy], ask: AccessRequest, role: str
) -> None:
    for order in (policies, policies[::-1]):
        verdict = verdict_of(ask, *order)
        assert (verdict.default_role_arn, verdict.refusal, verdict.served) == (role, "", True)


# What a refusal says


@pytest.mark.parametrize(
    ("ask", "policies", "text"),
    [
        (
            AMBIENT,
            [],
            (
                f"no AccessPolicy lets namespace team-a use {HOST} in us-east-2 with the operator's own identity: none"
                f" selects it. It takes one that selects the namespace, with registries: [{HOST}] and ambient_identity:"
                " true (or a default_role_arn)"
            ),
        ),
        (
            ASSUMED,
            [a_policy("mine")],
            (
                f"no AccessPolicy lets namespace team-a use {HOST} in us-east-2 with role {ROLE}: mine selects it but"
                " does not allow this role. It takes one that selects the namespace, with registries:"
                f" [{HOST}] and role_arns: [{ROLE}]"
            ),
        ),
        (
            KEYS,
            [a_policy("b", registries=[OTHER_HOST]), a_policy("a", regions=["eu-west-1"]), ELSEWHERE, INVALID],
            (
                f"no AccessPolicy lets namespace team-a use {HOST} in us-east-2 with keys of its own: a selects it but"
                " does not allow region us-east-2; b selects it but does not allow this registry. It takes one that"
                f" selects the namespace, with registries: [{HOST}]"
            ),
        ),
        (
            UNKNOWN,
            [INVALID],
            (
                f"no AccessPolicy lets namespace team-a use {HOST} in us-east-2 with the role of a ServiceAccount: none"
                f" selects it. It takes one that selects the namespace, with registries: [{HOST}] and role_arns that"
                " match the role of the ServiceAccount"
            ),
        ),
        (
            EXTERNAL,
            [a_policy("mine", role_arns=["*"], external_ids=["{namespace}", "x-{namespace}-*"])],
            (
                f"no AccessPolicy lets namespace team-a use {HOST} in us-east-2 with role {ROLE} and external id"
                " tenant/team-a: mine selects it but does not allow this external id, only team-a or x-team-a-*. It"
                f" takes one that selects the namespace, with registries: [{HOST}] and role_arns: [{ROLE}]"
            ),
        ),
        (
            WITHOUT_EXTERNAL,
            [a_policy("mine", role_arns=["*"], external_ids=["{namespace}"])],
            (
                f"no AccessPolicy lets namespace team-a use {HOST} in us-east-2 with role {ROLE}: mine selects it but"
                " does not allow a role without external id, only team-a. It takes one that selects the namespace,"
                f" with registries: [{HOST}] and role_arns: [{ROLE}]"
            ),
        ),
        (
            UNKNOWN,
            [a_policy("mine", ambient_identity=True)],
            (
                f"no AccessPolicy lets namespace team-a use {HOST} in us-east-2 with the role of a ServiceAccount: mine"
                " selects it but does not allow any role. It takes one that selects the namespace, with registries:"
                f" [{HOST}] and role_arns that match the role of the ServiceAccount"
            ),
        ),
        (
            AMBIENT,
            [a_policy("p")],
            (
                f"no AccessPolicy lets namespace team-a use {HOST} in us-east-2 with the operator's own identity: p"
                " selects it but does not allow the operator's own identity. It takes one that selects the namespace,"
                f" with registries: [{HOST}] and ambient_identity: true (or a default_role_arn)"
            ),
        ),
    ],
)
def test_a_refusal_says_who_wants_what_and_what_it_takes(ask: AccessRequest, policies: list[Policy], text: str) -> None:
    assert verdict_of(ask, *policies, required=True) == Verdict(refusal=text, served=False)


def test_a_refusal_names_three_policies_at_most() -> None:
    policies = [a_policy(f"p{number}", registries=[OTHER_HOST]) for number in range(50)]
    refusal = verdict_of(AMBIENT, *policies).refusal
    assert [f"p{number} selects" in refusal for number in (0, 1, 10, 11)] == [True, True, True, False]
    assert len(refusal) < 600
