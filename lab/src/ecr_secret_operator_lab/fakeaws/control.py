"""The control API under `/_lab/`: JSON, checked strictly, for the tests and the demo that steer the fake.

    GET    /_lab/healthz
    POST   /_lab/reset            back to the start
    GET    /_lab/calls?action=&after=&result=&fault=&at_least=&timeout=
                                  waits for `at_least` calls, up to `timeout` seconds
    DELETE /_lab/calls
    GET    /_lab/tokens
    POST   /_lab/tokens/lookup    {"password"}: a Found
    GET    /_lab/faults
    POST   /_lab/faults           a FaultRule
    DELETE /_lab/faults?kind=&action=
    GET    /_lab/settings
    PUT    /_lab/settings         the fields of Settings to change
    GET    /_lab/credentials
    PUT    /_lab/credentials      {"access_key_id", "secret_access_key"?, "active"?, "account"?, "user_name"?}
    DELETE /_lab/credentials?access_key_id=
    GET    /_lab/roles
    PUT    /_lab/roles            {"roles": [Role] or null}
    GET    /_lab/permissions
    PATCH  /_lab/permissions      the fields of Permissions to change
    GET    /_lab/ambient
    PUT    /_lab/ambient          {"role_arn": text or null, "tokens": [text]}

A bad body or query is answered with 400 and `{"error": why}`.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import msgspec
from aiohttp import web

from ..controlapi import Problem, body_of, checked, query_of
from .credentials import ROLE_ARN, user_credential
from .policies import Kind, PolicyError, parse
from .records import (
    DEFAULT_ACCOUNT,
    FaultKind,
    FaultRule,
    Found,
    Health,
    Name,
    NotNegative,
    Permissions,
    Role,
    Settings,
)

if TYPE_CHECKING:
    from .records import Call
    from .signal import Signal
    from .state import State


class CallQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which calls to give, and how many to wait for."""

    action: Name | None = None
    after: int = 0
    result: Name | None = None
    fault: FaultKind | None = None
    at_least: int = 0
    timeout: NotNegative = 30.0


class FaultQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which faults to clear."""

    kind: FaultKind | None = None
    action: Name | None = None


class CredentialQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which credential to remove; all when there is none."""

    access_key_id: Name | None = None


class Lookup(msgspec.Struct, forbid_unknown_fields=True):
    """A token to find."""

    password: str


class NewCredential(msgspec.Struct, forbid_unknown_fields=True):
    """A key to add; without its secret, a known key to switch on or off."""

    access_key_id: Name
    secret_access_key: Name | None = None
    active: bool = True
    account: Annotated[str, msgspec.Meta(pattern=r"^\d{12}$")] = DEFAULT_ACCOUNT
    user_name: Name = "lab-operator"


class NewRoles(msgspec.Struct, forbid_unknown_fields=True):
    """The role registry."""

    roles: list[Role] | None


class NewAmbient(msgspec.Struct, forbid_unknown_fields=True):
    """The role of a workload's surroundings, and the tokens that containers show for it."""

    role_arn: Annotated[str, msgspec.Meta(pattern=f"^{ROLE_ARN.pattern}$")] | None
    tokens: list[Name]


def routes(state: State, changed: Signal) -> list[web.RouteDef]:
    """The routes over a state; `changed` is fired when one of them changed it."""
    lab = Control(state, changed)
    return [
        web.get("/_lab/healthz", checked(lab.health)),
        web.post("/_lab/reset", checked(lab.reset)),
        web.get("/_lab/calls", checked(lab.get_calls)),
        web.delete("/_lab/calls", checked(lab.delete_calls)),
        web.get("/_lab/tokens", checked(lab.get_tokens)),
        web.post("/_lab/tokens/lookup", checked(lab.find_token)),
        web.get("/_lab/faults", checked(lab.get_faults)),
        web.post("/_lab/faults", checked(lab.post_fault)),
        web.delete("/_lab/faults", checked(lab.delete_faults)),
        web.get("/_lab/settings", checked(lab.get_settings)),
        web.put("/_lab/settings", checked(lab.put_settings)),
        web.get("/_lab/credentials", checked(lab.get_credentials)),
        web.put("/_lab/credentials", checked(lab.put_credential)),
        web.delete("/_lab/credentials", checked(lab.delete_credentials)),
        web.get("/_lab/roles", checked(lab.get_roles)),
        web.put("/_lab/roles", checked(lab.put_roles)),
        web.get("/_lab/permissions", checked(lab.get_permissions)),
        web.patch("/_lab/permissions", checked(lab.patch_permissions)),
        web.get("/_lab/ambient", checked(lab.get_ambient)),
        web.put("/_lab/ambient", checked(lab.put_ambient)),
    ]


