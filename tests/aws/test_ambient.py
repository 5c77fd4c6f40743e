"""A token from AWS with the identity of the surroundings: EKS Pod Identity, container credentials of ECS, IMDSv2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from botocore.utils import ContainerMetadataFetcher

from ecr_secret_operator.aws.ecr import fetch_token
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.tokens.token import Token
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator_lab.fakeaws import FakeAws, IssuedToken

OHIO = Scope("aws", "us-east-2")
ROLE = "arn:aws:iam::123456789012:role/team/ecr-operator"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiIxIn0.c2lnbmF0dXJl"
OTHER_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiIyIn0.c2lnbmF0dXJl"
AGENT = "AWS_CONTAINER_CREDENTIALS_FULL_URI"

Surround = Callable[[Mapping[str, str]], None]


def fetch() -> Token:
    return fetch_token(OHIO, requester=Key("Secret", "team-a", "pull"), clock=lambda: datetime.now(UTC))


def failure() -> str:
    with pytest.raises(TokenError) as caught:
        fetch()
    assert caught.value.reason is Reason.IDENTITY_UNAVAILABLE
    return str(caught.value)


def issued(fake: FakeAws) -> IssuedToken:
    found = fake.find_token(fetch().password.reveal())
    assert found is not None
    return found


def shown_tokens(fake: FakeAws) -> list[object]:
    return [call.parameters.get("Token") for call in fake.calls("GetCredentials")]


def as_shown(token: str) -> str:
    return f"sha256:{sha256(token.encode()).hexdigest()}"


def callers(fake: FakeAws) -> list[str]:
    return [call.access_key_id for call in fake.calls("GetAuthorizationToken")]


@pytest.fixture
def surround(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Surround:
    """Puts the process into an environment of the fake; the role is known, and one token for it."""
    fake.set_ambient(role_arn=ROLE, tokens=[TOKEN])
    monkeypatch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)

    def enter(environment: Mapping[str, str]) -> None:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

    return enter


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "eks-pod-identity-token"
    path.write_text(TOKEN)
    return path


# EKS Pod Identity and ECS


def test_pod_identity_with_a_token_file(fake: FakeAws, surround: Surround, token_file: Path) -> None:
    surround(fake.container_environment(token_file=token_file))
    assert ":assumed-role/ecr-operator/eks-" in issued(fake).principal
    assert shown_tokens(fake) == [as_shown(TOKEN)]


def test_a_token_file_that_was_rotated_counts_at_the_next_call(
    fake: FakeAws, surround: Surround, token_file: Path
) -> None:
    surround(fake.container_environment(token_file=token_file))
    fetch()
    fake.set_ambient(role_arn=ROLE, tokens=[OTHER_TOKEN])
    token_file.write_text(OTHER_TOKEN)
    fetch()
    assert shown_tokens(fake) == [as_shown(TOKEN), as_shown(OTHER_TOKEN)]


def test_pod_identity_with_a_token_in_the_environment(fake: FakeAws, surround: Surround) -> None:
    surround(fake.container_environment(token=TOKEN))
    assert ":assumed-role/ecr-operator/" in issued(fake).principal
    assert shown_tokens(fake) == [as_shown(TOKEN)]


def test_the_relative_address_of_ecs(fake: FakeAws, surround: Surround, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent of ECS has a fixed address, where the fake cannot be."""
    assert ContainerMetadataFetcher.IP_ADDRESS == "169.254.170.2"
    monkeypatch.setattr(ContainerMetadataFetcher, "IP_ADDRESS", fake.url.removeprefix("http://"))
    surround({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": f"/v2/credentials/{TOKEN}"})
    assert ":assumed-role/ecr-operator/" in issued(fake).principal
    assert shown_tokens(fake) == [as_shown(TOKEN)]


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("eyJ3cm9uZyI6MX0.e30.d3Jvbmc", "(InvalidTokenException): The token included in the request is not valid"),
        ("", "Service account token cannot be empty"),
        (f"{TOKEN}\n", "Auth token value is not a legal header value"),
        ("\udcff\udcfe", "UnicodeDecodeError"),
    ],
    ids=["wrong", "empty", "line break", "binary"],
)
def test_a_token_that_is_refused_is_told_the_same_way_each_time_and_not_shown(
    fake: FakeAws, surround: Surround, token_file: Path, token: str, says: str
) -> None:
    token_file.write_text(token, errors="surrogateescape")
    surround(fake.container_environment(token_file=token_file))
    sentence = failure()
    assert sentence.startswith("the operator's AWS credentials cannot be used: ")
    assert says in sentence
    assert not token.strip() or token.strip() not in sentence
    assert failure() == sentence
    assert callers(fake) == [], "ECR is not asked"


