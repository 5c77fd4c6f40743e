"""Brings a ServiceAccount to what all resources together want it to be linked to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from .domain.errors import ApiError, Conflict, Internal, Invalid, NotFound, Unavailable
from .domain.links import relink, unwanted
from .domain.outcome import AGAIN, DONE, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .domain.links import LinkedAccount
    from .domain.ports import Accounts, Clock, LinkJournal, Recorder
    from .domain.removal import Unlinked
    from .domain.resource import Key

FREE_CHANGES, CHANGES_A_STEP = 10, 5
"""So many changes are made as soon as they are wanted; then they have to wait, and twice as long after so many more."""

LONGEST_PAUSE = timedelta(seconds=30)
CALM = timedelta(seconds=60)
"""A ServiceAccount that needed no change for this long begins anew."""

_TIMED_OUT = 504


class _Changes(NamedTuple):
    """When a ServiceAccount was last changed, and how many times without a calm between."""

    last: datetime
    times: int

    @property
    def again_at(self) -> datetime:
        """When the next one may be."""
        if self.times < FREE_CHANGES:
            return self.last
        steps = (self.times - FREE_CHANGES) // CHANGES_A_STEP
        return self.last + min(timedelta(seconds=2 ** min(steps, 10)), LONGEST_PAUSE)


class AccountReconciler:
    """Links and unlinks.

    Somebody may take out whatever the operator puts in, as a tool does that knows better. Then each gives in a little:
    the link comes back, but more and more seldom.

    Args:
        accounts: the ServiceAccounts, and what is wanted of them.
        journal: told of what it is worth to tell.
        recorder: stores events about ServiceAccounts.
        clock: gives the time in UTC.
    """

    def __init__(self, accounts: Accounts, *, journal: LinkJournal, recorder: Recorder, clock: Clock) -> None:
        self._accounts = accounts
        self._journal = journal
        self._recorder = recorder
        self._clock = clock
        self._refused: dict[Key, str] = {}
        self._changes: dict[Key, _Changes] = {}

    async def reconcile(self, key: Key) -> Result:
        """Reconciles one ServiceAccount.

        Raises:
            ApiError: the API server did not answer.
        """
        account = self._accounts.account(key)
        if account is None:
            self._refused.pop(key, None)
            self._changes.pop(key, None)
            return DONE
        wishes = self._accounts.wishes(account)
        if wishes is None:
            return AGAIN
        operations = relink(account, wishes)
        if not operations:
            self._say(account, "")
            return DONE
        out = [self._accounts.unlinked(account, ref) for ref in sorted(unwanted(account, wishes)) if account.has(ref)]
        return await self._change(account, operations, out)

    async def _change(
        self, account: LinkedAccount, operations: Sequence[Mapping[str, Any]], out: Sequence[Unlinked]
    ) -> Result:
        now, changes = self._clock(), self._changes.get(account.key)
        if changes and changes.last <= now < changes.again_at:
            return Result(again_at=changes.again_at)
        try:
            await self._accounts.change(account, operations)
        except (Conflict, NotFound):
            return AGAIN  # somebody else changed it: what they wrote is looked at first
        except ApiError as error:
            return self._failed(account, error)
        self._count(account.key, now)
        self._say(account, "")
        for one in out:
            self._journal.removed(account.key, one.event, one.cause)
        await self._recorder.record(account, [one.event for one in out])
        return DONE

    def _failed(self, account: LinkedAccount, error: ApiError) -> Result:
        """An answer that is about this ServiceAccount is told; else the API server has trouble of its own."""
        own = isinstance(error, Internal) or error.status == _TIMED_OUT
        if isinstance(error, Unavailable) and not own:
            raise error
        if not self._may_have_changed(account, error):
            self._say(account, f"ServiceAccount {account.name} could not be changed: {error}")
        return AGAIN

    def _count(self, key: Key, now: datetime) -> None:
        before = self._changes.get(key)
        times = before.times + 1 if before and now - before.last < CALM else 1
        self._changes[key] = _Changes(now, times)
        if times == FREE_CHANGES:
            self._journal.changed_often(key, times)

    def _say(self, account: LinkedAccount, failure: str) -> None:
        if not failure:
            self._refused.pop(account.key, None)
        self._accounts.say(account, failure)

    def _may_have_changed(self, account: LinkedAccount, error: ApiError) -> bool:
        """Whether the patch may only have been refused since it was made for another version.

        The API server applies it before it compares versions: what does not fit the stored one is invalid (422), and
        no conflict. When the same version is refused again, it is.
        """
        if not isinstance(error, Invalid) or self._refused.get(account.key) == account.resource_version:
            return False
        self._refused[account.key] = account.resource_version
        return True
