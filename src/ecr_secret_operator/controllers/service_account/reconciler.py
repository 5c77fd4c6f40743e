"""Brings a ServiceAccount to what all resources together want it to be linked to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...domain.links import MOST_ENTRIES, links_patch, unwanted
from ...errors import ApiError, Conflict, Forbidden, Internal, Invalid, NotFound, Unavailable
from ...runtime.damping import Damper, contested
from ...runtime.result import AGAIN, DONE, Result
from ..memory import Memories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ...domain.links import LinkedAccount, Ref
    from ...domain.ports import Clock, LinkObserver, Recorder, ServiceAccounts
    from ...domain.resource import Key
    from ...domain.secret.removal import Unlinked

_TIMED_OUT = 504


@dataclass(slots=True)
class Memory:
    """What is remembered of one ServiceAccount.

    Attributes:
        added: the entries that the operator added to it.
        refused_version: the resourceVersion for which a patch was refused as invalid; empty for none.
        damper: of the repairs of its links.
    """

    added: frozenset[Ref] = frozenset()
    refused_version: str = ""
    damper: Damper = field(default_factory=Damper)


class ServiceAccountReconciler:
    """Links and unlinks. What another client takes out each time is put back less and less often (ADR 19).

    Args:
        accounts: the ServiceAccounts, and what is wanted of them.
        observer: logs and counts what happens.
        recorder: stores events about ServiceAccounts.
        clock: gives the time in UTC.
    """

    def __init__(self, accounts: ServiceAccounts, *, observer: LinkObserver, recorder: Recorder, clock: Clock) -> None:
        self._accounts = accounts
        self._observer = observer
        self._recorder = recorder
        self._clock = clock
        self._memories: Memories[Memory] = Memories(Memory)

    async def reconcile(self, key: Key) -> Result:
        """Reconciles one ServiceAccount.

        Raises:
            ApiError: the API server did not answer.
        """
        account = self._accounts.account(key)
        if account is None:
            self._memories.forget(key)
            return DONE
        desired = self._accounts.desired_links(account)
        if desired is None:
            return AGAIN
        memory = self._memories.of(key, account.uid)
        if account.oversized:
            self._report(account, memory, _too_many(account))
            return DONE
        operations = links_patch(account, desired)
        if not operations:
            return self._settled(account, memory)
        missing = frozenset(ref for ref, ready in desired.asked.items() if ready and not account.has(ref))
        added_before = memory.added & desired.asked.keys()
        is_repair = missing <= added_before and not unwanted(account, desired)
        if is_repair:
            not_before = await self._not_before(account, memory)
            if not_before:
                self._report_contested(account, memory)
                return Result(again_at=not_before)
        memory.added = added_before | missing
        out = [self._accounts.unlinked(account, ref) for ref in sorted(unwanted(account, desired)) if account.has(ref)]
        return await self._change(account, memory, operations, out, is_repair=is_repair)

    async def _not_before(self, account: LinkedAccount, memory: Memory) -> datetime | None:
        """Notes that links have to be repaired. Returns when that may be done; None for now."""
        not_before = memory.damper.damaged(account.uid, self._clock())
        if memory.damper.is_suspect:
            memory.damper.note_others(await self._accounts.managers(account))
        return not_before

    async def _change(
        self,
        account: LinkedAccount,
        memory: Memory,
        operations: Sequence[Mapping[str, Any]],
        out: Sequence[Unlinked],
        *,
        is_repair: bool,
    ) -> Result:
        try:
            await self._accounts.change(account, operations)
        except (Conflict, NotFound):
            return AGAIN  # another client changed it: what it wrote is read first
        except ApiError as error:
            return self._failed(account, memory, error)
        if is_repair:
            memory.damper.repaired(account.uid, self._clock())
        for one in out:
            self._observer.removed(account.key, one.event, one.cause)
        await self._recorder.record(account, [one.event for one in out])
        return self._settled(account, memory)

    def _settled(self, account: LinkedAccount, memory: Memory) -> Result:
        """Reports a ServiceAccount that is as wanted; one that is contested stays reported until it is quiet."""
        memory.damper.intact(self._clock())
        until = memory.damper.contested_until(self._clock())
        if until:
            self._report_contested(account, memory)
            return Result(again_at=until)
        self._report(account, memory, "")
        return DONE

    def _report_contested(self, account: LinkedAccount, memory: Memory) -> None:
        self._report(account, memory, contested(f"ServiceAccount {account.name}", memory.damper.others))

    def _failed(self, account: LinkedAccount, memory: Memory, error: ApiError) -> Result:
        """Reports an answer that is about this ServiceAccount; raises the error if the API server itself fails."""
        own = isinstance(error, Internal) or error.status == _TIMED_OUT
        if isinstance(error, Unavailable) and not own:
            raise error
        # The API server applies a patch before it compares versions: a patch that was made for another version may be
        # invalid (422) instead of in conflict (409). Only a second refusal of the same version is reported.
        repeated = memory.refused_version == account.resource_version
        if isinstance(error, Invalid) and not repeated:
            memory.refused_version = account.resource_version
        else:
            self._report(account, memory, _words(account, error))
        return AGAIN

    def _report(self, account: LinkedAccount, memory: Memory, failure: str) -> None:
        if not failure:
            memory.refused_version = ""
        self._accounts.set_link_error(account, failure)


def _too_many(account: LinkedAccount) -> str:
    return (
        f"ServiceAccount {account.name} has more than {MOST_ENTRIES} entries in {account.oversized}: nothing is linked"
        " to it, nor taken out. Remove the entries that are not used"
    )


def _words(account: LinkedAccount, error: ApiError) -> str:
    if isinstance(error, Forbidden) and error.by_rbac:
        return (
            f"the operator may not change ServiceAccount {account.name}. An administrator can give it the permission,"
            " patch serviceaccounts (rbac.links in the chart); or remove link"
        )
    return f"ServiceAccount {account.name} could not be changed: {error}"
