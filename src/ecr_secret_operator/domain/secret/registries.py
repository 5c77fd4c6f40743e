"""Which token one registry of a resource has, and whether another one is to be requested. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ...api.model import CommonSpec
from ..identity.authorization import Authorization, RegistryLogin
from ..identity.scope import Scope
from ..resource import Resource
from ..tokens.schedule import Freshness, due_at, wanted
from .annotations import StoredToken, StoredTokens
from .observed import Observed, refresh_requested


@dataclass(frozen=True, slots=True)
class Want:
    """A token that has to be requested from the token source.

    Attributes:
        host: the registry that it is for.
        scope: the identity, region and service that it is requested for.
        freshness: which token the source may give.
    """

    host: str
    scope: Scope
    freshness: Freshness


@dataclass(frozen=True, slots=True)
class RegistryPlan:
    """What is done for one registry.

    Attributes:
        keep: the valid token that it has; None for none.
        want: the token to request; None when no token is due.
    """

    keep: StoredToken | None
    want: Want | None


def plan_registry(
    observed: Observed, login: RegistryLogin, spec: CommonSpec, intact: StoredTokens, now: datetime
) -> RegistryPlan:
    """Plans one registry.

    Args:
        observed: the resource.
        login: the registry, and the identity that it is used with.
        spec: of the resource.
        intact: the tokens in its intact Secret.
        now: the time (UTC).
    """
    revoked = login.host in observed.authorization.revoked
    stored = None if revoked else _unless_put_back(intact.get(login.host), observed.remembered.get(login.host), login)
    known = stored or _reusable(observed, login, revoked=revoked)
    keep = known if known and not known.token.expired(now) else None
    requested = refresh_requested(observed.resource) and login.host not in observed.answered
    if login.problem or not login.scope or not (requested or _due(known, login.scope, spec, observed.resource, now)):
        return RegistryPlan(keep, None)
    newer_than = known.token.issued_at if known and _obtained_for(known, login.scope) else None
    return RegistryPlan(keep, Want(login.host, login.scope, wanted(spec.interval, newer_than=newer_than)))


def is_put_back(stored: StoredToken, remembered: StoredToken | None) -> bool:
    """Whether another client has replaced the last stored token by an earlier one of the same scope."""
    return remembered is not None and _newer(stored, remembered) is remembered


def _unless_put_back(
    stored: StoredToken | None, remembered: StoredToken | None, login: RegistryLogin
) -> StoredToken | None:
    """The stored token, or the remembered one if it was put back and the login has the same identity still."""
    if stored and remembered and is_put_back(stored, remembered) and _same_identity(remembered, login):
        return remembered
    return stored


def hosts_missing_token(authorization: Authorization, stored: StoredTokens, now: datetime) -> tuple[str, ...]:
    """The registries that lack a valid token of the identity that they are to be used with."""
    return tuple(
        login.host
        for login in authorization.logins
        if (one := stored.get(login.host)) is None or one.token.expired(now) or not _same_identity(one, login)
    )


def newest(ours: StoredTokens, theirs: StoredTokens) -> StoredTokens:
    """Our tokens, each replaced by a newer one of the same scope where the stored Secret holds one.

    Another replica, or an earlier process, may have been faster.
    """
    return {host: _newer(one, theirs.get(host)) for host, one in ours.items()}


def _newer(ours: StoredToken, theirs: StoredToken | None) -> StoredToken:
    same = theirs is not None and (theirs.mark, theirs.version) == (ours.mark, ours.version)
    return theirs if theirs and same and theirs.token.issued_at > ours.token.issued_at else ours


def _reusable(observed: Observed, login: RegistryLogin, *, revoked: bool) -> StoredToken | None:
    """A token that this registry may use: the newest of the same scope, or the last one when the scope is unknown."""
    if login.scope is None or login.problem:
        of_host = [
            observed.remembered.get(login.host),
            *(one for host, one in observed.recorded_tokens if host == login.host),
        ]
        return None if revoked else next((one for one in of_host if one and _same_identity(one, login)), None)
    known = (*observed.remembered.values(), *(one for _, one in observed.recorded_tokens))
    same = [one for one in known if one.mark == login.scope.mark]
    return max(same, key=lambda one: one.token.issued_at, default=None)


def _same_identity(one: StoredToken, login: RegistryLogin) -> bool:
    """Whether a token was obtained with the identity of the login; without a scope only what is known is compared."""
    if login.scope:
        return one.mark == login.scope.mark
    return one.origin == login.origin and one.limit.within(login.limit)


def _obtained_for(known: StoredToken, scope: Scope) -> bool:
    """Whether a token was obtained for this scope, with the keys that its identity has now."""
    return (known.mark, known.version) == (scope.mark, scope.identity.version)


def _due(known: StoredToken | None, scope: Scope, spec: CommonSpec, resource: Resource, now: datetime) -> bool:
    return (
        known is None
        or not _obtained_for(known, scope)
        or known.token.expired(now)
        or now >= due_at(known.token, spec.interval, seed=resource.uid)
    )
