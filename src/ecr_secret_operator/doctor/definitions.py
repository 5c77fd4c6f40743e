"""Whether the custom resource definitions are there, and are those of this version."""

from __future__ import annotations

from collections.abc import Iterator

from ..api.fields import GROUP, VERSION
from ..crds import all_definitions
from ..domain.kinds import KINDS
from ..domain.raw import RawObject, mapping, mappings, text
from .finding import Finding, error, ok, unknown, warning
from .observed import ObservedInstallation, Seen

INSTALL = "ecr-secret-operator crds | kubectl apply --server-side --force-conflicts -f -"
SUBJECT = "definitions"
_NAMED = 6
"""How many fields a sentence names."""


def check_definitions(seen: ObservedInstallation) -> Iterator[Finding]:
    """Missing ones first: nothing else makes sense without them."""
    findings = [one for wanted in all_definitions() for one in _check(wanted, seen)]
    if findings:
        yield from findings
        return
    if any(found is None for found in seen.definitions.values()):
        message = "All are installed. You may not read them, so their version is unknown"
        yield unknown("definitions", SUBJECT, message)
        return
    yield ok("definitions", SUBJECT, f"All {len(seen.definitions)} are installed, in this version")


def _check(wanted: RawObject, seen: ObservedInstallation) -> Iterator[Finding]:
    name, plural = text(wanted, "metadata", "name"), text(wanted, "spec", "names", "plural")
    found = seen.definitions.get(name)
    if plural not in seen.served or (found is not None and not found):
        yield _absent(name, needed=any(kind.plural == plural and not kind.clustered for kind in KINDS.values()))
    elif found:
        yield from _compared(name, wanted, found)


def _absent(name: str, *, needed: bool) -> Finding:
    if needed:
        return error(
            "definition-missing", name, "It is not installed, and the operator cannot start without it", INSTALL
        )
    return warning("definition-missing", name, "It is not installed, so no resources of this kind are served", INSTALL)


def _compared(name: str, wanted: RawObject, found: Seen) -> Iterator[Finding]:
    established = [one for one in mappings(found, "status", "conditions") if one.get("type") == "NamesAccepted"]
    if any(one.get("status") == "False" for one in established):
        message = "The API server does not accept its names: " + text(established[0], "message")
        yield error("definition-refused", name, message, "Remove the other CRD that has these names")
        return
    mine, theirs = _version(wanted), _version(found)
    ours, stored = mapping(mine, "schema", "openAPIV3Schema"), mapping(theirs, "schema", "openAPIV3Schema")
    if lacking := list(_missing(ours, stored)):
        message = f"It is older than this version: the API server drops {_list(lacking)}"
        yield error("definition-outdated", name, message, INSTALL)
    elif unknown := list(_missing(stored, ours)):
        message = f"It is newer than this command, which does not know {_list(unknown)}"
        yield warning("definition-newer", name, message, "Use the command of the operator's own version")
    elif any(mine.get(key) != theirs.get(key) for key in ("schema", "additionalPrinterColumns", "subresources")):
        yield warning(
            "definition-differs", name, "Its rules, descriptions or columns differ from this version", INSTALL
        )


def _version(definition: Seen) -> RawObject:
    return next((one for one in mappings(definition, "spec", "versions") if one.get("name") == VERSION), {})


def _missing(wanted: RawObject, found: RawObject, path: str = "") -> Iterator[str]:
    """Paths of the fields that are wanted and not found; of a missing field, not those inside it."""
    for name, schema in mapping(wanted, "properties").items():
        place = f"{path}.{name}" if path else str(name)
        inside = mapping(found, "properties")
        if name not in inside:
            yield place
        else:
            yield from _missing(schema, inside[name], place)
    if "items" in wanted:
        yield from _missing(mapping(wanted, "items"), mapping(found, "items"), f"{path}[]")


def _list(fields: list[str]) -> str:
    more = f" and {len(fields) - _NAMED} more" if len(fields) > _NAMED else ""
    return ", ".join(fields[:_NAMED]) + more


def definition_names() -> list[str]:
    """Of all definitions."""
    return [f"{kind.plural}.{GROUP}" for kind in KINDS.values()] + [f"accesspolicies.{GROUP}"]
