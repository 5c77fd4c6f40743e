"""Creates, updates, replaces and removes the generated Secret of a resource."""

from __future__ import annotations

from contextlib import suppress

from ...domain.resource import Resource
from ...domain.secret.annotations import StoredTokens
from ...domain.secret.deletion import blocked_by_deletion
from ...domain.secret.observed import Observed
from ...domain.secret.ownership import CONFLICT_RETRY, Claim, claim, conflict_retry, taken
from ...domain.secret.plan import Write
from ...domain.secret.registries import newest
from ...domain.secret.removal import secret_removed
from ...domain.secret.render import Desired, differences, needs_replacing, render
from ...domain.secret.stored import StoredSecret
from ...domain.secret.target import intact
from ...domain.status.events import recorded
from ...domain.status.outcome import Applied, Happened
from ...errors import AlreadyExists, Forbidden, Invalid, NotFound, Superseded
from ...reasons import EventReason, Removal
from .observe import is_released
from .ports import Ports


class SecretStorage:
    """Writes the generated Secrets of resources.

    Args:
        ports: of the reconciler.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def store(
        self, resource: Resource, write: Write, tokens: StoredTokens, intact_tokens: StoredTokens
    ) -> Applied:
        """Stores tokens in the Secret of a resource.

        Args:
            resource: the resource.
            write: the planned write.
            tokens: to be stored, by registry; at least one.
            intact_tokens: those in the stored Secret, if it is intact.

        Raises:
            ApiError: the API server refused the write or did not answer.
            Superseded: a Secret of this name appeared and disappeared.
        """
        desired = render(resource, write.spec, tokens)
        if write.stored:
            happened = _repaired(desired, write.repairs)
            return await self._overwrite(resource, write, write.stored, desired, happened, intact_tokens)
        try:
            await self._ports.secrets.create(desired)
        except AlreadyExists:
            return await self._claim(resource, write, desired)
        return Applied(stored=desired.tokens, written=True, happened=_repaired(desired, write.repairs))

    async def remove(self, resource: Resource, secret: StoredSecret, cause: Removal) -> None:
        """Removes a Secret, and reports it at once, because a later step may fail.

        Raises:
            ApiError: the API server refused or did not answer.
        """
        try:
            await self._ports.secrets.delete(secret)
        except NotFound:
            return
        if not secret.deleting:  # a Secret that finalizers hold was reported when it was first deleted
            await self._report_removed(resource, secret, cause)

    async def name_still_taken(self, resource: Resource, write: Write) -> Applied | None:
        """Reads the Secret that had the name; returns the conflict, or None once the name is free.

        Asked before a token is requested for a Secret that could not be written.
        """
        existing = await self._ports.secrets.read(resource.key.namespace, write.spec.generated_secret_name)
        if existing is None or is_released(self._ports, existing.stored, resource):
            return None
        if claim(existing.stored, existing.data, resource, write.spec) is Claim.FOREIGN:
            return self._taken(existing.stored, resource, write)
        return None

    async def read_own(self, observed: Observed, name: str) -> StoredSecret | None:
        """Reads a Secret of the resource that no watch shows, because another client removed the operator's label."""
        existing = await self._ports.secrets.read(observed.resource.key.namespace, name)
        return existing.stored if existing and existing.stored.made_for(observed.resource) else None

    async def _claim(self, resource: Resource, write: Write, desired: Desired) -> Applied:
        """A Secret that no watch showed has the name: ours without its label, the Go operator's, or a foreign one."""
        existing = await self._ports.secrets.read(desired.namespace, desired.name)
        if existing is None:
            raise Superseded(f"Secret {desired.name} appeared and disappeared")
        stored = existing.stored
        verdict = claim(stored, existing.data, resource, write.spec)
        if verdict is Claim.FOREIGN and not is_released(self._ports, stored, resource):
            return self._taken(stored, resource, write)
        if stored.deleting:
            return Applied(failure=blocked_by_deletion(stored), retry_at=self._ports.clock() + CONFLICT_RETRY)
        if verdict is Claim.UPSTREAM:
            text = f"Secret {desired.name}, which the operator's predecessor made for this resource, was taken over"
            happened: Happened = ((EventReason.ADOPTED, text),)
        else:
            happened = _repaired(desired, differences(stored, desired) if write.repairs else ())
        intact_tokens = intact(stored, resource, write.spec)
        return await self._overwrite(resource, write, stored, desired, happened, intact_tokens)

    def _taken(self, stored: StoredSecret, resource: Resource, write: Write) -> Applied:
        now, rivals = self._ports.clock(), self._ports.resources.rivals(resource)
        failure = taken(resource, write.spec.generated_secret_name, stored, rivals)
        return Applied(failure=failure, retry_at=now + conflict_retry(resource, now))

    async def _overwrite(
        self,
        resource: Resource,
        write: Write,
        stored: StoredSecret,
        desired: Desired,
        happened: Happened,
        intact_tokens: StoredTokens,
    ) -> Applied:
        best = newest(desired.tokens, intact_tokens)
        if best != desired.tokens:
            desired = render(resource, write.spec, best)
        if not differences(stored, desired):
            return Applied(stored=desired.tokens)
        if needs_replacing(stored, desired.secret_type):
            await self._replace(resource, write, stored, desired)
            return Applied(stored=desired.tokens, written=True, happened=happened)
        try:
            await self._ports.secrets.update(stored, desired)
        except (Forbidden, Invalid):
            if write.takes_away:
                # A token that policy denies is removed although the update was refused.
                await self.remove(resource, stored, Removal.TOKEN_DENIED)
            raise
        return Applied(stored=desired.tokens, written=True, happened=happened)

    async def _replace(self, resource: Resource, write: Write, stored: StoredSecret, desired: Desired) -> None:
        """Deletes a Secret that cannot be updated, and creates its successor.

        Raises:
            ApiError: the API server refused or did not answer.
            Superseded: the name is taken again, or finalizers hold the Secret.
        """
        secrets, successor = self._ports.secrets, None
        keep = stored.has_valid_token(self._ports.clock()) and not write.takes_away
        if not keep:
            await self.remove(resource, stored, Removal.REPLACED)
        with suppress(AlreadyExists):
            successor = await (secrets.replace(stored, desired) if keep else secrets.create(desired))
        if keep:
            await self._report_removed(resource, stored, Removal.REPLACED)
        if successor is None:
            raise Superseded(f"Secret {stored.name} was deleted, and there is one again")

    async def _report_removed(self, resource: Resource, secret: StoredSecret, cause: Removal) -> None:
        event = secret_removed(secret, cause)
        self._ports.observer.removed(resource.key, event, cause)
        await self._ports.recorder.record(resource, recorded(resource, [event]))


def _repaired(desired: Desired, found: tuple[str, ...]) -> Happened:
    """The event that reports a repair; none when nothing was repaired."""
    if not found:
        return ()
    return ((EventReason.REPAIRED, f"Secret {desired.name} was restored: {', '.join(found)}"),)
