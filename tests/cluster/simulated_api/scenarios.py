"""Scenarios written by hand, each for a rule that matters to a controller."""

from __future__ import annotations

from .built_in import EVENTS_SCENARIOS, MANAGERS, OTHER_BUILT_IN, PAGES, TOKENS
from .custom import CUSTOM
from .secrets import SECRETS_OF_CORE
from .specs import SPECS, validation
from .steps import Step

SCENARIOS: dict[str, list[Step]] = {
    **SECRETS_OF_CORE,
    **MANAGERS,
    **OTHER_BUILT_IN,
    **TOKENS,
    **EVENTS_SCENARIOS,
    **PAGES,
    **CUSTOM,
    **{f"rules of {kind}": validation(kind) for kind in SPECS},
}
