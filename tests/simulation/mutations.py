"""Ways to break the operator on purpose: each has to be found by the simulation (docs/testing.md, Simulation)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from ecr_secret_operator.controllers.memory import Memories
from ecr_secret_operator.controllers.secret import fetch, storage
from ecr_secret_operator.domain.identity import authorization
from ecr_secret_operator.domain.secret import registries, render
from ecr_secret_operator.domain.secret.ownership import Claim
from ecr_secret_operator.domain.secret.stored import StoredSecret
from ecr_secret_operator.kube import secrets
from ecr_secret_operator.kube.secrets import SecretWriter
from ecr_secret_operator.manager import Operator
from ecr_secret_operator.runtime.backoff import Backoff
from ecr_secret_operator.runtime.controller import Controller
from ecr_secret_operator.runtime.damping import Damper
from ecr_secret_operator.runtime.fairness import Fairness
from ecr_secret_operator.runtime.reflector import Reflector
from ecr_secret_operator.runtime.result import Result
from ecr_secret_operator.state import routes
from ecr_secret_operator.state.facts import PoliciesChanged

Replacements = tuple[AbstractContextManager[Any], ...]

_schedule = Controller._schedule  # noqa: SLF001 - a mutation is of what is inside
_patch = render.patch


async def _delete_anything(self: Any, stored: StoredSecret) -> None:
    path = f"{secrets.collection(stored.namespace)}/{stored.name}"
    found = (await self._client.get(path, dict[str, Any]))["metadata"]
    await self._client.delete(path, uid=found["uid"], resource_version=found["resourceVersion"])


def _patch_anything(stored: StoredSecret, desired: Any) -> dict[str, Any]:
    body = dict(_patch(stored, desired))
    kept = {key: value for key, value in body["metadata"].items() if key not in {"uid", "resourceVersion"}}
    return {**body, "metadata": kept}


def _schedule_no_failure(self: Any, key: Any, result: Result) -> None:
    if not result.failed:
        _schedule(self, key, result)


def _nothing(*_arguments: Any, **_named: Any) -> None:
    """Does nothing."""


def _always(*_arguments: Any, **_named: Any) -> bool:
    return True


def _never(*_arguments: Any, **_named: Any) -> bool:
    return False


def _shortest(self: Backoff, _failures: int, *, draw: float) -> float:
    del draw
    return self.floor


def mutations() -> Mapping[str, Replacements]:
    """What each mutation replaces."""
    return {
        "delete-without-precondition": (patch.object(SecretWriter, "delete", _delete_anything),),
        "update-without-precondition": (patch.object(secrets, "patch", _patch_anything),),
        "lost-requeue": (patch.object(Controller, "_schedule", _schedule_no_failure),),
        "no-back-off": (patch.object(Backoff, "delay", _shortest),),
        "no-fairness": (
            patch.object(Fairness, "has_room", _always),
            patch.object(Fairness, "mark_slow", _nothing),
            patch.object(Fairness, "is_slow", _never),
            patch.object(Controller, "_set_aside", _nothing),
        ),
        "no-lease-check": (patch.object(Operator, "_check_lead", _nothing),),
        "no-damping": (patch.object(Damper, "damaged", _nothing),),
        "dead-watch-trusted": (patch.object(Reflector.__init__, "__kwdefaults__", {"silence": 1e9, "relist": 1e9}),),
        "late-answer-stored": (patch.object(fetch, "_check_still_wanted", _nothing),),
        "policies-wake-nothing": (patch.dict(routes.TABLE, {PoliciesChanged: ()}),),
        "foreign-secret-taken": (patch.object(storage, "claim", lambda *_: Claim.OURS),),
        "memory-kept": (patch.object(Memories, "forget", _nothing),),
        "denial-waits": (patch.object(authorization, "_denied_anyway", _nothing),),
        "earlier-version-accepted": (patch.object(registries, "is_put_back", _never),),
    }


MUTATIONS = tuple(mutations())


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """Breaks the operator until the end of the block; not if the name is empty."""
    with ExitStack() as stack:
        for one in mutations()[name] if name else ():
            stack.enter_context(one)
        yield
