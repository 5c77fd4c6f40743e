"""What a token may be limited to: kinds of access, and patterns of repository names."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ..errors import InvalidField, shown
from .fields import bounded, cel, matches, rule
from .registry import PUBLIC_HOST

Access = Literal["pull", "push", "full"]
ACCESS: tuple[Access, ...] = ("pull", "push", "full")
"""Each includes the ones before it."""

OptionalAccess = Annotated[Access | None, Field(json_schema_extra={"type": "string", "enum": list(ACCESS)})]

MOST_REPOSITORIES = 20
_LONGEST_PATTERN = 256
"""ECR: repositoryName has 2 to 256 characters."""

SESSION_POLICY_CHARACTERS = 2048
"""STS, AssumeRole and GetFederationToken: the longest Policy."""

SHORTEST_ARN_PREFIX = len('"arn:aws:ecr:us-east-1:123456789012:repository/"')
"""What a session policy has for each pattern, at least, beside the pattern itself."""

_PATTERN = "[a-z0-9*?._/-]+"
_RULE = "may hold lower case letters, digits, ._/- and the wildcards * and ?, as names of ECR repositories do"


def _valid_repositories(text: str) -> str:
    if not re.fullmatch(_PATTERN, text):
        raise InvalidField(f"{shown(text)} is not a pattern of repository names: it {_RULE}")
    return text


RepositoryPattern = Annotated[
    str,
    bounded(_LONGEST_PATTERN),
    AfterValidator(_valid_repositories),
    Field(json_schema_extra={"maxLength": _LONGEST_PATTERN, **cel(rule(matches(_PATTERN), _RULE))}),
]

_TEMPLATE = r"([a-z0-9*?._/-]|\{namespace\})+"
_TEMPLATE_RULE = "may hold lower case letters, digits, ._/-, {namespace} and the wildcards * and ?"


def _valid_template(text: str) -> str:
    if not re.fullmatch(_TEMPLATE, text):
        raise InvalidField(f"{shown(text)} is not a pattern of repository names: it {_TEMPLATE_RULE}")
    return text


RepositoryTemplate = Annotated[
    str,
    bounded(_LONGEST_PATTERN),
    AfterValidator(_valid_template),
    Field(json_schema_extra={"maxLength": _LONGEST_PATTERN, **cel(rule(matches(_TEMPLATE), _TEMPLATE_RULE))}),
]

_TOO_LONG = (
    f"repositories are too long for a session policy, which has at most {SESSION_POLICY_CHARACTERS} characters at STS:"
    " name fewer or shorter patterns"
)


def _all_fit(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Refuses what is too long also with the shortest names of a namespace and a region. Raises InvalidField."""
    if sum(len(one.replace("{namespace}", "n")) + SHORTEST_ARN_PREFIX for one in patterns) > SESSION_POLICY_CHARACTERS:
        raise InvalidField(_TOO_LONG)
    return patterns


def _fits(pattern: str) -> dict[str, str]:
    """The CEL rule that no session policy can hold what is longer. What it lets pass may still be too long."""
    length = f"self.map(pattern, {pattern}.size() + {SHORTEST_ARN_PREFIX}).sum()"
    return rule(f"self.size() == 0 || {length} <= {SESSION_POLICY_CHARACTERS}", _TOO_LONG)


_SET = {"x-kubernetes-list-type": "set"}
RepositoryPatterns = Annotated[
    tuple[RepositoryPattern, ...],
    Field(max_length=MOST_REPOSITORIES, json_schema_extra={**_SET, **cel(_fits("pattern"))}),
    AfterValidator(_all_fit),
]
RepositoryTemplates = Annotated[
    tuple[RepositoryTemplate, ...],
    Field(
        max_length=MOST_REPOSITORIES, json_schema_extra={**_SET, **cel(_fits("pattern.replace('{namespace}', 'n')"))}
    ),
    AfterValidator(_all_fit),
]

PUBLIC_RULE = (
    f"repositories of {PUBLIC_HOST} cannot be limited: its host does not name the account. Leave repositories out and"
    " limit aws.access, or give an entry of additional_registries its own aws"
)
