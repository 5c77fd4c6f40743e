"""What containers take their variables from: ConfigMaps, and Secrets without their values."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ..domain.environment import ABSENT, CONFIG_MAP, Source, Sources
from ..domain.raw import Raw
from . import secrets
from .session import Session


async def read(session: Session, wanted: Iterable[Source]) -> Sources:
    """Looks at them. Raises ApiError."""
    ordered = sorted(set(wanted))
    found = await asyncio.gather(*(_source(session, one) for one in ordered))
    return Sources({source: raw for source, raw in zip(ordered, found, strict=True) if raw != {}}, ABSENT)


async def _source(session: Session, source: Source) -> Raw | None:
    """A ConfigMap, or the names of a Secret's entries; empty when there is none, None where one may not look."""
    if source.kind == CONFIG_MAP:
        return await session.reader.one(f"/api/v1/namespaces/{source.namespace}/configmaps/{source.name}")
    keys = await secrets.keys(session.client, source.namespace, source.name)
    if keys is None or not keys.there:
        return None if keys is None else {}
    return {"kind": source.kind, "data": dict.fromkeys(keys.names, "")}
