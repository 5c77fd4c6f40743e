"""Gathers what a decision about one resource is based on. Reads caches only."""

from __future__ import annotations

from ...domain.resource import Resource
from ...domain.secret.observed import Observed
from ...domain.secret.ownership import gives_way
from ...domain.secret.stored import StoredSecret
from .memory import Memory
from .ports import Ports


def observe(ports: Ports, resource: Resource, memory: Memory) -> Observed:
    """All that decides what happens to a resource."""
    secrets = ports.secrets.of(resource)
    made = [secret for secret in secrets if secret.made_for(resource)]
    stored = {host: one for secret in made for host, one in secret.stored_tokens.items()}
    return Observed(
        resource=resource,
        secrets=secrets,
        authorization=ports.authorizer.authorize(resource, {**memory.tokens, **stored}),
        remembered=memory.tokens,
        released=frozenset(secret.name for secret in secrets if is_released(ports, secret, resource)),
        answered=memory.hosts_refreshed(resource, stored),
        rivals=ports.resources.rivals(resource),
    )


def is_released(ports: Ports, secret: StoredSecret, resource: Resource) -> bool:
    """Whether the resource that a Secret was made for exists, and leaves the name to this resource."""
    owner = ports.resources.get(secret.owner_key) if secret.managed and secret.owner_key else None
    return owner is not None and gives_way(owner, secret, resource)
