"""AccessPolicies, as they are watched."""

from __future__ import annotations

from ..api.fields import API_VERSION
from ..domain.identity.access_policy import POLICY_PLURAL, Policy, parse_policy
from .client import Client
from .objects import CustomObject
from .source import OptionalSource


def convert(raw: CustomObject) -> Policy:
    """Converts a policy to what is kept in memory of it. Never raises, whatever is stored."""
    return Policy(raw.metadata.name, raw.metadata.resource_version, parse_policy(raw.spec))


def source(client: Client) -> OptionalSource[CustomObject, Policy]:
    """The list and watch of all AccessPolicies."""
    path = f"/apis/{API_VERSION}/{POLICY_PLURAL}"
    return OptionalSource(client, path, raw=CustomObject, convert=convert, covers=lambda _: True)
