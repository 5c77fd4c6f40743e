"""Policies and requests that they judge."""

from __future__ import annotations

from collections.abc import Mapping

from ecr_secret_operator.domain.identity.access_policy import AccessPolicySpec, Policy, parse_policy
from ecr_secret_operator.domain.identity.policy import AccessRequest, Verdict, judge
from ecr_secret_operator.domain.resource import InvalidSpec
from tests.factories import HOST

ROLE = "arn:aws:iam::123456789012:role/team-a-pull"

OTHER_ROLE = "arn:aws:iam::123456789012:role/team-b-pull"

AMBIENT = AccessRequest(HOST, "us-east-2", "ambient")

ASSUMED = AccessRequest(HOST, "us-east-2", "role", ROLE)

KEYS = AccessRequest(HOST, "us-east-2", "keys")

UNKNOWN = AccessRequest(HOST, "us-east-2", "unknown")

TEAM_A = {"kubernetes.io/metadata.name": "team-a", "team": "a"}


def a_policy(name: str = "p", **spec: object) -> Policy:
    parsed = parse_policy(spec)
    assert isinstance(parsed, AccessPolicySpec), parsed
    return Policy(name, "1", parsed)


INVALID = Policy("broken", "1", InvalidSpec("spec.mode: no"))


def verdict_of(
    ask: AccessRequest,
    *policies: Policy,
    required: bool = False,
    namespace: str = "team-a",
    labels: Mapping[str, str] = TEAM_A,
) -> Verdict:
    place = f"namespace {namespace}"
    return judge(ask, namespace=namespace, place=place, labels=labels, policies=policies, required=required)
