"""Credentials as tables, bars and documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import yaml
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..diagnosis.credential import Credential, State

TOKEN_LIFE = timedelta(hours=12)
"""Of an ECR token (AWS: GetAuthorizationToken). The whole of a bar."""

_CELLS = 10
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LAST = TOKEN_LIFE / 6
"""A token that is refreshed on schedule never gets so old."""

_STYLES = {
    State.READY: "green",
    State.SUSPENDED: "blue",
    State.FAILING: "yellow",
    State.OVERDUE: "yellow",
    State.PENDING: "yellow",
    State.ERROR: "bold red",
    State.EXPIRED: "bold red",
}


def in_words(left: timedelta) -> str:
    """A time left in its two greatest units: 11h 5m."""
    seconds = int(abs(left).total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (seconds % 60, "s"))
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count}{unit}" for count, unit in parts[first : first + 2])


def bar(left: timedelta | None) -> Text:
    """The time left as a bar, a token's whole life being the whole of it, and in words."""
    if left is None:
        return Text("-", style="dim")
    if left <= timedelta():
        return Text(f"{' ' * _CELLS} expired {in_words(left)} ago", style="bold red")
    eighths = max(1, min(8 * _CELLS, round(left / TOKEN_LIFE * 8 * _CELLS)))
    full, part = divmod(eighths, 8)
    drawn = ("█" * full + (_EIGHTHS[part] if part else "")).ljust(_CELLS)
    return Text.assemble((drawn, "green" if left > _LAST else "yellow"), f" {in_words(left)}")


def credentials(found: Sequence[Credential], now: datetime, *, wide: bool) -> RenderableType:
    """A table of credentials, and what is to be said of those that are not good."""
    if not found:
        return Text("No resources found.")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading in ("KIND", "NAMESPACE", "NAME", "SECRET", "REGISTRY", "IDENTITY", "EXPIRES IN", "STATE", "REASON"):
        table.add_column(heading, overflow="fold")
    for heading in ("REFRESH IN", "FREQUENCY") if wide else ():
        table.add_column(heading)
    for one in found:
        table.add_row(*_cells(one, now, wide=wide))
    told = [_told(one) for one in found if wide or not one.good]
    return Group(table, *told)


def _cells(one: Credential, now: datetime, *, wide: bool) -> list[RenderableType]:
    hosts, identities = [use.host for use in one.uses], list(dict.fromkeys(use.identity for use in one.uses))
    where = "\n".join(hosts) if wide else _first(hosts)
    who = "\n".join(use.identity for use in one.uses) if wide else _first([_short(text) for text in identities])
    place = f"{one.counts.served} of {one.counts.selected} served" if one.counts else one.key.namespace
    cells: list[RenderableType] = [
        Text(text) for text in (one.key.kind, place, one.key.name, one.secret or "-", where or "-", who)
    ]
    cells += [bar(one.left(now)), Text(one.state, style=_STYLES[one.state]), Text(one.reason or "-")]
    if wide:
        cells += [Text(in_words(one.refresh_at - now) if one.refresh_at and one.refresh_at > now else "-")]
        cells += [Text(one.frequency)]
    return cells


def _first(texts: Sequence[str]) -> str:
    return f"{texts[0]} +{len(texts) - 1}" if len(texts) > 1 else "".join(texts)


def _short(identity: str) -> str:
    """A role by its name: the ARN is for the wide table."""
    return f"role {identity.rpartition('/')[2]}" if identity.startswith("arn:") else identity


def _told(one: Credential) -> Text:
    name = f"{one.key.kind}/{one.key.name}" if one.counts else str(one.key)
    lines = [f"{name}: {one.message}"]
    lines += [f"  {trouble.namespace}: {trouble.reason}: {trouble.message}" for trouble in one.troubles]
    lines += [f"  links: {one.linked}"] if one.linked else []
    lines += [f"  policy: {one.audited}"] if one.audited else []
    return Text("\n".join(lines))


def document(found: Sequence[Credential], now: datetime) -> dict[str, Any]:
    """All of them as one document."""
    return {
        "items": [one.document(now) for one in found],
        "summary": {"total": len(found), "ready": sum(one.ready for one in found)},
    }


def written(data: Any, form: str) -> str:  # noqa: ANN401 - whatever JSON can hold
    """A document as `json` or `yaml`."""
    if form == "json":
        return json.dumps(data, indent=2, ensure_ascii=False)
    return yaml.safe_dump(data, sort_keys=False, width=120, allow_unicode=True).rstrip("\n")


def console(*, wide: bool = False) -> Console:
    """For standard output: as wide as a terminal, or as wide as it takes where there is none."""
    screen = Console(highlight=False, soft_wrap=False)
    if wide or not screen.is_terminal:
        return Console(highlight=False, width=max(screen.width, 400))
    return screen
