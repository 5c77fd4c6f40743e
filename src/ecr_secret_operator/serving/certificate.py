"""The certificate of an HTTPS server, which is reloaded when cert-manager or OpenShift replace its files."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import structlog

from ..errors import OperatorError

CERTIFICATE, KEY = "tls.crt", "tls.key"
"""As in a Secret of type kubernetes.io/tls that is mounted as a volume."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

_Version = tuple[tuple[int, int, int], ...]


class ServerCertificate:
    """The newest usable certificate in a directory.

    Every handshake checks by two calls of stat whether the files were replaced. Files that cannot be used are logged
    once, such as a new certificate without its key. The last usable certificate then stays in use.

    Args:
        directory: with tls.crt and tls.key, PEM.

    Raises:
        OperatorError: they cannot be used now.
    """

    def __init__(self, directory: Path) -> None:
        self._files = (directory / CERTIFICATE, directory / KEY)
        try:
            self._seen: _Version | None = self._version()
            self._current = self._load()
        except OSError as error:
            raise OperatorError(f"{CERTIFICATE} and {KEY} in {directory} cannot be used: {_why(error)}") from error

    def context(self) -> ssl.SSLContext:
        """The TLS context for a server. Each handshake uses the newest usable certificate."""
        self._current.sni_callback = self._choose
        return self._current

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """OpenSSL calls it in every handshake, also in one that names no server."""
        self._follow()
        connection.context = self._current

    def _follow(self) -> None:
        version: _Version | None = None
        try:
            version = self._version()
            if version == self._seen:
                return
            self._current = self._load()
        except OSError as error:
            if version != self._seen:
                log.warning("the new certificate cannot be used, the last serves on", error=_why(error))
        else:
            log.info("certificate replaced", file=str(self._files[0]))
        self._seen = version

    def _version(self) -> _Version:
        found = [path.stat() for path in self._files]
        return tuple((state.st_ino, state.st_mtime_ns, state.st_size) for state in found)

    def _load(self) -> ssl.SSLContext:
        context = server_context()
        certificate, key = self._files
        context.load_cert_chain(certificate, key, password=lambda: "")  # an encrypted key fails, and asks no terminal
        return context


def server_context() -> ssl.SSLContext:
    """A context for a server without a certificate yet: TLS 1.2 and later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        if error.reason == "KEY_VALUES_MISMATCH":
            return "the key is not that of the certificate"
        return error.reason or "they are no certificate and its key in PEM, the key not encrypted"
    what = os.strerror(error.errno) if error.errno else str(error)
    return f"{error.filename}: {what}" if error.filename else what
