"""A certificate that the process makes for itself, so that bearer tokens are never sent in clear.

Readers cannot verify it: each process has its own, and no authority signs it. Its key exists in memory only. It
protects tokens from those who can read the traffic, but not from those who can redirect it.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from .certificate import server_context

VALID = timedelta(days=90)
RENEW_AFTER = timedelta(days=60)
SKEW = timedelta(hours=1)
"""By how much a reader's clock may be behind."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class SelfSignedCertificate:
    """A certificate for some host names. The first handshake after 60 of its 90 days replaces it.

    Args:
        names: of the server; the first is also the common name.
        clock: gives the time in UTC.
    """

    def __init__(self, names: Sequence[str], *, clock: Callable[[], datetime]) -> None:
        self._names = names
        self._clock = clock
        self._replace()

    def context(self) -> ssl.SSLContext:
        """The context for a server. Later handshakes use the certificate of their time."""
        self._current.sni_callback = self._choose
        return self._current

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called by OpenSSL in each handshake, also without a server name."""
        if not self._renew_at - RENEW_AFTER - SKEW <= self._clock() < self._renew_at:
            self._replace()
        connection.context = self._current

    def _replace(self) -> None:
        now = self._clock()
        context = server_context()
        _load(context, make_certificate(self._names, not_before=now - SKEW, not_after=now + VALID))
        self._current, self._renew_at = context, now + RENEW_AFTER
        log.info("made a certificate for the metrics", names=list(self._names), expires=(now + VALID).isoformat())


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    """Loads a certificate and its key. OpenSSL reads them from a file; this one exists in memory only (Linux)."""
    file = os.memfd_create("certificate", os.MFD_CLOEXEC)
    with os.fdopen(file, "wb") as memory:
        memory.write(pem)
        memory.flush()
        context.load_cert_chain(f"/proc/self/fd/{file}")


def make_certificate(names: Sequence[str], *, not_before: datetime, not_after: datetime) -> bytes:
    """A key on the curve P-256 and its certificate for a server, both in PEM.

    Args:
        names: host names that it is for; the first is also the common name.
        not_before: when it becomes valid.
        not_after: when it expires.
    """
    # Few processes need the library, and its import takes memory.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, encipher_only=False, decipher_only=False, **usage), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
