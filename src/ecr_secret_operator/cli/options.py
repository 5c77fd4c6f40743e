"""What the commands for people with a kubeconfig have in common: options, arguments, exit codes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import click

from ..api.duration import parse_duration
from ..api.fields import valid_name
from ..domain.printable import one_line
from ..errors import (
    ApiError,
    Forbidden,
    InvalidField,
    NoCredentials,
    OperatorError,
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
INTERRUPTED = 130
"""Ctrl-C ended the command (shells: 128 + SIGINT)."""

_SERVER = "the API server "
_CHECK = "Check that the server runs, and that your kubeconfig names it: kubectl cluster-info"
_LOGIN = "Log in again, or check the user in your kubeconfig"


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
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
    except (ConfigError, ApiError) as error:
        raise CannotLook(explained(error, server)) from error


def explained(error: OperatorError, server: str) -> str:
    """Why a cluster cannot be read, and what to do, as one sentence or two.

    Args:
        error: of a kubeconfig, or of a request.
        server: URL of the API server; empty if it is not known yet.
    """
    if isinstance(error, NoCredentials):
        return str(error)
    if isinstance(error, Unavailable):
        return f"the API server {server} {_silence(error).rstrip('.')}. {_CHECK}"
    if isinstance(error, Unauthorized):
        return f"the API server {server} refused your credentials: {error}. {_LOGIN}"
    if isinstance(error, Forbidden):
        return f"the API server {server} refused: {error}"
    return str(error)


def _silence(error: Unavailable) -> str:
    """Why there was no answer: the system's own words for a connection that failed, without those of the library."""
    cause = getattr(error.__cause__, "os_error", None)
    if not isinstance(cause, OSError):
        own = str(error)
        return own.removeprefix(_SERVER) if own.startswith(_SERVER) else f"does not work: {own}"
    number = cause.errno or 0
    return f"cannot be reached: {os.strerror(number) if number > 0 else cause.strerror}"  # of name resolution: below 0
