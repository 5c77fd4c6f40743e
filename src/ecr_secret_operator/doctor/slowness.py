"""Whether the API server is slow for some namespaces, as the operator's events report."""

from __future__ import annotations

from collections.abc import Iterator

from ..domain.raw import text
from ..domain.times import parse_time
from .finding import Finding, warning
from .observed import ObservedInstallation

_REMEDY = (
    "Find the admission webhook that is slow there: kubectl get"
    " validatingwebhookconfigurations,mutatingwebhookconfigurations -o wide"
)


def check_slowness(seen: ObservedInstallation) -> Iterator[Finding]:
    """One finding for each slow namespace. Events are kept for an hour by default."""
    latest: dict[str, str] = {}
    for event in seen.slow or ():
        namespace = text(event, "related", "name") or text(event, "metadata", "namespace")
        last = text(event, "lastTimestamp")
        latest[namespace] = max(latest.get(namespace, ""), last)
    for namespace, last in sorted(latest.items()):
        moment = parse_time(last)
        ago = f", last seen {max(0, int((seen.now - moment).total_seconds() // 60))} min ago" if moment else ""
        message = f"The API server is slow for the operator's requests in this namespace{ago}"
        yield warning("namespace-slow", f"namespace {namespace}", message, _REMEDY)
