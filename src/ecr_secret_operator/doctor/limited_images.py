"""Checks that the images of Pods are in repositories that the limited token of their pull Secret opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from ..domain.identity.limit import TokenLimit
from ..domain.secret.annotations import TOKENS, read_tokens
from .finding import Finding, warning
from .subject import MOST_NAMED, Subject


def check_images(of: Subject) -> Iterator[Finding]:
    """Reports Pods that pull with the generated Secret an image outside the limit of its token."""
    limits = stored_limits(of)
    outside: dict[tuple[str, str], list[str]] = {}
    for pod, image in of.case.users.images if of.case.users else ():
        host, _, rest = image.partition("/")
        repository = repository_of(rest)
        if host in limits and repository and not opens(limits[host], repository):
            outside.setdefault((host, repository), []).append(pod)
    for (host, repository), pods in outside.items():
        named = ", ".join(pods[:MOST_NAMED]) + (", ..." if len(pods) > MOST_NAMED else "")
        message = f"The token for {host} is limited to {limits[host]}, and does not open {repository} (Pod {named})"
        remedy = (
            f"Add {repository} to aws.repositories: {of.edit()}. If an AccessPolicy limits it, ask its administrator"
        )
        yield warning("image-outside-limit", of.name, message, remedy)


def stored_limits(of: Subject) -> Mapping[str, TokenLimit]:
    """The limits of the tokens in the generated Secret, by registry host, as its annotation lists them.

    Empty where the Secret or the annotation cannot be read.
    """
    stored = of.case.generated.get(of.namespace)
    try:
        return {host: limit for host, _, _, (*_, limit) in read_tokens(stored.annotations[TOKENS])} if stored else {}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def repository_of(reference: str) -> str:
    """The repository of an image reference without its host: without tag and digest.

    Grammar: `reference` of the distribution project. A colon can only be in a tag or a digest here.
    """
    return reference.partition("@")[0].partition(":")[0]


def opens(limit: TokenLimit, repository: str) -> bool:
    """Whether a token within the limit opens a repository, by the patterns of the limit."""
    return not limit.repositories or any(fnmatchcase(repository, pattern) for pattern in limit.repositories)