def test_a_service_account_without_a_role(fake: FakeAws, surround: Surround) -> None:
    surround(fake.container_environment(token=TOKEN))
    fake.set_ambient(role_arn=None, tokens=[TOKEN])
    sentence = failure()
    assert "No pod identity association was found" in sentence
    assert failure() == sentence


def test_a_token_file_that_is_not_there(fake: FakeAws, surround: Surround, tmp_path: Path) -> None:
    surround(fake.container_environment(token_file=tmp_path / "absent"))
    assert failure() == "the operator's AWS credentials cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://127.0.0.1:9/v2/credentials/a-secret", "Could not connect to the endpoint URL"),
        ("http://agent.example/v1/credentials", "Unsupported host 'agent.example'"),
        ("nonsense", "Unsupported host"),
    ],
)
def test_an_agent_that_is_not_there(
    fake: FakeAws, surround: Surround, monkeypatch: pytest.MonkeyPatch, address: str, says: str
) -> None:
    surround(fake.container_environment(token=TOKEN))
    monkeypatch.setenv(AGENT, address)
    sentence = failure()
    assert says in sentence
    assert "a-secret" not in sentence


@pytest.mark.parametrize("path", ["/_lab/healthz", "/_lab/calls"])
def test_an_answer_without_keys_is_an_identity_problem(
    fake: FakeAws, surround: Surround, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    surround(fake.container_environment(token=TOKEN))
    monkeypatch.setenv(AGENT, fake.url + path)
    assert "cannot be used" in failure()


# IMDSv2


def test_the_role_of_the_instance(fake: FakeAws, surround: Surround, monkeypatch: pytest.MonkeyPatch) -> None:
    surround(fake.imds_environment())
    monkeypatch.setenv("AWS_EC2_METADATA_V1_DISABLED", "true")
    assert ":assumed-role/ecr-operator/i-" in issued(fake).principal
    assert [call.action for call in fake.calls() if call.service == "imds"] == ["GetToken", "GetRole", "GetCredentials"]
    assert {call.result for call in fake.calls()} == {"ok"}


def test_what_no_proxy_excludes_by_its_network_is_asked_without_a_proxy(fake: FakeAws, surround: Surround) -> None:
    """The instance is 169.254.169.254, and clusters exclude 169.254.0.0/16."""
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.0/8"}
    surround({**fake.imds_environment(), **proxy})
    assert ":assumed-role/ecr-operator/i-" in issued(fake).principal


@pytest.mark.usefixtures("keys_in_the_environment")
def test_a_proxy_for_http_that_cannot_be_used_is_nothing_to_who_needs_none(fake: FakeAws, surround: Surround) -> None:
    surround({"HTTP_PROXY": "socks5://127.0.0.1:9"})
    issued(fake)


def test_an_instance_without_a_role(fake: FakeAws, surround: Surround) -> None:
    surround(fake.imds_environment())
    fake.set_ambient(role_arn=None)
    assert failure().startswith("the operator has no AWS credentials.")


def test_pod_identity_goes_before_the_instance(fake: FakeAws, surround: Surround) -> None:
    both = {**fake.container_environment(token=TOKEN), **fake.imds_environment()}
    surround({**both, "AWS_EC2_METADATA_DISABLED": "false"})
    fetch()
    assert [call.service for call in fake.calls("GetCredentials")] == ["container"]


# The life of a session


@pytest.mark.parametrize("source", ["container", "imds"])
def test_a_session_is_never_used_for_a_second_call(fake: FakeAws, surround: Surround, source: str) -> None:
    surround(fake.container_environment(token=TOKEN) if source == "container" else fake.imds_environment())
    fake.settings(session_seconds=60)
    fetch()
    (first,) = callers(fake)
    fake.remove_credentials(first)
    fetch()
    assert len(set(callers(fake))) == 2
    assert [call.result for call in fake.calls("GetAuthorizationToken")] == ["ok", "ok"]


def test_a_session_that_is_over_when_it_is_handed_out(fake: FakeAws, surround: Surround) -> None:
    surround(fake.container_environment(token=TOKEN))
    fake.settings(session_seconds=60, clock_offset_seconds=-120)
    assert failure() == "the operator's AWS credentials have expired already: check the clock of this node"
    assert callers(fake) == []
