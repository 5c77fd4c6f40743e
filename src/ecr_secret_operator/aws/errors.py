"""Maps what botocore raises to a reason and one stable sentence. The one boundary for it.

Stable: no request ids, no times, no addresses, so that a lasting failure is the same failure each time and is reported
once. And nothing of the request or the answer beyond the error code and AWS's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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

from ..domain.identity.identity import AccountRole, AssumedRole, StoredKeys
from ..domain.identity.scope import Scope
from ..domain.redaction import redact_text
from ..errors import InvalidField, TokenError
from ..reasons import Reason
from .faults import fault_of

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
    "IDPRejectedClaim",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
))  # fmt: skip
_REFUSED_POLICY = frozenset(("PackedPolicyTooLarge", "PackedPolicyTooLargeException", "MalformedPolicyDocument"))
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


OWN = "the operator's own identity"


@dataclass(frozen=True, slots=True)
class Step:
    """One call to AWS, in words.

    Attributes:
        place: the service that is asked.
        who: asks.
        credentials: what it asks with.
        target: what is asked for, beyond the name of the operation.
        remedy: what to do when AWS refuses.
    """

    place: str
    who: str = OWN
    credentials: str = "the operator's credentials"
    target: str = ""
    remedy: str = "Allow it in the identity's IAM policy"


def step_by(scope: Scope, *, assuming: bool = False) -> Step:
    """The step for a scope: its role is assumed, or its token is requested."""
    match scope.identity:
        case AssumedRole(role_arn=role) if assuming:
            return Step(
                f"STS in {scope.region}",
                target=f" of role {role}",
                remedy="Allow sts:AssumeRole on it in the operator's IAM policy, and the operator's identity in the"
                " role's trust policy, with the external id if it asks for one",
            )
        case AccountRole(namespace=namespace, service_account=name, role_arn=role, audience=audience) if assuming:
            return Step(
                f"STS in {scope.region}",
                who=f"ServiceAccount {namespace}/{name}",
                credentials=f"the token of ServiceAccount {namespace}/{name}",
                target=f" of role {role}",
                remedy="The role's trust policy has to federate this cluster's OIDC provider for"
                f" system:serviceaccount:{namespace}:{name} with audience {audience}",
            )
        case AssumedRole() | AccountRole() as identity:
            return Step(scope.place, who=identity.words, credentials=f"the session of {identity.words}")
        case StoredKeys() as identity:
            return Step(scope.place, who=identity.words, credentials=identity.words)
    return Step(scope.place)


def federation_step(scope: Scope) -> Step:
    """The step that limits the keys of an IAM user, those of the operator or of a namespace."""
    own = not isinstance(scope.identity, StoredKeys)
    return Step(
        f"STS in {scope.region}",
        who=scope.identity.words,
        credentials="the operator's credentials" if own else scope.identity.words,
        target=f" limited to {scope.limit}",
        remedy="Allow sts:GetFederationToken in the IAM policy of the user",
    )


@contextmanager
def told(step: Step) -> Iterator[None]:
    """Maps every error inside to a TokenError that names the step. A traceback could show the request."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever botocore raises, mapped
        raise token_error(error, step) from None


def token_error(error: Exception, step: Step) -> TokenError:
    """The TokenError for a call to AWS that failed."""
    if isinstance(error, ClientError):
        return _answered(error, step)
    if isinstance(error, InvalidField):
        return TokenError(f"{step.place} was not asked: {error}", reason=Reason.AWS_UNAVAILABLE)
    if fault := fault_of(error, step.place):
        return TokenError(str(fault), reason=fault.reason)
    if isinstance(error, (HTTPClientError, UnreachableError)):
        return TokenError(
            f"{step.place} cannot be reached ({type(error).__name__}). Check the operator's HTTPS_PROXY and NO_PROXY,"
            " DNS, and network policies",
            reason=Reason.AWS_UNAVAILABLE,
        )
    if text := _no_identity(error, step):
        return TokenError(text, reason=Reason.IDENTITY_UNAVAILABLE, cause=f"{step.place}: {type(error).__name__}")
    to_what = f" when it was asked for a session{step.target}" if step.target else ""
    return TokenError(f"{step.place} gave an answer that makes no sense{to_what}", reason=Reason.AWS_UNAVAILABLE)


def _no_identity(error: Exception, step: Step) -> str | None:
    """Why the operator has no identity in AWS; None where that is not the cause."""
    if isinstance(error, NoCredentialsError):
        needed = f", which are needed for AssumeRole{step.target}" if step.target else ""
        return f"the operator has no AWS credentials{needed}. Give it an IAM user's keys or a role: see docs/install.md"
    if isinstance(error, (PartialCredentialsError, CredentialRetrievalError)):
        return f"the operator's AWS credentials cannot be used: {_sentence(str(error))}"
    if isinstance(error, OSError):
        return f"the operator's AWS credentials cannot be read: {error.strerror or type(error).__name__}"
    if type(error) is RuntimeError:  # botocore raises it for this alone
        return "the operator's AWS credentials have expired already: check the clock of this node"
    if isinstance(error, BotoCoreError):
        words = _sentence(str(error))
        return f"{step.place} was not asked: {words}. Check the operator's AWS settings: docs/install.md"
    return None


def _answered(error: ClientError, step: Step) -> TokenError:
    details = error.response.get("Error", {})
    code, text = str(details.get("Code", "")), _sentence(str(details.get("Message", "")))
    asked = f"{error.operation_name}{step.target}"
    if code in _DENIED:
        own_role = not step.target and error.operation_name.startswith("AssumeRole")
        remedy = "Allow it in the trust policy of the operator's role" if own_role else step.remedy
        return TokenError(
            f"AWS refused {asked} to {step.who} ({code}): {text}. {remedy}; this is tried again by itself",
            reason=Reason.AWS_ACCESS_DENIED,
            cause=f"{asked} {code} {step.who}",
        )
    if code in _REFUSED_POLICY:
        return TokenError(
            f"STS refused the session policy that limits the token ({code}): {text}. Name fewer or shorter patterns in"
            " aws.repositories, or in limit.repositories of the AccessPolicy. Tags of the session count too",
            reason=Reason.AWS_ACCESS_DENIED,
            cause=f"{asked} {code} {step.who}",
            of_limit=True,
        )
    if code in _BAD_CREDENTIALS:
        return TokenError(
            f"AWS does not accept {step.credentials} at {asked} ({code}): {text}. Check the keys or role, and"
            " the clock of the node",
            reason=Reason.IDENTITY_UNAVAILABLE,
            cause=f"{asked} {code} {step.credentials}",
        )
    whose = "" if step.who == OWN else f", asked by {step.who}"
    return TokenError(
        f"{step.place} failed at {asked} ({code or 'no error code'}){whose}", reason=Reason.AWS_UNAVAILABLE
    )


def _sentence(text: str) -> str:
    plain = _CHANGING.sub("", _REQUEST_ID.sub("", _REQUEST.sub("", " ".join(text.split()))))
    return redact_text(plain)[:_WORDS].rstrip(". ") or "AWS gave no words"
