"""Reads single objects, and lists page by page."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

import msgspec

from .kinds import Kind, Place, key_of
from .messages import bad_request, expired, not_found
from .selectors import Matcher, everything, matcher
from .state import State
from .store import Stored

_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without"
    " the continue parameter, or use the continue token in this response to retrieve the remainder of the results."
    " Continuing with the provided token results in an inconsistent list - objects that were created, modified, or"
    " deleted between the time the first chunk was returned and now may show up in the list."
)


class Reader:
    """Reads what is stored."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._joined: dict[tuple[Kind, str, str, str], tuple[int, bytes]] = {}

    def get(self, place: Place) -> Stored:
        """One object. Raises Refused."""
        stored = self._state.collection(place.kind).get(place.key)
        if stored is None:
            raise not_found(place.kind.group, place.kind.plural, place.name)
        return stored

    def list(self, place: Place, query: Mapping[str, str], *, seen: int | None = None) -> bytes:
        """A page of a collection in JSON. Raises Refused.

        Args:
            place: the collection.
            query: with selectors, `limit` and `continue`.
            seen: the revision that the answering replica has reached; None for the latest. It counts for a list that
                accepts any version (`resourceVersion=0`).
        """
        kind, collection = place.kind, self._state.collection(place.kind)
        matches = matcher(query)
        stale = query.get("resourceVersion") == "0"
        revision = self._state.revision if seen is None or not stale else max(seen, collection.compacted)
        limit, token = int(query.get("limit") or 0), query.get("continue", "")
        if stale:
            limit = 0  # a list of any version comes whole from the watch cache
        if not stale:
            collection.progress = self._state.revision
        if not token and (not limit or limit > collection.size) and revision >= collection.changed:
            return self._whole(place, query, revision)
        after = ""
        if token:
            revision, after = _read_token(token)
            if revision < collection.compacted:
                raise expired(_CONTINUE_EXPIRED)
        found = [one for one in collection.at(revision, place.namespace) if one.key > after]
        only = _only_name(query)
        if only and (place.namespace or not kind.namespaced):
            found = [one for one in found if one.key == key_of(place.namespace, only)]
        page, left = _first(found, matches, limit)
        meta: dict[str, str | int] = {"resourceVersion": str(revision)}
        if kind.schema is not None:
            meta["continue"] = ""  # lists of custom resources have it always
        if left:
            meta["continue"] = _token(revision, page[-1].key)
            if matches is everything:
                meta["remainingItemCount"] = left
        return _page(kind, msgspec.json.encode(meta), b",".join(one.raw_item for one in page))

    def _whole(self, place: Place, query: Mapping[str, str], revision: int) -> bytes:
        """A list that fits into one page. What was joined before is used again while nothing has changed."""
        kind, collection = place.kind, self._state.collection(place.kind)
        key = (kind, place.namespace, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        changed, items = self._joined.get(key, (-1, b""))
        if changed != collection.changed:
            matches = matcher(query)
            items = b",".join(one.raw_item for one in collection.within(place.namespace) if matches(one.value))
            self._joined[key] = (collection.changed, items)
        more = b"" if kind.schema is None else b'"continue":"",'
        return _page(kind, b'{%s"resourceVersion":"%d"}' % (more, revision), items)


def _only_name(query: Mapping[str, str]) -> str:
    """The name of the one object that is asked for; empty for a list of several."""
    field, _, name = query.get("fieldSelector", "").partition("metadata.name=")
    return "" if field or "," in name else name


def _first(found: list[Stored], matches: Matcher, limit: int) -> tuple[list[Stored], int]:
    """The first matching objects, and how many objects come after the last of them, whether these match or not."""
    page: list[Stored] = []
    for index, one in enumerate(found):
        if matches(one.value):
            page.append(one)
            if len(page) == limit:
                return page, len(found) - index - 1
    return page, 0


def _page(kind: Kind, meta: bytes, items: bytes) -> bytes:
    head = f'{{"kind":"{kind.kind}List","apiVersion":"{kind.api_version}","metadata":'.encode()
    return head + meta + b',"items":[' + items + b"]}"


def _token(revision: int, key: str) -> str:
    return urlsafe_b64encode(msgspec.json.encode([revision, key])).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    try:
        padded = token + "=" * (-len(token) % 4)
        revision, key = msgspec.json.decode(urlsafe_b64decode(padded), type=tuple[int, str])
    except (ValueError, msgspec.MsgspecError):
        raise bad_request("continue key is not valid") from None
    return revision, key
