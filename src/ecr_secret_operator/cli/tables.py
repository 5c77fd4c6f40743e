"""Credentials as tables, bars and documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..api.registry import PUBLIC_HOST, is_registry, parse_registry
from ..doctor.credential import Credential, CredentialState
from ..domain.kinds import KINDS
from ..domain.printable import one_line
from .output import resource_name, written
from .screen import cell, open_console

TOKEN_LIFE = timedelta(hours=12)
"""Of an ECR token (AWS: GetAuthorizationToken). The whole of a bar."""

_CELLS = 6
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LAST = TOKEN_LIFE / 6
"""A token that is refreshed on schedule never gets so old."""

_STYLES = {
    CredentialState.READY: "green",
    CredentialState.SUSPENDED: "blue",
    CredentialState.FAILING: "yellow",
    CredentialState.OVERDUE: "yellow",
    CredentialState.NOT_LINKED: "yellow",
    CredentialState.PENDING: "yellow",
    CredentialState.ERROR: "bold red",
    CredentialState.EXPIRED: "bold red",
}


def in_words(left: timedelta) -> str:
    """A time left in its two greatest units: 11h 5m."""
    seconds = int(abs(left).total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (seconds % 60, "s"))
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count}{unit}" for count, unit in parts[first : first + 2])


def bar(left: timedelta | None, *, ascii_only: bool = False) -> Text:
    """The time left as a bar, of which a token's whole life is the full length, and in words."""
    if left is None:
        return Text("-", style="dim")
    if left <= timedelta():
        return Text(f"expired {in_words(left).partition(' ')[0]} ago", style="bold red")
    eighths = max(1, min(8 * _CELLS, round(left / TOKEN_LIFE * 8 * _CELLS)))
    full, part = divmod(eighths, 8)
    drawn = ("█" * full + (_EIGHTHS[part] if part else "")).ljust(_CELLS)
    if ascii_only:
        drawn = ("#" * max(1, round(eighths / 8))).ljust(_CELLS)
    return Text.assemble((drawn, "green" if left > _LAST else "yellow"), f" {in_words(left)}")


_WHOLE = 110
"""Columns of a terminal below which some of a table is left out."""
_LEFT_OUT = ("SECRET", "IDENTITY", "REASON")
_UNFOLDED = ("REGISTRY", "EXPIRES IN", "STATE", "REASON")


def credentials(
    found: Sequence[Credential], now: datetime, *, wide: bool, width: int = 400, ascii_only: bool = False
) -> RenderableType:
    """A table of credentials, and what is to be said of those that are not good.

    Args:
        found: what to show.
        now: the time.
        wide: whether to show everything.
        width: columns of the terminal.
        ascii_only: whether the output has no block characters.
    """
    if not found:
        return Text("No resources found.")
    rows = [_row(one, now, wide=wide, ascii_only=ascii_only) for one in found]
    shown = [name for name in rows[0] if wide or width >= _WHOLE or name not in _LEFT_OUT]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in shown:
        table.add_column(heading, overflow="fold", no_wrap=heading in _UNFOLDED)
    for row in rows:
        table.add_row(*(row[heading] for heading in shown))
    told = [_told(one) for one in found if wide or not one.good]
    return Group(table, *([Text()] if told else []), *told)


def _row(one: Credential, now: datetime, *, wide: bool, ascii_only: bool) -> dict[str, Text]:
    """The cells by heading. What is long and known, such as the domain of a registry, is for the wide table."""
    hosts, identities = [use.host for use in one.uses], list(dict.fromkeys(use.identity for use in one.uses))
    place = f"{one.counts.served} of {one.counts.selected} served" if one.counts else one.key.namespace
    row = {
        "NAMESPACE": cell(place),
        "RESOURCE": cell(f"{one.key.kind if wide else KINDS[one.key.kind].short_names[0]}/{one.key.name}"),
        "SECRET": cell(one.secret or "-"),
        "REGISTRY": _lines(hosts if wide else _first([_place(host) for host in hosts])),
        "IDENTITY": _lines(
            [use.identity for use in one.uses] if wide else _first([_short(text) for text in identities])
        ),
        "EXPIRES IN": bar(one.left(now), ascii_only=ascii_only),
        "STATE": Text(one.state, style=_STYLES[one.state]),
        "REASON": cell("" if one.state is CredentialState.READY and not wide else one.reason or "-"),
    }
    if wide:
        soon = in_words(one.refresh_at - now) if one.refresh_at and one.refresh_at > now else "-"
        limit = cell(one.limit or ("none" if one.expires_at else "-"))
        row |= {"REFRESH IN": Text(soon), "FREQUENCY": cell(one.frequency), "LIMIT": limit}
    return row


def _lines(texts: Sequence[str]) -> Text:
    return Text("\n").join(cell(text) for text in texts)


def _first(texts: Sequence[str]) -> Sequence[str]:
    return [f"{texts[0]} +{len(texts) - 1}"] if len(texts) > 1 else texts


def _place(registry: str) -> str:
    """A registry by its account, region and path: 123456789012 us-east-2 /charts."""
    host, slash, path = registry.partition("/")
    if not is_registry(host) or host == PUBLIC_HOST:
        return registry
    known = parse_registry(host)
    return " ".join(filter(None, (known.account, known.region, slash + path)))


def _short(identity: str) -> str:
    """As kubectl names it, and a role by its name: the whole is for the wide table."""
    if identity.startswith("arn:"):
        return f"role/{identity.rpartition('/')[2]}"
    return identity.replace("ServiceAccount ", "sa/").replace("Secret ", "secret/")


def _told(one: Credential) -> Text:
    reason = f"{one.reason}: " if one.reason and one.state is not CredentialState.READY else ""
    lines = [f"{one.key.spoken}: {reason}{one.message}"]
    lines += [f"  {trouble.namespace}: {trouble.reason}: {trouble.message}" for trouble in one.troubles]
    lines += [f"  deletion: {one.deletion}"] if one.deletion else []
    lines += [f"  links: {one.linked}"] if one.linked and one.state is not CredentialState.NOT_LINKED else []
    lines += [f"  policy: {one.audited}"] if one.audited else []
    return Text("\n".join(one_line(line) for line in lines))


def show(screen: Console, found: Sequence[Credential], now: datetime, *, wide: bool) -> RenderableType:
    """The table of credentials for a console."""
    return credentials(found, now, wide=wide, width=screen.width, ascii_only=screen.options.ascii_only)


def document(found: Sequence[Credential], now: datetime) -> dict[str, Any]:
    """All of them as one document."""
    return {
        "items": [one.document(now) for one in found],
        "summary": {"total": len(found), "ready": sum(one.ready for one in found)},
    }


def display(found: Sequence[Credential], now: datetime, form: str) -> None:
    """Prints credentials in one of `output.TABLES`."""
    if form in ("json", "yaml"):
        click.echo(written(document(found, now), form))
    elif form == "name":
        for one in found:
            click.echo(resource_name(one.key.kind, one.key.name))
    else:
        screen = console(wide=form == "wide")
        screen.print(show(screen, found, now, wide=form == "wide"))


def console(*, wide: bool = False) -> Console:
    """For standard output: as wide as a terminal, or as wide as it takes where there is none."""
    found = open_console()
    if wide or not found.is_terminal:
        return open_console(width=max(found.width, 400))
    return found
