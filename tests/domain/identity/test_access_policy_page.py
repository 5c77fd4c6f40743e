"""What docs/access-policy.md says of judgement, sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from ecr_secret_operator.api.registry import parse_registry
from ecr_secret_operator.domain.identity.access_policy import POLICY_KIND, AccessPolicySpec, Policy, parse_policy
from ecr_secret_operator.domain.identity.authorization import Authorization, assess, audited
from ecr_secret_operator.domain.identity.identity import AMBIENT
from ecr_secret_operator.domain.identity.limit import UNLIMITED
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.identity.sources import Missing
from ecr_secret_operator.domain.resource import InvalidSpec
from ecr_secret_operator.domain.secret.annotations import StoredToken, StoredTokens
from tests.domain.identity.dependencies import ACCOUNT, CREDENTIALS, OTHER_ROLE, ROLE, Cluster
from tests.factories import HOST, OTHER_HOST, a_key, a_resource, a_spec, a_token

PAGE = (Path(__file__).parents[3] / "docs/access-policy.md").read_text()

KEYS, PULLER = {"credentials_secret": "aws"}, {"service_account": "puller"}
NOBODY = {"service_account": "nobody"}
OWN, NAMED = {"ambient_identity": True}, {"role_arns": [ROLE]}
EXTERNAL = {**NAMED, "external_ids": ["production/{namespace}"]}
OWN_EXTERNAL = {"role_arn": ROLE, "external_id": "production/team-a"}
OTHER_EXTERNAL = {"role_arn": ROLE, "external_id": "production/team-b"}
DEFAULT = {"default_role_arn": ROLE}
LIMITED = {**NAMED, "limit": {"access": "push", "repositories": ["{namespace}/*"]}}
AUDIT, ELSEWHERE = {"mode": "Audit"}, {"namespaces": {"include": ["elsewhere"]}}
UNREADABLE: dict[str, object] = {"mode": "of an older definition"}
FIPS, DUAL = "123456789012.dkr.ecr-fips.us-east-2.amazonaws.com", "123456789012.dkr-ecr.us-east-2.on.aws"

SERVED, DENIED, REPORTED = "served", "denied", "reported"


class Claim(NamedTuple):
    """A sentence of the page, and a case in which it can be seen.

    Attributes:
        says: words of the page.
        policies: the specs of all policies, by name.
        aws: `aws` of the resource.
        outcome: what becomes of it.
        role: that it is served with; None where the sentence is not about that.
        over: more of the resource's spec.
        required: whether the operator runs with --require-access-policy.
        labels: of the namespace.
    """

    says: str
    policies: Mapping[str, Mapping[str, object]]
    aws: Mapping[str, object]
    outcome: str
    role: str | None = None
    over: Mapping[str, object] = {}
    required: bool = False
    labels: Mapping[str, str] = {}


CLAIMS = [
    Claim("Without one, every namespace may use the operator's own identity", {}, {}, SERVED, ""),
    Claim("and any role that this identity can assume", {}, {"role_arn": ROLE}, SERVED, ROLE),
    Claim("requests that no policy allows are denied", {"p": NAMED}, {}, DENIED),
    Claim("in those that no policy selects", {"p": {**OWN, **ELSEWHERE}}, {}, DENIED),
    Claim("Policies in mode [Audit](#audit) are the exception", {"p": {**AUDIT, **ELSEWHERE}}, {}, REPORTED),
    Claim("matching is case-sensitive", {"p": {**OWN, "registries": [HOST.upper()]}}, {}, DENIED),
    Claim("`*` matches any number of characters", {"p": {**OWN, "registries": ["*"]}}, {}, SERVED),
    Claim("`*` matches any number of characters", {"p": {"role_arns": ["arn:*"]}}, {"role_arn": ROLE}, SERVED),
    Claim("`?` matches one", {"p": {**OWN, "registries": [f"?{HOST}"]}}, {}, DENIED),
    Claim("no registries and no regions mean all of them, no roles mean none", {"p": {}}, KEYS, SERVED),
    Claim("no registries and no regions mean all of them, no roles mean none", {"p": {}}, {"role_arn": ROLE}, DENIED),
    Claim("do not add up", {"p": {"registries": [HOST]}, "q": {**NAMED, "regions": ["x-y-1"]}}, PULLER, DENIED),
    Claim("`ambient_identity` is true, or there is a `default_role_arn`", {"p": OWN}, {}, SERVED, ""),
    Claim("`ambient_identity` is true, or there is a `default_role_arn`", {"p": DEFAULT}, {}, SERVED, ROLE),
    Claim("the ARN matches one of `role_arns`, or is the", {"p": NAMED}, {"role_arn": ROLE}, SERVED, ROLE),
    Claim("the ARN matches one of `role_arns`, or is the", {"p": DEFAULT}, {"role_arn": ROLE}, SERVED, ROLE),
    Claim("the ARN matches one of `role_arns`, or is the", {"p": DEFAULT}, {"role_arn": OTHER_ROLE}, DENIED),
    Claim("the same, for the role of its annotation", {"p": NAMED}, PULLER, SERVED, ROLE),
    Claim("the same, for the role of its annotation", {"p": {"role_arns": [OTHER_ROLE]}}, PULLER, DENIED),
    Claim("a policy that allows no role at all denies the resource", {"p": OWN}, NOBODY, DENIED),
    Claim("a policy that allows no role at all denies the resource", {"p": NAMED}, NOBODY, SERVED),
    Claim("a policy that allows no role at all denies the resource", {"p": DEFAULT}, NOBODY, SERVED),
    Claim("`aws.external_id` matches one of `external_ids`", {"p": EXTERNAL}, OWN_EXTERNAL, SERVED, ROLE),
    Claim("`aws.external_id` matches one of `external_ids`", {"p": EXTERNAL}, OTHER_EXTERNAL, DENIED),
    Claim("or there are none", {"p": NAMED}, OTHER_EXTERNAL, SERVED, ROLE),
    Claim("only with the external id `production/team-a`", {"p": EXTERNAL}, OWN_EXTERNAL, SERVED, ROLE),
    Claim("only with the external id `production/team-a`", {"p": EXTERNAL}, OTHER_EXTERNAL, DENIED),
    Claim("A resource without `aws.external_id` is denied", {"p": EXTERNAL}, {"role_arn": ROLE}, DENIED),
    Claim("are not judged for the role of a ServiceAccount", {"p": EXTERNAL}, PULLER, SERVED, ROLE),
    Claim("nor for `default_role_arn` where a resource names no", {"p": {**EXTERNAL, **DEFAULT}}, {}, SERVED, ROLE),
    Claim("always, if 1 to 4 hold: the keys are the namespace's own", {"p": {"registries": [HOST]}}, KEYS, SERVED, ""),
    Claim(
        "**One that is not denies the whole resource.**",
        {"p": {**OWN, "registries": [HOST]}},
        {},
        DENIED,
        over={"additional_registries": [{"ecr_registry": OTHER_HOST}]},
    ),
    Claim("`ambient_identity`, also that of another policy", {"a": OWN, "b": DEFAULT}, {}, SERVED, ROLE),
    Claim(
        "Of several, the first policy by name counts",
        {"b": DEFAULT, "a": {"default_role_arn": OTHER_ROLE}},
        {},
        SERVED,
        OTHER_ROLE,
    ),
    Claim("In mode `Audit` it is not put to use", {"p": {**DEFAULT, **OWN, **AUDIT}}, {}, REPORTED, ""),
    Claim("that enforcing the policy would change the identity is reported", {"p": {**DEFAULT, **AUDIT}}, {}, REPORTED),
    Claim("A resource that asks for less gets less", {"p": LIMITED}, {"role_arn": ROLE, "access": "pull"}, SERVED),
    Claim("A resource that asks for more is denied", {"p": LIMITED}, {"role_arn": ROLE, "repositories": ["x"]}, DENIED),
    Claim("lies within `team-a/*`", {"p": LIMITED}, {"role_arn": ROLE, "repositories": ["team-a/web*"]}, SERVED),
    Claim("and `team-*` does not", {"p": LIMITED}, {"role_arn": ROLE, "repositories": ["team-*"]}, DENIED),
    Claim(
        "Limits do not add up",
        {"p": LIMITED, "q": {**NAMED, "limit": {"repositories": ["base/*"]}}},
        {"role_arn": ROLE, "repositories": ["team-a/web", "base/os"]},
        DENIED,
    ),
    Claim(
        "A policy without `limit` is the widest",
        {"p": LIMITED, "q": NAMED},
        {"role_arn": ROLE, "access": "full"},
        SERVED,
    ),
    Claim("a `limit` that would apply to the token", {"p": {**LIMITED, **AUDIT}}, {"role_arn": ROLE}, REPORTED),
    Claim("also while `suspend` is true", {"p": NAMED}, {}, DENIED, over={"suspend": True}),
    Claim(
        "that a policy with `mode: Audit` selects, whatever other policies say", {"p": AUDIT, "q": NAMED}, {}, REPORTED
    ),
    Claim("everywhere, while all policies there are have `mode: Audit`", {"p": {**AUDIT, **ELSEWHERE}}, {}, REPORTED),
    Claim("without `--require-access-policy`", {"p": {**AUDIT, **ELSEWHERE}}, {}, DENIED, required=True),
    Claim("a request that would be denied", {"p": {**NAMED, **AUDIT}}, {}, REPORTED),
    Claim(
        "or the default role of another policy",
        {"a": {**DEFAULT, **AUDIT}, "b": {"default_role_arn": OTHER_ROLE}},
        {},
        REPORTED,
        OTHER_ROLE,
    ),
    Claim("What a policy in mode `Audit` allows is allowed", {"p": {**OWN, **AUDIT}, "q": NAMED}, {}, SERVED, ""),
    Claim("with or without `ambient_identity`", {"p": {**DEFAULT, **AUDIT}}, {}, REPORTED, ""),
    Claim("with or without `ambient_identity`", {"p": {**DEFAULT, **OWN, **AUDIT}}, {}, REPORTED, ""),
    Claim("in mode `Enforce` it would be served, but with that role", {"p": DEFAULT}, {}, SERVED, ROLE),
    Claim(
        "namespaces that no policy selects are denied",
        {"p": {**OWN, **ELSEWHERE}, "q": {**AUDIT, **ELSEWHERE}},
        {},
        DENIED,
    ),
    Claim("nothing is served while there is no policy", {}, {}, DENIED, required=True),
    Claim("let through only in the namespaces that they select", {"p": AUDIT}, {}, REPORTED, required=True),
    Claim("cannot be read allows nothing, but counts as a policy in mode Enforce", {"p": UNREADABLE}, {}, DENIED),
    Claim(
        "cannot be read allows nothing, but counts as a policy in mode Enforce",
        {"p": UNREADABLE, "q": {**AUDIT, **ELSEWHERE}},
        {},
        DENIED,
    ),
]


def policies_of(specs: Mapping[str, Mapping[str, object]]) -> list[Policy]:
    return [Policy(name, "1", parse_policy(spec)) for name, spec in specs.items()]


def a_cluster(policies: Sequence[Policy], labels: Mapping[str, str]) -> Cluster:
    return Cluster(
        known=policies,
        namespaces={"team-a": labels, "team-b": labels, "builds": labels, "partner-x": labels, "kube-system": labels},
        accounts={("team-a", "puller"): ACCOUNT, ("team-a", "nobody"): Missing.ABSENT},
        secrets={(place, "aws"): CREDENTIALS for place in ("team-a", "partner-x")},
    )


def outcome(access: Authorization) -> str:
    return DENIED if access.denied else REPORTED if access.audited else SERVED


def said(words: str) -> bool:
    return " ".join(words.split()) in " ".join(PAGE.split())


@pytest.mark.parametrize("claim", CLAIMS, ids=[f"{number}: {claim.says}" for number, claim in enumerate(CLAIMS)])
def test_what_the_page_says_is_so(claim: Claim) -> None:
    assert said(claim.says)
    resource = a_resource(spec=a_spec(aws=dict(claim.aws), **claim.over))
    cluster = a_cluster(policies_of(claim.policies), claim.labels)
    access = assess(resource, cluster, stored={}, policy_required=claim.required)
    assert outcome(access) == claim.outcome, access
    if claim.role is not None:
        (login,) = access.logins
        assert login.scope
        assert login.scope.identity.role_arn == claim.role


def test_a_default_role_is_assumed_without_external_id() -> None:
    assert said("assumed with the operator's own identity, without external id.")
    (login,) = assess(a_resource(), a_cluster(policies_of({"p": DEFAULT}), {}), stored={}, policy_required=False).logins
    assert login.scope
    identity: Any = login.scope.identity
    assert (identity.role_arn, identity.external_id, login.scope.limit) == (ROLE, "", UNLIMITED)


def test_a_stored_token_that_would_be_removed_is_reported() -> None:
    assert said("a stored token that would be removed, such as one that was obtained with an identity")
    stored: StoredTokens = {HOST: StoredToken.of(Scope.of(parse_registry(HOST), AMBIENT), a_token())}
    resource, cluster = a_resource(spec=InvalidSpec("x")), a_cluster(policies_of({"p": {**NAMED, **AUDIT}}), {})
    assert audited(assess(resource, cluster, stored=stored, policy_required=False), stored)


# The examples

EXAMPLES = {
    one["metadata"]["name"]: one["spec"]
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for one in yaml.safe_load_all(block)
    if one["kind"] == POLICY_KIND
}
TEAM_ROLE = "arn:aws:iam::123456789012:role/team-a-pull"
TEAM_A = {"team": "a"}


@pytest.mark.parametrize(
    ("name", "place", "labels", "host", "aws", "expected"),
    [
        ("team-a", "team-a", TEAM_A, HOST, {"role_arn": TEAM_ROLE}, SERVED),
        ("team-a", "team-a", TEAM_A, HOST, {"role_arn": ROLE}, DENIED),
        ("team-a", "team-a", TEAM_A, HOST, {}, DENIED),
        ("team-a", "team-a", {}, HOST, {"role_arn": TEAM_ROLE}, DENIED),
        ("team-a", "team-a", TEAM_A, FIPS, {"role_arn": TEAM_ROLE}, DENIED),
        ("team-a", "team-a", TEAM_A, DUAL, {"role_arn": TEAM_ROLE}, DENIED),
        ("pull-for-all", "team-b", {}, HOST, {}, SERVED),
        ("pull-for-all", "team-b", {}, "public.ecr.aws", {}, SERVED),
        ("pull-for-all", "kube-system", {}, HOST, {}, DENIED),
        ("pull-for-all", "team-b", {}, OTHER_HOST, {}, DENIED),
        ("defaults", "team-b", {}, HOST, {}, SERVED),
        ("builds", "builds", {}, HOST, {"role_arn": OTHER_ROLE}, SERVED),
        ("builds", "team-b", {}, HOST, {"role_arn": OTHER_ROLE}, DENIED),
        ("own-keys", "partner-x", {}, "333344445555.dkr.ecr.us-east-2.amazonaws.com", KEYS, SERVED),
        ("own-keys", "partner-x", {}, "333344445555.dkr.ecr.us-east-2.amazonaws.com", {}, DENIED),
        ("own-keys", "partner-x", {}, HOST, KEYS, DENIED),
        ("roles-of-their-own", "team-a", {}, HOST, OWN_EXTERNAL, SERVED),
        ("roles-of-their-own", "team-a", {}, HOST, OTHER_EXTERNAL, DENIED),
        ("roles-of-their-own", "team-b", {}, HOST, OTHER_EXTERNAL, SERVED),
        ("roles-of-their-own", "team-b", {}, HOST, {"role_arn": ROLE}, DENIED),
        ("not-yet-enforced", "team-b", {"team": "c"}, HOST, {}, REPORTED),
        ("not-yet-enforced", "team-a", {"team": "c"}, HOST, KEYS, REPORTED),
        ("not-yet-enforced", "team-a", {"team": "c"}, HOST, NOBODY, REPORTED),
        ("not-yet-enforced", "team-b", {}, HOST, {"role_arn": ROLE}, REPORTED),
        ("not-yet-enforced", "team-a", TEAM_A, HOST, KEYS, DENIED),
        ("own-repositories", "team-b", {}, HOST, {}, SERVED),
        ("own-repositories", "team-b", {}, HOST, {"access": "push", "repositories": ["team-b/web"]}, SERVED),
        ("own-repositories", "team-b", {}, HOST, {"access": "full"}, SERVED),
        ("own-repositories", "team-b", {}, HOST, {"repositories": ["team-a/web"]}, DENIED),
    ],
)
def test_an_example_does_what_the_page_says(
    name: str, place: str, labels: Mapping[str, str], host: str, aws: Mapping[str, object], expected: str
) -> None:
    spec = parse_policy(EXAMPLES[name])
    assert isinstance(spec, AccessPolicySpec)
    others = policies_of({"other": {**OWN, **ELSEWHERE}})
    resource = a_resource(key=a_key(namespace=place), spec=a_spec(ecr_registry=host, aws=dict(aws)))
    access = assess(resource, a_cluster([Policy(name, "1", spec), *others], labels), stored={}, policy_required=False)
    assert outcome(access) == expected, access


def test_every_example_is_tried() -> None:
    others = {
        "pull-for-all",
        "defaults",
        "builds",
        "own-keys",
        "not-yet-enforced",
        "roles-of-their-own",
        "own-repositories",
    }
    assert EXAMPLES.keys() == {"team-a", *others}
