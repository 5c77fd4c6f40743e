"""Prometheus metrics. Series for each resource are read from the caches at each scrape, and cost nothing otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from ..domain.resource import Key

PREFIX = "ecr_secret_operator"
EXPIRY = f"{PREFIX}_token_expiry_timestamp_seconds"
DUE = f"{PREFIX}_next_refresh_timestamp_seconds"
READY = f"{PREFIX}_resource_ready"
FAILING = f"{PREFIX}_refresh_failing"
DENIED = f"{PREFIX}_policy_denied"
UNLINKED = f"{PREFIX}_link_failing"
SLOW = f"{PREFIX}_namespace_slow"
LIMITED = f"{PREFIX}_tokens_limited"
UNLIMITED = f"{PREFIX}_tokens_unlimited"


class ResourceMetrics(NamedTuple):
    """The metrics of one resource.

    Attributes:
        expires_at: of the stored token that expires first (UTC); None when there is none.
        denied: `enforce` or `audit` while policy refuses it; else empty.
        due_at: when that token is to be replaced (UTC); None when it is not to be.
        failing: the reason, while the last attempt to replace a token has failed; else empty.
        unlinked: the reason, while not all ServiceAccounts of its links have the Secret; else empty.
        limited: whether all its stored tokens are limited.
    """

    key: Key
    expires_at: datetime | None
    ready: bool
    denied: str = ""
    due_at: datetime | None = None
    failing: str = ""
    unlinked: str = ""
    limited: bool = False


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._states: Callable[[], Iterable[ResourceMetrics]] = tuple
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._add_counts_of_work()
        self._add_state_of_process()

    def _add_counts_of_work(self) -> None:
        self.refreshes = self._counter(
            "refreshes_total",
            "Tokens written to generated Secrets, and failures to do so, by kind and result.",
            ("kind", "result"),
        )
        self.aws_requests = self._counter(
            "aws_requests_total",
            "Tokens asked of AWS, by region, identity and result. Shared: far fewer than refreshes.",
            ("region", "identity", "result"),
        )
        self.aws_seconds = self._histogram("aws_request_duration_seconds", "Time that AWS took to answer.")
        self.reconcile_seconds = self._histogram(
            "reconcile_duration_seconds", "Time that one reconcile took, by kind.", ("kind",)
        )
        self.reconciles = self._counter(
            "reconciles_total", "Reconciles by kind and result (ok, failed).", ("kind", "result")
        )
        self.watch_restarts = self._counter(
            "watch_restarts_total", "Watches that ended other than by the server's ordinary time-out."
        )

    def _add_state_of_process(self) -> None:
        self.queue_depth = self._gauge("queue_depth", "Resources that wait for a worker now.")
        self.tasks = self._gauge("tasks", "Tasks of the event loop now: steady, or one is leaked.")
        self.identity_watches = self._gauge(
            "identity_watches", "ServiceAccounts and Secrets with AWS keys that are watched now."
        )
        self.identity_watches_waiting = self._gauge(
            "identity_watches_waiting",
            "ServiceAccounts and Secrets with AWS keys that are not watched, because all watches are in use.",
        )
        self.leader = self._gauge("leader", "1 while this process leads, or runs without leader election.")
        self.ready = self._gauge("ready", "1 while what this process has seen can be relied on, as /readyz says.")
        self.watch_silence = self._gauge(
            "watch_silence_seconds",
            "Time since the API server was last heard, on the watch where that is longest ago.",
        )

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, registry=self.registry)

    def _histogram(self, name: str, text: str, labels: Sequence[str] = ()) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def watch_resources(self, states: Callable[[], Iterable[ResourceMetrics]]) -> None:
        """Adds the series that exist for each resource.

        Args:
            states: called on the event loop; gives the state of each, which is iterated in another thread.
        """
        self._states = states

    def watch_slow_namespaces(self, slow: Callable[[], Iterable[str]]) -> None:
        """Adds the series of the namespaces in which the API server is slow.

        Args:
            slow: gives their names; kind and name for a cluster resource.
        """
        self.registry.register(_PerSlowNamespace(slow))

    def snapshot(self) -> Callable[[], bytes]:
        """Takes a snapshot of all metrics, for rendering.

        Returns:
            a function that renders the snapshot in Prometheus' text format. It may run in another thread.
        """
        general, states = generate_latest(self.registry), self._states()

        def render() -> bytes:
            resources = CollectorRegistry()
            resources.register(_PerResource(states))
            return general + generate_latest(resources)

        return render


class _PerSlowNamespace(Collector):
    def __init__(self, slow: Callable[[], Iterable[str]]) -> None:
        self._slow = slow

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        found = GaugeMetricFamily(
            SLOW,
            "1 while requests to the API server for this namespace are slow, so that few are made at a time.",
            labels=("namespace",),
        )
        for namespace in self._slow():
            found.add_metric((namespace,), 1.0)
        yield found


class _PerResource(Collector):
    def __init__(self, states: Iterable[ResourceMetrics]) -> None:
        self._states = states

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        labels = ("kind", "namespace", "name")
        expiry = GaugeMetricFamily(EXPIRY, "When the stored token expires, in seconds since 1970.", labels=labels)
        due = GaugeMetricFamily(DUE, "When the stored token is to be replaced, in seconds since 1970.", labels=labels)
        ready = GaugeMetricFamily(READY, "1 while the resource is Ready.", labels=labels)
        failing = GaugeMetricFamily(
            FAILING, "1 while the last attempt to replace a token has failed.", labels=(*labels, "reason")
        )
        denied = GaugeMetricFamily(
            DENIED, "1 while policy refuses the resource, or would if it were enforced.", labels=(*labels, "mode")
        )
        unlinked = GaugeMetricFamily(
            UNLINKED, "1 while not all ServiceAccounts of spec.link have the Secret.", labels=(*labels, "reason")
        )
        counts = [0, 0]
        for state in self._states:
            if state.expires_at is not None:
                counts[state.limited] += 1
                expiry.add_metric(state.key, state.expires_at.timestamp())
            if state.due_at is not None:
                due.add_metric(state.key, state.due_at.timestamp())
            ready.add_metric(state.key, float(state.ready))
            if state.failing:
                failing.add_metric((*state.key, state.failing), 1.0)
            if state.denied:
                denied.add_metric((*state.key, state.denied), 1.0)
            if state.unlinked:
                unlinked.add_metric((*state.key, state.unlinked), 1.0)
        yield from (expiry, due, ready, failing, denied, unlinked)
        yield GaugeMetricFamily(LIMITED, "Resources with tokens, all of which are limited.", value=counts[True])
        yield GaugeMetricFamily(UNLIMITED, "Resources with a token that is not limited.", value=counts[False])
