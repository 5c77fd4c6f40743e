"""Who asks to read the metrics, and what must be asked about it: the port that the API server's reviews implement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .tokens.token import Sensitive


@dataclass(frozen=True, slots=True)
class User:
    """A user as the API server knows it; hashable, so that an answer about it can be remembered.

    Attributes:
        name: such as `system:serviceaccount:monitoring:prometheus`.
        uid: of the user; may be empty.
        groups: that it is in.
        extra: what its authenticator adds, which an authorizer may want to see.
    """

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


def service_account(namespace: str, name: str) -> User:
    """The user of a ServiceAccount, with the groups that the API server gives it (Kubernetes: Authenticating)."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return User(f"system:serviceaccount:{namespace}:{name}", groups=groups)


class Reviews(Protocol):
    """What only the API server knows. Each raises ApiError when it cannot be asked."""

    async def user_of(self, token: Sensitive) -> User | None:
        """Whose token it is; None when it is not valid."""

    async def may(self, user: User, *, verb: str, path: str) -> bool:
        """Whether the user may do this to a path that is no resource."""
