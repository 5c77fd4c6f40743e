"""Who is let in: the decision that ECR's registry makes about a request's credentials. Pure.

Sources: ECR User Guide, "Private registry authentication": the user is AWS, the password is what GetAuthorizationToken
gave, it is good in its region, for every registry that its principal may use, until it expires. "Required IAM
permissions for pushing an image", and for pulling one: the action that a request to the registry means.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from ..fakeaws.policies import allows
from ..fakeaws.records import Found
from .records import Refusal

USER = "AWS"
SERVICE = "ecr.amazonaws.com"
PUBLIC_HOST = "public.ecr.aws"
PRIVATE_HOST = re.compile(r"\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.[a-z.]+")


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


ACTIONS = (
    ("GET HEAD", "manifests", "BatchGetImage"),
    ("GET", "blobs", "GetDownloadUrlForLayer"),
    ("HEAD", "blobs", "BatchCheckLayerAvailability"),
    ("GET HEAD", "tags", "ListImages"),
    ("POST GET", "blobs/uploads", "InitiateLayerUpload"),
    ("PATCH", "blobs/uploads", "UploadLayerPart"),
    ("PUT", "blobs/uploads", "CompleteLayerUpload"),
    ("PUT", "manifests", "PutImage"),
    ("DELETE", "manifests", "BatchDeleteImage"),
)
"""What a request means in IAM: its methods, what its path has after the repository's name, the action."""

AFTER_REPOSITORY = re.compile(r"/v2/.+?/(blobs/uploads|blobs|manifests|tags)/")


def action_of(method: str, path: str) -> str | None:
    """The IAM action, without the service, that a request means; None for one that all may send."""
    found = AFTER_REPOSITORY.match(path)
    if found is None:
        return None
    return next((action for methods, what, action in ACTIONS if what == found[1] and method in methods.split()), None)


def judge(found: Found, host: str, *, action: str | None = None) -> Refusal | None:
    """Whether what AWS knows of a password opens the registry at a host; None when it does.

    Args:
        found: AWS' record of the password, and its clock.
        action: what the request means.
        host: without port. What is no host of ECR, such as localhost, takes the tokens of all regions.
    """
    token = found.token
    if token is None:
        return Refusal.NEVER_ISSUED
    if found.now >= token.expires_at:
        return Refusal.EXPIRED
    private = PRIVATE_HOST.fullmatch(host)
    if (private and token.service != "ecr") or (host == PUBLIC_HOST and token.service != "ecr-public"):
        return Refusal.OTHER_SERVICE
    if private and private[1] != token.region:
        return Refusal.OTHER_REGION
    permitted = action is None or allows(token.policy, f"{token.service}:{action}")
    return None if permitted else Refusal.NOT_ALLOWED


def challenge(host: str) -> str:
    """The WWW-Authenticate header of ECR's 401.

    Args:
        host: with the port, if the request has one.
    """
    return f'Basic realm="https://{host}/",service="{SERVICE}"'
