"""The operator's own identity: the role of ROLEARN, else botocore's default chain; read afresh for every call.

A call is rare (once per scope and window), so a new session each time is the simplest thing that is always right: keys
in the environment, a credentials file that was replaced, a rotated web identity token are all seen at the next call.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import botocore.configloader
import botocore.credentials
import botocore.session
from botocore.config import Config
from botocore.exceptions import ConfigParseError, CredentialRetrievalError, ProfileNotFound

from ..domain.identity.scope import Scope
from . import library as library  # noqa: PLC0414 - it changes botocore
from .descriptions import shared_loader
from .faults import EndpointInvalid
from .named_role import provider_for

CONNECT_SECONDS = 5
READ_SECONDS = 10

_QUOTES = "\"'"


class _Session(botocore.session.Session):  # type: ignore[misc] # botocore has no types
    """A session that tells a wrong endpoint from an answer that makes no sense.

    Attributes:
        forgiving: whether AWS files and a profile that cannot be used are ignored. That is so for an identity that
            does not come from them.
    """

    forgiving = True

    def create_client(self, service_name: str, *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - botocore's
        """A client. Raises EndpointInvalid, and what botocore raises."""
        try:
            client = super().create_client(service_name, *args, **kwargs)
        except ValueError as error:
            if type(error) is ValueError:  # botocore's own, of its check of the endpoint
                raise EndpointInvalid(service_name) from None
            raise
        if urlsplit(client.meta.endpoint_url).scheme not in ("http", "https"):
            raise EndpointInvalid(service_name)
        return client

    def get_scoped_config(self) -> dict[str, Any]:
        """The settings of the profile."""
        try:
            found: dict[str, Any] = super().get_scoped_config()
        except (ProfileNotFound, ConfigParseError):
            if not self.forgiving:
                raise
            return {}
        return found

    @property
    def full_config(self) -> dict[str, Any]:
        """The settings of all profiles."""
        try:
            found: dict[str, Any] = super().full_config
        except ConfigParseError:
            if not self.forgiving:
                raise
            return {"profiles": {}}
        return found


def empty_session(scope: Scope) -> _Session:
    """A session without credentials, for the region and the kind of endpoint of a scope.

    The region is the resource's, so that neither AWS_REGION nor a region in the config file is needed, as with the Go
    operator. FIPS and dual-stack endpoints are asked for where the registry's host is of that kind; else the SDK's own
    environment and config file decide. An endpoint never comes from a resource.
    """
    session = _Session()
    session.register_component("data_loader", shared_loader())
    session.set_config_variable("region", scope.region)
    variants = {"use_fips_endpoint": scope.fips, "use_dualstack_endpoint": scope.dual_stack}
    session.set_default_client_config(
        Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": 1},  # the token source backs off per scope: one place decides
            user_agent_appid="ecr-secret-operator",
            **{name: True for name, wanted in variants.items() if wanted},
        )
    )
    return session


def ambient_session(scope: Scope) -> _Session:
    """A session with the operator's own identity."""
    session = empty_session(scope)
    named = provider_for(session, os.environ)
    if named:
        providers = [named]
    else:
        session.forgiving = False
        _accept_quoted_values(session)
        providers = session.get_component("credential_provider").providers
    session.register_component("credential_provider", _Chain(providers))
    return session


class _Chain(botocore.credentials.CredentialResolver):  # type: ignore[misc] # botocore has no types
    """Botocore's chain, whose failures are all told as those of credentials.

    Its container provider answers a token file with a line break, an address that it may not use, or an agent's answer
    without keys with a bare ValueError, KeyError or TypeError, like those of an answer of AWS that makes no sense.
    """

    def load_credentials(self) -> object:
        """The first credentials that the chain has; None when it has none. Raises CredentialRetrievalError."""
        try:
            return super().load_credentials()
        except (ValueError, KeyError, TypeError) as error:
            plain = type(error) is ValueError  # botocore's own words; those of subclasses may quote the token
            why = str(error) if plain else f"{type(error).__name__} at what they were read from"
            raise CredentialRetrievalError(provider="the default chain", error_msg=why) from None


def _accept_quoted_values(session: botocore.session.Session) -> None:
    """Lets keys in the file of AWS_CONFIG_FILE stand in quotes, as the Go SDK does and upstream's guide writes them."""
    config_file = session.get_config_variable("config_file")
    unquoting = botocore.credentials.ConfigProvider(
        config_filename=config_file,
        profile_name=session.get_config_variable("profile") or "default",
        config_parser=_load_unquoted,
    )
    resolver = session.get_component("credential_provider")
    resolver.insert_before(unquoting.METHOD, unquoting)
    for profile in session.full_config.get("profiles", {}).values():
        profile.update(_unquoted(profile))


def _load_unquoted(path: str) -> dict[str, object]:
    config: dict[str, object] = botocore.configloader.load_config(path)
    profiles = config.get("profiles")
    if isinstance(profiles, dict):
        for profile in profiles.values():
            profile.update(_unquoted(profile))
    return config


def _unquoted(profile: dict[str, object]) -> dict[str, str]:
    return {
        key: value[1:-1]
        for key, value in profile.items()
        if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES
    }
