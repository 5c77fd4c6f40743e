"""The client of the control API, for tests and the demo: synchronous, without proxies, and with typed answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ..controlclient import TIMEOUT_SECONDS, ControlApi, ControlApiError
from .records import (
    DEFAULT_ACCESS_KEY_ID,
    DEFAULT_ACCOUNT,
    DEFAULT_AMBIENT_ROLE,
    DEFAULT_SECRET_ACCESS_KEY,
    Ambient,
    Call,
    FaultKind,
    FaultRule,
    Found,
    Health,
    IssuedToken,
    KnownCredential,
    Permissions,
    Role,
    Settings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")


class FakeAwsError(ControlApiError):
    """The control API refused a request or did not answer, or fewer calls came than were waited for."""


class FakeAws:
    """A running fake AWS.

    Args:
        url: such as `http://127.0.0.1:4566`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._ask = ControlApi(self.url, FakeAwsError).ask

    def __repr__(self) -> str:
        return f"FakeAws({self.url!r})"

    def environment(self, *, region: str = "us-east-2") -> dict[str, str]:
        """Environment variables that make an AWS SDK talk to the fake as its default user."""
        return {
            **self._endpoints(region),
            "AWS_ACCESS_KEY_ID": DEFAULT_ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": DEFAULT_SECRET_ACCESS_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def container_environment(
        self, *, token_file: Path | None = None, token: str | None = None, region: str = "us-east-2"
    ) -> dict[str, str]:
        """Environment variables without keys, with the credentials of EKS Pod Identity.

        Args:
            token_file: the file that holds the token, as EKS mounts it; it may be rotated.
            token: the token itself.
            region: the default one.
        """
        given = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token_file, "AWS_CONTAINER_AUTHORIZATION_TOKEN": token}
        return {
            **self._endpoints(region),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.url}/v1/credentials",
            **{name: str(value) for name, value in given.items() if value is not None},
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def imds_environment(self, *, region: str = "us-east-2") -> dict[str, str]:
        """Environment variables without keys, with the fake as the instance metadata service (IMDSv2)."""
        return {**self._endpoints(region), "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url}

    def _endpoints(self, region: str) -> dict[str, str]:
        services = ("STS", "ECR", "ECR_PUBLIC")
        return {
            "AWS_ENDPOINT_URL": self.url,
            **{f"AWS_ENDPOINT_URL_{service}": self.url for service in services},
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
        }

    def pid(self) -> int:
        """The server's process id; proves too that it answers."""
        return self._ask("GET", "healthz", Health).pid

    def reset(self) -> None:
        """Back to the start: default user and settings, no faults, roles, calls or tokens."""
        self._ask("POST", "reset", Settings)

    def calls(
        self,
        action: str | None = None,
        *,
        after: int = 0,
        result: str | None = None,
        fault: FaultKind | str | None = None,
    ) -> list[Call]:
        """The calls so far, oldest first, with a number above `after`; filters that are None match all calls."""
        query = {"action": action, "after": after, "result": result, "fault": fault}
        return self._ask("GET", "calls", list[Call], query=query)

    def wait_for_calls(
        self,
        at_least: int,
        action: str | None = None,
        *,
        after: int = 0,
        result: str | None = None,
        fault: FaultKind | str | None = None,
        timeout: float = 10.0,
    ) -> list[Call]:
        """Waits until this many calls that match have arrived (without a `result` they may still be pending).

        Raises:
            FakeAwsError: they have not within `timeout` seconds.
        """
        query = {"action": action, "after": after, "result": result, "fault": fault}
        waiting = {**query, "at_least": at_least, "timeout": timeout}
        found = self._ask("GET", "calls", list[Call], query=waiting, timeout=timeout + TIMEOUT_SECONDS)
        if len(found) < at_least:
            raise FakeAwsError(f"{len(found)} of {at_least} calls in {timeout} s: {query}")
        return found

    def clear_calls(self) -> None:
        """Forgets the calls so far; numbers go on."""
        self._ask("DELETE", "calls", dict[str, int])

    def tokens(self) -> list[IssuedToken]:
        """The authorization tokens issued so far, oldest first."""
        return self._ask("GET", "tokens", list[IssuedToken])

    def find_token(self, password: str) -> IssuedToken | None:
        """The issued token with this password, with its session policy; None when the fake never issued it."""
        return self._ask("POST", "tokens/lookup", Found, body={"password": password}).token

    def fail(
        self,
        kind: FaultKind | str,
        *,
        action: str | None = None,
        times: int | None = None,
        region: str | None = None,
        access_key_id: str | None = None,
        role_arn: str | None = None,
        service: str | None = None,
    ) -> None:
        """Makes calls that match fail: the next `times`, or all until `fix()`. Filters that are None match all calls.

        Raises:
            FakeAwsError: there is no such kind, or a filter makes no sense.
        """
        body = {
            "kind": kind,
            "action": action,
            "times": times,
            "region": region,
            "access_key_id": access_key_id,
            "role_arn": role_arn,
            "service": service,
        }
        self._ask("POST", "faults", list[FaultRule], body=body)

    def fix(self, kind: FaultKind | str | None = None, *, action: str | None = None) -> None:
        """Clears faults: all, or those of a kind or action. Calls that hang are answered now."""
        self._ask("DELETE", "faults", dict[str, int], query={"kind": kind, "action": action})

    def faults(self) -> list[FaultRule]:
        """The faults that are on, with the counts that are left."""
        return self._ask("GET", "faults", list[FaultRule])

    def settings(self, **changes: float | None) -> Settings:
        """Changes the settings that are named (fields of `Settings`); gives those in force.

        Raises:
            FakeAwsError: there is no such setting, or its value is out of range.
        """
        if not changes:
            return self._ask("GET", "settings", Settings)
        return self._ask("PUT", "settings", Settings, body=changes)

    def credentials(self) -> list[KnownCredential]:
        """The keys and sessions that are known."""
        return self._ask("GET", "credentials", list[KnownCredential])

    def add_credentials(
        self,
        access_key_id: str,
        secret_access_key: str,
        *,
        account: str = DEFAULT_ACCOUNT,
        user_name: str = "lab-operator",
    ) -> None:
        """Adds the key of a user, or replaces it."""
        body = {
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
            "account": account,
            "user_name": user_name,
        }
        self._ask("PUT", "credentials", list[KnownCredential], body=body)

    def set_credentials_active(self, access_key_id: str, *, active: bool) -> None:
        """Switches a known key on or off, as IAM does when keys are rotated."""
        body = {"access_key_id": access_key_id, "active": active}
        self._ask("PUT", "credentials", list[KnownCredential], body=body)

    def remove_credentials(self, access_key_id: str | None = None) -> int:
        """Removes a key or session, or all of them; says how many."""
        query = {"access_key_id": access_key_id}
        return self._ask("DELETE", "credentials", dict[str, int], query=query)["removed"]

    def set_roles(self, roles: Sequence[Role] | None) -> None:
        """Lets only these roles be assumed, on their conditions; None lets any role be assumed."""
        body = {"roles": None if roles is None else list(roles)}
        self._ask("PUT", "roles", dict[str, list[Role] | None], body=body)

    def set_identity_policies(self, policies: Mapping[str, str]) -> None:
        """Replaces the policies of roles and users, JSON by ARN. One that is not named may do everything.

        Raises:
            FakeAwsError: IAM would not accept one of the policies.
        """
        self._change_permissions(identities=dict(policies))

    def set_repository_policies(self, policies: Mapping[str, str] | None) -> None:
        """Replaces the policies of repositories, JSON by ARN. One that is not named lets no other account in.

        Args:
            policies: None, as at the start, lets principals of all accounts into all repositories.

        Raises:
            FakeAwsError: ECR would not accept one of the policies.
        """
        self._change_permissions(repositories=None if policies is None else dict(policies))

    def _change_permissions(self, **changes: dict[str, str] | None) -> None:
        self._ask("PATCH", "permissions", Permissions, body=changes)

    def set_ambient(self, *, role_arn: str | None = DEFAULT_AMBIENT_ROLE, tokens: Sequence[str] = ()) -> Ambient:
        """Replaces the role of the surroundings and the tokens for which containers get its credentials.

        The tokens are those of EKS Pod Identity's Authorization header, and the ids of ECS's
        `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/{id}`. Only their digests are kept.

        Raises:
            FakeAwsError: the ARN is no role's.
        """
        return self._ask("PUT", "ambient", Ambient, body={"role_arn": role_arn, "tokens": list(tokens)})
