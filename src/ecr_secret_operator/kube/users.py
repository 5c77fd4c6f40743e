"""Turns the cluster and the user of a kubeconfig into a connection, with the verdict that kubectl has of each field."""

from __future__ import annotations

import re
import ssl
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..domain.proxies import parse_proxy, proxy_for
from ..domain.tokens.token import Sensitive
from ..errors import InvalidField
from .connection import Connection
from .kubeconfig import Chosen, Cluster, Exec, KubeconfigUser
from .login import ApiCredentials, ClientCertificate, File, Fixed, basic, bearer
from .plugin import GROUP, VERSIONS, Plugin, PluginCredentials

_MODES = ("Never", "IfAvailable", "Always")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HEADER_BYTES = frozenset(b"!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""What client-go leaves as it is in the key of an extra field (`transport.headerKeyEscape`)."""


def connection_of(chosen: Chosen, environment: Mapping[str, str]) -> Connection:
    """The connection that a context describes.

    Raises:
        InvalidField, CredentialsUnusable: it cannot be used; names the field and what to do.
    """
    if not _LABEL.fullmatch(chosen.namespace):
        raise InvalidField(f"namespace {chosen.namespace} of the context is not the name of a namespace")
    cluster, user = chosen.cluster, chosen.user
    of = f"of cluster {chosen.cluster_name}"
    authority = _authority(chosen, of)
    server, credentials = _server(chosen, of), _credentials(chosen, authority().reveal() if authority else None)
    explicit = parse_proxy(cluster.proxy_url, f"field proxy-url {of}") if cluster.proxy_url else None
    headers = _impersonation(user, f"of user {chosen.user_name}")
    if cluster.disable_compression:
        headers = (*headers, ("Accept-Encoding", "identity"))
    connection = Connection(
        server,
        credentials=credentials if server.startswith("https:") else Fixed(),  # kubectl sends none in clear
        headers=headers,
        authority=authority,
        verify=not cluster.insecure_skip_tls_verify,
        server_name=cluster.tls_server_name or None,
        proxy=explicit or proxy_for(server, environment),
    )
    try:
        connection.tls(None)
    except ssl.SSLError:
        raise InvalidField(f"the certificate authority {of} holds no certificate in PEM format") from None
    return connection


def _server(chosen: Chosen, of: str) -> str:
    """The URL; without a scheme it is plain HTTP, as with kubectl."""
    given = chosen.cluster.server
    if not given:
        raise InvalidField(f"field server {of} is missing")
    try:
        parts = urlsplit(given)
        if not parts.scheme or not parts.netloc:
            parts = urlsplit(f"http://{given}")
        wrong = not parts.hostname or parts.port == 0 or parts.query or parts.fragment or "@" in parts.netloc
    except ValueError:
        wrong = True
    if wrong or parts.scheme not in ("http", "https"):
        raise InvalidField(f"field server {of} is not a URL of scheme, host and port, such as https://example.com:6443")
    return parts.geturl().rstrip("/")


def _authority(chosen: Chosen, of: str) -> Callable[[], Sensitive] | None:
    cluster = chosen.cluster
    file = cluster.certificate_authority
    if not file and not cluster.certificate_authority_data:
        return None
    if cluster.insecure_skip_tls_verify:
        raise InvalidField(f"insecure-skip-tls-verify and a certificate authority {of} contradict each other")
    if file and cluster.certificate_authority_data:
        raise _both("certificate-authority", of)
    return _pem(file, cluster.certificate_authority_data, chosen.cluster_folder)


def _both(field: str, of: str) -> InvalidField:
    return InvalidField(f"fields {field} and {field}-data {of} are both set. Remove one")


def _impersonation(user: KubeconfigUser, of: str) -> tuple[tuple[str, str], ...]:
    """The headers of client-go's `NewImpersonatingRoundTripper`."""
    extra = [
        (f"Impersonate-Extra-{_escaped(key)}", value)
        for key, values in (user.as_user_extra or {}).items()
        for value in values or ()
    ]
    more = [
        *((("Impersonate-Uid", user.as_uid),) if user.as_uid else ()),
        *(("Impersonate-Group", group) for group in user.as_groups or ()),
        *extra,
    ]
    if not user.impersonate:
        if more:
            raise InvalidField(f"fields as-uid, as-groups and as-user-extra {of} need field as. Add it or remove them")
        return ()
    headers = (("Impersonate-User", user.impersonate), *more)
    if not all(value.isprintable() for _, value in headers):
        raise InvalidField(f"a field of impersonation {of} holds a control character. Remove the character")
    return headers


def _escaped(key: str) -> str:
    return "".join(chr(byte) if byte in _HEADER_BYTES else f"%{byte:02X}" for byte in key.encode())


def _has_certificate(user: KubeconfigUser) -> bool:
    return bool(user.client_certificate or user.client_certificate_data)


def _credentials(chosen: Chosen, authority: str | None) -> ApiCredentials:
    user, of = chosen.user, f"of user {chosen.user_name}"
    certificate = _certificate(user, chosen.user_folder, of) if _has_certificate(user) else None
    token_file = File(chosen.user_folder / user.token_file) if user.token_file else None
    by_token, by_password = bool(user.token or token_file), bool(user.username or user.password)
    if by_token and by_password:
        raise InvalidField(f"{of[3:]} has a token and a password. Remove one: only one of them can be sent")
    if user.auth_provider is not None:
        raise InvalidField(
            f"field auth-provider {of} is not supported. Use the exec plugin of your provider, such as"
            " gke-gcloud-auth-plugin or kubelogin, or a token"
        )
    plugin = _plugin(user.exec, chosen, of, authority) if user.exec else None
    if plugin and not (by_token or by_password or certificate):  # what is given takes precedence, as with kubectl
        return PluginCredentials(plugin, clock=lambda: datetime.now(UTC))
    authorization = basic(user.username or "", user.password or "") if by_password else None
    if user.token:
        authorization = bearer(Sensitive(user.token))
    elif token_file:
        bearer(token_file.text())  # it has to be usable at start, as with kubectl
    return Fixed(authorization=authorization, token_file=token_file, certificate=certificate)


def _certificate(user: KubeconfigUser, folder: Path, of: str) -> Callable[[], ClientCertificate]:
    for field, file, data in (
        ("client-certificate", user.client_certificate, user.client_certificate_data),
        ("client-key", user.client_key, user.client_key_data),
    ):
        if file and data:
            raise _both(field, of)
        if not file and not data:
            raise InvalidField(f"field {field} or {field}-data {of} is missing")
    chain = _pem(user.client_certificate, user.client_certificate_data, folder)
    key = _pem(user.client_key, user.client_key_data, folder)

    def read() -> ClientCertificate:
        return ClientCertificate(chain(), key())

    try:
        Connection("", verify=False).tls(read())
    except ssl.SSLError:
        raise InvalidField(f"the client certificate and key {of} are not PEM, or do not belong together") from None
    return read


def _pem(file: str | None, data: bytes | None, folder: Path) -> Callable[[], Sensitive]:
    if file:
        return File(folder / file).text
    text = Sensitive((data or b"").decode(errors="replace"))
    return lambda: text


def _plugin(found: Exec, chosen: Chosen, of: str, authority: str | None) -> Plugin:
    if not found.command:
        raise InvalidField(f"field exec.command {of} is missing")
    if found.api_version not in VERSIONS:
        raise InvalidField(f"field exec.apiVersion {of} is not one of {', '.join(VERSIONS)}. Update the plugin")
    mode = found.interactive_mode or ("IfAvailable" if found.api_version != VERSIONS[0] else "")
    if mode not in _MODES:
        raise InvalidField(f"field exec.interactiveMode {of} is not one of {', '.join(_MODES)}")
    terminal = bool(sys.stdin and sys.stdin.isatty())
    if mode == "Always" and not terminal:
        raise InvalidField(f"the exec plugin {of} asks a person (interactiveMode Always), but there is no terminal")
    if not all(variable.name for variable in found.env or ()):
        raise InvalidField(f"an entry of exec.env {of} has no name")
    command = found.command if "/" not in found.command else str(chosen.user_folder / found.command)
    return Plugin(
        command=(command, *(found.args or ())),
        environment={variable.name: Sensitive(variable.value) for variable in found.env or ()},
        api_version=found.api_version or "",
        interactive=terminal and mode != "Never",
        cluster=_told(chosen.cluster, authority) if found.provide_cluster_info else None,
        hint=" ".join("".join(one if one.isprintable() else " " for one in found.install_hint or "").split()),
    )


def _told(cluster: Cluster, authority: str | None) -> dict[str, Any]:
    """What `provideClusterInfo` gives to a plugin: `ExecCredential.spec.cluster`."""
    extensions = {one.get("name"): one.get("extension") for one in cluster.extensions or ()}
    told: dict[str, Any] = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": b64encode(authority.encode()).decode() if authority else None,
        "proxy-url": cluster.proxy_url,
        "disable-compression": cluster.disable_compression,
    }
    return {**{name: value for name, value in told.items() if value}, "config": extensions.get(f"{GROUP}/exec")}
