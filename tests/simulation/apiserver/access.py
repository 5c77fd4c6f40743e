"""Authorization, the reviews that ask about it, and tokens of ServiceAccounts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .kinds import ACCOUNTS, NAMESPACES, Place, key_of
from .messages import FieldError, Object, Request, bad_request, forbidden, invalid, not_found
from .metadata import time_text
from .objects import decoded_body
from .quoting import quoted
from .state import State

ISSUER = "https://simulated.invalid:6443"
"""Of the tokens of ServiceAccounts, and their audience where none is asked for."""

_TOKEN_REQUEST = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"}
_MOST_TOKENS = 1_000
_LEAST_SECONDS, _MOST_SECONDS = 600, 1 << 32
REVIEWS = {
    "/apis/authentication.k8s.io/v1/tokenreviews": "TokenReview",
    "/apis/authorization.k8s.io/v1/subjectaccessreviews": "SubjectAccessReview",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": "SelfSubjectAccessReview",
}
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a user wants to do.

    Attributes:
        resource: plural, with the subresource if there is one, such as `secrets/status`.
        path: of a request that is about no resource; else empty.
    """

    user: str
    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """What is known of a token of a ServiceAccount."""

    user: str
    uid: str
    audiences: tuple[str, ...]
    until: datetime


Rule = Callable[[Attributes], bool]


def verb_of(request: Request, place: Place) -> str:
    """The verb of a request, as RBAC names it."""
    if request.method == "GET":
        watches = request.query.get("watch") in {"true", "1"}
        return "watch" if watches else "get" if place.name else "list"
    return _VERBS.get(request.method, request.method.lower())


class Access:
    """Authorizes requests, and answers reviews.

    Attributes:
        rules: by user; a user without a rule may do everything.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.rules: dict[str, Rule] = {}
        self._tokens: dict[str, Issued] = {}

    def allows(self, attributes: Attributes) -> bool:
        """Whether a user may do something."""
        rule = self.rules.get(attributes.user)
        return rule is None or rule(attributes)

    def check(self, request: Request, place: Place) -> None:
        """Raises Refused if the user may not do this."""
        if request.user not in self.rules:
            return
        kind = place.kind
        resource = f"{kind.plural}/{place.subresource}" if place.subresource else kind.plural
        verb = verb_of(request, place)
        namespace = place.name if kind is NAMESPACES else place.namespace
        wanted = Attributes(request.user, verb, kind.group, resource, namespace, place.name)
        if self.allows(wanted):
            return
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        text = (
            f"User {quoted(request.user)} cannot {verb} resource {quoted(resource)} in API group"
            f" {quoted(kind.group)} {where}"
        )
        raise forbidden(kind.group, kind.plural, place.name, text)

    def token(self, place: Place, request: Request, now: datetime) -> tuple[int, Object]:
        """Issues a token of a ServiceAccount (TokenRequest). Raises Refused."""
        found = self._state.collection(ACCOUNTS).get(key_of(place.namespace, place.name))
        if found is None:
            raise not_found("", "serviceaccounts", place.name)
        body = decoded_body(request)
        given = body.get("spec") or {}
        seconds, audiences = given.get("expirationSeconds", 3600), given.get("audiences") or [ISSUER]
        wrong = _seconds_error(seconds)
        if wrong:
            raise invalid("authentication.k8s.io", "TokenRequest", "", [wrong])
        user = f"system:serviceaccount:{place.namespace}:{place.name}"
        text = f"{user}:{found.uid}:{','.join(audiences)}:{now.isoformat()}:{self._state.next_suffix()}"
        token = f"simulated.{hashlib.sha256(text.encode()).hexdigest()}"
        until = now + timedelta(seconds=seconds)
        self._forget_expired(now)
        self._tokens[token] = Issued(user, found.uid, tuple(audiences), until)
        meta = {"name": place.name, "namespace": place.namespace, "uid": found.uid, "creationTimestamp": time_text(now)}
        spec = {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": None}
        status = {"token": token, "expirationTimestamp": time_text(until)}
        return 201, {**_TOKEN_REQUEST, "metadata": meta, "spec": spec, "status": status}

    def _forget_expired(self, now: datetime) -> None:
        if len(self._tokens) >= _MOST_TOKENS:
            self._tokens = {token: issued for token, issued in self._tokens.items() if issued.until > now}

    def owner_of(self, token: str, now: datetime) -> Issued | None:
        """What is known of a token; None for one that is unknown, has expired, or whose ServiceAccount is gone."""
        issued = self._tokens.get(token)
        if issued is None or issued.until <= now:
            return None
        _, _, namespace, name = issued.user.split(":")
        found = self._state.collection(ACCOUNTS).get(key_of(namespace, name))
        return issued if found is not None and found.uid == issued.uid else None

    def review(self, kind: str, request: Request, now: datetime) -> tuple[int, Object]:
        """Answers a review. Raises Refused."""
        body: Object = decoded_body(request)
        spec: Mapping[str, Any] = body.get("spec") or {}
        if kind == "TokenReview":
            status = self._token_status(spec, now)
        else:
            user = request.user if kind == "SelfSubjectAccessReview" else spec.get("user", "")
            status = {"allowed": self.allows(_attributes(user, spec))}
        version = "authentication.k8s.io/v1" if kind == "TokenReview" else "authorization.k8s.io/v1"
        return 201, {"kind": kind, "apiVersion": version, "metadata": {}, "spec": spec, "status": status}

    def _token_status(self, spec: Mapping[str, Any], now: datetime) -> Object:
        token, audiences = spec.get("token", ""), spec.get("audiences") or [ISSUER]
        if not token:
            raise bad_request("token is required for TokenReview in authentication")
        issued = self.owner_of(token, now)
        common = [one for one in audiences if issued and one in issued.audiences]
        if issued is None or not common:
            return {"user": {}, "error": "invalid bearer token"}
        namespace = issued.user.split(":")[2]
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        user = {"username": issued.user, "uid": issued.uid, "groups": groups}
        return {"authenticated": True, "user": user, "audiences": common}


def _attributes(user: str, spec: Mapping[str, Any]) -> Attributes:
    other = spec.get("nonResourceAttributes")
    if other:
        return Attributes(user, other.get("verb", ""), path=other.get("path", ""))
    wanted = spec.get("resourceAttributes") or {}
    subresource = wanted.get("subresource", "")
    resource = wanted.get("resource", "")
    return Attributes(
        user,
        wanted.get("verb", ""),
        wanted.get("group", ""),
        f"{resource}/{subresource}" if subresource else resource,
        wanted.get("namespace", ""),
        wanted.get("name", ""),
    )


def _seconds_error(seconds: int) -> FieldError | None:
    field = "spec.expirationSeconds"
    if seconds < _LEAST_SECONDS:
        text = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        return FieldError("FieldValueInvalid", field, text)
    if seconds > _MOST_SECONDS:
        text = f"Invalid value: {seconds}: may not specify a duration larger than 2^32 seconds"
        return FieldError("FieldValueInvalid", field, text)
    return None
