"""What a resource may do and as whom, by what else is in the cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.domain.identity.access_policy import Policy
from ecr_secret_operator.domain.identity.authorization import WAITING, Authorization, RegistryLogin, assess, needed
from ecr_secret_operator.domain.identity.identity import AMBIENT, AccountRole, AssumedRole, Identity, StoredKeys
from ecr_secret_operator.domain.identity.sources import (
    AUDIENCE_ANNOTATION,
    DEFAULT_AUDIENCE,
    KEY_ID,
    ROLE_ANNOTATION,
    SECRET_KEY,
    SESSION_TOKEN,
    KeySecret,
    Missing,
    Named,
    RoleAccount,
)
from ecr_secret_operator.domain.resource import InvalidSpec
from tests.domain.identity.dependencies import (
    ACCOUNT,
    CREDENTIALS,
    KEYS,
    OTHER_ROLE,
    ROLE,
    Cluster,
    a_policy,
    access_of,
    login,
    problem,
)
from tests.factories import HOST, OTHER_HOST, a_key, a_resource, a_spec, an_argo_spec

CHINA_ROLE = "arn:aws-cn:iam::123456789012:role/ecr-pull"


def test_the_names_that_users_write_are_those_of_irsa_and_of_the_sdks() -> None:
    assert (ROLE_ANNOTATION, AUDIENCE_ANNOTATION, DEFAULT_AUDIENCE) == (
        "eks.amazonaws.com/role-arn",
        "eks.amazonaws.com/audience",
        "sts.amazonaws.com",
    )
    assert (KEY_ID, SECRET_KEY, SESSION_TOKEN) == ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


# Identities


@pytest.mark.parametrize(
    ("aws", "cluster", "identity"),
    [
        ({}, Cluster(), AMBIENT),
        ({"role_arn": ROLE}, Cluster(), AssumedRole(ROLE)),
        (
            {"role_arn": ROLE, "external_id": "tenant-a"},
            Cluster(),
            AssumedRole(ROLE, "tenant-a"),
        ),
        (
            {"service_account": "puller"},
            Cluster(accounts={("team-a", "puller"): ACCOUNT}),
            AccountRole("team-a", "puller", ROLE, "sts.amazonaws.com"),
        ),
        (
            {"service_account": "puller"},
            Cluster(accounts={("team-a", "puller"): replace(ACCOUNT, audience="sts.amazonaws.com.cn")}),
            AccountRole("team-a", "puller", ROLE, "sts.amazonaws.com.cn"),
        ),
        (
            {"credentials_secret": "aws"},
            Cluster(secrets={("team-a", "aws"): CREDENTIALS}),
            StoredKeys("team-a", "aws", KEYS.version, KEYS),
        ),
    ],
)
def test_whom_a_resource_is(aws: dict[str, object], cluster: Cluster, identity: Identity) -> None:
    assert access_of(a_spec(aws=aws), cluster) == Authorization((login(HOST, identity),))
    assert access_of(an_argo_spec(aws=aws), cluster) == Authorization((login(HOST, identity),))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            Missing.ABSENT,
            f"ServiceAccount team-a/puller does not exist. Make it, with the annotation {ROLE_ANNOTATION}",
        ),
        (
            Missing.REFUSED,
            "the operator may not read ServiceAccount team-a/puller: give it the permissions of docs/install.md",
        ),
        (
            replace(ACCOUNT, role_arn=""),
            f"ServiceAccount team-a/puller has no annotation {ROLE_ANNOTATION} that names the role to assume",
        ),
        *(
            (
                replace(ACCOUNT, role_arn=arn),
                f"the annotation {ROLE_ANNOTATION} of ServiceAccount team-a/puller is no ARN of an IAM role: {said}",
            )
            for arn, said in (
                ("banana", "'banana'"),
                (f"{ROLE}\n", f"'{ROLE}\\n'"),
                (f" {ROLE}", f"' {ROLE}'"),
                (ROLE.replace("role", "user"), f"'{ROLE.replace('role', 'user')}'"),
                ("arn:aws:iam::123456789012:role/", "'arn:aws:iam::123456789012:role/'"),
                ("x" * 10_000, f"'{'x' * 80}...'"),
            )
        ),
    ],
)
def test_a_service_account_that_gives_no_role(found: RoleAccount | Missing, text: str) -> None:
    cluster = Cluster(accounts={("team-a", "puller"): found})
    access = access_of(a_spec(aws={"service_account": "puller"}), cluster)
    assert access == Authorization((RegistryLogin(HOST, None, problem(text), "serviceaccount/puller"),))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Missing.ABSENT, f"Secret team-a/aws does not exist. Make it, with {KEY_ID} and {SECRET_KEY}"),
        (Missing.REFUSED, "the operator may not read Secret team-a/aws: give it the permissions of docs/install.md"),
        (
            KeySecret("team-a", "aws", "7", None, SECRET_KEY),
            f"Secret team-a/aws lacks {SECRET_KEY}. It needs {KEY_ID} and {SECRET_KEY}",
        ),
    ],
)
def test_a_secret_that_gives_no_keys(found: KeySecret | Missing, text: str) -> None:
    cluster = Cluster(secrets={("team-a", "aws"): found})
    access = access_of(a_spec(aws={"credentials_secret": "aws"}), cluster)
    assert access == Authorization((RegistryLogin(HOST, None, problem(text), "secret/aws"),))


def test_only_the_namespace_of_the_resource_counts() -> None:
    """The confused deputy: a name in a spec must not reach into another namespace."""
    cluster = Cluster(
        accounts={("team-b", "puller"): replace(ACCOUNT, namespace="team-b")},
        secrets={("team-b", "aws"): replace(CREDENTIALS, namespace="team-b")},
    )
    for aws in ({"service_account": "puller"}, {"credentials_secret": "aws"}):
        (one,) = access_of(a_spec(aws=aws), cluster).logins
        assert one.scope is None
        assert one.problem
        assert "team-a/" in one.problem.message
    there = a_resource(key=a_key(namespace="team-b"), spec=a_spec(aws={"service_account": "puller"}))
    (one,) = assess(there, cluster, stored={}, policy_required=False).logins
    assert one.problem is None


@pytest.mark.parametrize(
    ("aws", "cluster"),
    [
        ({"service_account": "puller"}, Cluster(accounts={("team-a", "puller"): Missing.NOT_YET})),
        ({"credentials_secret": "aws"}, Cluster(secrets={("team-a", "aws"): Missing.NOT_YET})),
    ],
)
def test_what_has_not_been_seen_yet_is_waited_for(aws: dict[str, object], cluster: Cluster) -> None:
    assert access_of(a_spec(aws=aws), cluster) == WAITING
    several = a_spec(additional_registries=[{"ecr_registry": OTHER_HOST, "aws": aws}])
    assert access_of(several, cluster) == WAITING


def test_a_role_of_another_partition_is_told_before_aws_is_asked() -> None:
    cluster = Cluster(accounts={("team-a", "puller"): replace(ACCOUNT, role_arn=CHINA_ROLE)})
    identity = AccountRole("team-a", "puller", CHINA_ROLE, "sts.amazonaws.com")
    (one,) = access_of(a_spec(aws={"service_account": "puller"}), cluster).logins
    assert one == replace(
        login(HOST, identity),
        problem=problem(f"role {CHINA_ROLE} of ServiceAccount team-a/puller is in partition aws-cn, and {HOST} in aws"),
    )


def test_an_invalid_spec_asks_for_nothing() -> None:
    assert access_of(InvalidSpec("no"), Cluster([a_policy()]), required=True) == Authorization()


# Several registries


def test_each_registry_has_its_own_identity_and_its_own_problem() -> None:
    spec = a_spec(
        aws={"role_arn": ROLE},
        additional_registries=[
            {"ecr_registry": OTHER_HOST, "aws": {"service_account": "missing"}},
            {"ecr_registry": "public.ecr.aws", "aws": {}},
            {"ecr_registry": HOST.replace("123456789012", "999999999999")},
        ],
    )
    access = access_of(spec)
    assert [one.host for one in access.logins] == list(spec.hosts)
    assert [one.scope.identity if one.scope else None for one in access.logins] == [
        AssumedRole(ROLE),
        None,
        AMBIENT,
        AssumedRole(ROLE),
    ]
    assert [one.problem is None for one in access.logins] == [True, False, True, True]


def test_stored_keys_are_handed_on_to_who_asks_aws_with_them() -> None:
    cluster = Cluster(secrets={("team-a", "aws"): CREDENTIALS})
    (found,) = access_of(a_spec(aws={"credentials_secret": "aws"}), cluster).logins
    assert found.scope
    assert isinstance(found.scope.identity, StoredKeys)
    assert found.scope.identity.keys is KEYS


def test_a_namespace_with_too_many_labels_cannot_be_judged_by_them() -> None:
    by_label = a_policy(namespaces={"selector": {"matchLabels": {"team": "a"}}})
    access = access_of(a_spec(), Cluster(known=(by_label,), namespaces={"team-a": Missing.TOO_MANY}))
    assert "namespace team-a has more than 32 KiB of labels" in access.unknown
    assert access.logins == ()


PULLER = "ServiceAccount team-a/puller"


@pytest.mark.parametrize(
    ("aws", "cluster", "text"),
    [
        (
            {"service_account": "puller"},
            Cluster(accounts={("team-a", "puller"): replace(ACCOUNT, audience="x" * 1_025)}),
            f"the annotation {AUDIENCE_ANNOTATION} of {PULLER} has more than 1024 characters. Shorten it",
        ),
        (
            {"credentials_secret": "aws"},
            Cluster(secrets={("team-a", "aws"): replace(CREDENTIALS, keys=None, oversized=SESSION_TOKEN)}),
            f"{SESSION_TOKEN} in Secret team-a/aws is too long to be what AWS gave. Correct it",
        ),
    ],
)
def test_what_is_too_long_is_refused(aws: dict[str, object], cluster: Cluster, text: str) -> None:
    (one,) = access_of(a_spec(aws=aws), cluster).logins
    assert one.problem == problem(text)


# What has to be read, and so is watched


NAMED_ACCOUNT, NAMED_SECRET = Named("ServiceAccount", "team-a", "puller"), Named("Secret", "team-a", "aws")

BOTH = frozenset({NAMED_ACCOUNT, NAMED_SECRET})

ACCOUNT_AND_KEYS = a_spec(
    aws={"service_account": "puller"},
    additional_registries=[
        {"ecr_registry": OTHER_HOST, "aws": {"credentials_secret": "aws"}},
        {"ecr_registry": "public.ecr.aws", "aws": {"role_arn": ROLE}},
    ],
)

BY_LABEL = a_policy(namespaces={"selector": {"matchLabels": {"team": "a"}}}, role_arns=["*"])


@pytest.mark.parametrize(
    ("policies", "found"),
    [
        ([], BOTH),
        ([a_policy(role_arns=["*"])], BOTH),
        ([a_policy(default_role_arn=ROLE)], BOTH),
        ([a_policy(namespaces={"include": ["team-b"]}, role_arns=["*"])], frozenset()),
        ([a_policy(namespaces={"include": ["team-b"]}, mode="Audit")], BOTH),
        ([a_policy(registries=[HOST], role_arns=["*"])], frozenset()),
        ([a_policy(registries=[OTHER_HOST])], frozenset()),
        ([a_policy(ambient_identity=True)], frozenset()),
        ([a_policy(role_arns=[OTHER_ROLE])], frozenset()),  # a registry that names no object is denied
        ([a_policy(role_arns=[ROLE])], BOTH),
        ([BY_LABEL], None),
    ],
)
def test_what_policy_denies_anyway_is_not_read(policies: list[Policy], found: frozenset[Named] | None) -> None:
    resource = a_resource(spec=ACCOUNT_AND_KEYS)
    around = Cluster(policies, namespaces={"team-a": Missing.NOT_YET})
    assert needed(resource, around, policy_required=False) == found
    if found == frozenset():
        assert assess(resource, around, stored={}, policy_required=False).denied, "although nothing is known of them"


def test_nothing_is_read_where_a_policy_is_required_and_there_is_none() -> None:
    assert needed(a_resource(spec=ACCOUNT_AND_KEYS), Cluster(), policy_required=True) == frozenset()


def test_labels_decide_what_is_read() -> None:
    resource = a_resource(spec=ACCOUNT_AND_KEYS)
    for labels, found in (({"team": "a"}, BOTH), ({}, frozenset())):
        assert needed(resource, Cluster([BY_LABEL], namespaces={"team-a": labels}), policy_required=False) == found


def test_a_cluster_resource_needs_all_that_it_names_whatever_policy_says_in_some_namespaces() -> None:
    resource = a_resource(key=a_key(kind="ClusterPullSecret", namespace=""), spec=ACCOUNT_AND_KEYS)
    found = needed(resource, Cluster([BY_LABEL]), policy_required=True)
    assert found == frozenset(one._replace(namespace="") for one in BOTH)


@pytest.mark.parametrize("spec", [InvalidSpec("no"), a_spec(), a_spec(aws={"role_arn": ROLE})])
def test_what_names_nothing_needs_nothing(spec: Any) -> None:
    assert needed(a_resource(spec=spec), Cluster([BY_LABEL]), policy_required=True) == frozenset()


@pytest.mark.parametrize(
    ("why", "text"),
    [
        (
            Missing.TOO_MANY,
            (
                f"{PULLER} is one too many: the resources of a namespace may name 32 different ServiceAccounts and"
                " Secrets with keys. Share some, or use another namespace"
            ),
        ),
        (
            Missing.ALL_TAKEN,
            (
                f"{PULLER} is not watched: the operator watches as many ServiceAccounts and Secrets with keys as it"
                " may, and namespace team-a has its share of them. Name fewer, or raise --max-identity-watches"
            ),
        ),
    ],
)
def test_what_is_not_watched_is_said_with_the_bound(why: Missing, text: str) -> None:
    cluster = Cluster(accounts={("team-a", "puller"): why})
    (one,) = access_of(a_spec(aws={"service_account": "puller"}), cluster).logins
    assert one.problem == problem(text)
