"""Failures of several registries, reported as one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...api.model import CommonSpec
from ...reasons import NEEDS_A_PERSON, Failure

FAILURES_NAMED = 5
"""How many failing registries a condition names."""


def of_registry(host: str, failure: Failure, spec: CommonSpec) -> Failure:
    """A failure that names its registry where the spec has several registries."""
    if len(spec.hosts) == 1:
        return failure
    causes = tuple(f"{host}: {cause}" for cause in failure.causes)
    return replace(failure, message=f"{host}: {failure.message}", causes=causes)


def merge_failures(failures: Sequence[Failure]) -> Failure | None:
    """One failure with the messages of all; None for none.

    Its reason is the first that needs a person, or the first of all.
    """
    if len(failures) < 2:  # noqa: PLR2004
        return failures[0] if failures else None
    texts = tuple(dict.fromkeys(failure.message for failure in failures))
    first = next((failure for failure in failures if failure.reason in NEEDS_A_PERSON), failures[0])
    causes = dict.fromkeys(cause for failure in failures for cause in failure.causes or (failure.message,))
    more = f"; and {len(texts) - FAILURES_NAMED} more" if len(texts) > FAILURES_NAMED else ""
    return Failure(first.reason, "; ".join(texts[:FAILURES_NAMED]) + more, tuple(causes))
