"""The HTTP server: AWS's actions, the control API, ambient credentials. What to answer is decided elsewhere."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from aiohttp import web

from . import actions, control, faults, metadata, models, signatures
from .context import Context, Result, denied
from .errors import AwsError, Cause
from .protocol import JSON_TYPE, XML_TYPE, Answer, HttpRequest, Operation, decode, encode_error, encode_result
from .records import ABANDONED, OK, FaultKind
from .signal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .credentials import Credential
    from .records import Call
    from .state import State

LOCALHOST = "127.0.0.1"
SHUTDOWN_SECONDS = 0.2
HOUR = 3600.0
BASE64_WITHOUT_COLON = "bm90IHVzZXIgYW5kIHBhc3N3b3Jk"
GARBAGE = b"\x00\xff<html>{{{ not what you asked for"
PLAIN_FAULTS = {
    FaultKind.THROTTLING: (Cause.THROTTLING, "Rate exceeded"),
    FaultKind.INTERNAL_ERROR: (Cause.INTERNAL, "An internal error occurred."),
    FaultKind.SERVICE_UNAVAILABLE: (Cause.UNAVAILABLE, "The service is temporarily unavailable."),
}


class Endpoint:
    """Serves AWS requests.

    Args:
        state: what the fake knows.
        changed: fired after every change of the state that a client may wait for.
    """

    def __init__(self, state: State, changed: Signal) -> None:
        self._state = state
        self._changed = changed

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Answers one request and completes its record, also when the client does not wait for the answer."""
        state = self._state
        request = HttpRequest(http.method, http.raw_path, http.headers, await http.read())
        operation, signature = decode(request), signatures.claimed(request)
        call = state.calls.begin(request, operation, signature, now=state.clock())
        self._changed.fire()
        result, status, request_id = ABANDONED, 0, str(uuid.uuid4())
        try:
            if state.settings.latency_seconds:
                await asyncio.sleep(state.settings.latency_seconds)
            fault = state.faults.take(call, faults.EARLY, caller_role=self._caller_role(call))
            kind = None
            if fault is not None:
                kind = fault.rule.kind
                state.calls.mark(call.number, kind)
                self._changed.fire()
            if fault is not None and kind is FaultKind.HANG:
                await self._changed.wait_until(lambda: fault.cleared)
            answer = self._answer(request, operation, call, kind, request_id)
            result, status = answer.result, answer.status
        finally:
            state.calls.finish(call.number, result, status)
            self._changed.fire()
        return await _send(http, answer, request_id, truncated=kind is FaultKind.TRUNCATED)

    def _caller_role(self, call: Call) -> str:
        credential = self._state.credentials.find(call.access_key_id)
        return credential.role_arn if credential is not None else ""

    def _answer(
        self, request: HttpRequest, operation: Operation, call: Call, kind: FaultKind | None, request_id: str
    ) -> Answer:
        if kind is FaultKind.MALFORMED:
            return Answer(200, JSON_TYPE if operation.is_json else XML_TYPE, GARBAGE, OK)
        try:
            self._refuse(request, operation, kind)
            caller = self._authenticate(request, operation)
            return encode_result(operation, self._perform(operation, call, caller), request_id)
        except AwsError as error:
            return encode_error(operation, error, request_id)

    def _refuse(self, request: HttpRequest, operation: Operation, kind: FaultKind | None) -> None:
        if kind in PLAIN_FAULTS:
            raise AwsError(*PLAIN_FAULTS[kind])
        if kind is FaultKind.CLOCK_SKEW:
            signatures.check_date(request.headers.get("X-Amz-Date", ""), self._state.now + HOUR)
        if operation.problem is not None:
            raise operation.problem

    def _authenticate(self, request: HttpRequest, operation: Operation) -> Credential | None:
        if models.is_unsigned(operation.service, operation.action):
            return None
        state = self._state
        return signatures.verify(request, service=operation.service, known=state.credentials, now=state.now)

    def _perform(self, operation: Operation, call: Call, caller: Credential | None) -> Result:
        state = self._state
        context = Context(state, operation, call, caller)
        fault = state.faults.take(call, faults.LATE, caller_role=self._caller_role(call))
        if fault is None:
            return actions.perform(context)
        state.calls.mark(call.number, fault.rule.kind)
        if fault.rule.kind is FaultKind.ACCESS_DENIED:
            raise denied(context)
        if fault.rule.kind is FaultKind.EMPTY:
            return {"authorizationData": {} if operation.service == "ecr-public" else []}
        return _with_bad_token(actions.perform(context))


def _with_bad_token(result: Result) -> Result:
    data = result["authorizationData"]
    for one in data if isinstance(data, list) else [data]:
        if isinstance(one, dict):
            one["authorizationToken"] = BASE64_WITHOUT_COLON
    return result


async def _send(http: web.Request, answer: Answer, request_id: str, *, truncated: bool) -> web.StreamResponse:
    headers = {"Content-Type": answer.content_type, "x-amzn-RequestId": request_id}
    if not truncated:
        return web.Response(status=answer.status, body=answer.body, headers=headers)
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_length = len(answer.body)
    response.force_close()
    await response.prepare(http)
    await response.write(answer.body[: len(answer.body) // 2])
    if http.transport is not None:
        http.transport.close()
    return response


def create_app(state: State) -> web.Application:
    """The application, over a state that the caller may keep a hand on."""
    changed = Signal()
    app = web.Application()
    app.add_routes(control.routes(state, changed))
    app.add_routes(metadata.routes(state, changed))
    app.router.add_route("*", "/", Endpoint(state, changed).handle)
    return app


async def serve(
    state: State, *, port: int, ready: Callable[[str], None], stop: asyncio.Event, address: str = LOCALHOST
) -> None:
    """Serves until told to stop.

    Args:
        state: what the fake knows.
        address: that it listens at; it is among all addresses of an enclosure, or the loopback address.
        port: 0 takes a free one.
        ready: is called with the URL once the port listens.
        stop: ends the server; requests that still hang are dropped.
    """
    runner = web.AppRunner(
        create_app(state), handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port, backlog=1024).start()
        ready(f"http://{LOCALHOST}:{runner.addresses[0][1]}")
        await stop.wait()
    finally:
        await runner.cleanup()
