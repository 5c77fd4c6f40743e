"""The write that a resource needs. Pure."""

from __future__ import annotations

from datetime import datetime

from .plan import Write
from .registries import is_put_back, plan_registry
from .render import differences, render
from .target import Target, was_served


def plan_write(target: Target, now: datetime) -> Write | None:
    """The write that brings the Secret to what it should be; None when it is so already."""
    observed, stored = target.observed, target.stored
    plans = {
        login.host: plan_registry(observed, login, target.spec, target.intact, now)
        for login in observed.authorization.logins
    }
    keep = {host: one.keep for host, one in plans.items() if one.keep}
    wants = tuple(one.want for one in plans.values() if one.want)
    takes_away = bool(stored and stored.has_token_for(observed.authorization.revoked))
    too_wide = observed.authorization.too_wide
    if not wants and not takes_away and (not keep or keep == target.intact):
        return None
    return Write(
        spec=target.spec,
        stored=stored,
        keep=keep,
        wants=wants,
        repairs=_repairs(target),
        problems=target.problems,
        takes_away=takes_away,
        too_wide=too_wide if takes_away and too_wide == observed.authorization.revoked else frozenset(),
    )


def _repairs(target: Target) -> tuple[str, ...]:
    """What of the Secret was changed by others; empty when it was not served yet, or has the last tokens."""
    resource, spec, stored = target.resource, target.spec, target.stored
    if not was_served(resource):
        return ()
    if target.intact:
        remembered = target.observed.remembered
        put_back = any(is_put_back(one, remembered.get(host)) for host, one in target.intact.items())
        return ("content",) if put_back else ()
    served = {host: one for host, one in target.observed.remembered.items() if host in spec.hosts}
    if stored is None:
        return ("it was deleted",) if served else ()
    if not served:
        return ("content",)
    return differences(stored, render(resource, spec, served)) or ("content",)
