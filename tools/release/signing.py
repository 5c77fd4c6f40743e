"""Signs what a release pushes, with cosign: by a key pair, or keyless where the environment has an identity.

With a key, signatures are not written to the public transparency log: anyone with the public key can verify without
access to the internet. Signatures, SBOM and provenance are OCI referrers of the image, as cosign 3 stores them.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from .programs import Programs, ReleaseFailed, is_local

SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
"""The type of a signature. `cosign verify` accepts a signed statement of any type, such as provenance, in its place."""

IDENTITIES = ("SIGSTORE_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL")


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs and verifies.

    Attributes:
        programs: cosign.
        key: the private key to sign with, or the public key to verify with; None for keyless.
        identity: verifies keyless signatures: the certificate's identity and its issuer.
    """

    programs: Programs
    key: str | None
    identity: tuple[str, str] | None = None

    def sign(self, reference: str) -> None:
        """Signs an artifact in a registry, named by digest."""
        self.programs("cosign", "sign", *self._signing(reference), reference)

    def attest(self, reference: str, kind: str, predicate: Path) -> None:
        """Attaches a signed statement about an artifact to the artifact.

        Args:
            reference: the artifact, by digest.
            kind: cosign's name of the statement's type, such as cyclonedx.
            predicate: what the statement says.
        """
        given = [f"--type={kind}", f"--predicate={predicate}"]
        self.programs("cosign", "attest", *self._signing(reference), *given, reference)

    def sign_file(self, file: Path, bundle: Path) -> None:
        """Signs a file; the signature is another file."""
        self.programs("cosign", "sign-blob", *self._signing(""), f"--bundle={bundle}", str(file))
        bundle.chmod(0o644)

    def verify(self, reference: str) -> None:
        """Verifies the signature of an artifact.

        Raises:
            ReleaseFailed: no signature is valid.
        """
        verified = json.loads(self.programs("cosign", "verify", *self._verifying(reference), reference))
        if not any(one["critical"]["type"] == SIGNATURE for one in verified):
            raise ReleaseFailed(f"{reference} has no signature, but signed statements only")

    def verify_attestation(self, reference: str, kind: str) -> str:
        """Verifies a statement about an artifact, and gives it: DSSE envelopes in JSON, one a line.

        Raises:
            ReleaseFailed: there is none of this type with a valid signature.
        """
        return self.programs("cosign", "verify-attestation", *self._verifying(reference), f"--type={kind}", reference)

    def verify_file(self, file: Path, bundle: Path) -> None:
        """Verifies the signature of a file.

        Raises:
            ReleaseFailed: it is not valid.
        """
        self.programs("cosign", "verify-blob", *self._verifying(""), f"--bundle={bundle}", str(file))

    def _signing(self, reference: str) -> list[str]:
        options = ["--yes", *_plain(reference)]
        if self.key is not None:
            return [*options, f"--key={self.key}", "--use-signing-config=false", "--tlog-upload=false"]
        if not any(os.environ.get(name) for name in IDENTITIES):
            raise ReleaseFailed("a release is signed: give SIGN_KEY, or an identity for keyless signatures")
        return options

    def _verifying(self, reference: str) -> list[str]:
        if self.key is not None:
            return [*_plain(reference), f"--key={self.key}", "--insecure-ignore-tlog=true"]
        if self.identity is None:
            raise ReleaseFailed("give VERIFY_KEY, or VERIFY_IDENTITY and VERIFY_ISSUER of keyless signatures")
        identity, issuer = self.identity
        return [*_plain(reference), f"--certificate-identity={identity}", f"--certificate-oidc-issuer={issuer}"]


def _plain(reference: str) -> list[str]:
    return ["--allow-http-registry", "--allow-insecure-registry"] if reference and is_local(reference) else []
