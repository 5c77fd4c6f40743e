"""Why a generated Secret is removed, and which are removed whatever else is done for their resource. Pure."""

from __future__ import annotations

from .access import Access
from .decide import Observed, Plan
from .generated import StoredSecret


def withdrawn(observed: Observed, plan: Plan) -> tuple[StoredSecret, ...]:
    """The Secrets with a token that policy refuses now, which nothing in the plan replaces.

    They are removed also while the resource cannot be served: else a conflict over its name, or a failure of AWS,
    would keep a token that no policy allows.
    """
    if not observed.resource.wanted or observed.access.denied:
        return ()
    replaced = plan.write.stored if plan.write else None
    return tuple(
        secret
        for secret in observed.made
        if secret is not replaced and not secret.deleting and _is_refused(secret, observed.access)
    )


def _is_refused(secret: StoredSecret, access: Access) -> bool:
    return bool(access.revoked & secret.holdings.keys())
