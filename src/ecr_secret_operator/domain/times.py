"""Times as the API server writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=1024)
def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as the API server writes times."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_time(text: str | None) -> datetime | None:
    """Reads an RFC 3339 time; None when it is none."""
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
