"""A token without blocking the event loop: first what proves the identity, then AWS, in a thread."""

from __future__ import annotations

import asyncio

import pytest

from ecr_secret_operator.aws.fetch import Fetcher
from ecr_secret_operator.domain.identity.identity import AMBIENT, AccountRole, Identity
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator_lab.fakeaws import FakeAws
from tests.factories import a_key

from .identities import AS_ACCOUNT, AS_ROLE, KEY_ID, SECRET_KEY, TEAM_SUBJECT, a_jwt, at, stored_keys, utc_now


class Proofs:
    """Gives a new proof each time, or an error."""

    def __init__(self) -> None:
        self.asked: list[AccountRole] = []
        self.error: TokenError | None = None

    async def of(self, identity: AccountRole) -> Sensitive:
        self.asked.append(identity)
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return Sensitive(a_jwt(TEAM_SUBJECT, number=len(self.asked)))


@pytest.mark.usefixtures("keys_in_the_environment")
async def test_a_service_account_proves_itself_anew_for_each_token(fake: FakeAws) -> None:
    proofs = Proofs()
    fetcher = Fetcher(proofs, clock=utc_now)
    for _ in range(2):
        token = await fetcher(at(AS_ACCOUNT), a_key())
        assert fake.find_token(token.password.reveal()) is not None
    assert proofs.asked == [AS_ACCOUNT, AS_ACCOUNT]
    shown = [call.web_identity for call in fake.calls("AssumeRoleWithWebIdentity")]
    assert [identity.claims["jti"] for identity in shown if identity] == ["1", "2"]
    assert {call.parameters["RoleSessionName"] for call in fake.calls("AssumeRoleWithWebIdentity")} == {"team-a.pull"}


@pytest.mark.parametrize("identity", [AMBIENT, AS_ROLE, stored_keys()], ids=lambda one: type(one).__name__)
@pytest.mark.usefixtures("keys_in_the_environment")
async def test_nobody_else_is_asked_for_a_proof(fake: FakeAws, identity: Identity) -> None:
    fake.add_credentials(KEY_ID, SECRET_KEY)
    proofs = Proofs()
    await Fetcher(proofs, clock=utc_now)(at(identity), a_key())
    assert proofs.asked == []


async def test_without_a_proof_aws_is_not_asked(fake: FakeAws) -> None:
    proofs = Proofs()
    proofs.error = TokenError("ServiceAccount team-a/builder does not exist", reason=Reason.IDENTITY_UNAVAILABLE)
    with pytest.raises(TokenError) as caught:
        await Fetcher(proofs, clock=utc_now)(at(AS_ACCOUNT), a_key())
    assert caught.value is proofs.error
    assert fake.calls() == []


@pytest.mark.usefixtures("keys_in_the_environment")
async def test_an_error_of_aws_comes_out_of_the_thread_as_it_is(fake: FakeAws) -> None:
    fake.fail("Throttling", service="sts")
    with pytest.raises(TokenError, match="STS in us-east-2 failed at AssumeRole of role"):
        await Fetcher(Proofs(), clock=utc_now)(at(AS_ROLE), a_key())
