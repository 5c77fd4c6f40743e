"""Obtains the tokens that a write needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ...domain.kinds import displayed
from ...domain.resource import Resource
from ...domain.secret.annotations import StoredToken, StoredTokens
from ...domain.secret.failures import merge_failures, of_registry
from ...domain.secret.plan import Write
from ...domain.tokens.schedule import replaces
from ...domain.tokens.token import Token
from ...errors import Superseded, TokenError
from ...reasons import FROM_AWS, Failure
from .ports import Ports


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the token source gave.

    Attributes:
        tokens: by registry.
        answers: of those tokens, the ones that answer a refresh annotation, with the time when each was issued.
        stale: when the tokens were issued that are no newer than the stored ones.
        failure: of the registries without a token; None for none.
        passing: whether all of the failure is what AWS says, or that AWS is silent: another attempt may succeed.
        retry_at: when to ask again (UTC).
    """

    tokens: StoredTokens
    answers: dict[str, datetime]
    stale: tuple[datetime, ...]
    failure: Failure | None
    passing: bool
    retry_at: datetime | None


async def fetch(ports: Ports, resource: Resource, write: Write) -> Fetched:
    """Obtains the tokens of a write, all at the same time.

    Raises:
        Superseded: the resource, its authorization or the time has changed during the AWS call, so that its answer is
            of no use any more. The tokens stay cached, and the next reconcile uses them if they still fit.
    """
    answers: Sequence[Token | TokenError] | None = ports.tokens.at_hand(write.wants)
    if answers is None:
        async with ports.waiting(resource.key):
            answers = await ports.tokens.tokens(write.wants, resource.requester)
        _check_still_wanted(ports, resource, write, answers)
    return _sorted(write, answers)


def _sorted(write: Write, answers: Sequence[Token | TokenError]) -> Fetched:
    tokens: dict[str, StoredToken] = {}
    newer: dict[str, datetime] = {}
    stale: list[datetime] = []
    failed: list[tuple[str, TokenError]] = []
    for want, answer in zip(write.wants, answers, strict=True):
        if isinstance(answer, TokenError):
            failed.append((want.host, answer))
            continue
        tokens[want.host] = StoredToken.of(want.scope, answer)
        kept = write.keep.get(want.host)
        if replaces(answer, want.freshness.newer_than, kept.token if kept else None):
            newer[want.host] = answer.issued_at
        else:
            stale.append(answer.issued_at)
    failures = [of_registry(host, error.failure, write.spec) for host, error in failed]
    return Fetched(
        tokens=tokens,
        answers=newer,
        stale=tuple(stale),
        failure=merge_failures([*write.problems, *failures]),
        passing=not write.problems and FROM_AWS.issuperset(error.reason for _, error in failed),
        retry_at=min((error.retry_at for _, error in failed if error.retry_at), default=None),
    )


def _check_still_wanted(ports: Ports, resource: Resource, write: Write, answers: Sequence[Token | TokenError]) -> None:
    present = ports.resources.get(resource.key)
    if present is None or _token_inputs(present) != _token_inputs(resource):
        raise Superseded(f"{displayed(resource.key)} changed during the AWS call")
    authorization = ports.authorizer.authorize(present, write.keep)
    scopes = {login.host: login.scope for login in authorization.logins}
    changed = any(scopes.get(want.host) != want.scope for want in write.wants)
    if authorization.denied or changed or not authorization.revoked.isdisjoint(write.keep):
        raise Superseded(f"the authorization of {displayed(resource.key)} changed during the AWS call")
    if any(isinstance(answer, Token) and answer.expired(ports.clock()) for answer in answers):
        raise Superseded(f"a token for {displayed(resource.key)} expired before it could be stored")


def _token_inputs(resource: Resource) -> tuple[str, int, bool, bool]:
    """The fields of a resource that decide which tokens it needs, and where they are stored."""
    return resource.uid, resource.generation, resource.selected, resource.deleting
