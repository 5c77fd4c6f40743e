"""The guard's decisions, over answers that a test gives and a clock that it moves."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from ecr_secret_operator.domain.reader import User
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.errors import ApiError, Forbidden, Invalid, Unavailable
from ecr_secret_operator.serving.guard import Guard, Refusal, bearer, judge

PROMETHEUS = User("system:serviceaccount:monitoring:prometheus", uid="1", groups=("system:authenticated",))
CANARY = "canary-token-that-nobody-may-see"


@dataclass
class Answers:
    """What the API server knows in a test, how often it was asked, and the clock."""

    users: dict[str, User] = field(default_factory=lambda: {"good": PROMETHEUS})
    permissions: set[tuple[str, str, str]] = field(default_factory=lambda: {(PROMETHEUS.name, "get", "/metrics")})
    error: ApiError | None = None
    tokens_asked: list[str] = field(default_factory=list)
    permissions_asked: int = 0
    now: float = 1_000.0

    async def user_of(self, token: Sensitive) -> User | None:
        self.tokens_asked.append(token.reveal())
        if self.error:
            raise self.error
        return self.users.get(token.reveal())

    async def may(self, user: User, *, verb: str, path: str) -> bool:
        self.permissions_asked += 1
        if self.error:
            raise self.error
        return (user.name, verb, path) in self.permissions


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def guard(answers: Answers) -> Guard:
    return Guard(answers, clock=lambda: answers.now, most=8)


async def asked(guard: Guard, token: str = "good", *, verb: str = "get") -> int:
    refusal = await guard.refusal(f"Bearer {token}", verb=verb, path="/metrics")
    return refusal.status if refusal else 200


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc.def-ghi_j~k+l/m==", "abc.def-ghi_j~k+l/m=="),
        ("bearer abc", "abc"),
        ("BEARER   abc ", "abc"),
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("abc", None),
        ("Basic YTpi", None),
        ("Bearer a b", None),
        ("Bearer \u0430\u0431\u0432", None),
        ("Bearer a\udc80", None),
        ("Bearer a\n", None),
        ("xBearer abc", None),
    ],
)
def test_the_token_of_a_header(header: str | None, token: str | None) -> None:
    found = bearer(header)
    assert (found and found.reveal()) == token


def test_what_the_answers_mean() -> None:
    assert judge(None, allowed=False) == Refusal(401, "Unauthorized")
    assert judge(None, allowed=True) == Refusal(401, "Unauthorized")
    assert judge(PROMETHEUS, allowed=False) == Refusal(403, f"Authorization denied for user {PROMETHEUS.name}")
    assert judge(PROMETHEUS, allowed=True) is None


async def test_who_may_may_and_nobody_else(guard: Guard, answers: Answers) -> None:
    answers.users["other"] = User("somebody-else")
    assert await asked(guard, "good") == 200
    assert await asked(guard, "other") == 403
    assert await asked(guard, "wrong") == 401
    assert await asked(guard, "good", verb="head") == 403


async def test_without_a_token_the_api_server_is_not_even_asked(guard: Guard, answers: Answers) -> None:
    for header in (None, "", "Basic YTpi"):
        refusal = await guard.refusal(header, verb="get", path="/metrics")
        assert refusal == Refusal(401, "Unauthorized")
    assert answers.tokens_asked == []


async def test_a_token_is_reviewed_once_a_minute_and_its_rights_every_five(guard: Guard, answers: Answers) -> None:
    for second in range(600):
        answers.now = 1_000.0 + second
        assert await asked(guard) == 200
    assert (len(answers.tokens_asked), answers.permissions_asked) == (10, 2)


async def test_a_no_is_asked_again_after_half_a_minute(guard: Guard, answers: Answers) -> None:
    answers.permissions.clear()
    assert await asked(guard) == 403
    answers.permissions.add((PROMETHEUS.name, "get", "/metrics"))
    answers.now += 29.9
    assert await asked(guard) == 403
    answers.now += 0.1
    assert await asked(guard) == 200


async def test_a_revoked_token_and_a_revoked_right_end_in_time(guard: Guard, answers: Answers) -> None:
    assert await asked(guard) == 200
    answers.permissions.clear()
    answers.now += 300
    assert await asked(guard) == 403
    answers.users.clear()
    answers.now += 60
    assert await asked(guard) == 401


async def test_an_invalid_token_is_reviewed_once_a_minute(guard: Guard, answers: Answers) -> None:
    for second in range(120):
        answers.now = 1_000.0 + second
        assert await asked(guard, "wrong") == 401
    assert answers.tokens_asked == ["wrong"] * 2


async def test_a_flood_of_invalid_tokens_pushes_no_reader_out(guard: Guard, answers: Answers) -> None:
    assert await asked(guard) == 200
    for number in range(100):
        assert await asked(guard, f"wrong-{number}") == 401
    assert await asked(guard) == 200
    assert answers.tokens_asked.count("good") == 1


async def test_two_tokens_of_one_user_share_its_permissions(guard: Guard, answers: Answers) -> None:
    answers.users["renewed"] = PROMETHEUS
    assert (await asked(guard), await asked(guard, "renewed")) == (200, 200)
    assert answers.permissions_asked == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unavailable("the API server did not answer in time"), 503),
        (Forbidden("tokenreviews is forbidden", status=403), 500),
        (Invalid("no", status=422), 500),
    ],
)
async def test_when_the_api_server_cannot_be_asked_nobody_may(
    guard: Guard, answers: Answers, error: ApiError, status: int
) -> None:
    answers.error = error
    assert await asked(guard) == status
    assert await asked(guard) == status
    assert len(answers.tokens_asked) == 2, "no answer is not remembered"
    answers.error = None
    assert await asked(guard) == 200
    answers.error = error
    assert await asked(guard) == 200, "what was answered before still holds"
    answers.now += 60
    assert await asked(guard) == status


async def test_permissions_that_cannot_be_asked_are_none(guard: Guard, answers: Answers) -> None:
    assert await asked(guard) == 200
    answers.now += 299
    assert await asked(guard) == 200
    answers.error = Unavailable("gone")
    answers.now += 1
    assert (await asked(guard), answers.permissions_asked) == (503, 2)
    assert len(answers.tokens_asked) == 2, "the user was still known"


async def test_a_lasting_failure_is_loud_once(guard: Guard, answers: Answers) -> None:
    answers.error = Unavailable("gone")
    with capture_logs() as logs:
        for _ in range(3):
            await asked(guard)
        answers.error = None
        await asked(guard)
        answers.error = Unavailable("gone again")
        answers.now += 60
        await asked(guard)
    assert [line["log_level"] for line in logs] == ["warning", "debug", "debug", "warning"]


async def test_no_token_shows_in_a_log_an_error_or_the_guard(
    guard: Guard, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with capture_logs() as logs:
        for error in (None, Unavailable("gone"), Forbidden("no")):
            answers.error, answers.now = error, answers.now + 100
            said.append(repr(await guard.refusal(f"Bearer {CANARY}", verb="get", path="/metrics")))
        answers.error = RuntimeError("a bug")  # type: ignore[assignment] # what no port promises
        answers.now += 100
        with pytest.raises(RuntimeError) as caught:
            await asked(guard, CANARY)
    trace = "".join(traceback.format_exception(caught.value))
    remembered = repr([vars(part) for part in vars(guard).values() if hasattr(part, "_answers")])
    assert CANARY in answers.tokens_asked
    for text in (*said, str(logs), caplog.text, trace, remembered):
        assert CANARY not in text
