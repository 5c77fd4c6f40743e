"""A resource with several registries, and its stored tokens."""

from __future__ import annotations

from datetime import datetime, timedelta

from ecr_secret_operator.api.registry import parse_registry
from ecr_secret_operator.domain.identity.authorization import Authorization, RegistryLogin
from ecr_secret_operator.domain.identity.identity import AMBIENT, AccountRole, Identity
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import Resource
from ecr_secret_operator.domain.secret.annotations import StoredToken, StoredTokens
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.observed import Observed
from ecr_secret_operator.domain.secret.plan import Write
from ecr_secret_operator.domain.secret.render import render
from ecr_secret_operator.domain.secret.stored import StoredSecret
from ecr_secret_operator.domain.tokens.token import Token
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import HOST, NOW, OTHER_HOST, a_resource, a_spec, a_stored_secret, a_token, an_observed, spec_of

THIRD_HOST = "999999999999.dkr.ecr.us-east-2.amazonaws.com"

ROLE = "arn:aws:iam::123456789012:role/ecr-pull"

ACCOUNT_ROLE = AccountRole("team-a", "puller", ROLE, "sts.amazonaws.com")

MISSING = Failure(Reason.IDENTITY_UNAVAILABLE, "ServiceAccount team-a/puller does not exist")

YOUNG = a_token(password="young")

OLD = a_token(issued_at=NOW - timedelta(hours=5), password="old")

SOON = NOW + timedelta(minutes=30)


def of(*hosts: str, **over: object) -> Resource:
    """A resource of these registries."""
    first, *rest = hosts
    more = [{"ecr_registry": host} for host in rest]
    return a_resource(spec=a_spec(ecr_registry=first, additional_registries=more, **over))


BOTH = of(HOST, OTHER_HOST)


def scope(host: str, identity: Identity = AMBIENT) -> Scope:
    return Scope.of(parse_registry(host), identity)


def held(host: str, token: Token, identity: Identity = AMBIENT) -> StoredToken:
    return StoredToken.of(scope(host, identity), token)


def login(host: str, identity: Identity = AMBIENT) -> RegistryLogin:
    return RegistryLogin(host, scope(host, identity), origin=identity.origin)


def stored_with(resource: Resource, stored_tokens: StoredTokens) -> StoredSecret:
    """The Secret of a resource with just these tokens, as the API server has it after it was written."""
    desired = render(resource, spec_of(resource), stored_tokens)
    return a_stored_secret(
        resource,
        annotations=desired.annotations,
        data_digest=desired.digest,
        passwords={host: one.token.password for host, one in desired.tokens.items()},
    )


def seen(
    stored_tokens: StoredTokens,
    *logins: RegistryLogin,
    resource: Resource = BOTH,
    remembered: StoredTokens | None = None,
    made_as: Resource | None = None,
) -> Observed:
    """What is observed of a Secret with these tokens."""
    return an_observed(
        resource=resource,
        secrets=(stored_with(made_as or resource, stored_tokens),),
        authorization=Authorization(logins or (login(HOST), login(OTHER_HOST))),
        remembered=stored_tokens if remembered is None else remembered,
    )


def write_of(observed: Observed, now: datetime) -> Write:
    plan = decide(observed, now=now)
    assert plan.write is not None, plan
    return plan.write


def wanted_of(write: Write) -> dict[str, datetime | None]:
    return {want.host: want.freshness.newer_than for want in write.wants}


LOST = RegistryLogin(OTHER_HOST, None, MISSING, "serviceaccount/puller")

FINE: StoredTokens = {HOST: held(HOST, YOUNG), OTHER_HOST: held(OTHER_HOST, OLD)}
