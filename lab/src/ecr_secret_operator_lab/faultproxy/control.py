"""The control API under `/_lab/`: JSON, checked strictly, on a port of its own.

    GET    /_lab/healthz
    POST   /_lab/reset            no rules, no records; open watches go on
    GET    /_lab/rules
    POST   /_lab/rules            a FaultRule; answered with its number in it
    DELETE /_lab/rules?number=    takes one back, or all: what they hold goes on
    GET    /_lab/requests?method=&path=&watch=&fault=&status=&after=&at_least=&timeout=
                                  waits for `at_least` requests, up to `timeout` seconds
    DELETE /_lab/requests
    GET    /_lab/watches?path=&at_least=&timeout=
    POST   /_lab/watches          {"do": "cut", "end" or "silence", "path"?}: what is open now

A bad body or query is answered with 400 and `{"error": why}`.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import TypeVar

import msgspec
from aiohttp import web

from ..controlapi import Problem, body_of, checked, query_of
from .proxy import State
from .records import Do, Fault, FaultRule, Handled, Name, NotNegative, OpenWatch

T = TypeVar("T")
KNOWN = frozenset(field.name for field in fields(FaultRule)) - {"number"}
"""What a rule may say."""


class Waiting(msgspec.Struct, forbid_unknown_fields=True):
    """How many to wait for, and for how long."""

    at_least: int = 0
    timeout: NotNegative = 30.0


class RequestQuery(Waiting):
    """Which requests to give."""

    method: Name | None = None
    path: Name | None = None
    watch: bool | None = None
    fault: Fault | None = None
    status: int | None = None
    after: int = 0


class WatchQuery(Waiting):
    """Which open watches to give."""

    path: Name | None = None


class RuleQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which rule to take back; all when there is none."""

    number: int | None = None


class WatchOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What to do to open watches, and to which."""

    do: Do
    path: Name | None = None


def routes(state: State) -> list[web.RouteDef]:
    """The routes over a state."""
    lab = Control(state)
    return [
        web.get("/_lab/healthz", checked(lab.health)),
        web.post("/_lab/reset", checked(lab.reset)),
        web.get("/_lab/rules", checked(lab.get_rules)),
        web.post("/_lab/rules", checked(lab.post_rule)),
        web.delete("/_lab/rules", checked(lab.delete_rules)),
        web.get("/_lab/requests", checked(lab.get_requests)),
        web.delete("/_lab/requests", checked(lab.delete_requests)),
        web.get("/_lab/watches", checked(lab.get_watches)),
        web.post("/_lab/watches", checked(lab.post_watches)),
    ]


class Control:
    """The handlers, each returning what is then sent as JSON."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def health(self, _: web.Request) -> object:
        """That it lives, and as which process."""
        return {"status": "ok", "pid": os.getpid()}

    async def reset(self, _: web.Request) -> object:
        """No rules, no records."""
        self._state.rules.clear()
        self._state.requests.clear()
        self._state.changed.fire()
        return {}

    async def get_rules(self, _: web.Request) -> object:
        """The rules that are on."""
        return self._state.rules.shown()

    async def post_rule(self, request: web.Request) -> object:
        """Switches a rule on."""
        given = await body_of(request, dict[str, object])
        if unknown := given.keys() - KNOWN:
            raise Problem(f"unknown detail {', '.join(sorted(unknown))}; known: {', '.join(sorted(KNOWN))}")
        rule = msgspec.convert(given, type=FaultRule)
        if rule.do is Fault.REPLAY and rule.as_of is None:
            rule = replace(rule, as_of=self._state.requests.last)
        try:
            rule = self._state.rules.add(rule)
        except re.error as error:
            raise Problem(f"path: {error}") from error
        self._state.changed.fire()
        return rule

    async def delete_rules(self, request: web.Request) -> object:
        """Takes rules back."""
        cleared = self._state.rules.clear(query_of(request, RuleQuery).number)
        self._state.changed.fire()
        return {"cleared": cleared}

    async def get_requests(self, request: web.Request) -> object:
        """The requests that match, perhaps after waiting for them."""
        query = query_of(request, RequestQuery)

        def found() -> list[Handled]:
            return self._state.requests.select(
                method=query.method,
                path=query.path,
                watch=query.watch,
                fault=query.fault,
                status=query.status,
                after=query.after,
            )

        return await self._waited(found, query)

    async def delete_requests(self, _: web.Request) -> object:
        """Forgets all requests."""
        return {"cleared": self._state.requests.clear()}

    async def get_watches(self, request: web.Request) -> object:
        """The open watches that match, perhaps after waiting for them."""
        query = query_of(request, WatchQuery)

        def found() -> list[OpenWatch]:
            return self._state.watches.shown(query.path)

        return await self._waited(found, query)

    async def post_watches(self, request: web.Request) -> object:
        """Cuts, ends or silences what is open now."""
        order = await body_of(request, WatchOrder)
        try:
            return self._state.watches.do(order.do, order.path)
        except re.error as error:
            raise Problem(f"path: {error}") from error

    async def _waited(self, found: Callable[[], Sequence[T]], query: Waiting) -> Sequence[T]:
        try:
            async with asyncio.timeout(query.timeout):
                await self._state.changed.wait_until(lambda: len(found()) >= query.at_least)
        except TimeoutError:
            pass
        except re.error as error:
            raise Problem(f"path: {error}") from error
        return found()
