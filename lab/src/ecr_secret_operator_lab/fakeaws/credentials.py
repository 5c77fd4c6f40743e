"""The keys and sessions that the fake accepts, and the roles that may be assumed. Pure, in memory."""

from __future__ import annotations

import base64
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from .records import (
    DEFAULT_ACCESS_KEY_ID,
    DEFAULT_ACCOUNT,
    DEFAULT_SECRET_ACCESS_KEY,
    KnownCredential,
    Role,
)

ROLE_ARN = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):role/(.+)")
SESSION_TOKEN_BYTES = 540
"""Session tokens are opaque and of no fixed size; real ones have some 700 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A key pair of a user, or of a session when it has a session token.

    Attributes:
        role_arn: the role that the session is of; empty for others.
        identity_arn: whose identity policy applies: the role, or the user.
        policy: the session policy; empty when there is none.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    principal: str
    identity_arn: str
    user_id: str
    account: str
    active: bool = True
    session_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    role_arn: str = ""
    policy: str = ""

    def shown(self) -> KnownCredential:
        """Without the secrets."""
        return KnownCredential(
            access_key_id=self.access_key_id,
            principal=self.principal,
            account=self.account,
            active=self.active,
            expires_at=self.expires_at,
            role_arn=self.role_arn,
            policy=self.policy,
        )


def user_credential(access_key_id: str, secret_access_key: str, *, account: str, user_name: str) -> Credential:
    """The long-lived key of an IAM user."""
    arn = f"arn:aws:iam::{account}:user/{user_name}"
    return Credential(
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        principal=arn,
        identity_arn=arn,
        user_id="AIDACKCEVSQ6C2EXAMPLE",
        account=account,
    )


def session_credential(arn: tuple[str, str, str], session: str, *, expires_at: float, policy: str) -> Credential:
    """New credentials of an assumed role.

    Args:
        arn: partition, account and name of the role.
        session: RoleSessionName.
        expires_at: epoch seconds.
        policy: the session policy, or empty.
    """
    partition, account, role = arn
    role_name, role_arn = role.rpartition("/")[2], f"arn:{partition}:iam::{account}:role/{role}"
    return Credential(
        access_key_id=_session_key_id(),
        secret_access_key=_session_secret(),
        principal=f"arn:{partition}:sts::{account}:assumed-role/{role_name}/{session}",
        user_id=f"AROA3XFRBF535EXAMPLE:{session}",
        account=account,
        session_token=_session_token(),
        expires_at=expires_at,
        role_arn=role_arn,
        identity_arn=role_arn,
        policy=policy,
    )


def federated_credential(user: Credential, name: str, *, expires_at: float, policy: str) -> Credential:
    """New credentials of a federated user.

    Args:
        user: the IAM user that asks for them.
        name: of the federated user.
        expires_at: epoch seconds.
        policy: the session policy, or empty, which permits nothing.
    """
    partition = user.principal.split(":")[1]
    return Credential(
        access_key_id=_session_key_id(),
        secret_access_key=_session_secret(),
        principal=f"arn:{partition}:sts::{user.account}:federated-user/{name}",
        user_id=f"{user.account}:{name}",
        account=user.account,
        session_token=_session_token(),
        expires_at=expires_at,
        identity_arn=user.principal,
        policy=policy,
    )


def _session_key_id() -> str:
    return "ASIA" + base64.b32encode(secrets.token_bytes(10)).decode()


def _session_secret() -> str:
    return base64.b64encode(secrets.token_bytes(30)).decode()


def _session_token() -> str:
    return base64.b64encode(b"!\n\torigin_ec" + secrets.token_bytes(SESSION_TOKEN_BYTES)).decode()


class Credentials:
    """The registry of credentials. Starts with one documented user."""

    def __init__(self, *, max_records: int) -> None:
        self.max_records = max_records
        self._by_id: OrderedDict[str, Credential] = OrderedDict()
        self.put(
            user_credential(
                DEFAULT_ACCESS_KEY_ID,
                DEFAULT_SECRET_ACCESS_KEY,
                account=DEFAULT_ACCOUNT,
                user_name="lab-operator",
            )
        )

    def put(self, credential: Credential) -> None:
        """Adds or replaces one."""
        self._by_id[credential.access_key_id] = credential

    def find(self, access_key_id: str) -> Credential | None:
        """The credential of this id, active or not."""
        return self._by_id.get(access_key_id)

    def set_active(self, access_key_id: str, *, active: bool) -> bool:
        """Switches a key on or off; False when it is not known."""
        credential = self.find(access_key_id)
        if credential is None:
            return False
        self.put(replace(credential, active=active))
        return True

    def remove(self, access_key_id: str | None = None) -> int:
        """Forgets one key, or all of them and all sessions; says how many."""
        if access_key_id is not None:
            return 0 if self._by_id.pop(access_key_id, None) is None else 1
        count = len(self._by_id)
        self._by_id.clear()
        return count

    def start_session(self, credential: Credential) -> None:
        """Adds a session; when there are too many, the oldest one goes."""
        self.put(credential)
        if len(self._by_id) > self.max_records:
            oldest = next((key for key, one in self._by_id.items() if one.session_token is not None), None)
            if oldest is not None:
                del self._by_id[oldest]

    def shown(self) -> list[KnownCredential]:
        """All of them, without secrets."""
        return [credential.shown() for credential in self._by_id.values()]


class Roles:
    """The roles that may be assumed. As long as none were set, any role may be."""

    def __init__(self) -> None:
        self._by_arn: dict[str, Role] | None = None

    def set(self, roles: list[Role] | None) -> None:
        """Replaces the registry; None opens it to any role."""
        self._by_arn = None if roles is None else {role.role_arn: role for role in roles}

    def find(self, role_arn: str) -> Role | None:
        """The rules of a role; None when there is a registry and it does not have it."""
        if self._by_arn is None:
            return Role(role_arn=role_arn)
        return self._by_arn.get(role_arn)

    def shown(self) -> list[Role] | None:
        """What was set."""
        return None if self._by_arn is None else list(self._by_arn.values())
