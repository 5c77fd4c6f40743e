"""No task of the operator can end unnoticed: the process stops at once, with an error that names the task."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import msgspec
import pytest

from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.tokens.token import Token
from ecr_secret_operator.errors import OperatorError
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.config import ClusterConfig
from ecr_secret_operator.kube.connection import Connection
from ecr_secret_operator.manager import Operator
from ecr_secret_operator.runtime.machine import this_machine
from ecr_secret_operator.settings import Settings

from ..scenes import GROUP
from ..wire import Wire

TASKS = {
    "watch",
    f"watch {GROUP}/secrets",
    f"watch {GROUP}/argohelmreposecrets",
    f"watch {GROUP}/clusterpullsecrets",
    "watch /api/v1/secrets",
    "watch /api/v1/serviceaccounts",
    "watch what is always watched",
    f"watch {GROUP}/accesspolicies",
    "watch namespaces while they are needed",
    "watch identities while they are needed",
    "watch ServiceAccounts while they are needed",
    "route changes of policies",
    "lead",
    "controller",
    "queue timer",
    "dequeue",
    "keep the lease",
    "give memory back",
}
"""All that run while the operator has nothing to do."""


class ApiServer(Wire):
    """Takes the PUT by which a Lease is renewed, too."""

    def put(self, path: str, found: Mapping[str, Any], reply: type[Any] | None = None) -> Any:
        stored = super().put(path, found)
        return stored if reply is None else self._answer(reply, stored)

    async def _answer(self, reply: type[Any], stored: Mapping[str, Any]) -> Any:
        return msgspec.convert(stored, reply)


async def no_aws(scope: Scope, requester: Key) -> Token:
    raise AssertionError(f"nothing asks for a token: {scope}, {requester}")


def an_operator(wire: Wire) -> Operator:
    settings = Settings(
        kubeconfig=None,
        namespaces=(),
        metrics_address=None,
        probe_address=None,
        leader_elect=True,
        leader_election_namespace=None,
        workers=2,
    )
    config = ClusterConfig(Connection("https://127.0.0.1:1"), "operators")
    return Operator(settings, config, cast("Client", wire), machine=this_machine(), fetch=no_aws)


class Process:
    """An operator that runs."""

    def __init__(self) -> None:
        self.wire = ApiServer()
        self.stop = asyncio.Event()
        self.before = asyncio.all_tasks()

    async def __aenter__(self) -> Process:
        self.running = asyncio.create_task(an_operator(self.wire).run(self.stop), name="operator")
        async with asyncio.timeout(10):
            while not self.tasks() >= {"keep the lease", "queue timer"}:  # noqa: ASYNC110 - tasks have no such event
                await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await asyncio.gather(self.running, return_exceptions=True)

    def tasks(self) -> set[str]:
        return set(self._by_name())

    def kill(self, name: str) -> None:
        self._by_name()[name].cancel()

    def _by_name(self) -> dict[str, asyncio.Task[Any]]:
        tasks = asyncio.all_tasks() - self.before - {self.running}
        return {task.get_name(): task for task in tasks if task.get_name() != "stop"}

    async def ended(self) -> None:
        async with asyncio.timeout(5):
            await self.running


async def test_each_task_is_listed_here() -> None:
    async with Process() as process:
        assert process.tasks() == TASKS


@pytest.mark.parametrize("name", sorted(TASKS))
async def test_the_end_of_a_task_ends_the_process(name: str) -> None:
    async with Process() as process:
        process.kill(name)
        with pytest.raises(OperatorError, match=f"task '{name}' ended"):
            await process.ended()
        assert process.tasks() == set(), "nothing runs on"
