"""Links: a generated Secret among those that a ServiceAccount pulls with or mounts, as `oc secrets link` puts it there.

Each ServiceAccount is brought to what all resources together want of it, so that two of them cannot fight over it. An
annotation on it records what the operator put there: nothing else is ever taken out. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..api.fields import GROUP
from ..api.pull_secrets import PURPOSES, Purpose, RegistriesSpec
from .resource import InvalidSpec, Key, Resource

ACCOUNT_KIND = "ServiceAccount"
"""The kind in the key of a ServiceAccount that waits in the work queue."""

LINKS = f"{GROUP}/links"
"""Annotation of a ServiceAccount: what the operator put into its lists, such as `mount:ecr-pull pull:ecr-pull`."""

LINKED_LABEL, LINKED = f"{GROUP}/linked", "true"
LINKED_SELECTOR = f"{LINKED_LABEL}={LINKED}"
"""Label of a ServiceAccount with that annotation: by it, what was linked is found after a restart."""

LISTS: Mapping[Purpose, str] = {"pull": "imagePullSecrets", "mount": "secrets"}
"""The ServiceAccount's list for each purpose (`oc secrets link --for`)."""


MOST_ENTRIES = 1000
"""In one list of a ServiceAccount. One with more is not linked: each entry takes the operator's memory."""


class Ref(NamedTuple):
    """One entry that a ServiceAccount is to have, or has."""

    purpose: Purpose
    secret: str

    def __str__(self) -> str:
        return f"{self.purpose}:{self.secret}"


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """What counts of a ServiceAccount.

    Attributes:
        namespace, name, resource_version: of the version seen.
        lists: the names in its list for each purpose, in order; the API server keeps nothing else of an entry.
        recorded: what the operator put there.
        labels, annotations: the operator's own key if it is there, and another one if there are others.
        deleting: whether only a finalizer holds it: then links are taken out, and none is put in.
        uid: of the version seen.
        oversized: the list, or the annotation, that has too many entries to be kept; empty for none.
    """

    namespace: str
    name: str
    resource_version: str
    lists: Mapping[Purpose, tuple[str, ...]]
    recorded: frozenset[Ref]
    labels: frozenset[str]
    annotations: frozenset[str]
    deleting: bool = False
    uid: str = ""
    oversized: str = ""

    @property
    def key(self) -> Key:
        """Its key in the work queue."""
        return Key(ACCOUNT_KIND, self.namespace, self.name)

    def has(self, ref: Ref) -> bool:
        """Whether there is such an entry, made by the operator or not."""
        return ref.secret in self.lists[ref.purpose]


def read_record(annotations: Mapping[str, str] | None) -> frozenset[Ref]:
    """What an annotation records; what cannot be read in it is left out."""
    words = (annotations or {}).get(LINKS, "").split(" ")
    return frozenset(
        Ref(purpose, word.removeprefix(f"{purpose}:"))
        for word in words
        for purpose in PURPOSES
        if word.startswith(f"{purpose}:")
    )


def links_of(resource: Resource | None) -> Mapping[str, frozenset[Purpose]]:
    """The ServiceAccounts that a resource links, and for what; none when it has no spec that can be read."""
    spec = resource.spec if resource else None
    return spec.links if isinstance(spec, RegistriesSpec) else {}


def refs_of(resource: Resource, account: str) -> frozenset[Ref]:
    """The entries that a resource wants a ServiceAccount to have."""
    if isinstance(resource.spec, InvalidSpec):
        return frozenset()
    name = resource.spec.generated_secret_name
    return frozenset(Ref(purpose, name) for purpose in links_of(resource).get(account, ()))


@dataclass(frozen=True, slots=True)
class DesiredLinks:
    """What resources want of a ServiceAccount.

    Attributes:
        asked: the entries that it is to have; false for one whose Secret is not there yet.
        held: recorded entries that no resource asks for, but that have to stay.
    """

    asked: Mapping[Ref, bool]
    held: frozenset[Ref]


def unwanted(account: LinkedAccount, desired: DesiredLinks) -> frozenset[Ref]:
    """What is recorded on a ServiceAccount and does not stay."""
    return frozenset(ref for ref in account.recorded if ref not in desired.asked and ref not in desired.held)


def links_patch(account: LinkedAccount, desired: DesiredLinks) -> list[dict[str, Any]]:
    """The JSON patch (RFC 6902) that brings a ServiceAccount to what is wanted; empty when it is there.

    It adds and removes single entries, so that all others stay as they are, and names the version that was judged: the
    API server answers 409 if it is another one by now.
    """
    new = (ref for ref, ready in desired.asked.items() if ready and not account.has(ref))
    add = [] if account.deleting else sorted(new)
    remove = unwanted(account, desired)
    record = (account.recorded - remove) | set(add)
    found_again = not record or LINKED_LABEL in account.labels
    if not add and record == account.recorded and found_again:
        return []
    version = {"op": "replace", "path": "/metadata/resourceVersion", "value": account.resource_version}
    lists = [operation for purpose in PURPOSES for operation in _list(account, purpose, add, remove)]
    return [version, *lists, *_record(account, record)]


def _list(
    account: LinkedAccount, purpose: Purpose, add: Iterable[Ref], remove: Iterable[Ref]
) -> Iterable[dict[str, Any]]:
    path, entries = f"/{LISTS[purpose]}", account.lists[purpose]
    names = {ref.secret for ref in remove if ref.purpose == purpose}
    places = {name: place for place, name in enumerate(entries) if name in names}  # of several, the last
    for place in sorted(places.values(), reverse=True):
        yield {"op": "remove", "path": f"{path}/{place}"}
    new = [{"name": ref.secret} for ref in add if ref.purpose == purpose]
    if new and not entries:
        yield {"op": "add", "path": path, "value": new}
    elif new:
        yield from ({"op": "add", "path": f"{path}/-", "value": entry} for entry in new)


def _record(account: LinkedAccount, record: Iterable[Ref]) -> Iterable[dict[str, Any]]:
    text = " ".join(sorted(str(ref) for ref in record))
    yield from _metadata("labels", account.labels, LINKED_LABEL, LINKED if text else "")
    yield from _metadata("annotations", account.annotations, LINKS, text)


def _metadata(field: str, present: Collection[str], key: str, value: str) -> Iterable[dict[str, Any]]:
    path = f"/metadata/{field}"
    one = f"{path}/{key.replace('/', '~1')}"
    if not value:
        if key in present:
            yield {"op": "remove", "path": one}
    elif not present:
        yield {"op": "add", "path": path, "value": {key: value}}
    else:
        yield {"op": "add", "path": one, "value": value}


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """How the links of one resource stand.

    Attributes:
        linked: ServiceAccounts that have the Secret.
        absent: those that do not exist.
        failed: those that could not be changed, each with the sentence that says why.
        pending: whether something is to be done first.
        unseen: whether the ServiceAccounts have not been seen yet, and so nothing is known.
    """

    linked: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    pending: bool = False
    unseen: bool = False
