"""However many ask for the metrics, they are rendered at most once a second, and not on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from ecr_secret_operator.observability.metrics import Metrics, ResourceMetrics
from ecr_secret_operator.serving import exposition as module
from ecr_secret_operator.serving.exposition import Exposition
from tests.factories import NOW, a_key


class States:
    """What gives states, and notes in which threads it was asked and iterated."""

    def __init__(self) -> None:
        self.asked: list[threading.Thread] = []
        self.iterated: list[threading.Thread] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self) -> Iterator[ResourceMetrics]:
        self.asked.append(threading.current_thread())
        return self._iterate(len(self.asked))

    def _iterate(self, number: int) -> Iterator[ResourceMetrics]:
        self.iterated.append(threading.current_thread())
        self.go_on.wait(30)
        yield ResourceMetrics(a_key(name=f"pull-{number}"), NOW, ready=True)


def watched(states: States) -> Exposition:
    metrics = Metrics()
    metrics.watch_resources(states)
    return Exposition(metrics)


async def test_states_are_taken_on_the_loop_and_rendered_beside_it() -> None:
    states = States()
    text = await watched(states).text()
    assert b'name="pull-1"' in text
    assert b"ecr_secret_operator_watch_restarts_total" in text
    assert states.asked == [threading.current_thread()]
    assert states.iterated != states.asked


async def test_the_loop_goes_on_while_a_text_is_rendered_for_all_who_ask() -> None:
    states = States()
    states.go_on.clear()
    shown = watched(states)
    readers = [asyncio.create_task(shown.text()) for _ in range(20)]
    await asyncio.sleep(0.05)
    assert not any(reader.done() for reader in readers)
    readers.pop().cancel()  # one that goes away takes nothing from the others
    states.go_on.set()
    texts = await asyncio.gather(*readers)
    assert len(set(texts)) == 1
    assert len(states.asked) == 1


async def test_a_text_is_given_for_a_moment_and_then_rendered_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SECONDS", 3600.0)
    monkeypatch.setattr(module, "TIMES_AS_LONG", 1e9)
    states = States()
    shown = watched(states)
    assert await shown.text() is await shown.text()
    monkeypatch.setattr(module, "MOST_SECONDS", 0.01)
    shown = watched(states)
    await shown.text()
    while b'name="pull-2"' in await shown.text():  # noqa: ASYNC110 - it is rendered again a moment later
        await asyncio.sleep(0.01)
    assert len(states.asked) > 2


async def test_a_rendering_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SECONDS", 0.0)
    metrics = Metrics()
    metrics.watch_resources(lambda: [None])  # type: ignore[list-item]
    shown = Exposition(metrics)
    with pytest.raises(AttributeError):
        await shown.text()
    metrics.watch_resources(list)
    await asyncio.sleep(0.05)
    assert b"ecr_secret_operator" in await shown.text()
