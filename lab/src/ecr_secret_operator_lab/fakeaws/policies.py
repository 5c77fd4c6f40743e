"""Reads IAM policy documents as strictly as IAM does. Pure.

Sources: IAM User Guide, "Grammar of the IAM JSON policy language", and the messages that IAM gives, as others recorded
them (moto's tests of policy validation, which were run against AWS).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from .statements import Policy, Selection, Statement, Verdict

VERSIONS = ("2012-10-17", "2008-10-17")
TOP = frozenset({"Version", "Id", "Statement"})
STATEMENT = frozenset({"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"})
PRINCIPAL_KINDS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
VENDOR = re.compile(r"[A-Za-z0-9.*?-]+")
PARTITION = re.compile(r"aws(-[a-z]+)*")
ARN = re.compile(r"arn:(?P<partition>[^:]*):(?P<service>[a-z0-9-]+):(?:.*\*|[^:]*:[^:]*:.+)", re.DOTALL)

NOT_JSON = "This policy contains invalid Json"
SYNTAX = "Syntax errors in policy."


class PolicyError(ValueError):
    """The text is not a policy document that IAM accepts, in IAM's words."""


class Kind(Enum):
    """Where a policy belongs: to an identity or its session, or to a resource."""

    IDENTITY = "identity"
    RESOURCE = "resource"


def allows(policy: str, action: str, resource: str = "*") -> bool:
    """Whether a session policy allows this; an empty one allows all that the identity may do.

    Raises:
        PolicyError: it is not a policy document.
    """
    return not policy or parse(policy).verdict(action, resource) is Verdict.ALLOW


@lru_cache(maxsize=1024)
def parse(text: str, kind: Kind = Kind.IDENTITY) -> Policy:
    """Reads a document.

    Conditions and policy variables are valid in IAM. The fake does not evaluate them, so it refuses them: it never
    ignores a part of a policy.

    Raises:
        PolicyError: IAM, or the fake, does not accept it.
    """
    document = _json(text)
    if not isinstance(document, dict) or document.keys() - TOP or not isinstance(document.get("Id", ""), str):
        raise PolicyError(SYNTAX)
    if document.get("Version", VERSIONS[-1]) not in VERSIONS:
        raise PolicyError(SYNTAX)
    found = document.get("Statement")
    listed = found if isinstance(found, list) else [found]
    if not listed:
        raise PolicyError(SYNTAX)
    _check_ids(listed)
    return Policy(tuple(_statement(one, kind) for one in listed))


def _json(text: str) -> object:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise PolicyError(SYNTAX)
        return found

    def no_constant(_: str) -> object:
        raise PolicyError(NOT_JSON)

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except PolicyError:
        raise
    except (ValueError, RecursionError):
        raise PolicyError(NOT_JSON) from None


def _check_ids(statements: Iterable[object]) -> None:
    ids = [one["Sid"] for one in statements if isinstance(one, dict) and one.get("Sid")]
    if not all(isinstance(one, str) for one in ids):
        raise PolicyError(SYNTAX)
    if len(set(ids)) < len(ids):
        raise PolicyError("Statement IDs (SID) in a single policy must be unique.")


def _statement(found: object, kind: Kind) -> Statement:
    if not isinstance(found, dict) or found.get("Effect") not in {"Allow", "Deny"}:
        raise PolicyError(SYNTAX)
    if kind is Kind.IDENTITY and found.keys() & {"Principal", "NotPrincipal"}:
        raise PolicyError("Policy document should not specify a principal.")
    known = STATEMENT if kind is Kind.IDENTITY else STATEMENT - {"Resource", "NotResource"} | {"Principal"}
    if found.keys() - known:
        raise PolicyError(SYNTAX)
    if found.get("Condition"):
        raise PolicyError("The fake does not evaluate Condition.")
    actions, other_actions = _one_of(found, "Action", "NotAction")
    for action in actions:
        _check_action(action)
    effect, selected = Verdict(found["Effect"]), Selection(actions, excluded=other_actions, any_case=True)
    if kind is Kind.RESOURCE:
        principals = _principals(found.get("Principal"))
        return Statement(effect=effect, actions=selected, resources=Selection(("*",)), principals=principals)
    resources, other_resources = _one_of(found, "Resource", "NotResource")
    for resource in resources:
        _check_resource(resource)
    return Statement(effect=effect, actions=selected, resources=Selection(resources, excluded=other_resources))


def _one_of(found: dict[str, object], name: str, negation: str) -> tuple[tuple[str, ...], bool]:
    """The texts of an element or of its negation, and whether it was the negation."""
    given = [one for one in (name, negation) if one in found]
    if not given or found[given[0]] == []:
        raise PolicyError(f"Policy statement must contain {name.lower()}s.")
    if len(given) > 1:
        raise PolicyError(SYNTAX)
    return _texts(found[given[0]]), given[0] == negation


def _texts(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in listed):
        raise PolicyError(SYNTAX)
    return tuple(str(one) for one in listed)


def _check_action(action: str) -> None:
    vendor, colon, name = action.partition(":")
    if action == "*":
        return
    if not colon:
        raise PolicyError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    if ":" in name:
        raise PolicyError("Actions/Condition can contain only one colon.")
    if VENDOR.fullmatch(vendor) is None:
        raise PolicyError(f"Vendor {vendor} is not valid")
    if not name:
        raise PolicyError(SYNTAX)


def _check_resource(resource: str) -> None:
    if resource == "*":
        return
    if "${" in resource:
        raise PolicyError("The fake does not evaluate policy variables.")
    found = ARN.fullmatch(resource)
    if found is None:
        raise PolicyError(f'Resource {resource} must be in ARN format or "*".')
    if PARTITION.fullmatch(found["partition"]) is None:
        raise PolicyError(f'Partition "{found["partition"]}" is not valid for resource "{resource}".')


def _principals(value: object) -> tuple[str, ...]:
    if value == "*":
        return ("*",)
    if not isinstance(value, dict) or not value or value.keys() - PRINCIPAL_KINDS:
        raise PolicyError("Invalid principal in policy.")
    for one in value.values():
        _texts(one)
    return _texts(value.get("AWS", []))
