"""rh-mobb/ecr-secret-operator v0.6.0: the same kinds, so nothing has to be written again."""

from __future__ import annotations

from ..api.fields import GROUP
from ..domain.kinds import KINDS
from ..domain.raw import RawObject, text
from ..domain.resource import InvalidSpec, condition_of
from .translation import Translation


def carry(raw: RawObject) -> Translation | None:
    """Notes on one of its resources; None for anything else, and for what this operator serves already."""
    kind = KINDS.get(text(raw, "kind"))
    status = raw.get("status")
    if kind is None or kind.clustered or text(raw, "apiVersion").partition("/")[0] != GROUP:
        return None
    if condition_of(status if isinstance(status, dict) else {}, "Ready"):
        return None
    name = f"{kind.name} {text(raw, 'metadata', 'namespace') or 'default'}/{text(raw, 'metadata', 'name')}"
    into = Translation(f"{name} (rh-mobb/ecr-secret-operator)")
    parsed = kind.parse(raw.get("spec"))
    if isinstance(parsed, InvalidSpec):
        into.needed.append(f"Correct it: {parsed.message}")
    else:
        into.notes.append("It is served as it is, and its Secret taken over: docs/upgrade.md")
    return into
