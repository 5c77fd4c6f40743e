"""AccessPolicies, as they are watched."""

from __future__ import annotations

from ..api.fields import API_VERSION
from ..domain.identity.policy import POLICY_PLURAL, Policy, parse_policy
from .client import Client
from .objects import CustomObject
from .source import OptionalSource


def convert(raw: CustomObject) -> Policy:
    """A policy as it is kept in memory. Never fails, whatever is stored."""
    return Policy(raw.metadata.name, raw.metadata.resource_version, parse_policy(raw.spec))


def source(client: Client) -> OptionalSource[CustomObject, Policy]:
    """All AccessPolicies of the cluster."""
    path = f"/apis/{API_VERSION}/{POLICY_PLURAL}"
    return OptionalSource(client, path, raw=CustomObject, convert=convert, covers=lambda _: True)
