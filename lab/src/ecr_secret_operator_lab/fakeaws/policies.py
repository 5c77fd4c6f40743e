"""Evaluates session policies as far as ECR tokens need it: Allow and Deny with wildcards in Action.

Source: IAM User Guide, "Policy evaluation logic": an explicit Deny wins, and without an Allow the answer is no.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase


class PolicyError(ValueError):
    """The text is not a policy."""


def allows(policy: str, action: str) -> bool:
    """Whether a session policy lets its session do this; an empty one lets it do what its role may.

    Raises:
        PolicyError: it is not a policy document.
    """
    if not policy:
        return True
    effects = {effect for effect, patterns in statements(policy) if _any_matches(patterns, action)}
    return "Allow" in effects and "Deny" not in effects


def statements(policy: str) -> list[tuple[str, list[str]]]:
    """Effect and actions of each statement.

    Raises:
        PolicyError: it is not a policy document.
    """
    try:
        found = json.loads(policy)["Statement"]
        listed = found if isinstance(found, list) else [found]
        return [(str(one["Effect"]), _as_list(one["Action"])) for one in listed]
    except (ValueError, KeyError, TypeError) as error:
        raise PolicyError("This policy contains invalid Json or lacks Statement, Effect or Action.") from error


def _as_list(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _any_matches(patterns: list[str], action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)
