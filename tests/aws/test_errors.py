"""Whatever botocore raises becomes a reason, and one sentence that is the same the next time."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)

from ecr_secret_operator.aws.errors import step_by, token_error
from ecr_secret_operator.domain.identity.identity import (
    AMBIENT,
    AccessKeys,
    AccountRole,
    AssumedRole,
    Identity,
    StoredKeys,
)
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.reasons import Reason

STEP = step_by(Scope("aws", "us-east-2"))
DENIED, BROKEN, IDENTITY = Reason.AWS_ACCESS_DENIED, Reason.AWS_UNAVAILABLE, Reason.IDENTITY_UNAVAILABLE
PROXY = "http://user:secret@proxy.example:3128"
ENDPOINT = "https://api.ecr.us-east-2.amazonaws.com/"


def answered(code: str, message: str = "", operation: str = "GetAuthorizationToken") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("AccessDenied", DENIED),
        ("AccessDeniedException", DENIED),
        ("UnauthorizedOperation", DENIED),
        ("OptInRequired", DENIED),
        ("ExpiredToken", IDENTITY),
        ("ExpiredTokenException", IDENTITY),
        ("IncompleteSignature", IDENTITY),
        ("InvalidClientTokenId", IDENTITY),
        ("InvalidIdentityToken", IDENTITY),
        ("IDPRejectedClaim", IDENTITY),
        ("InvalidSignatureException", IDENTITY),
        ("MissingAuthenticationToken", IDENTITY),
        ("SignatureDoesNotMatch", IDENTITY),
        ("UnrecognizedClientException", IDENTITY),
        ("Throttling", BROKEN),
        ("ThrottlingException", BROKEN),
        ("TooManyRequestsException", BROKEN),
        ("ServerException", BROKEN),
        ("InternalFailure", BROKEN),
        ("ServiceUnavailable", BROKEN),
        ("SomethingNew", BROKEN),
        ("", BROKEN),
    ],
)
def test_the_code_of_an_answer_decides_the_reason(code: str, reason: Reason) -> None:
    error = token_error(answered(code, "some words"), STEP)
    assert error.reason is reason
    assert error.retry_at is None, "the token source decides that"
    assert (code or "no error code") in str(error)


@pytest.mark.parametrize(
    ("error", "reason", "text"),
    [
        (
            answered("AccessDeniedException", "User: arn:aws:iam::123456789012:user/x is not authorized."),
            DENIED,
            (
                "AWS refused GetAuthorizationToken to the operator's own identity (AccessDeniedException): User:"
                " arn:aws:iam::123456789012:user/x is not authorized. Allow it in the identity's IAM policy; this is"
                " tried again by itself"
            ),
        ),
        (
            answered("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", "AssumeRole"),
            DENIED,
            (
                "AWS refused AssumeRole to the operator's own identity (AccessDenied): Not authorized to perform"
                " sts:AssumeRoleWithWebIdentity. Allow it in the trust policy of the operator's role; this is tried"
                " again by itself"
            ),
        ),
        (
            answered("UnrecognizedClientException", "The security token included in the request is invalid."),
            IDENTITY,
            (
                "AWS does not accept the operator's credentials at GetAuthorizationToken (UnrecognizedClientException):"
                " The security token included in the request is invalid. Check the keys or role, and the clock of"
                " the node"
            ),
        ),
        (answered("ThrottlingException", "Rate exceeded"), BROKEN, "ECR in us-east-2 failed at GetAuthorizationToken"),
        (
            NoCredentialsError(),
            IDENTITY,
            "the operator has no AWS credentials. Give it an IAM user's keys or a role: see docs/install.md",
        ),
        (
            PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            IDENTITY,
            (
                "the operator's AWS credentials cannot be used: Partial credentials found in env, missing:"
                " AWS_SECRET_ACCESS_KEY"
            ),
        ),
        (
            CredentialRetrievalError(provider="process", error_msg="exit 1"),
            IDENTITY,
            "the operator's AWS credentials cannot be used: ",
        ),
        (ReadTimeoutError(endpoint_url=ENDPOINT), BROKEN, "ECR in us-east-2 cannot be reached (ReadTimeoutError)"),
        (ConnectTimeoutError(endpoint_url=ENDPOINT), BROKEN, "cannot be reached (ConnectTimeoutError)"),
        (EndpointConnectionError(endpoint_url=ENDPOINT), BROKEN, "cannot be reached (EndpointConnectionError)"),
        (SSLError(endpoint_url=ENDPOINT, error="bad cert"), BROKEN, "TLS with ECR in us-east-2 failed. Check that its"),
        (ProxyConnectionError(proxy_url=PROXY), BROKEN, "ECR in us-east-2 cannot be reached (ProxyConnectionError)"),
        (ConnectionClosedError(endpoint_url=ENDPOINT), BROKEN, "ECR in us-east-2 cannot be reached"),
        (
            FileNotFoundError(2, "No such file or directory", "/var/run/token"),
            IDENTITY,
            "the operator's AWS credentials cannot be read: No such file or directory",
        ),
        (PermissionError(13, "Permission denied"), IDENTITY, "cannot be read: Permission denied"),
        (
            RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
            IDENTITY,
            "the operator's AWS credentials have expired already: check the clock of this node",
        ),
        (NotImplementedError(), BROKEN, "ECR in us-east-2 gave an answer that makes no sense"),
        (OSError(), IDENTITY, "the operator's AWS credentials cannot be read: OSError"),
        (
            ProfileNotFound(profile="x"),
            IDENTITY,
            "AWS_PROFILE of the operator names the profile x, which its AWS files",
        ),
        (InvalidRegionError(region_name="x@evil"), IDENTITY, "ECR in us-east-2 was not asked: "),
        (KeyError("authorizationData"), BROKEN, "ECR in us-east-2 gave an answer that makes no sense"),
        (ZeroDivisionError("x"), BROKEN, "ECR in us-east-2 gave an answer that makes no sense"),
    ],
)
def test_each_error_has_its_reason_and_says_what_to_do(error: Exception, reason: Reason, text: str) -> None:
    found = token_error(error, STEP)
    assert found.reason is reason
    assert text in str(found)
    assert "secret@" not in str(found)


ROLE = "arn:aws:iam::210987654321:role/ecr-pull"
KEYS = AccessKeys("AKIATEAMAEXAMPLE0001", Sensitive("s" * 40))
AS_ROLE, AS_ACCOUNT = AssumedRole(ROLE, "external-1"), AccountRole("team-a", "builder", ROLE, "an.audience")
AS_KEYS = StoredKeys("team-a", "aws-keys", KEYS.version, KEYS)


@pytest.mark.parametrize(
    ("identity", "assuming", "denied", "not_accepted", "failed"),
    [
        (
            AMBIENT,
            False,
            "AWS refused X to the operator's own identity",
            "AWS does not accept the operator's credentials at X",
            "ECR in us-east-2 failed at X",
        ),
        (
            AS_ROLE,
            True,
            f"AWS refused X of role {ROLE} to the operator's own identity",
            f"AWS does not accept the operator's credentials at X of role {ROLE}",
            f"STS in us-east-2 failed at X of role {ROLE}",
        ),
        (
            AS_ROLE,
            False,
            f"AWS refused X to role {ROLE}, assumed with the operator's own identity",
            f"AWS does not accept the session of role {ROLE}, assumed with the operator's own identity at X",
            "ECR in us-east-2 failed at X",
        ),
        (
            AS_ACCOUNT,
            True,
            f"AWS refused X of role {ROLE} to ServiceAccount team-a/builder",
            f"AWS does not accept the token of ServiceAccount team-a/builder at X of role {ROLE}",
            f"STS in us-east-2 failed at X of role {ROLE}",
        ),
        (
            AS_ACCOUNT,
            False,
            f"AWS refused X to role {ROLE} of ServiceAccount team-a/builder",
            f"AWS does not accept the session of role {ROLE} of ServiceAccount team-a/builder at X",
            "ECR in us-east-2 failed at X",
        ),
        (
            AS_KEYS,
            False,
            "AWS refused X to the keys in Secret team-a/aws-keys",
            "AWS does not accept the keys in Secret team-a/aws-keys at X",
            "ECR in us-east-2 failed at X",
        ),
    ],
)
def test_each_step_says_who_asked_for_what(
    identity: Identity, denied: str, not_accepted: str, failed: str, *, assuming: bool
) -> None:
    step = step_by(Scope("aws", "us-east-2", identity), assuming=assuming)
    for code, text in (("AccessDenied", denied), ("ExpiredToken", not_accepted), ("Throttling", failed)):
        found = str(token_error(answered(code, "words", "X"), step))
        assert found.startswith(f"{text} ({code})"), found
        assert "external-1" not in found
        assert KEYS.access_key_id not in found


def test_ecr_public_is_named_as_such() -> None:
    step = step_by(Scope("aws", "us-east-1", AS_ROLE, public=True))
    assert str(token_error(answered("Throttling"), step)).startswith("ECR Public failed at")


EPOCH = "Token expired: current date/time {} must be before the expiration date/time 1772300000"
SESSION = "User: arn:aws:sts::123456789012:assumed-role/r/botocore-session-{} is not authorized to perform: ecr:x"
STAMPS = "Signature expired: {0} is now earlier than {1} ({2} - 5 min.)"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"no (Request ID: {'a1b2' * 9})", f"no (Request ID: {'c3d4' * 9})"),
        ("no. RequestId: 11111111-2222", "no. RequestId: 33333333-4444"),
        ("no (Service: Ecr, Status Code: 400, Request ID: 1)", "no (Service: Ecr, Status Code: 400, Request ID: 2)"),
        (
            STAMPS.format("20260301T120000Z", "20260301T120500Z", "20260301T121000Z"),
            STAMPS.format("20260302T120000Z", "20260302T120500Z", "20260302T121000Z"),
        ),
        ("expired at 2026-03-01T12:00:00Z", "expired at 2026-03-01T13:00:00.123Z"),
        (EPOCH.format(1_772_366_400), EPOCH.format(1_772_366_430)),
        (EPOCH.format(1_772_366_400_000), EPOCH.format(1_772_366_430_000)),
        (SESSION.format(1_772_366_400), SESSION.format(1_772_366_430)),
        (f"[{'1' * 8}-1111-1111-1111-{'1' * 12}]: (x): y", f"[{'2' * 8}-2222-2222-2222-{'2' * 12}]: (x): y"),
        ("a\n  b", "a b"),
    ],
)
@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredToken"])
def test_the_same_failure_has_the_same_sentence_each_time(code: str, one: str, other: str) -> None:
    assert str(token_error(answered(code, one), STEP)) == str(token_error(answered(code, other), STEP))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (answered("AccessDenied", "from port 1"), answered("AccessDenied", "from port 2"), True),
        (answered("ExpiredToken", "from port 1"), answered("ExpiredToken", "from port 2"), True),
        (answered("AccessDenied", "no"), answered("OptInRequired", "no"), False),
        (answered("AccessDenied", "no"), answered("AccessDenied", "no", "AssumeRole"), False),
        (answered("ExpiredToken", "no"), answered("InvalidClientTokenId", "no"), False),
        (
            CredentialRetrievalError(provider="x", error_msg="port 1"),
            CredentialRetrievalError(provider="x", error_msg="port 2"),
            True,
        ),
        (CredentialRetrievalError(provider="x", error_msg="no"), NoCredentialsError(), False),
    ],
)
def test_words_of_others_do_not_make_another_failure(one: Exception, other: Exception, *, same: bool) -> None:
    first, second = (token_error(error, STEP).failure for error in (one, other))
    assert ((first.reason, first.causes) == (second.reason, second.causes)) is same
    assert first.causes


@pytest.mark.parametrize("words", ["arn:aws:iam::123456789012:user/x", "arn:aws:iam::112345678901:user/x"])
def test_account_numbers_stay_in_the_sentence(words: str) -> None:
    assert words in str(token_error(answered("AccessDenied", words), STEP))


def test_the_request_that_aws_repeats_is_left_out() -> None:
    words = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access"
        " Key and signing method.\n\nThe Canonical String for this request should have been\n'POST\n/\n\n"
        f"x-amz-security-token:{'IQoJb3JpZ2luX2Vj' * 20}\n'\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256"
    )
    text = str(token_error(answered("InvalidSignatureException", words), STEP))
    assert "Check your AWS Secret Access Key and signing method" in text
    assert "IQoJ" not in text
    assert "AWS4" not in text


def test_a_sentence_is_never_a_flood() -> None:
    assert len(str(token_error(answered("AccessDenied", "x" * 10_000), STEP))) < 600


def test_an_answer_without_words_says_so() -> None:
    assert "(AccessDenied): AWS gave no words" in str(token_error(answered("AccessDenied"), STEP))


@pytest.mark.parametrize(
    "secret", ["eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiIxIn0.c2lnbmF0dXJl", "IQoJb3JpZ2lu" * 30, "ASIAEXAMPLE000000001"]
)
def test_a_token_that_aws_or_an_agent_repeats_is_left_out(secret: str) -> None:
    """As STS does with a web identity token, and an agent with its own answer."""
    for error in (
        answered("InvalidIdentityToken", f"The token {secret} is not valid"),
        CredentialRetrievalError(provider="container-role", error_msg=f"it said {secret}"),
        InvalidRegionError(region_name=secret),
    ):
        assert secret[:20] not in str(token_error(error, STEP))
