"""From all that was found to all that takes its place, and as a YAML stream with comments."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from ..crds import to_yaml
from ..domain.environment import VariableSource, VariableSources
from ..domain.printable import one_line
from ..domain.raw import RawObject, text
from . import external_secrets, login_renew, registry_creds, upstream
from .identity import AccountsByName
from .pods import sources_for
from .translation import Hints, Translation

_WIDTH = 116


NOT_GIVEN = "is not among the files: give it too, with -f"
"""What is said of a ConfigMap or Secret that no file has."""


def sources(objects: Iterable[RawObject]) -> Iterator[VariableSource]:
    """The ConfigMaps and Secrets that known set-ups take variables from."""
    for raw in objects:
        kind = text(raw, "kind")
        if kind == "CronJob":
            yield from sources_for(raw, login_renew.IMAGE, *login_renew.POD)
        elif kind in registry_creds.KINDS:
            yield from sources_for(raw, registry_creds.IMAGE, *registry_creds.POD)


def translate(objects: Sequence[RawObject], hints: Hints, known: VariableSources | None = None) -> list[Translation]:
    """Carries over what is a known set-up, and leaves out everything else.

    Args:
        objects: that were found.
        hints: what the person knows.
        known: the ConfigMaps and Secrets that the set-ups name; None for those among the objects.
    """
    known = known or VariableSources.among(objects, missing=NOT_GIVEN)
    accounts: AccountsByName = {
        (text(raw, "metadata", "namespace") or "default", text(raw, "metadata", "name")): raw
        for raw in objects
        if text(raw, "kind") == "ServiceAccount"
    }
    generators = external_secrets.Generators.among(objects)
    found = (
        upstream.carry(raw)
        or login_renew.carry(raw, accounts, hints, known)
        or registry_creds.carry(raw, accounts, hints, known)
        or external_secrets.carry(raw, generators, accounts, hints)
        for raw in objects
        if not _owned(raw)
    )
    return [one for one in found if one]


def _owned(raw: RawObject) -> bool:
    """Whether something else made it, which is carried over itself: ExternalSecrets of a ClusterExternalSecret."""
    owners = raw.get("metadata", {}).get("ownerReferences") if isinstance(raw.get("metadata"), dict) else None
    return isinstance(owners, list) and any(text(one, "kind") == "ClusterExternalSecret" for one in owners)


def stream(carried: Sequence[Translation]) -> str:
    """The resources as YAML, with everything else as comments before them."""
    return "".join(f"{comments(one)}{to_yaml(one.documents) if one.documents else ''}\n" for one in carried)


def comments(one: Translation) -> str:
    """Where the resources come from, and what remains to do, as YAML comments."""
    lines = [f"# From {one_line(one.source)}"]
    parts = (
        ("To do first", [*one.needed, *(f"Refused as it stands: {text}" for text in one.problems())]),
        ("Not carried over", one.lost),
        ("Note", one.notes),
        ("Afterwards", one.removal),
    )
    for heading, sentences in parts:
        for sentence in sentences:
            lines.extend(_wrapped(one_line(f"{heading}: {sentence}")))
    return "\n".join(lines) + "\n"


def _wrapped(sentence: str) -> Iterator[str]:
    """A sentence as a comment. One with a command stays on one line, and names are never divided: both get copied."""
    if "kubectl" in sentence:
        yield f"#   {sentence}"
        return
    lines = textwrap.wrap(sentence, _WIDTH, break_on_hyphens=False, break_long_words=False)
    for number, line in enumerate(lines):
        yield f"#   {'  ' if number else ''}{line}"
