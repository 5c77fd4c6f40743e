"""The rules that are on, and which of them hits a request or an event. Pure, in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .records import Fault, FaultRule, Handled

AT_REQUESTS = frozenset(Fault) - {Fault.LOSE}
AT_WATCH_REQUESTS = AT_REQUESTS - {Fault.TRUNCATE, Fault.REPLAY}
AT_EVENTS = frozenset({Fault.LOSE, Fault.TRUNCATE})


@dataclass(slots=True, eq=False)
class ActiveRule:
    """A rule at work. `cleared` lets go of what it holds."""

    rule: FaultRule
    pattern: re.Pattern[str] | None
    skip: int
    remaining: int | None
    cleared: bool = False

    def is_about(self, request: Handled) -> bool:
        """Whether the rule is about this request."""
        rule = self.rule
        if self.remaining == 0 or (rule.method is not None and rule.method != request.method):
            return False
        if rule.watch is not None and rule.watch != request.watch:
            return False
        return self.pattern is None or self.pattern.search(request.path) is not None

    def count(self) -> bool:
        """Counts one that it is about; whether it is hit."""
        if self.skip:
            self.skip -= 1
            return False
        if self.remaining is not None:
            self.remaining -= 1
        return True


class Rules:
    """All rules, oldest first: the first one that hits wins."""

    def __init__(self) -> None:
        self._active: list[ActiveRule] = []
        self._count = 0

    def add(self, rule: FaultRule) -> FaultRule:
        """Switches one on and gives it its number. Raises re.error for a path that is no regular expression."""
        pattern = re.compile(rule.path) if rule.path is not None else None
        self._count += 1
        numbered = replace(rule, number=self._count)
        self._active.append(ActiveRule(numbered, pattern, rule.skip, rule.times))
        return numbered

    def take(self, request: Handled) -> ActiveRule | None:
        """The rule that hits this request, counted; None when it goes well."""
        return self._first(request, AT_WATCH_REQUESTS if request.watch else AT_REQUESTS)

    def take_event(self, request: Handled) -> ActiveRule | None:
        """The rule that hits this event of a watch, counted; None when it goes well."""
        return self._first(request, AT_EVENTS)

    def _first(self, request: Handled, kinds: frozenset[Fault]) -> ActiveRule | None:
        for active in self._active:
            if active.rule.do in kinds and active.is_about(request) and active.count():
                return active
        return None

    def holds(self, request: Handled) -> bool:
        """Whether the events of this watch are held."""
        return any(active.rule.do is Fault.HOLD and active.is_about(request) for active in self._active)

    def clear(self, number: int | None = None) -> int:
        """Takes back one rule, or all; says how many."""
        matching = [active for active in self._active if number in (None, active.rule.number)]
        for active in matching:
            active.cleared = True
        self._active = [active for active in self._active if not active.cleared]
        return len(matching)

    def shown(self) -> list[FaultRule]:
        """Those that are on, with the counts that are left."""
        return [
            replace(active.rule, skip=active.skip, times=active.remaining)
            for active in self._active
            if active.remaining != 0
        ]
