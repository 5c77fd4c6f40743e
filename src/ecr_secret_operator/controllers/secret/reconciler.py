"""Reconciles Secrets, ArgoHelmRepoSecrets and the placements of ClusterPullSecrets.

`reconcile` is the whole story: observe, plan, apply, conclude, publish. Only the domain decides; the ports do the I/O.
"""

from __future__ import annotations

from dataclasses import replace

from ...domain.resource import Key, Resource
from ...domain.secret.decide import decide
from ...domain.secret.plan import Plan
from ...domain.status.conclude import conclude
from ...domain.status.conditions import next_status
from ...domain.status.events import Event, events, recorded, slow_event
from ...domain.status.outcome import Outcome, Status
from ...domain.status.timing import next_look, too_soon_to_tell
from ...errors import Conflict, Invalid, NotFound, Superseded
from ...reasons import Reason
from ...runtime.result import AGAIN, AWAITING_TOKEN, DONE, Result
from ..memory import Memories
from .apply import PlanApplier
from .memory import Memory
from .observe import observe
from .ports import Ports


class SecretReconciler:
    """Brings the generated Secret and the status of one resource to what they should be.

    Args:
        ports: what it reads from and writes to.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._applier = PlanApplier(ports)
        self._memories: Memories[Memory] = Memories(Memory)

    async def reconcile(self, key: Key) -> Result:
        """Reconciles one resource.

        Raises:
            Unavailable: the API server did not answer, so that nothing can be said of the resource either.
        """
        resource = self._ports.resources.get(key)
        if resource is None:
            self._memories.forget(key)
            return DONE  # Kubernetes garbage-collects the Secret of a deleted resource
        memory = self._memories.of(key, resource.uid)
        memory.drop_answered_refresh(resource)
        observed = observe(self._ports, resource, memory)
        if observed.authorization.waiting:
            return DONE  # the arrival of what it waits for enqueues the key
        plan = decide(observed, now=self._ports.clock())
        if self._awaits_token(key, plan):
            return AWAITING_TOKEN
        try:
            applied = await self._applier.apply(observed, plan, memory)
            outcome = conclude(
                observed,
                applied,
                answered=memory.hosts_refreshed(resource, applied.stored),
                link_status=self._ports.links.link_status(resource),
                now=self._ports.clock(),
            )
            memory.keep_tokens(resource, applied)
            await self._publish(resource, outcome, memory)
        except (Conflict, Superseded):
            return AGAIN
        failed = outcome.failure is not None and outcome.failure.reason is Reason.KUBERNETES_ERROR
        return Result(again_at=next_look(resource, outcome, now=self._ports.clock()), failed=failed)

    def _awaits_token(self, key: Key, plan: Plan) -> bool:
        """Leaves the key to the token source if all tokens that it needs are being fetched; returns whether it did."""
        if plan.write is None or plan.write.is_urgent:
            return False
        return self._ports.tokens.join_calls(plan.write.wants, key, low_priority=self._ports.low_priority(key))

    async def _publish(self, resource: Resource, outcome: Outcome, memory: Memory) -> None:
        """Stores the status, records the events.

        Raises:
            ApiError: the API server refused the status or did not answer.
        """
        reported = self._reported(resource, outcome, memory)
        status = self._status(resource, reported)
        new_events = self._new_events(resource, status, reported, memory)
        if status != resource.status:
            try:
                await self._ports.resources.publish(resource, status)
            except NotFound:
                return
            except Invalid as error:
                # An old API server validates the whole of a stored invalid resource, so only the event can report it.
                outcome = replace(outcome, failure=outcome.failure or error.failure)
        self._ports.observer.finished(resource, outcome, new_events)
        stored = recorded(resource, new_events)
        if stored:
            await self._ports.recorder.record(resource, stored)

    def _status(self, resource: Resource, outcome: Outcome) -> Status:
        gone = not resource.selected and outcome.failure is None
        return {} if gone else next_status(resource, outcome, now=self._ports.clock())

    def _new_events(self, resource: Resource, status: Status, outcome: Outcome, memory: Memory) -> tuple[Event, ...]:
        found = tuple(events(resource, status, outcome))
        new = memory.reported.new(resource, found, failing=outcome.failure is not None)
        if self._ports.claim_slow_report(resource.key):
            return (*new, slow_event(resource.key.namespace))
        return new

    def _reported(self, resource: Resource, outcome: Outcome, memory: Memory) -> Outcome:
        """The outcome as it is reported: without a failure that has just begun and harms no Pod so far."""
        if outcome.failure is None:
            memory.failing_since = None
            return outcome
        now = self._ports.clock()
        since = memory.failing_since = memory.failing_since or now
        return replace(outcome, failure=None) if too_soon_to_tell(resource, outcome, since, now) else outcome
