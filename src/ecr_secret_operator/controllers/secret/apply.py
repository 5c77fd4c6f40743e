"""Carries out the plan for one resource."""

from __future__ import annotations

from dataclasses import replace

from ...domain.resource import InvalidSpec, Resource
from ...domain.secret.observed import Observed
from ...domain.secret.ownership import conflicted
from ...domain.secret.plan import Plan, Write
from ...domain.secret.removal import why_removed, withdrawn
from ...domain.secret.target import listed_tokens
from ...domain.status.outcome import Applied
from ...domain.tokens.schedule import LONGEST_SPACING
from ...errors import ApiError, Conflict, Internal, Unavailable
from ...reasons import UNDECIDED, Failure, Reason, Removal
from ...runtime.damping import contested
from .fetch import Fetched, fetch
from .memory import Memory
from .ports import Ports
from .storage import SecretStorage


class PlanApplier:
    """Carries out plans: removes Secrets, obtains tokens, stores them.

    Args:
        ports: of the reconciler.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._storage = SecretStorage(ports)

    async def apply(self, observed: Observed, plan: Plan, memory: Memory) -> Applied:
        """Carries out the plan for one resource.

        Raises:
            Conflict: the API server refused a write because the object has changed.
            Superseded: what was observed is no longer so.
            Unavailable: the API server did not answer, or fails itself.
        """
        try:
            return await self._carry_out(observed, plan, memory)
        except Conflict:
            raise
        except ApiError as error:
            if isinstance(error, Unavailable) and not isinstance(error, Internal):
                raise
            return Applied(stored=plan.stored, failure=error.failure)

    async def _carry_out(self, observed: Observed, plan: Plan, memory: Memory) -> Applied:
        denied = withdrawn(observed, plan)
        for secret in denied:
            await self._storage.remove(observed.resource, secret, Removal.TOKEN_DENIED)
        if plan.write:
            applied = await self._serve(observed, plan, plan.write, memory)
        else:
            applied = Applied(stored=plan.stored, failure=plan.failure, retry_at=plan.retry_at)
            if plan.stored:
                memory.damper.intact(self._ports.clock())
        applied = self._with_contest(observed.resource, applied, memory)
        if applied.stored or not plan.write:
            for secret in plan.remove:
                if secret not in denied:
                    await self._storage.remove(observed.resource, secret, why_removed(observed, secret))
        return applied

    def _with_contest(self, resource: Resource, applied: Applied, memory: Memory) -> Applied:
        """Adds the failure that reports a contested Secret, while it is contested."""
        until = memory.damper.contested_until(self._ports.clock())
        if until is None or isinstance(resource.spec, InvalidSpec):
            return applied
        what = f"Secret {resource.spec.generated_secret_name}"
        failure = Failure(Reason.SECRET_CONTESTED, contested(what, memory.damper.others), (what,))
        return applied.beside(failure, passing=False, retry_at=until)

    async def _serve(self, observed: Observed, plan: Plan, write: Write, memory: Memory) -> Applied:
        resource = observed.resource
        if write.stored is None and conflicted(resource):
            conflict = await self._storage.name_still_taken(resource, write)
            if conflict:
                return conflict
        fetched = await fetch(self._ports, resource, write)
        tokens = {**write.keep, **fetched.tokens}
        undecided = fetched.failure is not None and fetched.failure.reason in UNDECIDED
        if undecided and not write.too_wide.issubset(tokens):
            # A limit for many namespaces would else take the Secrets of all of those whose calls have to wait.
            return Applied(stored=plan.stored, failure=fetched.failure, retry_at=fetched.retry_at)
        if not tokens:
            return await self._without_tokens(resource, plan, write, fetched)
        memory.note_refreshed(resource, fetched.answers)
        applied = await self._store(observed, plan, write, fetched, memory)
        if fetched.stale and not applied.failure:
            younger = max(fetched.stale) + LONGEST_SPACING
            applied = replace(applied, retry_at=min(younger, applied.retry_at or younger))
        return applied.beside(fetched.failure, passing=fetched.passing, retry_at=fetched.retry_at)

    async def _store(self, observed: Observed, plan: Plan, write: Write, fetched: Fetched, memory: Memory) -> Applied:
        """Stores the tokens; a repair only if the damper permits it."""
        resource, damper = observed.resource, memory.damper
        tokens = {**write.keep, **fetched.tokens}
        if not write.only_restores(plan.stored, fetched.answers):
            applied = await self._storage.store(resource, write, tokens, plan.stored)
            if not applied.failure:
                damper.intact(self._ports.clock())
            return applied
        of, name = f"{resource.uid}/{resource.generation}", write.spec.generated_secret_name
        not_before = damper.damaged(of, self._ports.clock())
        if damper.is_suspect:
            damper.note_others(await self._ports.secrets.managers(resource.key.namespace, name))
        if not_before:
            stored = write.stored or await self._storage.read_own(observed, name)
            return Applied(stored=listed_tokens(stored, write.spec), retry_at=not_before)
        applied = await self._storage.store(resource, write, tokens, plan.stored)
        if applied.written:
            damper.repaired(of, self._ports.clock())
        return applied

    async def _without_tokens(self, resource: Resource, plan: Plan, write: Write, fetched: Fetched) -> Applied:
        """No registry has a token: a Secret with a token that policy denies is removed, another one stays."""
        if write.takes_away and write.stored:
            await self._storage.remove(resource, write.stored, Removal.TOKEN_DENIED)
            return Applied(failure=fetched.failure, retry_at=fetched.retry_at)
        return Applied(stored=plan.stored, failure=fetched.failure, retry_at=fetched.retry_at)
