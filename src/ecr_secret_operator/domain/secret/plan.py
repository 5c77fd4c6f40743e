"""What to do about a resource: a pure function of what was observed and the time. It is where the tests are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from ...api.model import CommonSpec
from ...reasons import NEEDS_A_PERSON, Failure, Reason
from ..identity.authorization import Authorization, RegistryLogin
from ..identity.scope import Scope
from ..kinds import KINDS
from ..resource import InvalidSpec, Resource, condition_of
from ..tokens.schedule import Freshness, due_at, wanted
from .conflict import conflict, conflict_retry, held, needs_replacing, too_heavy
from .deletion import not_created, not_replaced, removable, still_there
from .render import differences, render
from .rivals import fails, first_of, outranked
from .stored import StoredSecret, StoredToken, StoredTokens

FAILURES_NAMED = 5
"""How many failing registries a condition names."""


@dataclass(frozen=True, slots=True)
class Observed:
    """All that a decision rests on.

    Attributes:
        resource: the custom resource.
        secrets: stored Secrets that carry its generated name, or that were made for it.
        authorization: what policies and identities allow it.
        remembered: the tokens that were last stored for it. They outlive the Secret.
        released: names of those among them that were made for a resource which leaves the name to this one.
        answered: registries that were already refreshed for the pending refresh annotation.
        rivals: the other resources of its namespace that name the same Secret.
    """

    resource: Resource
    secrets: tuple[StoredSecret, ...]
    authorization: Authorization
    remembered: StoredTokens
    released: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()
    rivals: tuple[Resource, ...] = ()

    def target(self, spec: CommonSpec) -> StoredSecret | None:
        """The stored Secret of the generated name."""
        return next((secret for secret in self.secrets if secret.name == spec.generated_secret_name), None)

    @property
    def made(self) -> tuple[StoredSecret, ...]:
        """Those of the Secrets that were made for the resource."""
        return tuple(secret for secret in self.secrets if secret.made_for(self.resource))

    @property
    def recorded_tokens(self) -> tuple[tuple[str, StoredToken], ...]:
        """Host and token of all that is in Secrets that were made for it, whatever else became of them."""
        return tuple(item for secret in self.made for item in secret.stored_tokens.items())


@dataclass(frozen=True, slots=True)
class Want:
    """A token that has to be requested from the token source.

    Attributes:
        host: the registry that it is for.
        freshness: which token the source may give.
    """

    host: str
    scope: Scope
    freshness: Freshness


@dataclass(frozen=True, slots=True)
class Write:
    """A Secret to be written.

    Attributes:
        spec: what it is rendered from.
        stored: what is there; None when there is nothing.
        keep: valid tokens, each replaced by the requested one when that is obtained.
        wants: tokens to request.
        repairs: what was found changed; empty for a first service or a refresh.
        problems: of registries whose identity cannot be used now.
        takes_away: whether the stored Secret has a token that policy denies now. It is removed if there is no other.
    """

    spec: CommonSpec
    stored: StoredSecret | None
    keep: StoredTokens
    wants: tuple[Want, ...]
    repairs: tuple[str, ...]
    problems: tuple[Failure, ...] = ()
    takes_away: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and what is true before it is done.

    Attributes:
        held: the tokens that are stored in an intact Secret.
        write: the write to make, if any.
        remove: Secrets that were made for it and are not wanted.
        failure: what keeps it from being served, all of it or one of its registries.
        retry_at: when to look again although nothing has changed (UTC).
    """

    held: StoredTokens = field(default_factory=dict)
    write: Write | None = None
    remove: tuple[StoredSecret, ...] = ()
    failure: Failure | None = None
    retry_at: datetime | None = None


def decide(observed: Observed, *, now: datetime) -> Plan:
    """The plan for one resource."""
    resource, spec, authorization = observed.resource, observed.resource.spec, observed.authorization
    if not resource.selected:
        unwanted = tuple(one for one in observed.made if one.original)
        return Plan(remove=removable(unwanted), failure=still_there(unwanted))
    if isinstance(spec, InvalidSpec):
        failure = Failure(Reason.LIMIT_EXCEEDED if spec.limited else Reason.INVALID_SPEC, spec.message)
        refused = _refused(observed.made, authorization)
        return Plan(held={} if refused else _valid_still(observed, now), remove=removable(refused), failure=failure)
    stored = observed.target(spec)
    made = tuple(secret for secret in observed.made if secret.original or secret is stored)
    if authorization.denied:
        return Plan(remove=removable(made), failure=Failure(Reason.POLICY_DENIED, authorization.denied))
    return _in_the_way(observed, spec, stored, now) or _served(observed, spec, stored, made, now)


