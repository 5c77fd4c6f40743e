"""Reads kubeconfigs: every field of client-go's `clientcmd/api/v1`, merged as kubectl merges several files.

Nothing in the cluster and user of the chosen context is ignored: what is not supported, and what is not known, is
refused by name. A field that is dropped silently can mean other permissions than the user has with kubectl.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..errors import OperatorError

T = TypeVar("T")


class ConfigError(OperatorError):
    """No way to the API server is configured, or the configured one cannot be used; the message names the remedy."""


class _Fields(msgspec.Struct, forbid_unknown_fields=True, rename="kebab"):
    """Fields of a kubeconfig; null, as in Go, is the same as not being there."""


class Cluster(_Fields):
    """`clusters[].cluster`."""

    server: str | None = None
    tls_server_name: str | None = None
    insecure_skip_tls_verify: bool | None = None
    certificate_authority: str | None = None
    certificate_authority_data: bytes | None = None
    proxy_url: str | None = None
    disable_compression: bool | None = None
    extensions: list[Mapping[str, Any]] | None = None


class Variable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`exec.env[]`."""

    name: str
    value: str = ""


class Exec(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True):
    """`users[].user.exec`."""

    command: str | None = None
    args: list[str] | None = None
    env: list[Variable] | None = None
    api_version: str | None = None
    install_hint: str | None = None
    provide_cluster_info: bool | None = None
    interactive_mode: str | None = None


class KubeconfigUser(_Fields):
    """`users[].user`."""

    client_certificate: str | None = None
    client_certificate_data: bytes | None = None
    client_key: str | None = None
    client_key_data: bytes | None = None
    token: str | None = None
    token_file: str | None = msgspec.field(name="tokenFile", default=None)
    impersonate: str | None = msgspec.field(name="as", default=None)
    as_uid: str | None = None
    as_groups: list[str] | None = None
    as_user_extra: dict[str, list[str] | None] | None = None
    username: str | None = None
    password: str | None = None
    auth_provider: Mapping[str, Any] | None = None
    exec: Exec | None = None
    extensions: list[Any] | None = None


