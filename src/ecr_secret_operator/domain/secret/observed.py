"""What a decision about one resource is based on."""

from __future__ import annotations

from dataclasses import dataclass

from ...api.model import CommonSpec
from ..identity.authorization import Authorization
from ..resource import Resource
from .annotations import StoredToken, StoredTokens
from .stored import StoredSecret


@dataclass(frozen=True, slots=True)
class Observed:
    """A resource and all that decides what happens to it.

    Attributes:
        resource: the custom resource.
        secrets: stored Secrets that carry its generated name, or that were made for it.
        authorization: what policies and identities allow it.
        remembered: the tokens that were last stored for it. They outlive the Secret.
        released: names of those Secrets that were made for another resource, which leaves the name to this one.
        answered: registries that were already refreshed for the pending refresh annotation.
        rivals: the other resources of its namespace that name the same Secret.
    """

    resource: Resource
    secrets: tuple[StoredSecret, ...]
    authorization: Authorization
    remembered: StoredTokens
    released: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()
    rivals: tuple[Resource, ...] = ()

    def target(self, spec: CommonSpec) -> StoredSecret | None:
        """The stored Secret of the generated name."""
        return next((secret for secret in self.secrets if secret.name == spec.generated_secret_name), None)

    @property
    def made(self) -> tuple[StoredSecret, ...]:
        """Those of the Secrets that were made for the resource."""
        return tuple(secret for secret in self.secrets if secret.made_for(self.resource))

    @property
    def recorded_tokens(self) -> tuple[tuple[str, StoredToken], ...]:
        """Host and token of all Secrets that were made for the resource, intact or not."""
        return tuple(item for secret in self.made for item in secret.stored_tokens.items())


def refresh_requested(resource: Resource) -> bool:
    """Whether the refresh annotation carries a value that has not been handled."""
    return bool(resource.refresh_request) and resource.refresh_request != resource.status.get("lastHandledRefresh")
