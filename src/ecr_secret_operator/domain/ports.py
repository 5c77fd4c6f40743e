"""What the reconciler needs from the world. The edges implement these; the errors are those of `errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from ..errors import TokenError
    from ..reasons import Removal
    from .identity.authorization import Authorization
    from .kinds import SecretData
    from .links import DesiredLinks, LinkedAccount, LinkStatus, Ref
    from .resource import Key, Resource
    from .secret.annotations import StoredTokens
    from .secret.registries import Want
    from .secret.removal import Unlinked
    from .secret.render import Desired
    from .secret.stored import StoredSecret
    from .status.events import Event
    from .status.outcome import Outcome, Status
    from .status.placements import Placements
    from .tokens.token import Token


class Clock(Protocol):
    """Gives the time in UTC."""

    def __call__(self) -> datetime:
        """Now."""


class Resources(Protocol):
    """The custom resources."""

    def get(self, key: Key) -> Resource | None:
        """The resource as last seen; None when it is gone."""

    def rivals(self, resource: Resource) -> tuple[Resource, ...]:
        """The other resources of its namespace that name the same Secret, as last seen."""

    async def publish(self, resource: Resource, status: Status) -> None:
        """Stores a status. Raises ApiError; NotFound and Conflict when the resource is not this one any more."""


class Existing(NamedTuple):
    """A Secret read from the API server, with its data."""

    stored: StoredSecret
    data: SecretData

    def __repr__(self) -> str:
        return f"Existing({self.stored!r}, ***)"


class Secrets(Protocol):
    """The generated Secrets. Every write raises ApiError."""

    def of(self, resource: Resource) -> tuple[StoredSecret, ...]:
        """Managed Secrets, as last seen, that carry its generated name or were made for it."""

    async def read(self, namespace: str, name: str) -> Existing | None:
        """What is stored under a name right now, managed or not."""

    async def managers(self, namespace: str, name: str) -> tuple[str, ...]:
        """The field managers besides the operator that have written to a Secret. Never raises ApiError."""

    async def create(self, desired: Desired) -> StoredSecret:
        """Creates; AlreadyExists when the name is taken."""

    async def update(self, stored: StoredSecret, desired: Desired) -> StoredSecret:
        """Updates just the version that was judged; Conflict when it is no longer the stored one."""

    async def replace(self, stored: StoredSecret, desired: Desired) -> StoredSecret:
        """Deletes the version that was judged and creates its successor, where an update cannot do it.

        Nothing is deleted for a successor that would be refused.
        """

    async def delete(self, stored: StoredSecret) -> None:
        """Deletes just the version that was judged; Conflict when it is no longer the stored one."""


K_contra = TypeVar("K_contra", contravariant=True)


class Enqueue(Protocol[K_contra]):
    """Called by the parts that notice a change."""

    def __call__(self, key: K_contra, /, *, low_priority: bool = False) -> None:
        """Makes a key ready; `low_priority` if it is one of many."""


class Tokens(Protocol):
    """The token source."""

    def at_hand(self, wants: Sequence[Want]) -> list[Token] | None:
        """A cached token for each want; None when not all are cached. Makes no AWS call."""

    def join_calls(self, wants: Sequence[Want], key: Key, *, low_priority: bool) -> bool:
        """Registers a key to be enqueued when the first call ends, if all missing tokens are being fetched already.

        Args:
            wants: the tokens that are needed.
            key: of the resource that needs them.
            low_priority: whether the key is enqueued with low priority.

        Returns:
            Whether the key was registered.
        """

    async def tokens(self, wants: Sequence[Want], requester: Key) -> list[Token | TokenError]:
        """For each want, a token that does or why there is none, with the time to ask again. All at the same time.

        Args:
            wants: what is wanted.
            requester: the resource that it is for; AWS's audit log (CloudTrail) names it where a role is assumed.
        """


class Authorizer(Protocol):
    """What policies and identities allow."""

    def authorize(self, resource: Resource, stored: StoredTokens) -> Authorization:
        """What a resource may do now, and as whom; `stored` are the tokens that it has."""


class Links(Protocol):
    """What is known of the links of resources."""

    def link_status(self, resource: Resource) -> LinkStatus | None:
        """How the links of a resource stand; None when it has none."""


class ServiceAccounts(Protocol):
    """The ServiceAccounts, as far as links are concerned."""

    def account(self, key: Key) -> LinkedAccount | None:
        """A ServiceAccount as last seen; None when there is none."""

    def desired_links(self, account: LinkedAccount) -> DesiredLinks | None:
        """What resources want of it; None when not all of them have been seen."""

    async def change(self, account: LinkedAccount, operations: Sequence[Mapping[str, Any]]) -> None:
        """Patches the version that was judged. Raises ApiError; Conflict when it is no longer the stored one."""

    def unlinked(self, account: LinkedAccount, ref: Ref) -> Unlinked:
        """Why an entry that is recorded on it does not stay."""

    async def managers(self, account: LinkedAccount) -> tuple[str, ...]:
        """The field managers besides the operator that have written to it. Never raises ApiError."""

    def set_link_error(self, account: LinkedAccount, failure: str) -> None:
        """Keeps why it could not be changed, for those that link it; empty when it could."""


class LinkObserver(Protocol):
    """Receives what happens to links. Never raises."""

    def removed(self, key: Key, event: Event, cause: Removal) -> None:
        """An entry of a ServiceAccount was removed."""


class Clusters(Protocol):
    """The cluster resources."""

    def placements(self, key: Key) -> Placements | None:
        """A cluster resource and its placements; None when it is gone, or its namespaces are not listed yet."""

    async def publish(self, resource: Resource, status: Status) -> None:
        """Stores a status. Raises ApiError; NotFound and Conflict when the resource is not this one any more."""


class Recorder(Protocol):
    """Where events go. Never raises: an event that cannot be stored is not worth a failure."""

    async def record(self, about: Resource | LinkedAccount, events: Sequence[Event]) -> None:
        """Stores events about a resource or a ServiceAccount."""


class ReconcileObserver(Protocol):
    """Counts and logs what the reconciler does. Never raises."""

    def finished(self, resource: Resource, outcome: Outcome, told: Sequence[Event]) -> None:
        """One reconcile of this resource came to an end; `told` is what was new about it."""

    def removed(self, key: Key, event: Event, cause: Removal) -> None:
        """A generated Secret of a resource was removed."""