class Context(_Fields):
    """`contexts[].context`."""

    cluster: str | None = None
    user: str | None = None
    namespace: str | None = None
    extensions: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class NamedItem:
    """A named part of a kubeconfig, and the folder that its relative paths start from."""

    fields: Any
    folder: Path


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a context names.

    Attributes:
        place: the kubeconfig, for messages.
        cluster_name: the cluster's name.
        user_name: the user's name.
        cluster: where the API server is.
        cluster_folder: the folder that the cluster's relative paths start from.
        user: how to authenticate.
        user_folder: the folder that the user's relative paths start from.
        namespace: the default namespace of the context.
    """

    place: str
    cluster_name: str
    user_name: str
    cluster: Cluster
    cluster_folder: Path
    user: KubeconfigUser
    user_folder: Path
    namespace: str

    def refused(self, why: str) -> ConfigError:
        """The error that says that this kubeconfig cannot be used."""
        return ConfigError(f"kubeconfig {self.place} cannot be used: {why}")


class _Shapeless(Exception):
    """A file is not what a kubeconfig is."""


_BASE64 = frozenset(("certificate-authority-data", "client-certificate-data", "client-key-data"))
_LINE_BREAKS = dict.fromkeys(map(ord, "\r\n"))
_KINDS = {"clusters": "cluster", "users": "user", "contexts": "context"}


def choose(paths: Sequence[Path], wanted: str | None) -> Chosen:
    """The cluster and the user of a context.

    Args:
        paths: the files. For each name, and for the current context, the first file that has it counts, as with
            kubectl.
        wanted: the context; None for the current one.

    Raises:
        ConfigError: a file cannot be read, or the context cannot be used. Names the file and the field.
    """
    files = _merged(paths)
    chosen = wanted or files.current
    if not chosen:
        raise files.refused("it has no current-context. Set one, or use --context")
    context, _ = files.item("contexts", chosen, Context, "--context" if wanted else "current-context")
    of = f"context {chosen}"
    cluster, cluster_folder = files.item("clusters", context.cluster, Cluster, of)
    user, user_folder = files.item("users", context.user, KubeconfigUser, of)
    return Chosen(
        place=files.place,
        cluster_name=context.cluster or "",
        user_name=context.user or "",
        cluster=cluster,
        cluster_folder=cluster_folder,
        user=user,
        user_folder=user_folder,
        namespace=context.namespace or "default",
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """The merged content of kubeconfigs.

    Attributes:
        place: their paths, for messages.
        current: the current context; empty for none.
        items: by plural, such as `users`, and by name.
    """

    place: str
    current: str
    items: Mapping[str, Mapping[str, NamedItem]]

    def refused(self, why: str) -> ConfigError:
        return ConfigError(f"kubeconfig {self.place} cannot be used: {why}")

    def item(self, plural: str, name: str | None, kind: type[T], of: str) -> tuple[T, Path]:
        """A named item, and its folder. Raises ConfigError, which says that `of` names it."""
        one = _KINDS[plural]
        if not name:
            raise self.refused(f"{of} names no {one}")
        found = self.items[plural].get(name)
        if found is None:
            raise self.refused(f"{one} {name}, which {of} names, does not exist")
        try:
            return msgspec.convert(_joined(found.fields or {}), kind), found.folder
        except msgspec.ValidationError as error:
            raise self.refused(f"{one} {name}: {_words(error)}") from None


def _joined(fields: Any) -> Any:  # noqa: ANN401 - what a file has in that place
    """The fields without the line breaks in base64, such as those of the program base64. Go ignores them."""
    if not isinstance(fields, dict):
        return fields
    return {
        name: value.translate(_LINE_BREAKS) if name in _BASE64 and isinstance(value, str) else value
        for name, value in fields.items()
    }


def _merged(paths: Sequence[Path]) -> _Files:
    import yaml  # noqa: PLC0415 - 1 MiB, which an operator in a cluster does not need

    current, entries = "", {plural: dict[str, NamedItem]() for plural in _KINDS}
    for path in paths:
        try:
            own = _take(_first_document(path) or {}, path.absolute().parent, entries)
            current = current or own
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            raise _unusable(path, f"it is not YAML in line {mark.line + 1}" if mark else "it is not YAML") from None
        except OSError as error:
            raise _unusable(path, f"{error.strerror}. Check its permissions") from None
        except (ValueError, _Shapeless) as error:
            raise _unusable(path, str(error)) from None
    return _Files(os.pathsep.join(str(path) for path in paths), current, entries)


def _first_document(path: Path) -> Any:  # noqa: ANN401 - YAML
    """What kubectl reads of a file: others are ignored. As in Go, dates are texts, and tabs may separate."""
    import yaml  # noqa: PLC0415 - as above

    safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML can be built without the former

    class Loader(safe):  # type: ignore[misc] # one of the two
        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's
            first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
            for first, found in safe.yaml_implicit_resolvers.items()
        }

    loader = Loader(path.read_bytes())
    try:
        return loader.get_data() if loader.check_data() else None
    finally:
        loader.dispose()


def _take(found: object, folder: Path, entries: Mapping[str, dict[str, NamedItem]]) -> str:
    """Adds what no earlier file has, and returns the current context. Raises _Shapeless."""
    if not isinstance(found, dict):
        raise _Shapeless("it is not a kubeconfig")
    for plural, one in _KINDS.items():
        names = set()
        for item in found.get(plural) or ():
            name = item.get("name") if isinstance(item, dict) else None
            if not isinstance(name, str) or name in names:
                raise _Shapeless(f"each entry of {plural} has to have a name of its own")
            names.add(name)
            entries[plural].setdefault(name, NamedItem(item.get(one), folder))
    current = found.get("current-context") or ""
    if not isinstance(current, str):
        raise _Shapeless("current-context is not a string")
    return current


def _unusable(path: Path, why: str) -> ConfigError:
    """The error for a file. `why` never quotes the text of the file, which holds secrets."""
    return ConfigError(f"kubeconfig {path} cannot be used: {why}")


def _words(error: msgspec.ValidationError) -> str:
    """The field and what is wrong with it. The library's message repeats names and types, and never a value."""
    what, _, where = str(error).partition(" - at `$.")
    field = f"field {where.rstrip('`')}: " if where else ""
    unknown = "unknown field" in what
    return f"{field}{what}{'. Remove the field, or use a kubeconfig without it' if unknown else ''}"
