"""All values of the API and the domain are immutable."""

from __future__ import annotations

import pkgutil
from dataclasses import FrozenInstanceError, fields, is_dataclass
from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel

from ecr_secret_operator import api, domain
from ecr_secret_operator.domain.reader import User
from ecr_secret_operator.runtime.lease import Record
from ecr_secret_operator.runtime.watching import EventType, Listing, WatchEvent
from tests.factories import NOW

MODULES = [
    import_module(found.name)
    for package in (api, domain)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]
CLASSES: dict[str, Any] = {
    f"{value.__module__.rpartition('.')[2]}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, type) and value.__module__ == module.__name__
}


@pytest.mark.parametrize("name", [name for name, value in CLASSES.items() if is_dataclass(value)])
def test_every_record_is_frozen_and_slotted(name: str) -> None:
    record = CLASSES[name]
    assert record.__dataclass_params__.frozen
    slots = {name for one in record.__mro__ for name in getattr(one, "__slots__", ())}
    assert {field.name for field in fields(record)} <= slots


@pytest.mark.parametrize("name", [name for name, value in CLASSES.items() if issubclass(value, BaseModel)])
def test_every_model_is_frozen_and_leaves_out_unknown_fields(name: str) -> None:
    config = CLASSES[name].model_config
    assert (config["frozen"], config["extra"]) == (True, "ignore")


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (Record("a", 15, NOW, NOW, 0), "holder"),
        (User("prometheus"), "name"),
        (WatchEvent(EventType.BOOKMARK, "1"), "resource_version"),
        (Listing([1], "1"), "items"),
    ],
)
def test_what_the_edges_hand_over_cannot_be_changed_on_the_way(value: Any, field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, field, "x")
