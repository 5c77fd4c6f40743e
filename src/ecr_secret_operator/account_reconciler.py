"""Brings a ServiceAccount to what all resources together want it to be linked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .domain.errors import ApiError, Conflict, NotFound, Unavailable
from .domain.links import relink
from .domain.outcome import AGAIN, DONE, Result

if TYPE_CHECKING:
    from .domain.ports import Accounts
    from .domain.resource import Key


class AccountReconciler:
    """Links and unlinks.

    Args:
        accounts: the ServiceAccounts, and what is wanted of them.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def reconcile(self, key: Key) -> Result:
        """Reconciles one ServiceAccount.

        Raises:
            ApiError: the API server did not answer.
        """
        account = self._accounts.account(key)
        if account is None or account.deleting:
            return DONE
        wishes = self._accounts.wishes(account)
        if wishes is None:
            return AGAIN
        operations = relink(account, wishes)
        if not operations:
            self._accounts.say(account, "")
            return DONE
        try:
            await self._accounts.change(account, operations)
        except (Conflict, NotFound):
            return AGAIN  # somebody else changed it: what they wrote is looked at first
        except Unavailable:
            raise
        except ApiError as error:
            self._accounts.say(account, f"ServiceAccount {account.name} could not be changed: {error}")
            return AGAIN
        self._accounts.say(account, "")
        return DONE