def _served(
    observed: Observed, spec: CommonSpec, stored: StoredSecret | None, made: tuple[StoredSecret, ...], now: datetime
) -> Plan:
    """The plan for a resource that has the name of its Secret."""
    resource, authorization = observed.resource, observed.authorization
    if stored and stored.reduced:
        return Plan(failure=too_heavy(stored))
    found = intact(stored, resource, spec)
    if authorization.unknown or spec.suspend:
        unknown = Failure(Reason.KUBERNETES_ERROR, authorization.unknown) if authorization.unknown else None
        refused = _refused(made, authorization)
        held_now = {} if refused else found or at_rest(stored, spec)
        return Plan(held=held_now, remove=removable(refused), failure=unknown)
    write = _write(observed, spec, stored, found, now)
    if write and stored and _stays_as_it_is(resource, stored):
        refused = _refused((stored,), authorization)
        return Plan(held={} if refused else found, remove=removable(refused), failure=not_replaced(resource, stored))
    others = tuple(secret for secret in made if secret is not stored)
    left = others if found or write else _refused(others, authorization)  # not before there is a successor
    return Plan(held=found, write=write, remove=removable(left), failure=merge_failures(_problems(observed, spec)))


def _refused(secrets: tuple[StoredSecret, ...], authorization: Authorization) -> tuple[StoredSecret, ...]:
    """Those of the Secrets that hold a token which policy refuses now."""
    return tuple(secret for secret in secrets if secret.has_token_for(authorization.revoked))


def _stays_as_it_is(resource: Resource, stored: StoredSecret) -> bool:
    """Whether a Secret cannot be changed: it would have to be replaced, and none is created while something goes."""
    going = resource.deleting or stored.deleting
    return going and needs_replacing(stored, KINDS[resource.key.kind].secret_type)


def _in_the_way(observed: Observed, spec: CommonSpec, stored: StoredSecret | None, now: datetime) -> Plan | None:
    """The plan when the Secret cannot be written now, or is not this resource's to write.

    A younger resource that has the Secret keeps it fresh until an older one that came to name it takes it over, and
    restores it while that one fails: until then nobody is to be without.
    """
    resource = observed.resource
    if stored and stored.made_for(resource):
        return None  # also one that is being deleted: it is kept fresh as long as it is there
    if resource.deleting:
        return Plan(failure=not_created(resource))
    if stored and stored.deleting:
        return Plan(failure=held(stored))
    rival = first_of(resource, observed.rivals)
    if rival and not (stored is None and _was_served(resource) and fails(rival)):
        failure = outranked(rival, spec.generated_secret_name)
    elif stored and stored.name not in observed.released:
        failure = conflict(stored, resource)
    else:
        return None
    return Plan(failure=failure, retry_at=now + conflict_retry(resource, now))


def _write(
    observed: Observed, spec: CommonSpec, stored: StoredSecret | None, found: StoredTokens, now: datetime
) -> Write | None:
    keep: dict[str, StoredToken] = {}
    wants = []
    for login in observed.authorization.logins:
        revoked = login.host in observed.authorization.revoked
        known = (None if revoked else found.get(login.host)) or _at_hand(observed, login, revoked=revoked)
        if known and not known.token.expired(now):
            keep[login.host] = known
        asked = refresh_requested(observed.resource) and login.host not in observed.answered
        if login.problem is None and login.scope and (asked or _due(known, login.scope, spec, observed.resource, now)):
            newer_than = known.token.issued_at if known and _of(known, login.scope) else None
            wants.append(Want(login.host, login.scope, wanted(spec.interval, newer_than=newer_than)))
    takes_away = bool(stored and stored.has_token_for(observed.authorization.revoked))
    if not wants and not takes_away and (not keep or keep == found):
        return None
    return Write(
        spec=spec,
        stored=stored,
        keep=keep,
        wants=tuple(wants),
        repairs=_repairs(observed, spec, stored, found),
        problems=tuple(_problems(observed, spec)),
        takes_away=takes_away,
    )


def _problems(observed: Observed, spec: CommonSpec) -> list[Failure]:
    return [named(login.host, login.problem, spec) for login in observed.authorization.logins if login.problem]


def named(host: str, failure: Failure, spec: CommonSpec) -> Failure:
    """A failure that says which registry it is about, where there are several."""
    if len(spec.hosts) == 1:
        return failure
    causes = tuple(f"{host}: {cause}" for cause in failure.causes)
    return replace(failure, message=f"{host}: {failure.message}", causes=causes)


