"""Limits for how many new identities one resource, and one namespace, may use within a time.

Only an identity, or a limit of its token, that the token source does not remember counts. Refreshes, and resources that
share a token, are not limited.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..domain.resource import Key
from ..errors import TokenError
from ..reasons import Reason
from ..runtime.ratelimit import Buckets

RESOURCE_BURST, RESOURCE_MINUTE = 24, 6
"""A resource has 21 registries at most, and each can have an identity of its own."""

NAMESPACE_BURST, NAMESPACE_MINUTE = 200, 120
LONGEST_WAIT_SECONDS = 60.0

_SECONDS = 60.0


class Newcomers:
    """Counts the new identities of each namespaced resource and each namespace.

    Cluster resources are not limited. Only administrators of the cluster create them, and an AccessPolicy can give each
    of their namespaces a token with a limit of its own.
    """

    def __init__(self) -> None:
        self._resources: Buckets[Key] = Buckets(
            burst=RESOURCE_BURST, per_second=RESOURCE_MINUTE / _SECONDS, longest_wait=LONGEST_WAIT_SECONDS
        )
        self._tenants: Buckets[str] = Buckets(
            burst=NAMESPACE_BURST, per_second=NAMESPACE_MINUTE / _SECONDS, longest_wait=LONGEST_WAIT_SECONDS
        )

    def admit(self, requester: Key, now: datetime) -> None:
        """Counts one new identity.

        Args:
            requester: the resource that uses the identity.
            now: the time (UTC).

        Raises:
            TokenError: there are too many; it has the time to ask again.
        """
        if not requester.namespace:
            return
        seconds = now.timestamp()
        wait = self._resources.wait(requester, seconds)
        if wait:
            raise _refused(
                f"{requester.spoken} asked for too many AWS identities or limits of tokens within a short time: it may"
                f" ask for {RESOURCE_MINUTE} new ones a minute, once it has asked for {RESOURCE_BURST}",
                now + timedelta(seconds=wait),
            )
        wait = self._tenants.wait(requester.tenant, seconds)
        if wait:
            raise _refused(
                f"the resources of {requester.tenant} asked for too many AWS identities or limits of tokens within a"
                f" short time: they may ask for {NAMESPACE_MINUTE} new ones a minute, once they have asked for"
                f" {NAMESPACE_BURST}",
                now + timedelta(seconds=wait),
            )
        self._resources.take(requester, seconds)
        self._tenants.take(requester.tenant, seconds)


def _refused(text: str, retry_at: datetime) -> TokenError:
    return TokenError(
        f"{text}. AWS is asked by itself, within minutes", reason=Reason.LIMIT_EXCEEDED, retry_at=retry_at
    )
