"""What leads to one API server: its address, TLS, a proxy, and what requests authenticate with."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..domain.tokens.token import Sensitive
from .login import ApiCredentials, ClientCertificate, Fixed

_NO_PASSWORD = ""
"""With it, an encrypted key fails without a password prompt."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One API server.

    Attributes:
        server: its URL.
        credentials: what requests authenticate with.
        headers: sent with every request, such as those of impersonation. A name can be there several times.
        authority: gives the certificates, as PEM, that the server's is checked against; None for those of the system.
            A cluster can rotate them, so that it is called for each request.
        verify: whether the server's certificate is checked at all.
        server_name: the name that the certificate has to have; None for the host in the URL.
        proxy: the URL of a proxy; None for none.
    """

    server: str
    credentials: ApiCredentials = field(default_factory=Fixed)
    headers: tuple[tuple[str, str], ...] = ()
    authority: Callable[[], Sensitive] | None = None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None

    def tls(self, certificate: ClientCertificate | None) -> ssl.SSLContext:
        """TLS as Go checks it, with a client certificate.

        Raises:
            ssl.SSLError: a certificate, or the key, cannot be used.
        """
        context = ssl.create_default_context(cadata=_ascii(self.authority().reveal()) if self.authority else None)
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)  # Python's default since 3.13
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate:
            _load(context, certificate)
        return context


def _load(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Python's ssl reads a client certificate from a file only: from one in memory, where the system has such files."""
    pem = _ascii(f"{certificate.chain.reveal()}\n{certificate.key.reveal()}\n")
    if not hasattr(os, "memfd_create"):
        _load_from_disk(context, pem)
        return
    with os.fdopen(os.memfd_create("client", os.MFD_CLOEXEC), "w") as memory:
        memory.write(pem)
        memory.flush()
        context.load_cert_chain(f"/proc/self/fd/{memory.fileno()}", password=_NO_PASSWORD)


def _load_from_disk(context: ssl.SSLContext, pem: str) -> None:
    """From one that no other user can read, for a moment."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "client.pem"
        file.touch(mode=0o600)
        file.write_text(pem)
        context.load_cert_chain(file, password=_NO_PASSWORD)


def _ascii(pem: str) -> str:
    """PEM without what may stand in comments only."""
    return pem.encode("ascii", "ignore").decode()
