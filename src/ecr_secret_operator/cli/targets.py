"""Resources on the command line, named as kubectl names them: `secret/web`, `secret web api`, `ecrsecret,ecrargo`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, TypeVar

import click
from click.shell_completion import CompletionItem

from ..api.fields import GROUP, VERSION, valid_name
from ..crds import all_definitions
from ..domain.identity.access_policy import POLICY_KIND
from ..domain.kinds import KINDS, Kind
from ..errors import InvalidField
from .naming import as_called

_Command = TypeVar("_Command", bound=Callable[..., object])

_SUFFIXES = (f".{VERSION}.{GROUP}", f".{GROUP}")


class Target(NamedTuple):
    """One resource: its kind, as in `kind:`, and its name."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Targets:
    """The resources that a command line names.

    Attributes:
        named: single resources, in the order of the command line, each once.
        types: kinds that are an argument of their own, as in `secret web`.
    """

    named: Sequence[Target] = ()
    types: Sequence[str] = ()

    @property
    def kinds(self) -> Sequence[str]:
        """Kinds of which all resources are meant."""
        return () if self.named else self.types

    def credentials(self) -> list[tuple[Kind, str]]:
        """The named resources that generate Secrets, with their kinds."""
        return [(KINDS[kind], name) for kind, name in self.named if kind in KINDS]

    def credential_kinds(self) -> list[Kind]:
        """The kinds of `kinds`. Raises UsageError for AccessPolicy, which generates no Secrets."""
        self.require_credentials()
        return [KINDS[kind] for kind in self.kinds]

    def require_credentials(self) -> None:
        """Raises UsageError for an AccessPolicy: it has no token."""
        if POLICY_KIND in (*self.kinds, *(kind for kind, _ in self.named)):
            hint = as_called("ecr-secret-operator doctor ecrpolicy/NAME")
            raise click.UsageError(f"an {POLICY_KIND} has no Secret and no token. To check it, use: {hint}")

    def require_names(self) -> None:
        """Raises UsageError where only kinds are given."""
        if self.kinds:
            raise click.UsageError(f"give the names of the resources too, such as {short_name(self.kinds[0])}/NAME")


def resource_arguments(*, required: bool = False) -> Callable[[_Command], _Command]:
    """The argument `resources`, of type `Targets`."""
    usage = "TYPE/NAME... | TYPE NAME..."
    return click.argument(
        "resources",
        nargs=-1,
        required=required,
        type=_WordType(),
        callback=_parsed,
        metavar=f"({usage})" if required else f"[{usage}]",
    )


def parse(words: Sequence[str]) -> Targets:
    """Reads the words of a command line.

    Raises:
        UsageError: they do not name resources; the message says how to name them.
    """
    if not words:
        return Targets()
    if any("/" in word for word in words):
        if mixed := [word for word in words if "/" not in word]:
            raise click.UsageError(f"{mixed[0]!r} is not TYPE/NAME. Give TYPE/NAME for every resource, or TYPE NAME...")
        return Targets(tuple(dict.fromkeys(_one(word) for word in words)))
    kinds, names = [_kind(word) for word in words[0].split(",")], [_name(word) for word in words[1:]]
    named = tuple(dict.fromkeys(Target(kind, name) for kind in kinds for name in names))
    return Targets(named, tuple(dict.fromkeys(kinds)))


def short_name(kind: str) -> str:
    """The name by which users type a kind: its short name, as its definition has it."""
    return next(short for short, name in _short_names().items() if name == kind)


def _one(word: str) -> Target:
    kind, _, name = word.partition("/")
    return Target(_kind(kind), _name(name))


def _kind(word: str) -> str:
    plain = word.lower()
    for suffix in _SUFFIXES:
        plain = plain.removesuffix(suffix)
    if kind := _words().get(plain):
        return kind
    known = ", ".join(f"{kind.lower()} ({short})" for short, kind in _short_names().items())
    raise click.UsageError(f"there is no resource type {word!r}. The types are {known}. Name a resource as secret/web")


def _name(word: str) -> str:
    if not word:
        raise click.UsageError("the name of a resource is missing. Name a resource as secret/web")
    try:
        return valid_name(word)
    except InvalidField as error:
        raise click.UsageError(str(error)) from error


@cache
def _words() -> dict[str, str]:
    """Kinds by everything that kubectl accepts for them: singular, plural and short names."""
    names = [one["spec"]["names"] for one in all_definitions()]
    return {word: one["kind"] for one in names for word in (one["singular"], one["plural"], *one["shortNames"])}


@cache
def _short_names() -> dict[str, str]:
    return {one["spec"]["names"]["shortNames"][0]: one["spec"]["names"]["kind"] for one in all_definitions()}


def _parsed(_ctx: click.Context, _param: click.Parameter, words: tuple[str, ...]) -> Targets:
    return parse(words)


class _WordType(click.ParamType[str]):
    """A word of the argument; completed with types, and with names from the cluster."""

    name = "resource"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's
        incomplete: str,
    ) -> list[CompletionItem]:
        """Types at first; names after a type."""
        from .suggestions import names  # noqa: PLC0415 - only for completion

        given = ctx.params.get("resources") or Targets()
        word, slash, begun = incomplete.partition("/")
        if slash:
            kind = _words().get(word.lower())
            return [CompletionItem(f"{word}/{name}") for name in (names(ctx, [kind], begun) if kind else ())]
        if given.types:
            return [CompletionItem(name) for name in names(ctx, given.types, incomplete)]
        shown = {f"{short}/": kind for short, kind in _short_names().items() if short.startswith(incomplete.lower())}
        return [CompletionItem(short, help=kind) for short, kind in shown.items()]
