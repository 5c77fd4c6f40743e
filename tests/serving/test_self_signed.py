"""The certificate that the process makes for itself: its content, how it is served, and when it is replaced."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from structlog.testing import capture_logs

from ecr_secret_operator.observability.metrics import Metrics
from ecr_secret_operator.serving.address import Address
from ecr_secret_operator.serving.self_signed import RENEW_AFTER, SKEW, VALID, SelfSignedCertificate, make_certificate
from ecr_secret_operator.serving.servers import Server, metrics_routes
from ecr_secret_operator_lab.operator import free_port

NAMES = ["ecr-secret-operator-metrics.ecr-secret-operator.svc", "localhost"]
NOW = datetime.now(UTC).replace(microsecond=0)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


async def presented(port: int) -> x509.Certificate:
    """The certificate of a new handshake. As its own authority, it verifies itself."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return x509.load_der_x509_certificate(found)


def test_it_is_for_a_server_of_these_names_and_signed_with_its_own_key() -> None:
    made = make_certificate(NAMES, not_before=NOW, not_after=NOW + VALID)
    certificate = x509.load_pem_x509_certificate(made)
    certificate.verify_directly_issued_by(certificate)
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    extensions = certificate.extensions
    assert extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == (
        NAMES
    )
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert certificate.not_valid_before_utc == NOW
    assert certificate.not_valid_after_utc == NOW + VALID


def test_a_long_namespace_fits() -> None:
    name = f"ecr-secret-operator-metrics.{'a' * 63}.svc"
    certificate = x509.load_pem_x509_certificate(make_certificate([name], not_before=NOW, not_after=NOW + VALID))
    (common,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.startswith(str(common.value))
    assert name in str(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def test_no_two_have_the_same_key() -> None:
    one, other = (make_certificate(NAMES, not_before=NOW, not_after=NOW + VALID) for _ in range(2))
    keys = {x509.load_pem_x509_certificate(made).public_key().public_numbers() for made in (one, other)}  # type: ignore[union-attr]
    assert len(keys) == 2


async def test_it_is_served_and_replaced_before_it_expires() -> None:
    clock, port = Clock(), free_port()
    with capture_logs() as logs:
        certificate = SelfSignedCertificate(NAMES, clock=clock)
        server = Server(Address("127.0.0.1", port), metrics_routes(Metrics()), certificate.context())
        await server.start()
        try:
            first = await presented(port)
            assert await presented(port) == first
            clock.now = NOW + RENEW_AFTER - timedelta(seconds=1)
            assert await presented(port) == first
            clock.now = NOW + RENEW_AFTER
            second = await presented(port)
            assert second != first
            assert second.not_valid_after_utc == clock.now + VALID
            assert await presented(port) == second
        finally:
            await server.stop()
    assert len(logs) == 2
    assert "PRIVATE" not in str(logs)
    assert first.not_valid_after_utc - (NOW + RENEW_AFTER) == timedelta(days=30)


@pytest.mark.parametrize("back", [timedelta(days=1), timedelta(days=4000)])
async def test_a_clock_that_was_far_ahead_is_no_reason_to_serve_a_certificate_of_the_future(back: timedelta) -> None:
    clock, port = Clock(), free_port()
    server = Server(
        Address("127.0.0.1", port), metrics_routes(Metrics()), SelfSignedCertificate(NAMES, clock=clock).context()
    )
    await server.start()
    try:
        clock.now = NOW - back
        found = await presented(port)
        assert found.not_valid_before_utc == clock.now - SKEW
    finally:
        await server.stop()


def test_no_file_stays_open() -> None:
    files = Path("/proc/self/fd")
    before = len(list(files.iterdir()))
    for _ in range(20):
        SelfSignedCertificate(NAMES, clock=Clock())
    assert len(list(files.iterdir())) <= before + 1
