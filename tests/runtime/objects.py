"""The simplest thing that a cache can hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thing:
    name: str
    version: int
    place: str = "here"
    tags: tuple[str, ...] = ()

    @property
    def resource_version(self) -> str:
        return str(self.version)


def name_of(thing: Thing) -> str:
    return thing.name