def _at_hand(observed: Observed, login: RegistryLogin, *, revoked: bool) -> StoredToken | None:
    """A token that is good for this registry: the newest of the same scope, or the last one when that is unknown."""
    if login.scope is None or login.problem:
        of_host = [
            observed.remembered.get(login.host),
            *(one for host, one in observed.recorded_tokens if host == login.host),
        ]
        return None if revoked else next((one for one in of_host if one and _is_of(one, login)), None)
    at_hand = (*observed.remembered.values(), *(one for _, one in observed.recorded_tokens))
    same = [one for one in at_hand if one.mark == login.scope.mark]
    return max(same, key=lambda one: one.token.issued_at, default=None)


def _is_of(one: StoredToken, login: RegistryLogin) -> bool:
    """Whether a token is of the identity that the registry is to be used with, as far as that can be told."""
    return one.mark == login.scope.mark if login.scope else one.origin == login.origin


def _of(known: StoredToken, scope: Scope) -> bool:
    """Whether a token was had for this scope, with the keys that its identity has now."""
    return (known.mark, known.version) == (scope.mark, scope.identity.version)


def _due(known: StoredToken | None, scope: Scope, spec: CommonSpec, resource: Resource, now: datetime) -> bool:
    return (
        known is None
        or not _of(known, scope)
        or known.token.expired(now)
        or now >= due_at(known.token, spec.interval, seed=resource.uid)
    )


def _repairs(observed: Observed, spec: CommonSpec, stored: StoredSecret | None, found: StoredTokens) -> tuple[str, ...]:
    if found or not _was_served(observed.resource):
        return ()
    served = {host: one for host, one in observed.remembered.items() if host in spec.hosts}
    if stored is None:
        return ("it was deleted",) if served else ()
    if not served:
        return ("content",)
    return differences(stored, render(observed.resource, spec, served)) or ("content",)


def _was_served(resource: Resource) -> bool:
    """Whether this generation of the resource had a Secret: only then is a missing or another one a damage."""
    ready = condition_of(resource.status, "Ready")
    served = ready.get("status") == "True" or "expiresAt" in resource.status
    return served and ready.get("observedGeneration") == resource.generation


def intact(stored: StoredSecret | None, resource: Resource, spec: CommonSpec) -> StoredTokens:
    """The tokens in the stored Secret, if all of it is as it was written for this spec; else none."""
    present = stored.stored_tokens if stored else {}
    present = {host: one for host, one in present.items() if host in spec.hosts}
    if stored is None or not present or differences(stored, render(resource, spec, present)):
        return {}
    return present


def at_rest(stored: StoredSecret | None, spec: CommonSpec) -> StoredTokens:
    """The tokens in a Secret that is not written now, though its spec may want it to look otherwise by now."""
    return {host: one for host, one in (stored.stored_tokens if stored else {}).items() if host in spec.hosts}


def _valid_still(observed: Observed, now: datetime) -> StoredTokens:
    """The tokens that a resource which is now invalid still has."""
    for secret in observed.made:
        valid = {host: one for host, one in secret.stored_tokens.items() if not one.token.expired(now)}
        if valid:
            return valid
    return {}


def hosts_missing_token(authorization: Authorization, stored: StoredTokens, now: datetime) -> tuple[str, ...]:
    """The registries that lack a valid token of the identity that they are to be used with."""
    return tuple(
        login.host
        for login in authorization.logins
        if (one := stored.get(login.host)) is None or one.token.expired(now) or not _is_of(one, login)
    )


def merge_failures(failures: list[Failure]) -> Failure | None:
    """Several failures as one: a reason that needs a person if there is one, the sentences of all; None for none."""
    if len(failures) < 2:  # noqa: PLR2004
        return failures[0] if failures else None
    texts = tuple(dict.fromkeys(failure.message for failure in failures))
    first = next((failure for failure in failures if failure.reason in NEEDS_A_PERSON), failures[0])
    causes = dict.fromkeys(cause for failure in failures for cause in failure.causes or (failure.message,))
    message = "; ".join(texts[:FAILURES_NAMED]) + _more(len(texts) - FAILURES_NAMED)
    return Failure(first.reason, message, tuple(causes))


def _more(count: int) -> str:
    return f"; and {count} more" if count > 0 else ""


def refresh_requested(resource: Resource) -> bool:
    """Whether the refresh annotation carries a value that has not been handled."""
    return bool(resource.refresh_request) and resource.refresh_request != resource.status.get("lastHandledRefresh")


def newest(ours: StoredTokens, theirs: StoredTokens) -> StoredTokens:
    """Our tokens, but for those in whose place the intact stored Secret holds newer ones of the same kind.

    Another replica, or an earlier life of this one, may have been faster.
    """
    return {host: _newer(one, theirs.get(host)) for host, one in ours.items()}


def _newer(ours: StoredToken, theirs: StoredToken | None) -> StoredToken:
    same = theirs is not None and (theirs.mark, theirs.version) == (ours.mark, ours.version)
    return theirs if theirs and same and theirs.token.issued_at > ours.token.issued_at else ours
