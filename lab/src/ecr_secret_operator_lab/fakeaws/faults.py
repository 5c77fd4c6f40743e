"""The faults that are switched on, and which of them hits a call. Pure, in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .records import Call, FaultKind, FaultRule

LATE = frozenset({FaultKind.ACCESS_DENIED, FaultKind.BAD_TOKEN, FaultKind.EMPTY})
"""They need to know who is calling, so they hit after the signature was checked; the others hit before."""
EARLY = frozenset(FaultKind) - LATE
TOKENS_ONLY = frozenset({FaultKind.BAD_TOKEN, FaultKind.EMPTY})
"""They hit GetAuthorizationToken alone, whatever the rule says; clock-skew hits signed calls alone."""


@dataclass(slots=True, eq=False)
class ActiveFault:
    """A rule at work. `cleared` ends the calls that it keeps hanging."""

    rule: FaultRule
    remaining: int | None
    cleared: bool = False

    def hits(self, call: Call, *, caller_role: str) -> bool:
        """Whether the rule is about this call."""
        rule = self.rule
        if rule.kind in TOKENS_ONLY and call.action != "GetAuthorizationToken":
            return False
        if rule.kind is FaultKind.CLOCK_SKEW and not call.access_key_id:
            return False
        if rule.role_arn is not None and rule.role_arn not in {call.parameters.get("RoleArn"), caller_role}:
            return False
        filters = (
            (rule.action, call.action),
            (rule.service, call.service),
            (rule.region, call.region),
            (rule.access_key_id, call.access_key_id),
        )
        return all(wanted is None or wanted == actual for wanted, actual in filters)


class Faults:
    """All faults, oldest first: the first one that hits wins."""

    def __init__(self) -> None:
        self._active: list[ActiveFault] = []

    def add(self, rule: FaultRule) -> None:
        """Switches one on."""
        self._active.append(ActiveFault(rule, rule.times))

    def take(self, call: Call, kinds: frozenset[FaultKind], *, caller_role: str) -> ActiveFault | None:
        """The fault that hits this call, counted; None when it goes well."""
        for fault in self._active:
            if fault.remaining == 0 or fault.rule.kind not in kinds:
                continue
            if fault.hits(call, caller_role=caller_role):
                if fault.remaining is not None:
                    fault.remaining -= 1
                return fault
        return None

    def clear(self, *, kind: FaultKind | None = None, action: str | None = None) -> int:
        """Switches off those of a kind and an action (None: any); says how many were still on."""
        matching = [
            fault
            for fault in self._active
            if (kind is None or fault.rule.kind == kind) and (action is None or fault.rule.action == action)
        ]
        for fault in matching:
            fault.cleared = True
        self._active = [fault for fault in self._active if not fault.cleared]
        return sum(fault.remaining != 0 for fault in matching)

    def shown(self) -> list[FaultRule]:
        """Those that can still hit, with the count that is left."""
        return [replace(fault.rule, times=fault.remaining) for fault in self._active if fault.remaining != 0]
