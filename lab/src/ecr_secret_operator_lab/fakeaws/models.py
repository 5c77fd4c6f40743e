"""The operations that the fake serves and the rules for their parameters, from the service models that botocore ships.

Read from the models rather than written down here, so that a parameter AWS adds is known after an update of botocore.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVED = {
    "ecr": frozenset({"GetAuthorizationToken"}),
    "ecr-public": frozenset({"GetAuthorizationToken"}),
    "sts": frozenset({"GetCallerIdentity", "AssumeRole", "AssumeRoleWithWebIdentity", "GetFederationToken"}),
}
UNDECLARED_MAXIMA = {"unrestrictedSessionPolicyDocumentType": 2048}
"""Limits that only the text of the STS API reference states (AssumeRole, Policy)."""
SCALARS: dict[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "boolean": (bool,)}
DATA_PATH = Loader()


@cache
def service_model(service: str) -> Any:  # noqa: ANN401 - botocore has no types
    """The botocore model of a service."""
    return ServiceModel(DATA_PATH.load_service_model(service, "service-2"), service)


@cache
def input_shape(service: str, action: str) -> Any | None:  # noqa: ANN401 - botocore has no types
    """The shape of an action's input; None when it takes no parameters at all."""
    return service_model(service).operation_model(action).input_shape


@cache
def is_unsigned(service: str, action: str) -> bool:
    """Whether the action is called without a signature."""
    return bool(service_model(service).operation_model(action).auth_type == "none")


@cache
def service_of_target(prefix: str) -> str | None:
    """The JSON service whose `X-Amz-Target` starts with this prefix."""
    for service in SERVED:
        if service_model(service).metadata.get("targetPrefix") == prefix:
            return service
    return None


@cache
def dns_suffix(region: str) -> str:
    """The domain of a region's partition, from botocore's partition table; the commercial one for an unknown region."""
    return str(_partition(region).get("outputs", {}).get("dnsSuffix", "amazonaws.com"))


@cache
def partition(region: str) -> str:
    """The partition of a region, from botocore's partition table; the commercial one for an unknown region."""
    return str(_partition(region).get("id", "aws"))


def _partition(region: str) -> dict[str, Any]:
    for one in DATA_PATH.load_data("partitions")["partitions"]:
        if region in one["regions"] or re.fullmatch(one["regionRegex"], region):
            return dict(one)
    return {}


def problems(parameters: dict[str, object], service: str, action: str) -> list[str]:
    """What is wrong with the parameters, in AWS's words; empty when nothing is."""
    shape = input_shape(service, action)
    members = shape.members if shape is not None else {}
    unknown = [f"Unknown parameter '{name}'" for name in parameters if name not in members]
    return unknown + (list(_of_structure(parameters, shape, "")) if shape is not None else [])


@dataclass(frozen=True, slots=True)
class _Place:
    """A value's place in the input: its path as AWS writes it, and whether the value may be repeated."""

    path: str
    sensitive: bool

    def broken(self, value: object, constraint: str) -> str:
        text = "****" if self.sensitive else value
        shown = "null" if value is None else f"'{text}'"
        return f"Value {shown} at '{self.path}' failed to satisfy constraint: {constraint}"


def _of_structure(value: dict[str, object], shape: Any, prefix: str) -> Iterator[str]:  # noqa: ANN401 - botocore has no types
    for name, member in shape.members.items():
        path = f"{prefix}{name[:1].lower()}{name[1:]}"
        place = _Place(path, sensitive=bool(member.metadata.get("sensitive")))
        if name in value:
            yield from _of_value(value[name], member, place)
        elif name in shape.required_members:
            yield place.broken(None, "Member must not be null")


def _of_value(value: object, shape: Any, place: _Place) -> Iterator[str]:  # noqa: ANN401 - botocore has no types
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        yield from _of_structure(value, shape, f"{place.path}.")
    elif kind == "list" and isinstance(value, list):
        yield from _of_size(len(value), value, shape, place)
        for index, item in enumerate(value, start=1):
            yield from _of_value(item, shape.member, _Place(f"{place.path}.{index}.member", place.sensitive))
    elif kind in SCALARS and isinstance(value, SCALARS[kind]):
        size = len(value) if isinstance(value, str) else value
        yield from _of_size(size, value, shape, place)
        pattern = shape.metadata.get("pattern")
        if pattern and isinstance(value, str) and not _fits(pattern, value):
            yield place.broken(value, f"Member must satisfy regular expression pattern: {pattern}")
    else:
        yield place.broken(value, f"Member must be of type {kind}")


def _fits(pattern: str, value: str) -> bool:
    """Whether a value matches; the models' patterns are Java's, and one that Python cannot read is not checked."""
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True


def _of_size(size: Any, value: object, shape: Any, place: _Place) -> Iterator[str]:  # noqa: ANN401 - botocore has no types
    noun = "value" if shape.type_name == "integer" else "length"
    low, high = shape.metadata.get("min"), shape.metadata.get("max", UNDECLARED_MAXIMA.get(shape.name))
    if low is not None and size < low:
        yield place.broken(value, f"Member must have {noun} greater than or equal to {low}")
    if high is not None and size > high:
        yield place.broken(value, f"Member must have {noun} less than or equal to {high}")