class Control:
    """The handlers, each returning what is then sent as JSON."""

    def __init__(self, state: State, changed: Signal) -> None:
        self._state = state
        self._changed = changed

    async def health(self, _: web.Request) -> object:
        """That it lives, and as which process."""
        return Health(status="ok", pid=os.getpid())

    async def reset(self, _: web.Request) -> object:
        """Back to the start."""
        self._state.reset()
        self._changed.fire()
        return self._state.settings

    async def get_calls(self, request: web.Request) -> object:
        """The calls that match, perhaps after waiting for them."""
        query = query_of(request, CallQuery)

        def found() -> list[Call]:
            return self._state.calls.select(
                action=query.action, after=query.after, result=query.result, fault=query.fault
            )

        try:
            async with asyncio.timeout(query.timeout):
                await self._changed.wait_until(lambda: len(found()) >= query.at_least)
        except TimeoutError:
            pass
        return found()

    async def delete_calls(self, _: web.Request) -> object:
        """Forgets all calls."""
        return {"cleared": self._state.calls.clear()}

    async def get_tokens(self, _: web.Request) -> object:
        """All issued tokens."""
        return self._state.tokens.all()

    async def find_token(self, request: web.Request) -> object:
        """The token with this password."""
        token = self._state.tokens.find((await body_of(request, Lookup)).password)
        return Found(token=token, now=self._state.now, permissions=self._state.permissions)

    async def get_faults(self, _: web.Request) -> object:
        """The faults that are on."""
        return self._state.faults.shown()

    async def post_fault(self, request: web.Request) -> object:
        """Switches a fault on."""
        self._state.faults.add(await body_of(request, FaultRule))
        return self._state.faults.shown()

    async def delete_faults(self, request: web.Request) -> object:
        """Switches faults off."""
        query = query_of(request, FaultQuery)
        cleared = self._state.faults.clear(kind=query.kind, action=query.action)
        self._changed.fire()
        return {"cleared": cleared}

    async def get_settings(self, _: web.Request) -> object:
        """The settings in force."""
        return self._state.settings

    async def put_settings(self, request: web.Request) -> object:
        """Changes the settings that the body names."""
        changes = await body_of(request, dict[str, object])
        current = msgspec.to_builtins(self._state.settings)
        if unknown := changes.keys() - current.keys():
            raise Problem(f"unknown setting {', '.join(sorted(unknown))}; known: {', '.join(current)}")
        self._state.change(msgspec.convert(current | changes, type=Settings))
        return self._state.settings

    async def get_credentials(self, _: web.Request) -> object:
        """The known keys and sessions, without secrets."""
        return self._state.credentials.shown()

    async def put_credential(self, request: web.Request) -> object:
        """Adds a key, or switches a known one on or off."""
        new, known = await body_of(request, NewCredential), self._state.credentials
        if new.secret_access_key is not None:
            known.put(
                user_credential(new.access_key_id, new.secret_access_key, account=new.account, user_name=new.user_name)
            )
        if not known.set_active(new.access_key_id, active=new.active):
            raise Problem(f"{new.access_key_id} is not known, so secret_access_key is needed")
        return known.shown()

    async def delete_credentials(self, request: web.Request) -> object:
        """Removes one key or session, or all."""
        return {"removed": self._state.credentials.remove(query_of(request, CredentialQuery).access_key_id)}

    async def get_roles(self, _: web.Request) -> object:
        """The role registry."""
        return {"roles": self._state.roles.shown()}

    async def put_roles(self, request: web.Request) -> object:
        """Replaces the role registry."""
        self._state.roles.set((await body_of(request, NewRoles)).roles)
        return {"roles": self._state.roles.shown()}

    async def get_permissions(self, _: web.Request) -> object:
        """The policies of identities and repositories."""
        return self._state.permissions

    async def patch_permissions(self, request: web.Request) -> object:
        """Replaces the policies of identities, of repositories, or both."""
        changes = await body_of(request, dict[str, object])
        new = msgspec.convert(msgspec.to_builtins(self._state.permissions) | changes, type=Permissions)
        try:
            for kind, policies in ((Kind.IDENTITY, new.identities), (Kind.RESOURCE, new.repositories or {})):
                for policy in policies.values():
                    parse(policy, kind)
        except PolicyError as error:
            raise Problem(str(error)) from error
        self._state.permissions = new
        return new

    async def get_ambient(self, _: web.Request) -> object:
        """The role of the surroundings, and the digests of the tokens for it."""
        return self._state.surroundings.shown

    async def put_ambient(self, request: web.Request) -> object:
        """Replaces them."""
        new = await body_of(request, NewAmbient)
        self._state.surroundings.set(new.role_arn, new.tokens)
        return self._state.surroundings.shown
