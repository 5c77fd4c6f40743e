"""`ecr-secret-operator rbac`: the operator's permissions in a cluster, to be piped into kubectl."""

from __future__ import annotations

import re

import click

from .. import rbac as permissions
from ..domain.raw import Manifest
from ..errors import InvalidField
from ..settings import parse_namespaces
from .options import NameType
from .output import MANIFESTS, manifests, output_option

_GLOBS = re.compile(r"[a-z0-9*-]+(?:,[a-z0-9*-]+)*")
_AUDIENCE = re.compile(r"[A-Za-z0-9:/._-]+")
_API_SERVER = "https://kubernetes.default"


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator rbac | kubectl apply -f -
  ecr-secret-operator rbac --watch-namespace team-a,team-b
  ecr-secret-operator rbac --admission-only | kubectl apply -f -"""
)
@click.option(
    "--namespace",
    default=permissions.Installation().namespace,
    show_default=True,
    metavar="NAME",
    help="Namespace of the operator.",
)
@click.option(
    "--service-account",
    type=NameType(),
    default=permissions.Installation().service_account,
    show_default=True,
    metavar="NAME",
    help="ServiceAccount of the operator.",
)
@click.option(
    "--watch-namespace",
    default="",
    metavar="NAMES",
    help="Namespaces to watch, separated by commas. They must exist. Defaults to all namespaces.",
)
@click.option(
    "--token-audience",
    "audiences",
    multiple=True,
    metavar="AUDIENCE",
    help="One more audience for which it may create tokens; never one that the API server accepts. Repeatable."
    f"  [always: {', '.join(permissions.DEFAULT_AUDIENCES)}]",
)
@click.option(
    "--token-exclude-namespace",
    "excluded",
    default=",".join(permissions.DEFAULT_EXCLUDED),
    show_default=True,
    metavar="GLOBS",
    help="Namespaces of whose ServiceAccounts it may create no tokens, a comma list; empty for none. Its own namespace"
    " is always allowed.",
)
@click.option(
    "--without-tokens",
    is_flag=True,
    help="Omit the permission to create tokens of ServiceAccounts. Resources with aws.service_account then fail.",
)
@click.option(
    "--without-links",
    is_flag=True,
    help="Omit the permission to change ServiceAccounts. Resources with link are then served, but not linked.",
)
@click.option("--metrics-secure", is_flag=True, help="Add the permissions to authenticate readers of the metrics.")
@click.option(
    "--roles-only",
    is_flag=True,
    help="Omit namespace and ServiceAccount: kubectl apply could remove labels and annotations of theirs.",
)
@click.option(
    "--admission-only",
    is_flag=True,
    help="Print only the admission policies.",
)
@output_option(MANIFESTS)
def rbac(
    *,
    namespace: str,
    service_account: str,
    watch_namespace: str,
    audiences: tuple[str, ...],
    excluded: str,
    without_tokens: bool,
    without_links: bool,
    metrics_secure: bool,
    roles_only: bool,
    admission_only: bool,
    output: str,
) -> None:
    """Print the operator's permissions and admission policies.

    No cluster is needed.
    """
    own, watched = _namespaces(namespace), _namespaces(watch_namespace)
    if len(own) != 1:
        raise click.UsageError("--namespace takes one namespace")
    left_out = {
        *([permissions.Feature.TOKENS] if without_tokens else []),
        *([permissions.Feature.LINKS] if without_links else []),
    }
    installation = permissions.Installation(
        namespace=own[0],
        service_account=service_account,
        watched=watched,
        audiences=_audiences(audiences),
        excluded=_globs(excluded),
        features=frozenset(permissions.Feature) - left_out,
    )
    own_objects = () if roles_only or admission_only else _own_objects(installation)
    granted = () if admission_only else _granted(installation, metrics_secure=metrics_secure)
    click.echo(manifests([*own_objects, *granted, *permissions.admission_policies(installation)], output))


def _namespaces(text: str) -> tuple[str, ...]:
    """Reads a comma list of namespaces. Raises click.UsageError."""
    try:
        return parse_namespaces(text)
    except InvalidField as error:
        raise click.UsageError(str(error).removeprefix("WATCH_NAMESPACE: ")) from error


def _audiences(given: tuple[str, ...]) -> tuple[str, ...]:
    """The default audiences and the given ones. Raises click.UsageError for one that the API server accepts."""
    for audience in given:
        if not _AUDIENCE.fullmatch(audience) or audience.startswith(_API_SERVER):
            raise click.UsageError(f"--token-audience: {audience!r} is no audience of AWS")
    return tuple(dict.fromkeys((*permissions.DEFAULT_AUDIENCES, *given)))


def _globs(text: str) -> tuple[str, ...]:
    """Reads a comma list of names and globs. Raises click.UsageError."""
    if text and not _GLOBS.fullmatch(text):
        raise click.UsageError(f"--token-exclude-namespace: {text!r} is no comma list of names and globs")
    return tuple(text.split(",")) if text else ()


def _own_objects(installation: permissions.Installation) -> list[Manifest]:
    """The namespace and the ServiceAccount."""
    return [*permissions.namespace(installation), *permissions.service_account(installation)]


def _granted(installation: permissions.Installation, *, metrics_secure: bool) -> list[Manifest]:
    """All roles and bindings."""
    return [
        *permissions.manager(installation),
        *permissions.leader_election(installation),
        *(permissions.metrics_authentication(installation) if metrics_secure else ()),
        *permissions.user_roles(),
    ]
