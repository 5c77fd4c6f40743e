"""What the fake records and how it is configured, as plain records: the server and its client share these.

Imports nothing of the package. msgspec reads and writes them as JSON, which is why every annotation is a runtime type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
DEFAULT_SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - AWS's own documented example
DEFAULT_AMBIENT_ROLE = "arn:aws:iam::123456789012:role/lab-workload"
DEFAULT_MAX_RECORDS = 100_000

PENDING = "pending"
"""The result of a call that has no answer yet."""
OK = "ok"
"""The result of a call that was answered well."""
ABANDONED = "abandoned"
"""The result of a call whose client went away first."""

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Name = Annotated[str, Meta(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebIdentity:
    """What is known of a web identity token without keeping it.

    Attributes:
        sha256: hex digest of the token.
        claims: its payload when it is a JWT, not verified; else empty.
    """

    sha256: str
    claims: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to an AWS action.

    Attributes:
        number: counts from 1 and never restarts, not even when calls are cleared.
        time: arrival, epoch seconds of the machine's clock (`clock_offset_seconds` does not move it).
        service: `ecr`, `ecr-public` or `sts`; `container` or `imds` for credentials of the surroundings.
        region: of the signature's credential scope; empty when unsigned.
        parameters: as sent; web identity and authorization tokens are replaced by their digests.
        result: `ok`, `pending`, `abandoned`, or the AWS error code that was answered.
        status: HTTP status; 0 while pending.
        fault: the fault that hit this call, or empty.
    """

    number: int
    time: float
    service: str
    action: str
    access_key_id: str
    region: str
    parameters: dict[str, object]
    web_identity: WebIdentity | None
    host: str
    user_agent: str
    result: str = PENDING
    status: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """One authorization token that was handed out.

    Attributes:
        password: what a registry client sends for user `AWS`.
        issued_at: epoch seconds of the server's clock (with its offset).
        expires_at: as `expiresAt` said, epoch seconds.
        service: `ecr` or `ecr-public`.
        registry: account of the registry; empty for ECR Public.
        principal: ARN of who asked.
        account: of the principal.
        identity_arn: the role or user behind the principal; the principal itself when it is no session.
        policy: the session policy of who asked, which the token is bound by too; empty when there is none.
    """

    number: int
    password: str = field(repr=False)
    issued_at: float
    expires_at: float
    service: str
    region: str
    registry: str
    access_key_id: str
    principal: str
    account: str
    identity_arn: str
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What IAM and ECR permit: policy documents, JSON texts. They apply to tokens that were issued before, too.

    Attributes:
        identities: the policies of roles and users, by ARN; one that is not named may do everything.
        repositories: the policies of repositories, by ARN; one that is not named lets no other account in. None lets
            all accounts into all repositories.
    """

    identities: dict[str, str] = field(default_factory=dict)
    repositories: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The answer to a lookup of a token.

    Attributes:
        token: None when it was never issued.
        now: the server's clock (with its offset), which decides whether the token is still good; epoch seconds.
        permissions: those in force.
    """

    token: IssuedToken | None
    now: float
    permissions: Permissions = field(default_factory=Permissions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """That the server lives, and as which process."""

    status: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCredential:
    """A credential that the fake accepts, without its secrets. Sessions have `role_arn` and `expires_at`."""

    access_key_id: str
    principal: str
    account: str
    active: bool
    expires_at: float | None
    role_arn: str
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role that may be assumed, and on what conditions.

    Attributes:
        external_id: required of AssumeRole when set.
        audience: required `aud` of a web identity when set.
        subject: required `sub` of a web identity when set.
        max_session_seconds: the role's MaxSessionDuration.
    """

    role_arn: Name
    external_id: str | None = None
    audience: str | None = None
    subject: str | None = None
    max_session_seconds: Count = 43_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambient:
    """The identity that a workload finds around it, by container credentials or IMDS.

    Attributes:
        role_arn: the role whose sessions are handed out; None when there is none.
        token_digests: sha256 of the tokens for which containers get credentials, hex; IMDS needs none of them.
    """

    role_arn: str | None = DEFAULT_AMBIENT_ROLE
    token_digests: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the fake behaves. Seconds everywhere.

    Attributes:
        lifetime_seconds: life of authorization tokens.
        session_seconds: life of sessions, overriding what was asked for; None honours DurationSeconds.
        latency_seconds: before every answer.
        clock_offset_seconds: added to the machine's clock for everything that AWS judges by time.
        packed_policy_limit: characters of a session policy that fill the packed space; a longer one is
            PackedPolicyTooLarge. AWS packs in a format of its own, so the default lets all permitted texts through.
        max_records: how many calls, tokens and sessions are remembered each; the oldest go first.
    """

    lifetime_seconds: Positive = 12 * 3600.0
    session_seconds: Positive | None = None
    latency_seconds: NotNegative = 0.0
    clock_offset_seconds: float = 0.0
    packed_policy_limit: Count = 2048
    max_records: Count = DEFAULT_MAX_RECORDS


class FaultKind(StrEnum):
    """What can be made to go wrong."""

    ACCESS_DENIED = "AccessDenied"
    THROTTLING = "Throttling"
    INTERNAL_ERROR = "InternalError"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"
    CLOCK_SKEW = "clock-skew"
    HANG = "hang"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    BAD_TOKEN = "bad-token"  # noqa: S105 - a word, not a secret
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """Which calls go wrong, how, and how many of them. A filter that is None matches every call.

    Attributes:
        times: how many more calls to hit; None hits until it is cleared.
        role_arn: the role that is asked for, or whose session is calling.
    """

    kind: FaultKind
    action: Name | None = None
    service: Name | None = None
    times: Count | None = None
    region: Name | None = None
    access_key_id: Name | None = None
    role_arn: Name | None = None
