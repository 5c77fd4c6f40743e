"""Remembers which failures of a resource events have reported, so that one that lasts is reported once. In memory.

The status alone does not show it: the message of a failure may contain text of other programs, which is different each
time, and the Go operator's definition of the kind keeps no conditions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...reasons import EventReason
from ..resource import Resource, condition_of
from .events import Event
from .outcome import LINKED, REFRESHING

MOST_REMEMBERED = 64
"""How many failures of one resource are remembered. Should there be more, the oldest may be reported again."""


class Reported:
    """What events have reported of one resource since it failed first."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Mapping[str, bool] | None = None

    def new(self, resource: Resource, events: Sequence[Event], *, failing: bool) -> tuple[Event, ...]:
        """Returns the events that report something new, and remembers them.

        Args:
            resource: as it is stored, with the status of its last attempt.
            events: of this attempt.
            failing: whether this attempt failed. When one does not, the next failure is a new one.
        """
        known = self._known
        if known is None:
            known = {one: event.warning for event in events if _in_status(resource, event) for one in event.identity}
        lasting = [event for event in events if event.warning or event.reason == EventReason.FREQUENCY_CLAMPED]
        remembered = {**known, **{one: event.warning for event in lasting for one in event.identity}}
        kept = [(one, warning) for one, warning in remembered.items() if failing or not warning]
        self._known = dict(kept[-MOST_REMEMBERED:]) if kept else None
        return tuple(event for event in events if not event.identity <= known.keys())


def _in_status(resource: Resource, event: Event) -> bool:
    """Whether the status, which may be that of an earlier process, reports this failure, be it in other words.

    Failures of links are not compared here: `link_events` compares them with the status by their reason.
    """
    stored = condition_of(resource.status, REFRESHING)
    known = (stored.get("reason"), stored.get("observedGeneration"))
    return bool(event.causes) and event.causes != (LINKED,) and known == (event.reason, resource.generation)
