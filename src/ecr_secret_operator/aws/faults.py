"""What is wrong with the operator's own AWS settings: a sentence and a remedy for each."""

from __future__ import annotations

import ssl

from botocore.exceptions import LoginError, ProfileNotFound, SSLError, SSOError, TokenRetrievalError

from ..reasons import Reason

_LOGIN = (SSOError, LoginError, TokenRetrievalError)
_BUNDLE = "AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE, or ca_bundle of the profile"


class Fault(Exception):
    """The operator's AWS settings are wrong; `str()` is a sentence with the remedy.

    Attributes:
        reason: for the condition.
    """

    def __init__(self, message: str, *, reason: Reason = Reason.IDENTITY_UNAVAILABLE) -> None:
        super().__init__(message)
        self.reason = reason


class EndpointInvalid(Fault):
    """The endpoint that is configured for a service is no URL."""

    def __init__(self, service: str) -> None:
        variable = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
        super().__init__(
            f"the endpoint that the operator's settings name for {service} is not a URL with a scheme, such as"
            f" https://vpce.example.com. Correct {variable}, AWS_ENDPOINT_URL, or endpoint_url of the profile",
            reason=Reason.AWS_UNAVAILABLE,
        )


def fault_of(error: Exception, place: str) -> Fault | None:
    """The fault in the settings that caused an error of botocore; None if the settings did not cause it.

    Args:
        error: as botocore raised it.
        place: the service that was to be asked, in words.
    """
    if isinstance(error, Fault):
        return error
    if isinstance(error, ProfileNotFound):
        name = error.kwargs.get("profile", "")
        return Fault(
            f"AWS_PROFILE of the operator names the profile {name}, which its AWS files do not have. Add the profile,"
            " or unset AWS_PROFILE"
        )
    if isinstance(error, _LOGIN):
        return Fault(
            "the operator's profile needs an SSO login, which is missing or has expired. Run aws sso login, or give"
            " the operator keys or a role: see docs/install.md"
        )
    if isinstance(error, SSLError):
        return Fault(_tls(error, place), reason=Reason.AWS_UNAVAILABLE)
    return None


def _tls(error: SSLError, place: str) -> str:
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {place}, or of a proxy before it, is not trusted: {cause.verify_message}. Give the"
            " operator the certificate authority with AWS_CA_BUNDLE, and check the endpoint and the clock"
        )
    if isinstance(cause, ssl.SSLError) and cause.reason == "NO_CERTIFICATE_OR_CRL_FOUND":
        return f"the operator's CA bundle holds no certificate. Put PEM certificates into the file of {_BUNDLE}"
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError | SSLError):
        why = cause.strerror or type(cause).__name__
        return f"the operator's CA bundle cannot be read: {why}. Check {_BUNDLE}, and the volume that holds it"
    return f"TLS with {place} failed. Check that its endpoint speaks TLS, and the proxy before it"


def _innermost(error: SSLError) -> BaseException:
    """What botocore and urllib3 each wrap."""
    found: BaseException = error
    inner = error.kwargs.get("error")
    while isinstance(inner, BaseException):
        found, inner = inner, next(iter(inner.args), None)
    return found
