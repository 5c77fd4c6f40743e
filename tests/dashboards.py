"""A Grafana dashboard, as far as tests look into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SPANS = {"$__rate_interval": "5m", "$__range": "1h"}
"""What Grafana puts into an expression, and an example of each."""


def targets(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All queries of its panels, those within collapsed rows too."""
    for panel in dashboard["panels"]:
        yield from panel.get("targets", ())
        yield from targets({"panels": panel.get("panels", ())})


def expressions(dashboard: Mapping[str, Any]) -> list[str]:
    """Their PromQL, as Prometheus gets it."""
    found = [str(target["expr"]) for target in targets(dashboard)]
    for name, span in SPANS.items():
        found = [text.replace(name, span) for text in found]
    return found
