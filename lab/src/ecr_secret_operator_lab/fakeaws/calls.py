"""The record of calls: written when one arrives, completed when it is answered, bounded. Pure, in memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from .records import Call
from .webidentity import read_claims

if TYPE_CHECKING:
    from .protocol import HttpRequest, Operation
    from .signatures import Signature

WEB_IDENTITY_TOKEN = "WebIdentityToken"  # noqa: S105 - the parameter's name


class Calls:
    """The calls of the past, oldest first."""

    def __init__(self, *, max_records: int) -> None:
        self.max_records = max_records
        self._last = 0
        self._by_number: OrderedDict[int, Call] = OrderedDict()

    def begin(self, request: HttpRequest, operation: Operation, signature: Signature | None, *, now: float) -> Call:
        """Records an arrival."""
        self._last += 1
        parameters = dict(operation.parameters)
        web_identity = None
        if isinstance(token := parameters.get(WEB_IDENTITY_TOKEN), str):
            web_identity = read_claims(token)
            parameters[WEB_IDENTITY_TOKEN] = f"sha256:{web_identity.sha256}"
        call = Call(
            number=self._last,
            time=now,
            service=operation.service,
            action=operation.action,
            access_key_id=signature.access_key_id if signature else "",
            region=signature.region if signature else "",
            parameters=parameters,
            web_identity=web_identity,
            host=request.headers.get("Host", ""),
            user_agent=request.headers.get("User-Agent", ""),
        )
        self._by_number[call.number] = call
        while len(self._by_number) > self.max_records:
            self._by_number.popitem(last=False)
        return call

    def mark(self, number: int, fault: str) -> None:
        """Says which fault hit a call."""
        if (call := self._by_number.get(number)) is not None:
            self._by_number[number] = replace(call, fault=fault)

    def finish(self, number: int, result: str, status: int) -> None:
        """Completes a call, unless it was cleared meanwhile."""
        if (call := self._by_number.get(number)) is not None:
            self._by_number[number] = replace(call, result=result, status=status)

    def select(
        self,
        *,
        action: str | None = None,
        after: int = 0,
        result: str | None = None,
        fault: str | None = None,
    ) -> list[Call]:
        """Those with a number above `after`, and with this action, result and fault (None: any)."""
        recent = takewhile(lambda call: call.number > after, reversed(self._by_number.values()))
        found = [
            call
            for call in recent
            if (action is None or call.action == action)
            and (result is None or call.result == result)
            and (fault is None or call.fault == fault)
        ]
        return found[::-1]

    def clear(self) -> int:
        """Forgets all; says how many."""
        count = len(self._by_number)
        self._by_number.clear()
        return count
