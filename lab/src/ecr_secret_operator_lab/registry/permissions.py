"""Whether a token permits a request: its session's policies, and that of the repository. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..fakeaws import authorization
from ..fakeaws.context import principal_of
from ..fakeaws.models import partition
from ..fakeaws.records import Found, IssuedToken, Permissions
from .gate import PRIVATE_HOST
from .requirements import Requirement

PUBLIC = "ecr-public"


@dataclass(frozen=True, slots=True)
class Place:
    """A registry: of an account, in a region."""

    service: str
    account: str
    region: str

    def arn(self, repository: str) -> str:
        """Of a repository. Names at ECR Public start with an alias of the account, which an ARN does not have."""
        if self.service == PUBLIC:
            return f"arn:{partition(self.region)}:{PUBLIC}::{self.account}:repository/{repository.partition('/')[2]}"
        return f"arn:{partition(self.region)}:ecr:{self.region}:{self.account}:repository/{repository}"


def place_of(host: str, token: IssuedToken) -> Place:
    """The registry at a host. One that is no host of ECR, such as localhost, is the registry of the token's account."""
    found = PRIVATE_HOST.fullmatch(host)
    if found is None:
        return Place(token.service, token.account, token.region)
    return Place("ecr", found["account"], found["region"])


def denial(found: Found, host: str, needed: Requirement) -> str | None:
    """Why a token does not permit this, in IAM's words; None when it does.

    Args:
        found: the token, and the permissions in force.
        host: of the registry, as `host_of` gives it.
        needed: by the request.
    """
    if found.token is None:
        return "There is no token."
    place = place_of(host, found.token)
    return authorization.refusal(
        principal_of(found.token, found.permissions),
        f"{place.service}:{needed.action}",
        place.arn(needed.repository),
        of=place.account,
        resource_policy=_policy(found.permissions, place.arn(needed.repository)),
    )


def _policy(permissions: Permissions, arn: str) -> str | None:
    return None if permissions.repositories is None else permissions.repositories.get(arn, "")
