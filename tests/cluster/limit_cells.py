"""All combinations of identity, access, repositories, limit of a policy and form of the registry.

What is expected of each is written down from docs/access-policy.md and docs/guides/limited-tokens.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ecr_secret_operator_lab.cluster import Object

from .limiting import ACCOUNT, FORMS, RANK, Allowed
from .resources import a_resource

OWN: Final = {"own keys": "user", "own web identity": "web", "own instance role": "instance"}
"""The operator's own identities, and how the namespaces of each one's operator begin."""
IDENTITIES = (*OWN, "role_arn", "service_account", "credentials_secret", "temporary keys")
ACCESSES = (None, "pull", "push", "full")
WITHIN, OUTSIDE = "team/web*", "other/*"
REPOSITORIES = (None, WITHIN, OUTSIDE)
LONG = ("team/*", *(f"{'{namespace}' * 12}/{number}" for number in range(18)))
"""Not too long for the policy, but with the name of a namespace in it too long for a session policy."""

LIMITS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "pull": {"access": "pull"},
    "names": {"repositories": ["team/*"]},
    "push": {"access": "push", "repositories": ["team/*"]},
    "long": {"repositories": list(LONG)},
}
REFUSED, DENIED, INVALID, UNAVAILABLE = "refused at admission", "PolicyDenied", "InvalidSpec", "IdentityUnavailable"


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination."""

    identity: str
    access: str | None
    repositories: str | None
    limit: str
    form: str
    number: int

    @property
    def namespace(self) -> str:
        return f"{OWN.get(self.identity, 'user')}-{self.limit}"

    @property
    def kind(self) -> str:
        return "Secret" if self.number % 4 else "ArgoHelmRepoSecret"

    def at(self, form: str) -> Cell:
        """The same at another registry."""
        return Cell(self.identity, self.access, self.repositories, self.limit, form, self.number)

    def aws(self) -> dict[str, Any]:
        """The field `aws`."""
        partition = FORMS[self.form].partition
        named = {
            "role_arn": {"role_arn": f"arn:{partition}:iam::{ACCOUNT}:role/pull"},
            "service_account": {"service_account": f"builder-{partition}"},
            "credentials_secret": {"credentials_secret": "long-term"},
            "temporary keys": {"credentials_secret": "temporary"},
        }.get(self.identity, {})
        limit = {"access": self.access, "repositories": [self.repositories] if self.repositories else None}
        return {**named, **{key: value for key, value in limit.items() if value}}

    def also(self) -> list[str]:
        """More registries of the same Secret: one that is served as this one is."""
        names = list(FORMS)
        other = names[(names.index(self.form) + 3) % len(names)]
        both = isinstance(expected(self), Allowed) and isinstance(expected(self.at(other)), Allowed)
        return [other] if both and self.kind == "Secret" else []

    def body(self) -> Object:
        name, host = f"cell-{self.number}", FORMS[self.form].host
        if self.kind == "ArgoHelmRepoSecret":
            return a_resource(self.kind, name, url=f"{host}/team/charts", region=None, aws=self.aws())
        more = [{"ecr_registry": FORMS[other].host, "aws": self.at(other).aws()} for other in self.also()]
        return a_resource("Secret", name, ecr_registry=host, region=None, aws=self.aws(), additional_registries=more)


def cells() -> Iterator[Cell]:
    """All of them. The forms rotate so that each meets each identity with each limit."""
    shape = itertools.product(enumerate(IDENTITIES), enumerate(ACCESSES), enumerate(REPOSITORIES), enumerate(LIMITS))
    for number, ((first, identity), (second, access), (third, repositories), (fourth, limit)) in enumerate(shape):
        form = list(FORMS)[(first + 2 * second + 3 * third + fourth) % len(FORMS)]
        yield Cell(identity, access, repositories, limit, form, number)


def expected(cell: Cell) -> str | Allowed:
    """What the documentation says of a combination."""
    form, limit = FORMS[cell.form], LIMITS[cell.limit]
    if form.public and cell.repositories:
        return REFUSED
    most, patterns = str(limit.get("access", "full")), tuple(limit.get("repositories", ()))
    if form.public and patterns:
        most, patterns = "pull", ()
    asked = None if cell.access == "full" else cell.access  # the default, so it asks for as much as there is
    access = asked or most
    if RANK[access] > RANK[most] or (patterns and cell.repositories == OUTSIDE):
        return DENIED
    found = Allowed(access, (cell.repositories,) if cell.repositories else patterns)
    if found.limited and cell.identity == "temporary keys":
        return UNAVAILABLE
    if found.repositories == LONG:
        return INVALID
    return UNAVAILABLE if found.limited and cell.identity == "own instance role" else found
