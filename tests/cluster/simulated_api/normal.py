"""Answers without what may differ between two API servers: uids, versions, times, and the order of errors."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from .targets import Answer

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_META_TIMES = ("creationTimestamp", "deletionTimestamp")


class Names:
    """Gives uids and versions names in the order in which they are seen first."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, kind: str, value: str) -> str:
        """The name of a uid or version."""
        return self._known.setdefault(value, f"{kind}-{sum(one.startswith(kind) for one in self._known.values())}")

    def in_text(self, text: str, *, versions: bool) -> str:
        """A text with names instead of uids, and of the versions that were seen."""
        text = _UID.sub(lambda match: self.of("uid", match[0]), text)
        return text if not versions else re.sub(r"\b\d+\b", lambda match: self._known.get(match[0], match[0]), text)


def normal(answer: Answer, names: Names) -> Any:
    """An answer that can be compared."""
    body = answer.body
    if not isinstance(body, dict):
        return answer.status, body
    if body.get("kind") == "Status":
        return answer.status, normal_status(body, names)
    if isinstance(body.get("items"), list):
        meta = {key: value for key, value in body["metadata"].items() if key != "resourceVersion"}
        if meta.get("continue"):
            meta["continue"] = "more"
        return answer.status, {**body, "metadata": meta, "items": [normal_object(one, names) for one in body["items"]]}
    return answer.status, normal_object(body, names)


def normal_status(body: dict[str, Any], names: Names) -> Any:
    """What of a Status is compared: everything, with the errors in a fixed order."""
    details = body.get("details") or {}
    if any(one.get("field") == "patch" for one in details.get("causes") or ()):
        return body.get("reason"), body.get("code"), "the patch gives no readable object"
    causes = {
        tuple(sorted((key, names.in_text(str(value), versions=False)) for key, value in one.items()))
        for one in details.get("causes") or ()
    }
    message = names.in_text(body.get("message", ""), versions=body.get("code") == HTTPStatus.CONFLICT)
    head, bracket, _ = message.partition("[")
    if bracket and len(causes) > 1:
        message = head + " + ".join(sorted(dict(one)["message"] for one in causes))
    rest = {key: value for key, value in details.items() if key != "causes"}
    if "uid" in rest:
        rest["uid"] = names.in_text(rest["uid"], versions=False)
    return {
        "status": body.get("status"),
        "reason": body.get("reason"),
        "code": body.get("code"),
        "message": message,
        "details": rest,
        "causes": sorted(causes),
    }


def normal_object(found: dict[str, Any], names: Names) -> Any:
    """An object without what differs from run to run."""
    meta = dict(found.get("metadata") or {})
    for field in _META_TIMES:
        if meta.get(field):
            meta[field] = "time"
    if "resourceVersion" in meta:
        meta["resourceVersion"] = names.of("version", meta["resourceVersion"])
    if "uid" in meta:
        meta["uid"] = names.of("uid", meta["uid"])
    meta["ownerReferences"] = [{**one, "uid": names.of("uid", one["uid"])} for one in meta.get("ownerReferences") or ()]
    meta["managedFields"] = sorted(
        (one["manager"], one["operation"], one.get("subresource", "")) for one in meta.get("managedFields") or ()
    )
    return _without_token({**found, "metadata": meta}, names)


def _without_token(found: dict[str, Any], names: Names) -> dict[str, Any]:
    """A TokenRequest or TokenReview without what is random in it."""
    for part in ("spec", "status"):
        if isinstance(found.get(part), dict) and "token" in found[part]:
            found = {**found, part: {**found[part], "token": "token", "expirationTimestamp": "time"}}
    if found.get("kind") in {"TokenRequest", "TokenReview"}:
        del found["metadata"]["managedFields"]
    if found.get("kind") == "SelfSubjectAccessReview":
        return {"allowed": found["status"]["allowed"]}
    user = (found.get("status") or {}).get("user") if found.get("kind") == "TokenReview" else None
    if user:
        known = {"username": user["username"], "groups": user["groups"], "uid": names.of("uid", user["uid"])}
        found = {**found, "status": {**found["status"], "user": known, "audiences": "those of the server"}}
    elif found.get("kind") == "TokenRequest" and found["spec"]["audiences"][0].startswith("https:"):
        found = {**found, "spec": {**found["spec"], "audiences": "those of the server"}}
    return found


def normal_event(event: Any, names: Names) -> Any:
    """An event of a watch that can be compared."""
    if event["type"] == "ERROR":
        return event["type"], event["object"].get("reason"), event["object"].get("code")
    return event["type"], normal_object(event["object"], names)
