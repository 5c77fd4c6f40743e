"""From all that was found to all that takes its place, and as a YAML stream with comments."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from ..crds import to_yaml
from ..domain.printable import one_line
from ..domain.raw import Raw, text
from . import external_secrets, login_renew, registry_creds, upstream
from .carried import Carried, Hints
from .identity import Accounts

_WIDTH = 116


def translate(objects: Sequence[Raw], hints: Hints) -> list[Carried]:
    """Carries over what is a known set-up, and leaves out everything else."""
    accounts: Accounts = {
        (text(raw, "metadata", "namespace") or "default", text(raw, "metadata", "name")): raw
        for raw in objects
        if text(raw, "kind") == "ServiceAccount"
    }
    generators = external_secrets.Generators.among(objects)
    found = (
        upstream.carry(raw)
        or login_renew.carry(raw, accounts, hints)
        or registry_creds.carry(raw, accounts, hints)
        or external_secrets.carry(raw, generators, accounts, hints)
        for raw in objects
        if not _owned(raw)
    )
    return [one for one in found if one]


def _owned(raw: Raw) -> bool:
    """Whether something else made it, which is carried over itself: ExternalSecrets of a ClusterExternalSecret."""
    owners = raw.get("metadata", {}).get("ownerReferences") if isinstance(raw.get("metadata"), dict) else None
    return isinstance(owners, list) and any(text(one, "kind") == "ClusterExternalSecret" for one in owners)


def stream(carried: Sequence[Carried]) -> str:
    """The resources as YAML, with everything else as comments before them."""
    return "".join(f"{_comments(one)}{to_yaml(one.documents) if one.documents else ''}\n" for one in carried)


def _comments(one: Carried) -> str:
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
    """A sentence as a comment; one with a command stays on one line, to be copied."""
    if "kubectl" in sentence:
        yield f"#   {sentence}"
        return
    for number, line in enumerate(textwrap.wrap(sentence, _WIDTH)):
        yield f"#   {'  ' if number else ''}{line}"
