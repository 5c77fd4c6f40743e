"""Checks Signature Version 4 with botocore's own signer: what it would have sent must be what was sent.

Source: IAM User Guide, "AWS Signature Version 4 for API requests" and "Troubleshoot Signature Version 4".
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials

from .errors import AwsError, Cause

if TYPE_CHECKING:
    from .credentials import Credential, Credentials
    from .protocol import HttpRequest

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/"
    r"aws4_request,\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
STAMP = "%Y%m%dT%H%M%SZ"
TOLERANCE = timedelta(minutes=5)
PUBLIC_REGION = "us-east-1"
"""The one region where ECR Public authenticates (ECR Public User Guide, "Registry authentication")."""

INVALID_KEY = "The security token included in the request is invalid."
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What the Authorization header claims."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    hexdigest: str


def claimed(request: HttpRequest) -> Signature | None:
    """Reads the Authorization header; None when there is none that can be read."""
    match = AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    if match is None:
        return None
    return Signature(
        access_key_id=match["key"],
        date=match["date"],
        region=match["region"],
        service=match["service"],
        signed_headers=tuple(match["headers"].lower().split(";")),
        hexdigest=match["signature"],
    )


def verify(request: HttpRequest, *, service: str, known: Credentials, now: float) -> Credential:
    """Says who signed the request.

    Args:
        request: as it came in.
        service: the service that is asked.
        known: the credentials that are accepted.
        now: the server's clock, epoch seconds.

    Returns:
        The credential that signed it.

    Raises:
        AwsError: it is not signed, or not by a key, secret, session and clock that AWS would accept.
    """
    if "Authorization" not in request.headers:
        raise AwsError(Cause.UNSIGNED, "Request is missing Authentication Token")
    signature = claimed(request)
    stamp = request.headers.get("X-Amz-Date", "")
    if signature is None or not stamp.startswith(signature.date):
        raise AwsError(Cause.INCOMPLETE_SIGNATURE, "The Authorization header or X-Amz-Date is incomplete.")
    check_date(stamp, now)
    _check_scope(signature, service)
    credential = known.find(signature.access_key_id)
    sent_token = request.headers.get("X-Amz-Security-Token")
    if credential is None or not credential.active or credential.session_token != sent_token:
        raise AwsError(Cause.UNKNOWN_KEY, INVALID_KEY)
    if credential.expires_at is not None and now >= credential.expires_at:
        raise AwsError(Cause.EXPIRED_SESSION, "The security token included in the request is expired")
    if not _matches(request, signature, credential, stamp):
        raise AwsError(Cause.BAD_SIGNATURE, MISMATCH)
    return credential


def check_date(stamp: str, now: float) -> None:
    """Refuses a date that is more than five minutes off.

    Raises:
        AwsError: it is, or it is no date.
    """
    current = datetime.fromtimestamp(now, UTC)
    try:
        signed = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise AwsError(Cause.INCOMPLETE_SIGNATURE, "X-Amz-Date is not a date.") from None
    low, high = current - TOLERANCE, current + TOLERANCE
    if signed < low:
        text = f"Signature expired: {stamp} is now earlier than {low:{STAMP}} ({current:{STAMP}} - 5 min.)"
        raise AwsError(Cause.BAD_SIGNATURE, text)
    if signed > high:
        text = f"Signature not yet current: {stamp} is still later than {high:{STAMP}} ({current:{STAMP}} + 5 min.)"
        raise AwsError(Cause.BAD_SIGNATURE, text)


def _check_scope(signature: Signature, service: str) -> None:
    if signature.service != service:
        raise AwsError(Cause.BAD_SIGNATURE, f"Credential should be scoped to correct service: '{service}'.")
    if service == "ecr-public" and signature.region != PUBLIC_REGION:
        text = f"Credential should be scoped to a valid region, not '{signature.region}'."
        raise AwsError(Cause.BAD_SIGNATURE, text)


def _matches(request: HttpRequest, signature: Signature, credential: Credential, stamp: str) -> bool:
    signed = AWSRequest(
        method=request.method,
        url=f"http://{request.headers.get('Host', '')}{request.target}",
        data=request.body,
    )
    for name, value in request.headers.items():
        if name.lower() in signature.signed_headers:
            signed.headers[name] = value
    declared = signed.headers.get("X-Amz-Content-SHA256")
    if declared is not None and declared != sha256(request.body).hexdigest():
        return False
    signed.context["timestamp"] = stamp
    signer = SigV4Auth(
        SigningCredentials(credential.access_key_id, credential.secret_access_key),
        signature.service,
        signature.region,
    )
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    return hmac.compare_digest(str(signer.signature(text, signed)), signature.hexdigest)
