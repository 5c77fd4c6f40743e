"""What the reconciler of resources is connected to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...domain.resource import Key

if TYPE_CHECKING:
    from ...domain.ports import Authorizer, Clock, Links, ReconcileObserver, Recorder, Resources, Secrets, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports of the reconciler.

    Attributes:
        resources, secrets, authorizer, tokens, links, recorder, observer, clock: see `domain.ports`.
        waiting: entered during an AWS call, so that the worker is free for other keys meanwhile.
        low_priority: returns whether a key that is being reconciled has low priority.
        claim_slow_report: returns True for one resource of a namespace in which the API server is slow, now and then.
    """

    resources: Resources
    secrets: Secrets
    authorizer: Authorizer
    tokens: Tokens
    links: Links
    recorder: Recorder
    observer: ReconcileObserver
    clock: Clock
    waiting: Callable[[Key], AbstractAsyncContextManager[None]]
    low_priority: Callable[[Key], bool]
    claim_slow_report: Callable[[Key], bool]
