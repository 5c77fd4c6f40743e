"""The generated Secret of a resource, seen beside what its spec asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ...api.model import CommonSpec
from ...reasons import Failure
from ..identity.authorization import Authorization
from ..resource import Resource, condition_of
from .annotations import StoredToken, StoredTokens
from .failures import of_registry
from .observed import Observed
from .render import differences, render
from .stored import StoredSecret


@dataclass(frozen=True, slots=True)
class Target:
    """The Secret of a resource whose spec is valid and allowed.

    Attributes:
        observed: the resource.
        spec: of the resource.
        stored: the Secret of the generated name; None when there is none.
        made: the Secrets that were made for the resource, without copies of them.
        intact: the tokens in `stored`, if all of it is as it was written; else none.
    """

    observed: Observed
    spec: CommonSpec
    stored: StoredSecret | None
    made: tuple[StoredSecret, ...]
    intact: StoredTokens

    @classmethod
    def of(cls, observed: Observed, spec: CommonSpec) -> Target:
        """The target of a resource with this spec."""
        stored = observed.target(spec)
        made = tuple(secret for secret in observed.made if secret.original or secret is stored)
        return cls(observed, spec, stored, made, intact(stored, observed.resource, spec))

    @property
    def resource(self) -> Resource:
        """The resource."""
        return self.observed.resource

    @property
    def is_ours(self) -> bool:
        """Whether the stored Secret was made for the resource."""
        return self.stored is not None and self.stored.made_for(self.resource)

    @property
    def problems(self) -> tuple[Failure, ...]:
        """Failures of the registries whose identity cannot be used now."""
        logins = self.observed.authorization.logins
        return tuple(of_registry(login.host, login.problem, self.spec) for login in logins if login.problem)


def intact(stored: StoredSecret | None, resource: Resource, spec: CommonSpec) -> StoredTokens:
    """The tokens in the stored Secret, if all of it is as it was written for this spec; else none."""
    present = listed_tokens(stored, spec)
    if stored is None or not present or differences(stored, render(resource, spec, present)):
        return {}
    return present


def listed_tokens(stored: StoredSecret | None, spec: CommonSpec) -> dict[str, StoredToken]:
    """The tokens in a Secret for the registries of the spec, whether the rest of it fits the spec or not."""
    return {host: one for host, one in (stored.stored_tokens if stored else {}).items() if host in spec.hosts}


def holding_denied_tokens(secrets: tuple[StoredSecret, ...], authorization: Authorization) -> tuple[StoredSecret, ...]:
    """Those of the Secrets that hold a token which policy denies now."""
    return tuple(secret for secret in secrets if secret.has_token_for(authorization.revoked))


def was_served(resource: Resource) -> bool:
    """Whether this generation of the resource had a Secret: only then is a missing or different Secret a damage."""
    ready = condition_of(resource.status, "Ready")
    served = ready.get("status") == "True" or "expiresAt" in resource.status
    return served and ready.get("observedGeneration") == resource.generation
