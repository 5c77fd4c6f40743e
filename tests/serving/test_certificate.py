"""HTTPS for the metrics with throw-away certificates, and what happens when their files are replaced."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from structlog.testing import capture_logs

from ecr_secret_operator.errors import OperatorError
from ecr_secret_operator.observability.metrics import Metrics
from ecr_secret_operator.serving.address import Address
from ecr_secret_operator.serving.certificate import ServerCertificate
from ecr_secret_operator.serving.servers import Server, metrics_routes
from ecr_secret_operator_lab.controlplane.pki import Authority, Pair
from ecr_secret_operator_lab.operator import free_port


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture
def directory(tmp_path: Path, authority: Authority) -> Path:
    write(tmp_path, authority.server())
    return tmp_path


def write(directory: Path, pair: Pair) -> None:
    (directory / "tls.crt").write_bytes(pair.public)
    (directory / "tls.key").write_bytes(pair.private)


def der(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.public.decode())


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.pem.decode())


@asynccontextmanager
async def serving(certificate: ServerCertificate) -> AsyncIterator[int]:
    port = free_port()
    server = Server(Address("127.0.0.1", port), metrics_routes(Metrics()), certificate.context())
    await server.start()
    try:
        yield port
    finally:
        await server.stop()


async def presented(port: int, authority: Authority, host: str = "127.0.0.1") -> bytes:
    """The certificate of a new handshake, verified, in DER."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(authority), server_hostname=host)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return found


async def test_metrics_are_served_over_tls_and_not_without(directory: Path, authority: Authority) -> None:
    async with serving(ServerCertificate(directory)) as port, aiohttp.ClientSession() as session:
        for host in ("127.0.0.1", "localhost"):
            async with session.get(f"https://{host}:{port}/metrics", ssl=trusting(authority)) as answer:
                assert answer.status == 200
                assert "ecr_secret_operator_" in await answer.text()
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://127.0.0.1:{port}/metrics")


def test_tls_before_1_2_is_refused(directory: Path, authority: Authority) -> None:
    old = trusting(authority)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = old.wrap_bio(back, there, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        ServerCertificate(directory).context().wrap_bio(there, back, server_side=True).do_handshake()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["no server name", "a server name"])
async def test_a_replaced_certificate_is_in_the_next_handshake(
    directory: Path, authority: Authority, host: str
) -> None:
    async with serving(ServerCertificate(directory)) as port:
        for _ in range(3):
            pair = authority.server()
            write(directory, pair)
            assert await presented(port, authority, host) == der(pair)


async def test_a_secret_volume_swaps_a_link(tmp_path: Path, authority: Authority) -> None:
    first, second = authority.server(), authority.server()
    for name, pair in (("1", first), ("2", second)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, pair)
    (tmp_path / "..data").symlink_to("1")
    for file in ("tls.crt", "tls.key"):
        (tmp_path / file).symlink_to(f"..data/{file}")
    async with serving(ServerCertificate(tmp_path)) as port:
        assert await presented(port, authority) == der(first)
        (tmp_path / "..new").symlink_to("2")
        (tmp_path / "..new").replace(tmp_path / "..data")
        assert await presented(port, authority) == der(second)


async def test_the_last_good_certificate_serves_until_the_new_one_is_whole(
    directory: Path, authority: Authority
) -> None:
    before, after = authority.server(), authority.server()
    write(directory, before)
    certificate = ServerCertificate(directory)
    with capture_logs() as logs:
        async with serving(certificate) as port:
            (directory / "tls.crt").write_bytes(after.public)
            assert await presented(port, authority) == der(before)
            assert await presented(port, authority) == der(before)
            (directory / "tls.key").unlink()
            assert await presented(port, authority) == der(before)
            assert await presented(port, authority) == der(before)
            (directory / "tls.key").write_bytes(after.private)
            assert await presented(port, authority) == der(after)
    assert [line["log_level"] for line in logs] == ["warning", "warning", "info"]


async def test_an_open_connection_outlives_the_replacement(directory: Path, authority: Authority) -> None:
    async with serving(ServerCertificate(directory)) as port, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(f"https://127.0.0.1:{port}/metrics", ssl=trusting(authority)) as answer:
                assert answer.status == 200
                await answer.read()
            write(directory, authority.server())


def encrypted(pair: Pair) -> bytes:
    key = load_pem_private_key(pair.private, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


def test_what_cannot_be_used_at_start_is_one_sentence(tmp_path: Path, authority: Authority) -> None:
    def sentence() -> str:
        with pytest.raises(OperatorError) as caught:
            ServerCertificate(tmp_path)
        assert str(caught.value).startswith(f"tls.crt and tls.key in {tmp_path} cannot be used: ")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    pair = authority.server()
    assert sentence().endswith("tls.crt: No such file or directory")
    write(tmp_path, Pair(b"nonsense", b"nonsense"))
    assert sentence()
    write(tmp_path, Pair(pair.public, authority.server().private))
    assert sentence().endswith("the key is not that of the certificate")
    write(tmp_path, Pair(pair.public, encrypted(pair)))
    assert sentence().endswith("the key not encrypted")
    write(tmp_path, Pair(b"", b""))
    assert sentence()
