"""Maps what botocore raises to a reason and one stable sentence. The one boundary for it.

Stable: no request ids, no times, no addresses, so that a failure that lasts is the same failure each time and is told
once. And nothing of the request or the answer beyond the error code and AWS's own words.
"""

from __future__ import annotations

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import (
    ConnectionError as UnreachableError,
)

from ..domain.errors import TokenError
from ..domain.reasons import Reason
from ..domain.token import Scope

_DENIED = frozenset(
    (
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "OptInRequired",
    )
)
_BAD_CREDENTIALS = frozenset((
    "ExpiredToken",
    "ExpiredTokenException",
    "ExpiredIdentityToken",
    "IDPCommunicationError",
    "IDPRejectedClaim",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
))  # fmt: skip
_REQUEST_ID = re.compile(r"\s*\(?\b(?:request ?id|requestid)\b[:= ]*[\w-]+\)?", re.IGNORECASE)
_CHANGING = re.compile(
    r"\b\d{8}T\d{6}Z\b"  # times as SigV4 writes them
    r"|\(?\b\d{4}-\d\d-\d\dT[\d:.]+Z\b\)?"  # RFC 3339
    r"|(?<=botocore-session)-\d+"  # the session name that botocore makes up
    r"|\b1\d{9}(?:\d{3})?\b"  # seconds or milliseconds since 1970
    r"|\[[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\]:? ?"  # how the agent of EKS Pod Identity writes request ids
    r'|: "https?://[^"]*"'  # where an agent was looked for: in ECS the path is a secret
)
_REQUEST = re.compile(r"The (?:Canonical String|String-to-Sign)\b.*|(?<=Signature expired).*|(?<=not yet current).*")
"""What InvalidSignatureException repeats of the request, headers and all."""

_WORDS = 300


def where(scope: Scope) -> str:
    """The service that was asked, in words."""
    return "ECR Public" if scope.public else f"ECR in {scope.region}"


def token_error(error: Exception, scope: Scope) -> TokenError:
    """The error for a call that gave no token."""
    place = where(scope)
    if isinstance(error, ClientError):
        return _answered(error, place)
    if isinstance(error, (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)):
        return TokenError(
            "the operator has no AWS credentials. Give it an IAM user's keys or a role: see docs/install.md"
            if isinstance(error, NoCredentialsError)
            else f"the operator's AWS credentials cannot be used: {_sentence(str(error))}",
            reason=Reason.IDENTITY_UNAVAILABLE,
        )
    if isinstance(error, (HTTPClientError, UnreachableError)):
        return TokenError(f"{place} cannot be reached ({type(error).__name__})", reason=Reason.AWS_UNAVAILABLE)
    if isinstance(error, OSError) or type(error) is RuntimeError:
        why = (
            f"cannot be read: {error.strerror or type(error).__name__}"
            if isinstance(error, OSError)
            else "have expired already: check the clock of this node"  # botocore raises RuntimeError for this alone
        )
        return TokenError(f"the operator's AWS credentials {why}", reason=Reason.IDENTITY_UNAVAILABLE)
    if isinstance(error, BotoCoreError):
        return TokenError(f"{place} was not asked: {_sentence(str(error))}", reason=Reason.IDENTITY_UNAVAILABLE)
    return TokenError(f"{place} gave an answer that makes no sense", reason=Reason.AWS_UNAVAILABLE)


def _answered(error: ClientError, place: str) -> TokenError:
    details = error.response.get("Error", {})
    code, text = str(details.get("Code", "")), _sentence(str(details.get("Message", "")))
    step = error.operation_name
    if code in _DENIED:
        return TokenError(
            f"AWS refused {step} to the operator's own identity ({code}): {text}. Allow it in the identity's IAM"
            " policy; this is tried again by itself",
            reason=Reason.AWS_ACCESS_DENIED,
        )
    if code in _BAD_CREDENTIALS:
        return TokenError(
            f"AWS does not accept the operator's credentials at {step} ({code}): {text}. Check the keys or role, and"
            " the clock of the node",
            reason=Reason.IDENTITY_UNAVAILABLE,
        )
    return TokenError(f"{place} failed at {step} ({code or 'no error code'})", reason=Reason.AWS_UNAVAILABLE)


def _sentence(text: str) -> str:
    plain = _CHANGING.sub("", _REQUEST_ID.sub("", _REQUEST.sub("", " ".join(text.split()))))
    return plain[:_WORDS].rstrip(". ") or "AWS gave no words"
