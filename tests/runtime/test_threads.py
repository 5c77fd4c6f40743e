"""A blocking function runs beside the event loop, and never keeps the process from ending."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator.runtime.threads import in_thread
from tests.virtual_time import settle


class Blocked:
    """A call that lasts until a test ends it, and the thread that runs it."""

    def __init__(self) -> None:
        self._gate = threading.Event()
        before = set(threading.enumerate())
        self.call = asyncio.create_task(in_thread(self._wait, name="aws"))
        self._before = before

    def _wait(self) -> str:
        assert self._gate.wait(10)
        return "a token"

    async def thread(self) -> threading.Thread:
        await asyncio.sleep(0)
        (started,) = set(threading.enumerate()) - self._before
        return started

    def end(self, thread: threading.Thread) -> None:
        self._gate.set()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def complaints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What threads raised, and the errors of callbacks."""
    found = list[str]()
    monkeypatch.setattr(threading, "excepthook", lambda args: found.append(f"{args.thread}: {args.exc_value}"))
    return found


async def test_the_loop_goes_on_meanwhile() -> None:
    blocked, turns = Blocked(), 0
    thread = await blocked.thread()
    for _ in range(20):
        await asyncio.sleep(0)
        turns += 1
    blocked.end(thread)
    assert await blocked.call == "a token"
    assert turns == 20


def _raise(error: BaseException) -> Callable[[], str]:
    def function() -> str:
        raise error

    return function


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), TokenError("no", reason=Reason.AWS_UNAVAILABLE)])
async def test_whatever_is_raised_in_the_thread_is_raised_here(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        await in_thread(_raise(error), name="aws")
    assert caught.value is error


async def test_the_thread_has_its_name_and_does_not_keep_the_process_from_ending() -> None:
    blocked = Blocked()
    thread = await blocked.thread()
    assert (thread.name, thread.daemon) == ("aws", True)
    blocked.end(thread)
    await blocked.call


@pytest.mark.parametrize("error", [None, ZeroDivisionError("a bug")])
async def test_what_comes_after_the_caller_was_cancelled_is_dropped(
    error: Exception | None, complaints: list[str]
) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context["message"]))
    gate, ended = threading.Event(), threading.Event()

    def function() -> None:
        assert gate.wait(10)
        ended.set()
        if error:
            raise error

    call = asyncio.create_task(in_thread(function, name="late"))
    await asyncio.sleep(0)
    (thread,) = (one for one in threading.enumerate() if one.name == "late")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    gate.set()
    thread.join(5)
    await settle()
    assert ended.is_set()
    assert complaints == []


def test_what_comes_after_the_loop_was_closed_is_dropped(complaints: list[str]) -> None:
    gate, threads = threading.Event(), list[threading.Thread]()

    async def begin() -> None:
        asyncio.create_task(in_thread(lambda: gate.wait(10), name="late"))  # noqa: RUF006 - the loop ends it
        await asyncio.sleep(0)
        threads.extend(one for one in threading.enumerate() if one.name == "late")

    asyncio.run(begin())
    gate.set()
    (thread,) = threads
    thread.join(5)
    assert complaints == []
