"""The only wiring: builds the parts, starts them in order, stops them in the reverse order."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from contextlib import AbstractAsyncContextManager

import structlog

from . import __version__
from .aws.fetch import Fetcher
from .aws.source import Fetch, TokenSource
from .controllers.cluster_secret.reconciler import ClusterSecretReconciler
from .controllers.secret.ports import Ports
from .controllers.secret.reconciler import SecretReconciler
from .controllers.service_account.reconciler import ServiceAccountReconciler
from .domain.links import ACCOUNT_KIND
from .domain.resource import Key
from .errors import OperatorError, Unavailable
from .kube.accounts import AccountTokens
from .kube.client import Client
from .kube.config import ClusterConfig, load_config
from .kube.events import EventRecorder
from .kube.leases import LeaseClient
from .kube.reviews import ApiReviews
from .observability.loop import handle_loop_error
from .observability.metrics import Metrics
from .observability.telemetry import Telemetry
from .preflight import check_cluster
from .runtime.controller import Controller
from .runtime.fairness import Fairness
from .runtime.heap import keep_trimmed
from .runtime.leader import Elector
from .runtime.machine import Machine, this_machine
from .runtime.parts import run_parts
from .runtime.queue import Queue
from .runtime.result import Result
from .serving.certificate import ServerCertificate
from .serving.guard import Guard
from .serving.servers import Server, metrics_routes, probe_routes
from .settings import LEASE_NAME, Settings
from .state.cluster import ClusterState
from .state.stores.keys import is_cluster

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

DRAIN_SECONDS = 2.5
STUCK_SECONDS = 300.0
SILENT_SECONDS = 180.0
METRICS_SERVICE = "ecr-secret-operator-metrics"
"""The Service in all forms of installation."""


class LeadershipLost(OperatorError):
    """The Lease could not be renewed: another replica may lead, so this process has to end."""


def _fair_group(key: Key) -> str:
    """What may be slow on its own: a namespace, or a cluster resource, which is in none."""
    return key.namespace or f"{key.kind}/{key.name}"


async def run(settings: Settings) -> None:
    """Runs the operator until SIGTERM or SIGINT.

    Raises:
        OperatorError: it cannot start, or leadership was lost; one sentence.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(handle_loop_error)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    config = load_config(settings.kubeconfig)
    client = Client(config.connection, user_agent=f"ecr-secret-operator/{__version__}")
    try:
        if await _checked(client, stop):
            machine = this_machine()
            fetch = Fetcher(AccountTokens(client), clock=machine.utc)
            await Operator(settings, config, client, machine=machine, fetch=fetch).run(stop)
    finally:
        await client.close()


