"""Why a generated Secret, or a link to one, is removed, and which are removed whatever else is done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...reasons import EventReason, Reason, Removal
from ..links import LISTS, Ref
from ..resource import InvalidSpec, Key, Resource, condition_of
from ..status.events import Event
from ..status.outcome import READY
from .observed import Observed
from .plan import Plan
from .stored import StoredSecret

OF_SECRETS: Mapping[Removal, str] = {
    Removal.DESELECTED: "spec.namespaces does not select the namespace, or the namespace is being deleted",
    Removal.DENIED: "no AccessPolicy allows the resource",
    Removal.TOKEN_DENIED: "no AccessPolicy allows its token: the identity that it was obtained with, or what it may do",
    Removal.RENAMED: "spec.generated_secret_name is another name now",
    Removal.REPLACED: "it cannot be updated to what the spec asks for, and is created again",
}
"""Why a Secret is removed, in words."""
OF_LINKS: Mapping[Removal, str] = {
    Removal.DESELECTED: "{} does not select the namespace",
    Removal.DENIED: "no AccessPolicy allows {}",
    Removal.CONFLICT: "{} is in conflict over the name of the Secret",
    Removal.RENAMED: "spec.generated_secret_name of {} is another name now",
    Removal.RESOURCE_GONE: "{} is deleted",
    Removal.LINK_DROPPED: "spec.link of {} does not ask for it",
    Removal.NOT_ASKED: "no resource asks for it",
}
"""Why a link is removed, in words. {} is replaced by the resource."""
_REFUSED: Mapping[str, Removal] = {
    Reason.POLICY_DENIED: Removal.DENIED,
    Reason.SECRET_CONFLICT: Removal.CONFLICT,
}


def withdrawn(observed: Observed, plan: Plan) -> tuple[StoredSecret, ...]:
    """The Secrets with a token that policy refuses now, which nothing in the plan replaces.

    They are removed also while the resource cannot be served: else a conflict over its name, or a failure of AWS,
    would keep a token that no policy allows.
    """
    if not observed.resource.selected or observed.authorization.denied:
        return ()
    replaced = plan.write.stored if plan.write else None
    return tuple(
        secret
        for secret in observed.made
        if secret is not replaced and not secret.deleting and secret.has_token_for(observed.authorization.revoked)
    )


def why_removed(observed: Observed, secret: StoredSecret) -> Removal:
    """Why a Secret is removed that was made for the observed resource."""
    if not observed.resource.selected:
        return Removal.DESELECTED
    if observed.authorization.denied:
        return Removal.DENIED
    return Removal.TOKEN_DENIED if secret.has_token_for(observed.authorization.revoked) else Removal.RENAMED


def secret_removed(secret: StoredSecret, cause: Removal) -> Event:
    """The event that reports the removal of a Secret."""
    text = f"Secret {secret.name} was removed: {OF_SECRETS[cause]}"
    return Event(EventReason.SECRET_REMOVED, text, warning=False)


@dataclass(frozen=True, slots=True)
class Unlinked:
    """An entry of a ServiceAccount that the operator takes out.

    Attributes:
        ref: the entry.
        cause: why.
        key: of the resource that is the cause; None where no resource can be named.
    """

    ref: Ref
    cause: Removal
    key: Key | None = None

    @property
    def event(self) -> Event:
        """What reports it."""
        name = f"{self.key.kind} {self.key.name}" if self.key else ""
        text = f"Secret {self.ref.secret} was removed from {LISTS[self.ref.purpose]}: "
        return Event(EventReason.UNLINKED, text + OF_LINKS[self.cause].format(name), warning=False)


def why_unlinked(ref: Ref, naming: Iterable[Resource], owner_key: Key | None, owner: Resource | None) -> Unlinked:
    """Why an entry of a ServiceAccount is taken out.

    Args:
        ref: the entry.
        naming: the resources whose spec asks for it.
        owner_key: of the resource that its Secret was made for; None when there is no such Secret.
        owner: that resource; None when it is gone.
    """
    resource = next(iter(naming), owner)
    if resource is None:
        return Unlinked(ref, Removal.RESOURCE_GONE if owner_key else Removal.NOT_ASKED, owner_key)
    return Unlinked(ref, _of_link(ref, resource), resource.key)


def _of_link(ref: Ref, resource: Resource) -> Removal:
    if not resource.selected:
        return Removal.DESELECTED
    refused = _REFUSED.get(condition_of(resource.status, READY).get("reason", ""))
    if refused:
        return refused
    if resource.deleting:
        return Removal.RESOURCE_GONE
    if not isinstance(resource.spec, InvalidSpec) and resource.spec.generated_secret_name != ref.secret:
        return Removal.RENAMED
    return Removal.LINK_DROPPED
