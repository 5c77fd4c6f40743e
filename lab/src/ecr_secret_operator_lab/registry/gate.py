"""Who is let in: the decision that ECR's registry makes about a request's credentials. Pure.

Sources: ECR User Guide, "Private registry authentication": the user is AWS, the password is what GetAuthorizationToken
gave, it is good in its region, for every registry that its principal may use, until it expires.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from ..fakeaws.records import Found
from .records import Refusal

USER = "AWS"
SERVICE = "ecr.amazonaws.com"
PUBLIC_HOST = "public.ecr.aws"
PRIVATE_HOST = re.compile(r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z.]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Login:
    """What a request shows."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.user!r})"


def login_in(authorization: str | None) -> Login | None:
    """The user and password of an Authorization header; None when there are none that can be read."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Login(user, password) if colon else None


def host_of(header: str) -> str:
    """The host that a Host header names, without port, in the one way that a name is compared."""
    name, colon, port = header.rpartition(":")
    return (name if colon and port.isdigit() else header).lower().removesuffix(".")


def judge(found: Found, host: str) -> Refusal | None:
    """Whether what AWS knows of a password opens the registry at a host; None when it does.

    Args:
        found: AWS' record of the password, and its clock.
        host: as `host_of` gives it. What is no host of ECR, such as localhost, takes the tokens of all regions.
    """
    token = found.token
    if token is None:
        return Refusal.NEVER_ISSUED
    if found.now >= token.expires_at:
        return Refusal.EXPIRED
    private = PRIVATE_HOST.fullmatch(host)
    if (private and token.service != "ecr") or (host == PUBLIC_HOST and token.service != "ecr-public"):
        return Refusal.OTHER_SERVICE
    return Refusal.OTHER_REGION if private and private["region"] != token.region else None


def challenge(host: str) -> str:
    """The WWW-Authenticate header of ECR's 401.

    Args:
        host: with the port, if the request has one.
    """
    return f'Basic realm="https://{host}/",service="{SERVICE}"'
