"""`ecr-secret-operator run`: the operator itself."""

from __future__ import annotations

import gc
import os
import resource
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

import click

from ..errors import InvalidField
from ..observability.stream import occupy_standard_streams
from ..serving.address import Address, parse_address
from ..settings import LOG_LEVELS, Settings, parse_certificate, parse_namespaces
from .imports import without

if TYPE_CHECKING:
    from ..observability.logs import LogFormat


class AddressType(click.ParamType[Address | None]):
    """A bind address as Go writes it."""

    name = "address"

    def convert(
        self, value: str | Address | None, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address | None:
        """Reads it, or fails with the sentence of the error."""
        if not isinstance(value, str):
            return value
        try:
            return parse_address(value)
        except InvalidField as error:
            self.fail(str(error), param, ctx)


_YOUNG = 10_000
"""Objects between two looks for cycles. Python's 700 come to be in one reconcile, and cycles seldom."""

_Command = TypeVar("_Command", bound=Callable[..., object])


class Options(TypedDict):
    """The options that are fields of Settings as they are."""

    kubeconfig: str | None
    metrics_address: Address | None
    metrics_per_resource: bool
    metrics_secure: bool
    probe_address: Address | None
    leader_elect: bool
    leader_election_namespace: str | None
    require_access_policy: bool
    workers: int
    max_identity_watches: int


def _allow_many_connections() -> None:
    """Raises the soft limit of open files to the hard one, as Go programs do by themselves."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def switch(name: str, *, help: str, on: bool = False) -> Callable[[_Command], _Command]:  # noqa: A002 - as click names it
    """A flag as Go has them: `--flag`, `--flag=true` and `--flag=false`.

    Args:
        name: of the flag.
        help: for people.
        on: whether it is on unless given.
    """
    return click.option(
        name,
        is_flag=False,
        flag_value="true",
        default="true" if on else "false",
        type=click.BOOL,
        metavar="[=true|false]",
        help=help,
    )


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator run --leader-elect
  ecr-secret-operator run --kubeconfig ~/.kube/config --watch-namespace team-a,team-b"""
)
@click.option(
    "--kubeconfig", metavar="FILE", help="Kubeconfig to use [default: KUBECONFIG, in-cluster, ~/.kube/config]."
)
@click.option(
    "--watch-namespace",
    envvar="WATCH_NAMESPACE",
    default="",
    metavar="NAMES",
    help="Namespaces to watch, separated by commas. Defaults to all namespaces.  [env var: WATCH_NAMESPACE]",
)
@click.option(
    "--metrics-bind-address",
    "metrics_address",
    type=AddressType(),
    default=":8080",
    show_default=True,
    help="Address of /metrics; 0 disables it.",
)
@switch("--metrics-per-resource", help="Export metrics for each resource.  [default: true]", on=True)
@switch(
    "--metrics-secure",
    help="Serve metrics over HTTPS, and require a bearer token whose user may get /metrics in the cluster.",
)
@click.option(
    "--metrics-cert-path",
    default="",
    metavar="DIR",
    help="Serve metrics over HTTPS with tls.crt and tls.key of DIR [default with --metrics-secure: self-signed].",
)
@click.option(
    "--health-probe-bind-address",
    "probe_address",
    type=AddressType(),
    default=":8081",
    show_default=True,
    help="Address of /healthz and /readyz; 0 disables them.",
)
@switch("--leader-elect", help="Enable leader election: only one of several replicas is active.")
@click.option(
    "--leader-election-namespace", metavar="NAME", help="Namespace of the Lease [default: the operator's namespace]."
)
@switch("--require-access-policy", help="Deny all requests while no AccessPolicy exists.")
@click.option(
    "--concurrency",
    "workers",
    type=click.IntRange(1, 64),
    default=24,
    show_default=True,
    help="Maximum number of concurrent reconciles.",
)
@click.option(
    "--max-identity-watches",
    type=click.IntRange(1, 16384),
    default=512,
    show_default=True,
    help="Maximum number of watched ServiceAccounts and Secrets with AWS keys. Each uses a connection.",
)
@click.option(
    "--log-level", type=click.Choice(LOG_LEVELS), default="info", show_default=True, help="Lowest level to log."
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "json", "console"]),
    default="auto",
    show_default=True,
    help="auto selects console on a terminal, and json otherwise.",
)
def run(
    *, watch_namespace: str, metrics_cert_path: str, log_level: str, log_format: LogFormat, **options: Unpack[Options]
) -> None:
    """Run the operator until SIGTERM or Ctrl-C.

    AWS credentials come from the SDK's default chain: environment, AWS_CONFIG_FILE, web identity.

    Exit codes: 0 stopped by SIGTERM or Ctrl-C; 1 failed; 2 wrong usage.
    """
    # Until the loop takes over: process 1 of a container, as which this runs, ignores signals without a handler. No
    # exception: one that is raised while the interpreter cleans up, as it does after each import, is ignored.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    occupy_standard_streams()
    # The libraries take a second to import: no other command pays for them.
    with without("rich"):  # 4 MiB, for a form of tracebacks that is not used
        import structlog  # noqa: F401, PLC0415

    import uvloop  # noqa: PLC0415

    from .. import manager  # noqa: PLC0415
    from ..observability.logs import configure_logs  # noqa: PLC0415

    _allow_many_connections()
    configure_logs(log_level, log_format)
    settings = _settings(watch_namespace, metrics_cert_path, options)
    gc.freeze()  # what was imported stays: no collection, nor the one at the end, has to look through it
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    uvloop.run(manager.run(settings))


def _settings(watch_namespace: str, metrics_cert_path: str, options: Options) -> Settings:
    """Combines the options into the settings.

    Raises:
        click.UsageError: a value, or a combination of values, is not possible.
    """
    try:
        namespaces = parse_namespaces(watch_namespace)
        certificate = parse_certificate(
            metrics_cert_path,
            secure=options["metrics_secure"],
            metrics=options["metrics_address"],
            probes=options["probe_address"],
        )
    except InvalidField as error:
        raise click.UsageError(str(error)) from error
    return Settings(namespaces=namespaces, metrics_certificate=certificate, **options)
