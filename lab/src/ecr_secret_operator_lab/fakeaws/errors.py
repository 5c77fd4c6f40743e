"""The error answers of AWS, each with its name and status in both protocols.

Sources: the "Common Errors" pages of the ECR and STS API references, the errors that operations declare in botocore's
service models, and IAM's "Troubleshoot access denied error messages". JSON services answer client errors with 400.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class WireError(NamedTuple):
    """How an error looks in one protocol."""

    code: str
    status: int


class Cause(Enum):
    """Why AWS refuses: (as JSON 1.1, as query)."""

    ACCESS_DENIED = (WireError("AccessDeniedException", 400), WireError("AccessDenied", 403))
    THROTTLING = (WireError("ThrottlingException", 400), WireError("Throttling", 400))
    INTERNAL = (WireError("ServerException", 500), WireError("InternalFailure", 500))
    UNAVAILABLE = (WireError("ServiceUnavailableException", 503), WireError("ServiceUnavailable", 503))
    UNKNOWN_KEY = (WireError("UnrecognizedClientException", 400), WireError("InvalidClientTokenId", 403))
    BAD_SIGNATURE = (WireError("InvalidSignatureException", 400), WireError("SignatureDoesNotMatch", 403))
    EXPIRED_SESSION = (WireError("ExpiredTokenException", 400), WireError("ExpiredToken", 403))
    UNSIGNED = (
        WireError("MissingAuthenticationTokenException", 400),
        WireError("MissingAuthenticationToken", 403),
    )
    INCOMPLETE_SIGNATURE = (
        WireError("IncompleteSignatureException", 400),
        WireError("IncompleteSignature", 400),
    )
    INVALID_PARAMETER = (WireError("InvalidParameterException", 400), WireError("ValidationError", 400))
    UNREADABLE = (WireError("SerializationException", 400), WireError("MalformedQueryString", 400))
    UNKNOWN_ACTION = (WireError("UnknownOperationException", 400), WireError("InvalidAction", 400))
    BAD_POLICY = (WireError("InvalidParameterException", 400), WireError("MalformedPolicyDocument", 400))
    PACKED_POLICY_TOO_LARGE = (
        WireError("InvalidParameterException", 400),
        WireError("PackedPolicyTooLarge", 400),
    )
    BAD_WEB_IDENTITY = (WireError("InvalidParameterException", 400), WireError("InvalidIdentityToken", 400))
    EXPIRED_WEB_IDENTITY = (
        WireError("ExpiredTokenException", 400),
        WireError("ExpiredTokenException", 400),
    )

    @property
    def as_json(self) -> WireError:
        """The error in JSON 1.1."""
        return self.value[0]

    @property
    def as_query(self) -> WireError:
        """The error in the query protocol."""
        return self.value[1]


class AwsError(Exception):
    """A request is refused; the protocol decides how that looks on the wire."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
