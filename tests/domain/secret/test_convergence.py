"""Whatever is stored, remembered and allowed: no good token is lost, and the operator finds no work in its own work."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ecr_secret_operator.domain.identity.authorization import Authorization, RegistryLogin
from ecr_secret_operator.domain.identity.identity import AMBIENT, AccessKeys, AssumedRole, Identity, StoredKeys
from ecr_secret_operator.domain.secret.annotations import StoredToken, StoredTokens
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.observed import Observed
from ecr_secret_operator.domain.secret.plan import Plan
from ecr_secret_operator.domain.secret.registries import hosts_missing_token, is_put_back
from ecr_secret_operator.domain.secret.stored import StoredSecret
from ecr_secret_operator.domain.tokens.schedule import serves
from ecr_secret_operator.domain.tokens.token import Sensitive
from tests.domain.secret.registries import MISSING, ROLE, THIRD_HOST, of, scope, stored_with
from tests.factories import HOST, NOW, OTHER_HOST, a_token, an_observed

HOSTS = (HOST, OTHER_HOST, THIRD_HOST)
RESOURCE = of(*HOSTS)


def keys(text: str) -> StoredKeys:
    found = AccessKeys("AKIAEXAMPLE", Sensitive(text))
    return StoredKeys("team-a", "aws", found.version, found)


identities: st.SearchStrategy[Identity] = st.sampled_from([AMBIENT, AssumedRole(ROLE), keys("old"), keys("new")])
ages = st.sampled_from([timedelta(hours=hours) for hours in (0, 1, 5, 6, 11, 12, 20)])


@st.composite
def some_stored_tokens(draw: st.DrawFn) -> StoredTokens:
    hosts = draw(st.lists(st.sampled_from(HOSTS), unique=True))
    return {
        host: StoredToken.of(scope(host, draw(identities)), a_token(issued_at=NOW - draw(ages), password=f"old {host}"))
        for host in hosts
    }


@st.composite
def some_login(draw: st.DrawFn, host: str) -> RegistryLogin:
    known = RegistryLogin(host, scope(host, draw(identities)))
    return draw(st.sampled_from([known, known, RegistryLogin(host, None, MISSING), replace(known, problem=MISSING)]))


@st.composite
def situations(draw: st.DrawFn) -> Observed:
    stored = draw(some_stored_tokens())
    secrets = (stored_with(RESOURCE, stored),) if stored else ()
    if secrets and draw(st.integers(0, 3)) == 0:
        secrets = (replace(secrets[0], data_digest="0"),)
    resource = replace(RESOURCE, refresh_request=draw(st.sampled_from(["", "", "now"])))
    logins = tuple(draw(some_login(host)) for host in HOSTS)
    return an_observed(
        resource=resource,
        secrets=secrets,
        authorization=Authorization(logins),
        remembered=draw(st.sampled_from([stored, {}, draw(some_stored_tokens())])),
    )


def executed(plan: Plan, failing: frozenset[str]) -> tuple[StoredSecret, ...] | None:
    """The Secrets after a plan was executed and AWS gave no token for some hosts; None where nothing is written."""
    if plan.write is None:
        return None
    had = {
        want.host: StoredToken.of(want.scope, a_token(issued_at=NOW, password=f"new {want.host}"))
        for want in plan.write.wants
        if want.host not in failing
    }
    tokens = {**plan.write.keep, **had}
    return (stored_with(RESOURCE, tokens),) if tokens else None


@settings(max_examples=150)
@given(observed=situations(), failing=st.frozensets(st.sampled_from(HOSTS)))
def test_a_failing_registry_keeps_its_last_good_token(observed: Observed, failing: frozenset[str]) -> None:
    plan = decide(observed, now=NOW)
    secrets = executed(plan, failing)
    if secrets is None:
        return
    for host, one in plan.stored.items():
        if not one.token.expired(NOW):
            now_there = secrets[0].stored_tokens[host]
            put_back = is_put_back(one, observed.remembered.get(host))
            assert now_there == one or put_back or now_there.token.password == Sensitive(f"new {host}")


@settings(max_examples=150)
@given(observed=situations(), failing=st.frozensets(st.sampled_from(HOSTS)))
def test_no_token_comes_into_the_secret_that_its_registry_is_not_to_have(
    observed: Observed, failing: frozenset[str]
) -> None:
    plan = decide(observed, now=NOW)
    secrets = executed(plan, failing)
    for login in observed.authorization.logins if secrets else ():
        one = secrets[0].stored_tokens.get(login.host) if secrets else None
        if one and one != plan.stored.get(login.host) and login.scope:
            assert one.mark == login.scope.mark
            assert not one.token.expired(NOW)


@settings(max_examples=150)
@given(observed=situations())
def test_what_was_done_needs_not_be_done_again(observed: Observed) -> None:
    plan = decide(observed, now=NOW)
    secrets = executed(plan, frozenset())
    done = observed.secrets if secrets is None else secrets
    status = {**observed.resource.status, "lastHandledRefresh": observed.resource.refresh_request}
    again = replace(observed, resource=replace(observed.resource, status=status), secrets=done, remembered={})
    second = decide(again, now=NOW)
    if plan.write and (plan.write.keep or plan.write.wants):
        assert second.write is None
    assert second.failure == plan.failure
    lacking = hosts_missing_token(observed.authorization, second.stored, NOW)
    assert set(lacking) <= {login.host for login in observed.authorization.logins if login.problem}


@settings(max_examples=150)
@given(observed=situations())
def test_what_is_asked_for_is_had_if_it_is_new(observed: Observed) -> None:
    """A want that its own answer would not satisfy would be asked for without end."""
    plan = decide(observed, now=NOW)
    for want in plan.write.wants if plan.write else ():
        assert serves(a_token(issued_at=NOW), want.freshness, NOW)
