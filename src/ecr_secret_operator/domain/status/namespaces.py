"""Failures of several namespaces, as one reason and one message. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ...reasons import NEEDS_A_PERSON, Failure, Reason

MESSAGES_NAMED, NAMESPACES_NAMED = 3, 3
"""How many different messages a summary has, and how many namespaces it names for each."""


def common_reason(failures: Mapping[str, Failure]) -> Reason:
    """The first reason that needs a person, in the order of the namespaces; the first of all if none does."""
    reasons = [failure.reason for _, failure in sorted(failures.items())]
    return next((reason for reason in reasons if reason in NEEDS_A_PERSON), reasons[0])


def summary(failures: Mapping[str, Failure]) -> str:
    """The messages, each with the namespaces that have it.

    Args:
        failures: by namespace.
    """
    places: defaultdict[str, list[str]] = defaultdict(list)
    for name, failure in sorted(failures.items()):
        places[failure.message].append(name)
    messages = [f"{_names(names)}: {message}" for message, names in places.items()]
    more = [f"and {len(messages) - MESSAGES_NAMED} more"] if len(messages) > MESSAGES_NAMED else []
    return "; ".join([*messages[:MESSAGES_NAMED], *more])


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMESPACES_NAMED} more" if len(names) > NAMESPACES_NAMED else ""
    return ", ".join(names[:NAMESPACES_NAMED]) + more


def counted(count: int) -> str:
    """A number of namespaces, in words."""
    return "1 namespace" if count == 1 else f"{count} namespaces"
