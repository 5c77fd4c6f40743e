"""The certificates and keys of a control plane or a registry: a CA that signs a server's certificate and its users'."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

LIFETIME = timedelta(days=365)
CLOCK_SKEW = timedelta(minutes=5)
LOOPBACK = "127.0.0.1"
RSA_BITS, RSA_EXPONENT = 2048, 65537


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate (or public key) and its private key, both PEM."""

    public: bytes
    private: bytes

    def __repr__(self) -> str:
        return "Pair(...)"


class Authority:
    """A certificate authority that lives in memory for as long as what it signs for."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def create(cls) -> Self:
        """Makes a new authority."""
        key = _new_key()
        name = _name([(NameOID.COMMON_NAME, "ecr-secret-operator laboratory")])
        builder = (
            _certificate(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
        )
        return cls(builder.sign(key, SHA256()), key)

    @property
    def pem(self) -> bytes:
        """The authority's certificate."""
        return self._certificate.public_bytes(Encoding.PEM)

    def server(self, name: str = "kube-apiserver", *, hosts: Iterable[str] = (), addresses: Iterable[str] = ()) -> Pair:
        """A certificate for a server on this machine's loopback address, and for other hosts and IP addresses."""
        names = [
            *(x509.DNSName(host) for host in ("localhost", *hosts)),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in (LOOPBACK, *addresses)),
        ]
        return self._sign(
            _name([(NameOID.COMMON_NAME, name)]),
            ExtendedKeyUsageOID.SERVER_AUTH,
            x509.SubjectAlternativeName(names),
        )

    def client(self, user: str, groups: Iterable[str]) -> Pair:
        """A certificate that makes its holder this user, in these groups, to the API server."""
        subject = [(NameOID.COMMON_NAME, user), *((NameOID.ORGANIZATION_NAME, group) for group in groups)]
        return self._sign(_name(subject), ExtendedKeyUsageOID.CLIENT_AUTH)

    def _sign(self, subject: x509.Name, purpose: ObjectIdentifier, *extensions: x509.ExtensionType) -> Pair:
        key = _new_key()
        builder = (
            _certificate(subject, self._certificate.subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        certificate = builder.sign(self._key, SHA256())
        return Pair(certificate.public_bytes(Encoding.PEM), _private_pem(key))


def service_account_pair() -> Pair:
    """Signs the tokens of ServiceAccounts: RSA, as with the managed clusters that AWS STS knows (RS256)."""
    key = rsa.generate_private_key(public_exponent=RSA_EXPONENT, key_size=RSA_BITS)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Pair(public, _private_pem(key))


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _name(attributes: Iterable[tuple[ObjectIdentifier, str]]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes])


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
