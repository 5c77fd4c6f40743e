"""A fake AWS at the wire: ECR, ECR Public, STS and the sources of ambient credentials on one endpoint, for any SDK.

AWS is the only thing that the laboratory fakes. The fake is strict where AWS is (signatures, sessions, clock,
parameters) and settable where AWS is not (token lifetime, latency, faults). It remembers every call and every token.

Use `start_fake_aws()` and the `FakeAws` client that it gives; nothing else is public.
"""

from .client import FakeAws, FakeAwsError
from .process import start_fake_aws
from .records import (
    DEFAULT_ACCESS_KEY_ID,
    DEFAULT_AMBIENT_ROLE,
    DEFAULT_SECRET_ACCESS_KEY,
    Ambient,
    Call,
    FaultKind,
    FaultRule,
    IssuedToken,
    KnownCredential,
    Role,
    Settings,
    WebIdentity,
)

__all__ = [
    "DEFAULT_ACCESS_KEY_ID",
    "DEFAULT_AMBIENT_ROLE",
    "DEFAULT_SECRET_ACCESS_KEY",
    "Ambient",
    "Call",
    "FakeAws",
    "FakeAwsError",
    "FaultKind",
    "FaultRule",
    "IssuedToken",
    "KnownCredential",
    "Role",
    "Settings",
    "WebIdentity",
    "start_fake_aws",
]
