"""What the commands for people with a kubeconfig have in common: options, arguments, exit codes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import click
from click.shell_completion import CompletionItem

from ..api.duration import parse_duration
from ..api.fields import GROUP, valid_name
from ..domain.kinds import KINDS, Kind
from ..domain.printable import one_line
from ..errors import (
    ApiError,
    Forbidden,
    InvalidField,
    NoCredentials,
    Unauthorized,
    Unavailable,
)
from .naming import as_called

if TYPE_CHECKING:
    from ..collect.session import ClusterSession

T = TypeVar("T")
_Command = TypeVar("_Command", bound=Callable[..., object])

EXIT_WRONG = 1
"""Something is not as it should be."""
EXIT_CANNOT_LOOK = 2
"""Nothing can be said: no way to the cluster, no permission to look, or the command was used wrongly."""


class Failed(click.ClickException):
    """A command failed, for a reason that is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(as_called(message)))


class CannotLook(Failed):
    """Nothing can be said."""

    exit_code = EXIT_CANNOT_LOOK


def cluster_options(command: _Command) -> _Command:
    """The options that say which cluster."""
    for option in (
        click.option("--context", metavar="NAME", help="Context of the kubeconfig [default: its current one]."),
        click.option("--kubeconfig", metavar="FILE", help="Kubeconfig to use [default: KUBECONFIG, ~/.kube/config]."),
    ):
        command = option(command)
    return command


def namespace_option(text: str) -> Callable[[_Command], _Command]:
    """The option that says which namespace."""
    return click.option("-n", "--namespace", type=NameType(), metavar="NAME", help=text)


class NameType(click.ParamType[str]):
    """The name of an object. It becomes a part of a URL, so it has to be one that Kubernetes accepts."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Reads it, or fails with a sentence."""
        try:
            return valid_name(value)
        except InvalidField as error:
            self.fail(str(error), param, ctx)


class DurationType(click.ParamType[timedelta]):
    """A time to wait, as kubectl takes it: a number with a unit. A number alone is seconds."""

    name = "duration"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Reads it, or fails with a sentence."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(f"{value}s" if value.isdecimal() else value)
        except InvalidField as error:
            self.fail(str(error), param, ctx)


class ResourceType(click.ParamType[tuple[Kind, str]]):
    """KIND/NAME as kubectl takes it: the kind by name, plural or short name, with or without the group."""

    name = "resource"

    def convert(
        self, value: str | tuple[Kind, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Kind, str]:
        """Reads it, or fails with a sentence."""
        if not isinstance(value, str):
            return value
        word, slash, name = value.partition("/")
        kind = _kinds().get(word.lower().removesuffix(f".{GROUP}"))
        if kind is None or not slash or not name or "/" in name:
            names = ", ".join(KINDS)
            self.fail(f"{value!r} is not KIND/NAME, such as Secret/ecr. KIND is one of {names}", param, ctx)
        return kind, NameType().convert(name, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's
        """Kinds: names would need a cluster at each key."""
        return [CompletionItem(f"{name}/") for name in KINDS if name.lower().startswith(incomplete.lower())]


def _kinds() -> dict[str, Kind]:
    return {
        word: kind
        for kind in KINDS.values()
        for word in (
            kind.name.lower(),
            kind.plural,
            f"{kind.plural}.{GROUP}".removesuffix(f".{GROUP}"),
            *kind.short_names,
        )
    }


def with_cluster(kubeconfig: str | None, context: str | None, work: Callable[[ClusterSession], Awaitable[T]]) -> T:
    """Does something with a cluster. Raises CannotLook, with one sentence, where that is not possible."""
    from ..collect.session import session  # noqa: PLC0415 - the same
    from ..kube.config import ConfigError  # noqa: PLC0415 - the client library takes a second to import

    server = ""

    async def working() -> T:
        nonlocal server
        async with session(kubeconfig, context) as opened:
            server = opened.client.server
            return await work(opened)

    try:
        return asyncio.run(working())
    except (ConfigError, NoCredentials) as error:
        raise CannotLook(str(error)) from error
    except Unavailable as error:
        raise CannotLook(f"{error} ({server}). Check that it runs, and the kubeconfig") from error
    except Forbidden as error:
        text = "refused your credentials" if isinstance(error, Unauthorized) else "refused"
        raise CannotLook(f"the API server {server} {text}: {error}") from error
    except ApiError as error:
        raise CannotLook(str(error)) from error
