"""Facts that wake keys and that no cache reports. Each is the subject of a `Change`, as an object of a cache is."""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.identity.sources import Named


@dataclass(frozen=True, slots=True)
class PoliciesChanged:
    """An AccessPolicy has changed, or the policies have been listed."""


@dataclass(frozen=True, slots=True)
class NamespacesListed:
    """The namespaces have been listed, or the API server refuses to list them."""


@dataclass(frozen=True, slots=True)
class AccountsListed:
    """The ServiceAccounts have been listed, or the API server refuses to list them."""


@dataclass(frozen=True, slots=True)
class IdentityListed:
    """What is known of the watch of an identity has changed."""

    named: Named


@dataclass(frozen=True, slots=True)
class LinkFailure:
    """Why a ServiceAccount could not be changed; no text if it could."""

    namespace: str
    name: str
    text: str
