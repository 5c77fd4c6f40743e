"""Brings a ServiceAccount to what all resources together want it to be linked to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...domain.links import MOST_ENTRIES, links_patch, unwanted
from ...errors import ApiError, Conflict, Forbidden, Internal, Invalid, NotFound, Unavailable
from ...runtime.damping import Damper, contested
from ...runtime.result import AGAIN, DONE, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...domain.links import LinkedAccount, Ref
    from ...domain.ports import Clock, LinkObserver, Recorder, ServiceAccounts
    from ...domain.resource import Key
    from ...domain.secret.removal import Unlinked

_TIMED_OUT = 504


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
        self._refused: dict[Key, str] = {}
        self._damper: Damper[Key] = Damper()
        self._put: dict[Key, frozenset[Ref]] = {}

    async def reconcile(self, key: Key) -> Result:
        """Reconciles one ServiceAccount.

        Raises:
            ApiError: the API server did not answer.
        """
        account = self._accounts.account(key)
        if account is None:
            self._refused.pop(key, None)
            self._damper.forget(key)
            self._put.pop(key, None)
            return DONE
        desired = self._accounts.desired_links(account)
        if desired is None:
            return AGAIN
        if account.oversized:
            self._say(account, _too_many(account))
            return DONE
        operations = links_patch(account, desired)
        if not operations:
            return self._settled(account)
        missing = frozenset(ref for ref, ready in desired.asked.items() if ready and not account.has(ref))
        put_before = self._put.get(key, frozenset()) & desired.asked.keys()
        again = missing <= put_before and not unwanted(account, desired)
        not_before = self._damper.damaged(key, account.uid, self._clock()) if again else None
        if again and self._damper.is_suspect(key):
            self._damper.note_others(key, await self._accounts.managers(account))
        if not_before:
            self._report_contested(account)
            return Result(again_at=not_before)
        self._put[key] = put_before | missing
        out = [self._accounts.unlinked(account, ref) for ref in sorted(unwanted(account, desired)) if account.has(ref)]
        return await self._change(account, operations, out, again=again)

    async def _change(
        self, account: LinkedAccount, operations: Sequence[Mapping[str, Any]], out: Sequence[Unlinked], *, again: bool
    ) -> Result:
        try:
            await self._accounts.change(account, operations)
        except (Conflict, NotFound):
            return AGAIN  # somebody else changed it: what they wrote is looked at first
        except ApiError as error:
            return self._failed(account, error)
        if again:
            self._damper.repaired(account.key, account.uid, self._clock())
        for one in out:
            self._observer.removed(account.key, one.event, one.cause)
        await self._recorder.record(account, [one.event for one in out])
        return self._settled(account)

    def _settled(self, account: LinkedAccount) -> Result:
        """Reports a ServiceAccount that is as wanted; one that is contested stays reported until it is quiet."""
        until = self._damper.contested_until(account.key, self._clock())
        if until:
            self._report_contested(account)
            return Result(again_at=until)
        self._say(account, "")
        return DONE

    def _report_contested(self, account: LinkedAccount) -> None:
        self._say(account, contested(f"ServiceAccount {account.name}", self._damper.others(account.key)))

    def _failed(self, account: LinkedAccount, error: ApiError) -> Result:
        """An answer that is about this ServiceAccount is told; else the API server has trouble of its own."""
        own = isinstance(error, Internal) or error.status == _TIMED_OUT
        if isinstance(error, Unavailable) and not own:
            raise error
        if not self._may_have_changed(account, error):
            self._say(account, _words(account, error))
        return AGAIN

    def _say(self, account: LinkedAccount, failure: str) -> None:
        if not failure:
            self._refused.pop(account.key, None)
        self._accounts.set_link_error(account, failure)

    def _may_have_changed(self, account: LinkedAccount, error: ApiError) -> bool:
        """Whether the patch may only have been refused since it was made for another version.

        The API server applies it before it compares versions: what does not fit the stored one is invalid (422), and
        no conflict. When the same version is refused again, it is.
        """
        if not isinstance(error, Invalid) or self._refused.get(account.key) == account.resource_version:
            return False
        self._refused[account.key] = account.resource_version
        return True


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
