"""Brings a ServiceAccount to what all resources together want it to be linked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .domain.errors import ApiError, Conflict, Internal, Invalid, NotFound, Unavailable
from .domain.links import relink
from .domain.outcome import AGAIN, DONE, Result

if TYPE_CHECKING:
    from .domain.links import LinkedAccount
    from .domain.ports import Accounts
    from .domain.resource import Key


class AccountReconciler:
    """Links and unlinks.

    Args:
        accounts: the ServiceAccounts, and what is wanted of them.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._refused: dict[Key, str] = {}

    async def reconcile(self, key: Key) -> Result:
        """Reconciles one ServiceAccount.

        Raises:
            ApiError: the API server did not answer.
        """
        account = self._accounts.account(key)
        if account is None or account.deleting:
            self._refused.pop(key, None)
            return DONE
        wishes = self._accounts.wishes(account)
        if wishes is None:
            return AGAIN
        operations = relink(account, wishes)
        if not operations:
            self._say(account, "")
            return DONE
        try:
            await self._accounts.change(account, operations)
        except (Conflict, NotFound):
            return AGAIN  # somebody else changed it: what they wrote is looked at first
        except ApiError as error:
            if isinstance(error, Unavailable) and not isinstance(error, Internal):
                raise
            if not self._may_have_changed(account, error):
                self._say(account, f"ServiceAccount {account.name} could not be changed: {error}")
            return AGAIN
        self._say(account, "")
        return DONE

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