async def _checked(client: Client, stop: asyncio.Event) -> bool:
    """Checks that the operator can start; False when it has to stop before the checks end."""
    check, stopped = asyncio.create_task(check_cluster(client)), asyncio.create_task(stop.wait())
    await asyncio.wait({check, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not check.done():
        check.cancel()
        return False
    check.result()
    return True


class Operator:
    """All parts of one operator process.

    Args:
        settings: how to run.
        config: of the cluster.
        client: the API server.
        machine: that it runs on.
        fetch: requests a token from AWS.
    """

    def __init__(
        self, settings: Settings, config: ClusterConfig, client: Client, *, machine: Machine, fetch: Fetch
    ) -> None:
        self._settings = settings
        self._config = config
        self._machine = machine
        clock = machine.utc
        self._metrics = Metrics()
        self._guard = Guard(ApiReviews(client), clock=machine.monotonic) if settings.metrics_secure else None
        telemetry = Telemetry(self._metrics)
        self._state = self._new_state(client, telemetry)
        fairness: Fairness[Key] = Fairness(
            group_of=_fair_group, at_a_time=max(1, settings.workers * 3 // 4), clock=machine.monotonic
        )
        self._queue: Queue[Key] = Queue(clock, fairness, monotonic=machine.monotonic)
        self._elector = self._candidate(client, telemetry) if settings.leader_elect else None
        recorder = EventRecorder(client, clock=clock, on_error=telemetry.event_lost)
        self._accounts = ServiceAccountReconciler(
            self._state.service_accounts, observer=telemetry, recorder=recorder, clock=clock
        )
        self._clusters = ClusterSecretReconciler(clusters=self._state.resources, recorder=recorder, clock=clock)
        self._reconciler = SecretReconciler(
            Ports(
                resources=self._state.resources,
                secrets=self._state.secrets,
                authorizer=self._state.dependencies,
                tokens=TokenSource(fetch, clock=clock, observer=telemetry, wake=self._queue.add),
                links=self._state.service_accounts,
                recorder=recorder,
                observer=telemetry,
                clock=clock,
                waiting=self._while_waiting,
                low_priority=self._queue.is_low_priority,
                claim_slow_report=fairness.claim_report,
            )
        )
        self._controller = self._new_controller(telemetry, fairness)
        self._state.on_change(self._queue.add)
        self._working = False
        self._export_state(fairness)

    def _new_state(self, client: Client, telemetry: Telemetry) -> ClusterState:
        return ClusterState(
            client,
            namespaces=self._settings.namespaces,
            observer=telemetry,
            own_namespace=self._config.namespace,
            policy_required=self._settings.require_access_policy,
            most_identity_watches=self._settings.max_identity_watches,
            check_lead=self._check_lead,
        )

    def _new_controller(self, telemetry: Telemetry, fairness: Fairness[Key]) -> Controller[Key]:
        return Controller(
            queue=self._queue,
            reconcile=self._reconcile,
            observer=telemetry,
            workers=self._settings.workers,
            clock=self._machine.utc,
            fairness=fairness,
            monotonic=self._machine.monotonic,
        )

    def _export_state(self, fairness: Fairness[Key]) -> None:
        """Lets each scrape of the metrics read the state of the process."""
        if self._settings.metrics_per_resource:
            self._metrics.watch_resources(self._state.states)
        self._metrics.watch_slow_namespaces(lambda: (str(group) for group in fairness.slow_groups()))
        self._metrics.queue_depth.set_function(lambda: len(self._queue))
        self._metrics.tasks.set_function(lambda: len(asyncio.all_tasks()))
        watches = self._state.dependencies.identity_watches
        self._metrics.identity_watches.set_function(lambda: watches.running)
        self._metrics.identity_watches_waiting.set_function(lambda: watches.waiting)
        self._metrics.leader.set_function(lambda: float(self._leading))
        self._metrics.ready.set_function(lambda: float(self._ready() is None))
        self._metrics.watch_silence.set_function(lambda: self._state.informers.silence(self._machine.monotonic()))

    def _candidate(self, client: Client, telemetry: Telemetry) -> Elector:
        place = self._settings.leader_election_namespace or self._config.namespace
        lease = LeaseClient(client, namespace=place, name=LEASE_NAME)
        machine = self._machine
        return Elector(
            lease,
            identity=machine.identity,
            clock=machine.utc,
            monotonic=machine.since_boot,
            on_failure=telemetry.lease_failed,
        )

    def _check_lead(self) -> None:
        if self._elector and not self._elector.holds():
            raise Unavailable("nothing is written any more: the Lease has not been renewed in time")

    async def _reconcile(self, key: Key) -> Result:
        """Hands a key to whom it concerns: one queue, so that no two work on the same."""
        if key.kind == ACCOUNT_KIND:
            return await self._accounts.reconcile(key)
        if is_cluster(key):
            return await self._clusters.reconcile(key)
        return await self._reconciler.reconcile(key)

    def _while_waiting(self, key: Key) -> AbstractAsyncContextManager[None]:
        return self._controller.waiting(key)

    @property
    def _leading(self) -> bool:
        return self._elector.leading if self._elector else self._working

    async def run(self, stop: asyncio.Event) -> None:
        """Starts everything, works until `stop` is set, stops everything. Raises OperatorError."""
        servers = self._servers()
        try:
            for server in servers:
                await server.start()
            await self._work_until(stop)
        finally:
            for server in servers:
                await server.stop()
        log.info("stopped")

    def _servers(self) -> list[Server]:
        probes, metrics = self._settings.probe_address, self._settings.metrics_address
        servers = []
        if metrics and metrics == probes:
            merged = {
                **metrics_routes(self._metrics, self._guard),
                **probe_routes(alive=self._alive, ready=self._ready),
            }
            return [Server(metrics, merged)]
        if metrics:
            servers.append(Server(metrics, metrics_routes(self._metrics, self._guard), self._tls()))
        if probes:
            servers.append(Server(probes, probe_routes(alive=self._alive, ready=self._ready)))
        return servers

    def _tls(self) -> ssl.SSLContext | None:
        """For the metrics server: the given certificate, or its own where tokens are sent, or none."""
        if self._settings.metrics_certificate:
            return ServerCertificate(self._settings.metrics_certificate).context()
        if self._settings.metrics_secure:
            # Its library takes 8 MiB of memory, which only this form of metrics needs.
            from .serving.self_signed import SelfSignedCertificate  # noqa: PLC0415

            service = f"{METRICS_SERVICE}.{self._config.namespace}.svc"
            return SelfSignedCertificate([service, "localhost"], clock=self._machine.utc).context()
        return None

    async def _work_until(self, stop: asyncio.Event) -> None:
        log.info("started", version=__version__, namespaces=self._settings.namespaces or "all", pid=os.getpid())
        if self._settings.namespaces:
            log.info("confined to some namespaces: cluster resources are left to an operator that watches all")
        try:
            parts = {
                "watch": self._state.watch(),
                "lead": self._lead(),
                "give memory back": keep_trimmed(self._machine.trim),
            }
            await run_parts(parts, stop, before_end=self._drain)
        finally:
            if self._elector:
                await self._elector.release()

    async def _drain(self) -> None:
        log.info("stopping")
        await self._controller.drain(DRAIN_SECONDS)

    async def _lead(self) -> None:
        await self._state.informers.synced()
        log.info("caches synced")
        if self._elector is None:
            self._working = True
            await self._controller.run()
            return
        await self._elector.acquire()
        log.info("leading")
        await run_parts({"controller": self._controller.run(), "keep the lease": self._keep_lease(self._elector)})

    async def _keep_lease(self, elector: Elector) -> None:
        await elector.keep()
        raise LeadershipLost("leadership was lost: the Lease could not be renewed in time, or another replica took it")

    def _alive(self) -> str | None:
        working = self._working or (self._elector is not None and self._elector.leading)
        if working and self._controller.stuck_for() > STUCK_SECONDS:
            return "no progress: a reconcile, or the queue's timer, is stuck"
        return None

    def _ready(self) -> str | None:
        return self._state.informers.trouble(asyncio.get_running_loop().time(), SILENT_SECONDS)
