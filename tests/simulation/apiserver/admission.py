"""Admission: namespaces that terminate, hooks that mutate or deny, and quotas of Secrets and other objects.

Source: k8s.io/apiserver, pkg/admission/plugin (namespace/lifecycle, webhook, policy/validating, resourcequota).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .kinds import NAMESPACES, QUOTAS, Kind, Place
from .messages import Object, Refused, Request, forbidden, not_found
from .state import State
from .store import Stored

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})


@dataclass(frozen=True, slots=True)
class Review:
    """What a hook is asked about.

    Attributes:
        operation: CREATE, UPDATE or DELETE.
        object: as it is to be stored; None for a deletion. Not to be changed.
        old: as it is stored; None for a creation.
    """

    operation: str
    place: Place
    user: str
    object: Object | None
    old: Object | None
    dry_run: bool


class Denied(Exception):
    """Raised by a hook: the request is refused.

    Attributes:
        code: the HTTP status.
        reason: of the Status; empty for none.
    """

    def __init__(self, message: str, *, code: int = 403, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class HookFailed(Exception):
    """Raised by a hook: its webhook cannot be called. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """An admission webhook, or an admission policy.

    Attributes:
        decide: gives another object for a mutation, or None. Raises Denied or HookFailed.
        concerns: which requests it is asked about.
        seconds: how long its answer takes.
        timeout_seconds: after which the API server gives up.
        ignore: whether its failure is ignored (failurePolicy).
        mutates: whether it is asked before the object is validated, and may change it.
        policy: whether it is a ValidatingAdmissionPolicy instead of a webhook.
    """

    name: str
    decide: Callable[[Review], Object | None]
    concerns: Callable[[Review], bool] = lambda _: True
    seconds: float = 0.0
    timeout_seconds: float = 10.0
    ignore: bool = False
    mutates: bool = True
    policy: bool = False

    @property
    def waits(self) -> float:
        """How long a request waits for it."""
        return min(self.seconds, self.timeout_seconds)


class Admission:
    """Admits writes.

    Attributes:
        hooks: asked in this order.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.hooks: list[Hook] = []

    def check_namespace(self, place: Place) -> None:
        """Whether objects may be created in the namespace. Raises Refused."""
        kind, name = place.kind, place.namespace
        if not name:
            return
        found = self._state.namespace(name)
        if found is None:
            raise not_found("", "namespaces", name)
        if "deletionTimestamp" in found.value["metadata"]:
            text = f"unable to create new content in namespace {name} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {name} is being terminated",
                "field": "metadata.namespace",
            }
            raise forbidden(kind.group, kind.plural, place.name, text, causes=[cause])

    def check_deletion(self, place: Place) -> None:
        """Whether an object may be deleted. Raises Refused."""
        if place.kind is NAMESPACES and place.name in IMMORTAL:
            raise forbidden("", "namespaces", place.name, "this namespace may not be deleted")

    def seconds(self, review: Review) -> float:
        """How long the hooks take for a request."""
        return sum(hook.waits for hook in self.hooks if hook.concerns(review))

    def mutate(self, review: Review) -> Object | None:
        """The object as the mutating hooks leave it. Raises Refused."""
        for hook in self.hooks:
            if hook.mutates and not hook.policy and hook.concerns(review):
                changed = self._ask(hook, review)
                if changed is not None and review.object is not None:
                    review = replace(review, object=changed)
        return review.object

    def validate(self, review: Review) -> None:
        """Asks the hooks that come after the validation. Raises Refused."""
        for hook in self.hooks:
            if (hook.policy or not hook.mutates) and hook.concerns(review):
                self._ask(hook, review)

    def _ask(self, hook: Hook, review: Review) -> Object | None:
        try:
            return _answer(hook, review)
        except Denied as denied:
            raise _refusal(hook, review.place, denied) from None
        except HookFailed as error:
            if hook.ignore:
                return None
            text = f'Internal error occurred: failed calling webhook "{hook.name}": failed to call webhook: {error}'
            details = {"causes": [{"message": text.removeprefix("Internal error occurred: ")}]}
            raise Refused(500, "InternalError", text, details=details) from None

    def charge(self, kind: Kind, request: Request, place: Place) -> None:
        """Counts a new object against the quotas of its namespace. Raises Refused."""
        charged: list[tuple[Stored, Object]] = []
        for stored in self._state.collection(QUOTAS).within(place.namespace) if place.namespace else ():
            status = stored.value["status"]
            hard, used = status.get("hard", {}), status.get("used", {})
            names = [name for name in counted_names(kind) if name in hard]
            over = [name for name in names if int(used.get(name, 0)) + 1 > int(hard[name])]
            if over:
                text = (
                    f"exceeded quota: {stored.value['metadata']['name']}, requested: {_listed(dict.fromkeys(over, 1))},"
                    f" used: {_listed({name: used.get(name, 0) for name in over})},"
                    f" limited: {_listed({name: hard[name] for name in over})}"
                )
                raise forbidden(kind.group, kind.plural, place.name, text)
            if names:
                charged.append((stored, {**used, **{name: str(int(used.get(name, 0)) + 1) for name in names}}))
        if not request.dry_run:
            for stored, used in charged:
                self.store_usage(stored, used)

    def store_usage(self, stored: Stored, used: Object) -> None:
        """Stores what of a quota is used."""
        revision, meta = self._state.next_revision(), stored.value["metadata"]
        value = {
            **stored.value,
            "metadata": {**meta, "resourceVersion": str(revision)},
            "status": {**stored.value["status"], "used": used},
        }
        self._state.collection(QUOTAS).put(Stored(stored.key, revision, value, stored.owned, QUOTAS.type_bytes))


def _answer(hook: Hook, review: Review) -> Object | None:
    if hook.seconds > hook.timeout_seconds:
        raise HookFailed("context deadline exceeded")
    return hook.decide(review)


def counted_names(kind: Kind) -> tuple[str, ...]:
    """The names under which a quota counts objects of a kind."""
    count = f"count/{kind.plural}.{kind.group}" if kind.group else f"count/{kind.plural}"
    return (count, kind.plural) if not kind.group else (count,)


def _listed(found: Object) -> str:
    return ",".join(f"{name}={found[name]}" for name in sorted(found))


def _refusal(hook: Hook, place: Place, denied: Denied) -> Refused:
    if not hook.policy:
        return Refused(denied.code, denied.reason, f'admission webhook "{hook.name}" denied the request: {denied}')
    text = f"ValidatingAdmissionPolicy '{hook.name}' with binding '{hook.name}' denied request: {denied}"
    refusal = forbidden(place.kind.group, place.kind.plural, place.name, text, causes=[{"message": text}])
    reason = denied.reason or "Invalid"
    code = 422 if reason == "Invalid" else denied.code
    return Refused(code, reason, refusal.body["message"], details=refusal.body["details"])
