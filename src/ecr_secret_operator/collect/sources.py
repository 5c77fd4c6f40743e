"""What containers take their variables from: ConfigMaps, and Secrets without their values."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ..domain.environment import ABSENT, CONFIG_MAP, VariableSource, VariableSources
from ..domain.raw import RawObject
from . import secrets
from .session import ClusterSession


async def read(session: ClusterSession, wanted: Iterable[VariableSource]) -> VariableSources:
    """Reads them. Raises ApiError."""
    ordered = sorted(set(wanted))
    found = await asyncio.gather(*(_source(session, one) for one in ordered))
    return VariableSources({source: raw for source, raw in zip(ordered, found, strict=True) if raw != {}}, ABSENT)


async def _source(session: ClusterSession, source: VariableSource) -> RawObject | None:
    """A ConfigMap, or the names of a Secret's entries; empty when there is none, None where one may not look."""
    if source.kind == CONFIG_MAP:
        return await session.reader.one(f"/api/v1/namespaces/{source.namespace}/configmaps/{source.name}")
    keys = await secrets.keys(session.client, source.namespace, source.name)
    if keys is None or not keys.there:
        return None if keys is None else {}
    return {"kind": source.kind, "data": dict.fromkeys(keys.names, "")}
