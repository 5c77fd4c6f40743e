"""What becomes of a resource when it is reconciled, whatever AWS and the API server answer."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from ecr_secret_operator.controllers.secret.ports import Ports
from ecr_secret_operator.controllers.secret.reconciler import SecretReconciler
from ecr_secret_operator.domain.identity.authorization import WAITING, Authorization
from ecr_secret_operator.domain.links import LinkedAccount
from ecr_secret_operator.domain.ports import Authorizer
from ecr_secret_operator.domain.resource import Key, Resource, condition_of
from ecr_secret_operator.domain.secret.annotations import StoredTokens
from ecr_secret_operator.domain.secret.registries import Want
from ecr_secret_operator.domain.status.events import Event
from ecr_secret_operator.domain.status.outcome import Outcome
from ecr_secret_operator.domain.times import parse_time
from ecr_secret_operator.domain.tokens.token import Token
from ecr_secret_operator.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TokenError,
    Unavailable,
)
from ecr_secret_operator.reasons import Reason, Removal
from ecr_secret_operator.runtime.damping import FREE_REPAIRS
from ecr_secret_operator.runtime.result import AGAIN, AWAITING_TOKEN, DONE, Result

from ..factories import HOST, NOW, OTHER_HOST, a_token
from ..scenes import GROUP, ROLE, Scene

KEY = Key("Secret", "team-a", "pull")
RESOURCE = f"{GROUP}/namespaces/team-a/secrets/pull"
SECRET = "/api/v1/namespaces/team-a/secrets/ecr-pull"
REFUSED = TokenError("AWS refused", reason=Reason.AWS_ACCESS_DENIED)


@dataclass
class Aws:
    """The token source: gives a token for each want, unless a registry has an error."""

    clock: Callable[[], datetime]
    errors: dict[str, TokenError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fetching: bool = False
    cached: bool = False
    meanwhile: Callable[[], Awaitable[None]] | None = None

    def _token(self) -> Token:
        return a_token(issued_at=self.clock())

    def at_hand(self, wants: Sequence[Want]) -> list[Token] | None:
        return [self._token() for _ in wants] if self.cached or not wants else None

    def join_calls(self, wants: Sequence[Want], key: Key, *, low_priority: bool) -> bool:
        return self.fetching and bool(wants)

    async def tokens(self, wants: Sequence[Want], requester: Key) -> list[Token | TokenError]:
        self.asked += [want.host for want in wants]
        answers = [self.errors.get(want.host) or self._token() for want in wants]
        if self.meanwhile:
            await self.meanwhile()
        return answers


class Waits:
    """An authorizer that has not read yet what a resource names."""

    def authorize(self, resource: Resource, stored: StoredTokens) -> Authorization:
        return WAITING


@dataclass
class Case:
    """One operator with one scene, a clock that a test sets, and what it reports."""

    scene: Scene = field(default_factory=Scene)
    now: datetime = NOW
    events: list[Event] = field(default_factory=list)
    removed_for: list[Removal] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    slow: bool = False
    authorizer: Authorizer | None = None

    def __post_init__(self) -> None:
        self.aws = Aws(lambda: self.now)
        self.wire = self.scene.wire
        self.restart()

    def restart(self) -> None:
        state = self.scene.state
        self.reconciler = SecretReconciler(
            Ports(
                resources=state.resources,
                secrets=state.secrets,
                authorizer=self.authorizer or state.dependencies,
                tokens=self.aws,
                links=state.service_accounts,
                recorder=self,
                observer=self,
                clock=lambda: self.now,
                claim_slow_report=lambda _key: self.slow,
            )
        )

    async def record(self, about: Resource | LinkedAccount, events: Sequence[Event]) -> None:
        self.events += events

    def finished(self, resource: Resource, outcome: Outcome, told: Sequence[Event]) -> None:
        self.outcomes.append(outcome)

    def removed(self, key: Key, event: Event, cause: Removal) -> None:
        self.removed_for.append(cause)

    async def reconcile(self, after: float = 0) -> Result:
        """Reconciles, some seconds later, and lets what was written be seen."""
        self.now += timedelta(seconds=after)
        result = await self.reconciler.reconcile(KEY)
        await self.scene.settle()
        return result

    def fail(self, method: str, plural: str, error: ApiError) -> None:
        self.wire.errors.append((method, plural, error))

    def condition(self, kind: str = "Ready") -> dict[str, Any]:
        return dict(condition_of(self.scene.get().status, kind))

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]

    async def secret(self, path: str = SECRET) -> dict[str, Any] | None:
        try:
            return await self.wire.get(path, dict[str, Any])
        except NotFound:
            return None


@asynccontextmanager
async def a_case(*, served: bool = False, **spec: Any) -> AsyncIterator[Case]:
    """A resource that is new, or that is served already."""
    case = Case()
    case.scene.resource(status={}, **spec)
    async with case.scene.watching():
        if served:
            await case.reconcile()
            case.events.clear()
            case.wire.writes.clear()
            case.aws.asked.clear()
        yield case


# Serving


async def test_a_new_resource_gets_its_secret_and_a_status_and_then_rests() -> None:
    async with a_case() as case:
        result = await case.reconcile()
        assert case.aws.asked == [HOST]
        assert case.condition()["status"] == "True"
        assert case.wire.writes == [f"POST {SECRET.removesuffix('/ecr-pull')}", f"PATCH {RESOURCE}/status"]
        assert result.again_at
        assert NOW + timedelta(hours=5) < result.again_at <= NOW + timedelta(hours=6)
        await case.reconcile(60)
        assert case.aws.asked == [HOST]
        assert len(case.wire.writes) == 2


async def test_a_token_that_is_at_hand_is_stored_without_asking_aws() -> None:
    async with a_case() as case:
        case.aws.cached = True
        await case.reconcile()
        assert case.aws.asked == []
        assert case.condition()["status"] == "True"


async def test_a_due_token_is_replaced() -> None:
    async with a_case(served=True) as case:
        await case.reconcile(6 * 3600)
        assert case.aws.asked == [HOST]
        assert case.wire.writes[0] == f"PATCH {SECRET}"


async def test_what_waits_for_a_token_that_is_being_fetched_leaves_its_worker() -> None:
    async with a_case() as case:
        case.aws.fetching = True
        assert await case.reconcile() == AWAITING_TOKEN
        assert case.wire.writes == []


async def test_a_resource_that_is_gone_is_done() -> None:
    async with a_case(served=True) as case:
        case.wire.remove(RESOURCE)
        await case.scene.settle()
        assert await case.reconcile() == DONE


async def test_a_restart_asks_and_writes_nothing() -> None:
    async with a_case(served=True) as case:
        case.restart()
        await case.reconcile(60)
        assert (case.aws.asked, case.wire.writes) == ([], [])


async def request_refresh(case: Case) -> None:
    """Sets the refresh annotation, as `refresh` does."""
    found = await case.wire.get(RESOURCE, dict[str, Any])
    found["metadata"]["annotations"] = {"ecr.mobb.redhat.com/refresh": "now"}
    case.wire.put(RESOURCE, found)
    await case.scene.settle()


async def test_a_resource_whose_service_account_was_not_read_yet_waits() -> None:
    async with a_case(aws={"service_account": "pull"}) as case:
        case.authorizer = Waits()
        case.restart()
        assert await case.reconcile() == DONE
        assert (case.aws.asked, case.wire.writes) == ([], [])


async def test_a_refresh_that_gives_the_stored_token_is_tried_again_in_five_seconds() -> None:
    async with a_case(served=True) as case:
        await request_refresh(case)
        result = await case.reconcile()
        assert case.aws.asked == [HOST]
        assert result.again_at == NOW + timedelta(seconds=5)


async def test_a_request_for_a_refresh_is_answered_once() -> None:
    async with a_case(served=True) as case:
        await request_refresh(case)
        await case.reconcile(60)
        await case.reconcile(60)
        assert case.aws.asked == [HOST]


async def test_a_rename_removes_the_former_secret_once_the_new_one_is_stored() -> None:
    async with a_case(served=True) as case:
        case.scene.resource(status=dict(case.scene.get().status), generated_secret_name="renamed")
        await case.scene.settle()
        await case.reconcile(60)
        assert await case.secret() is None
        assert await case.secret(SECRET.replace("ecr-pull", "renamed"))
        assert case.removed_for == [Removal.RENAMED]


async def test_a_former_secret_that_is_gone_already_is_not_reported() -> None:
    async with a_case(served=True) as case:
        case.scene.resource(status=dict(case.scene.get().status), generated_secret_name="renamed")
        await case.scene.settle()
        case.fail("DELETE", "secrets", NotFound("gone"))
        await case.reconcile(60)
        assert case.removed_for == []


async def test_a_slow_namespace_is_reported_on_one_of_its_resources() -> None:
    async with a_case() as case:
        case.slow = True
        await case.reconcile()
        assert "NamespaceSlow" in case.reasons


# Repairing


async def test_a_deleted_secret_is_restored_without_asking_aws() -> None:
    async with a_case(served=True) as case:
        case.wire.remove(SECRET)
        await case.scene.settle()
        await case.reconcile(1)
        assert await case.secret()
        assert case.aws.asked == []
        assert case.reasons == ["Repaired"]


async def test_a_secret_without_the_operators_label_is_found_by_its_name_and_restored() -> None:
    async with a_case(served=True) as case:
        found = await case.secret()
        assert found
        del found["metadata"]["labels"]
        case.wire.put(SECRET, found)
        await case.scene.settle()
        await case.reconcile(1)
        restored = await case.secret()
        assert restored
        assert restored["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "ecr-secret-operator"}
        assert case.reasons == ["Repaired"]
        assert "label" in case.events[0].message


async def test_a_secret_that_comes_and_goes_is_looked_for_again() -> None:
    async with a_case(served=True) as case:
        case.wire.remove(SECRET)
        await case.scene.settle()
        case.fail("POST", "secrets", AlreadyExists("there is one"))
        assert await case.reconcile(1) == AGAIN


async def test_an_immutable_secret_is_replaced() -> None:
    async with a_case(served=True) as case:
        found = await case.secret()
        assert found
        case.wire.put(SECRET, {**found, "immutable": True, "data": {}})
        await case.scene.settle()
        await case.reconcile(1)
        assert [write.split()[0] for write in case.wire.writes[:2]] == ["DELETE", "POST"]
        assert case.removed_for == [Removal.REPLACED]


async def test_a_fight_is_damped_and_names_the_other_client() -> None:
    async with a_case(served=True) as case:
        for _ in range(FREE_REPAIRS + 2):
            found = await case.secret()
            assert found
            found["metadata"]["managedFields"] = [{"manager": "rival", "time": "2026-03-01T12:00:00Z"}]
            case.wire.put(SECRET, {**found, "data": {}})
            await case.scene.settle()
            result = await case.reconcile(0.1)
        assert result.again_at
        assert result.again_at > case.now
        assert case.condition("Refreshing")["reason"] == "SecretContested"
        assert "rival" in case.condition("Refreshing")["message"]
        assert sum(write == f"PATCH {SECRET}" for write in case.wire.writes) == FREE_REPAIRS


async def test_a_fight_over_the_label_is_damped_although_no_watch_shows_the_secret() -> None:
    async with a_case(served=True) as case:
        for _ in range(FREE_REPAIRS + 2):
            found = await case.secret()
            assert found
            case.wire.put(SECRET, {**found, "metadata": {**found["metadata"], "labels": {}}})
            await case.scene.settle()
            await case.reconcile(0.1)
        assert case.condition("Refreshing")["reason"] == "SecretContested"
        assert case.condition()["status"] == "True", "the token is stored, and good"


async def test_a_newer_token_that_is_stored_already_stays() -> None:
    """Another replica, or an earlier process, was faster."""
    async with a_case(served=True) as case:
        before = await case.secret()
        case.aws.clock = lambda: NOW - timedelta(hours=1)
        await request_refresh(case)
        await case.reconcile()
        assert case.aws.asked == [HOST]
        assert await case.secret() == before


# Names that are taken


FOREIGN = {"metadata": {"name": "ecr-pull", "namespace": "team-a"}, "type": "Opaque", "data": {"a": "Yg=="}}


async def test_a_foreign_secret_is_left_alone_and_the_name_taken_once_it_is_free() -> None:
    async with a_case() as case:
        foreign = case.wire.put(SECRET, FOREIGN)
        result = await case.reconcile()
        assert case.condition()["reason"] == "SecretConflict"
        assert result.again_at == NOW + timedelta(seconds=5)
        assert await case.secret() == foreign
        asked = len(case.aws.asked)
        await case.reconcile(5)
        assert len(case.aws.asked) == asked, "no token is spent on a name that is taken"
        case.wire.remove(SECRET)
        await case.reconcile(5)
        assert case.condition()["status"] == "True"


async def test_the_predecessors_secret_is_taken_over() -> None:
    async with a_case() as case:
        config = f'{{"auths":{{"{HOST}":{{"username":"AWS","password":"x","auth":"QVdTOng="}}}}}}'
        data = {".dockerconfigjson": b64encode(config.encode()).decode()}
        case.wire.put(SECRET, {**FOREIGN, "type": "kubernetes.io/dockerconfigjson", "data": data})
        await case.reconcile()
        assert case.condition()["status"] == "True"
        assert "Adopted" in case.reasons


async def test_a_name_that_was_taken_is_free_once_the_predecessor_has_it() -> None:
    async with a_case() as case:
        case.wire.put(SECRET, FOREIGN)
        await case.reconcile()
        config = f'{{"auths":{{"{HOST}":{{"username":"AWS","password":"x","auth":"QVdTOng="}}}}}}'
        data = {".dockerconfigjson": b64encode(config.encode()).decode()}
        case.wire.put(SECRET, {**FOREIGN, "type": "kubernetes.io/dockerconfigjson", "data": data})
        await case.reconcile(5)
        assert case.condition()["status"] == "True"
        assert "Adopted" in case.reasons


async def test_a_secret_that_a_finalizer_holds_is_waited_for() -> None:
    async with a_case(served=True) as case:
        found = await case.secret()
        assert found
        metadata = {**found["metadata"], "deletionTimestamp": "2026-03-01T12:00:00Z", "finalizers": ["example.com/a"]}
        case.wire.put(SECRET, {**found, "metadata": {**metadata, "labels": {}}})
        await case.scene.settle()
        result = await case.reconcile(1)
        assert result.again_at == case.now + timedelta(seconds=5)
        assert "example.com/a" in case.condition("Refreshing")["message"]


# What AWS says


async def test_without_a_token_a_failure_is_reported_at_once() -> None:
    async with a_case() as case:
        case.aws.errors[HOST] = REFUSED
        await case.reconcile()
        assert case.condition()["reason"] == "AWSAccessDenied"
        assert case.reasons == ["AWSAccessDenied"]
        assert await case.secret() is None


async def test_while_the_token_is_good_a_failure_is_reported_once_it_has_lasted() -> None:
    async with a_case(served=True) as case:
        case.aws.errors[HOST] = TokenError("AWS is away", reason=Reason.AWS_UNAVAILABLE)
        due = parse_time(case.scene.get().status["nextRefreshTime"])
        assert due
        await case.reconcile((due - case.now).total_seconds())
        assert case.aws.asked == [HOST]
        assert case.condition("Refreshing")["status"] == "True"
        await case.reconcile(11)
        assert case.condition("Refreshing")["reason"] == "AWSUnavailable"
        assert case.condition()["status"] == "True"
        del case.aws.errors[HOST]
        await case.reconcile(11)
        assert case.condition("Refreshing")["status"] == "True"


async def test_one_registry_that_fails_keeps_the_others_from_nothing() -> None:
    async with a_case(additional_registries=[{"ecr_registry": OTHER_HOST}]) as case:
        case.aws.errors[OTHER_HOST] = REFUSED
        await case.reconcile()
        assert await case.secret()
        assert case.condition()["status"] == "False"
        assert OTHER_HOST in case.condition()["message"]


@pytest.mark.parametrize("change", ["edited", "deleted", "denied", "expired"])
async def test_what_changes_while_aws_is_asked_is_judged_again(change: str) -> None:
    async with a_case() as case:

        async def meanwhile() -> None:
            if change == "edited":
                case.wire.put(RESOURCE, _edited(case))
            elif change == "deleted":
                case.wire.remove(RESOURCE)
            elif change == "denied":
                case.scene.policy(registries=[OTHER_HOST])
            else:
                case.now += timedelta(hours=13)
            await case.scene.settle()

        case.aws.meanwhile = meanwhile
        assert await case.reconcile() == AGAIN
        assert await case.secret() is None


def _edited(case: Case) -> dict[str, Any]:
    resource = case.scene.get()
    metadata = {"name": "pull", "namespace": "team-a", "uid": resource.uid, "generation": 2}
    return {"kind": "Secret", "metadata": metadata, "spec": {"generated_secret_name": "x", "ecr_registry": HOST}}


# What policy says


async def test_what_policy_denies_loses_its_secret() -> None:
    async with a_case(served=True) as case:
        case.scene.policy(registries=[OTHER_HOST])
        await case.scene.settle()
        await case.reconcile(1)
        assert await case.secret() is None
        assert case.condition()["reason"] == "PolicyDenied"
        assert case.removed_for == [Removal.DENIED]
        assert case.aws.asked == []


@pytest.mark.parametrize("refused", [False, True])
async def test_a_token_of_an_identity_that_policy_denies_now_is_removed(*, refused: bool) -> None:
    async with a_case(served=True) as case:
        case.scene.policy(role_arns=[ROLE], default_role_arn=ROLE)
        await case.scene.settle()
        case.aws.errors[HOST] = REFUSED
        if refused:
            case.fail("PATCH", "secrets", Forbidden("no", status=403))
        await case.reconcile(1)
        assert await case.secret() is None
        assert case.removed_for == [Removal.TOKEN_DENIED]


async def test_a_token_that_policy_denies_is_removed_where_the_new_one_cannot_be_written() -> None:
    async with a_case(served=True) as case:
        case.scene.policy(role_arns=[ROLE], default_role_arn=ROLE)
        await case.scene.settle()
        case.fail("PATCH", "secrets", Forbidden("no", status=403))
        await case.reconcile(1)
        assert await case.secret() is None
        assert case.condition()["reason"] == "KubernetesError"


async def test_a_token_that_policy_denies_is_removed_under_a_former_name_too() -> None:
    async with a_case(served=True) as case:
        case.scene.resource(status=dict(case.scene.get().status), generated_secret_name="renamed")
        case.scene.policy(role_arns=[ROLE], default_role_arn=ROLE)
        await case.scene.settle()
        await case.reconcile(1)
        assert await case.secret() is None
        assert await case.secret(SECRET.replace("ecr-pull", "renamed"))
        assert case.removed_for == [Removal.TOKEN_DENIED]


LIMIT = {"access": "pull", "repositories": ["{namespace}/*"]}
SILENT = TokenError("AWS did not answer", reason=Reason.AWS_UNAVAILABLE)
WAITS = TokenError("AWS has not been asked yet", reason=Reason.LIMIT_EXCEEDED)


async def test_a_token_that_may_do_more_than_policy_allows_is_replaced_in_one_write() -> None:
    async with a_case(served=True) as case:
        case.scene.policy(ambient_identity=True, limit=LIMIT)
        await case.scene.settle()
        await case.reconcile(1)
        assert (case.aws.asked, case.wire.writes[0]) == ([HOST], f"PATCH {SECRET}")
        assert case.removed_for == []
        assert case.scene.get().status["tokenLimit"] == "pull in team-a/*"


@pytest.mark.parametrize(("error", "stays"), [(REFUSED, False), (SILENT, True), (WAITS, True)])
async def test_it_is_removed_when_aws_refuses_a_narrower_one_and_stays_while_aws_is_silent(
    error: TokenError, *, stays: bool
) -> None:
    async with a_case(served=True) as case:
        case.scene.policy(ambient_identity=True, limit=LIMIT)
        await case.scene.settle()
        case.aws.errors[HOST] = error
        await case.reconcile(1)
        assert (await case.secret() is not None) == stays
        assert case.removed_for == ([] if stays else [Removal.TOKEN_DENIED])
        assert (case.condition()["status"], case.condition()["reason"]) == ("False", error.reason)
        case.aws.errors.clear()
        await case.reconcile(60)
        assert case.scene.get().status["tokenLimit"] == "pull in team-a/*"


async def test_a_token_of_a_denied_identity_is_removed_also_while_aws_is_silent() -> None:
    async with a_case(served=True) as case:
        case.scene.policy(role_arns=[ROLE], default_role_arn=ROLE, limit=LIMIT)
        await case.scene.settle()
        case.aws.errors[HOST] = SILENT
        await case.reconcile(1)
        assert await case.secret() is None
        assert case.removed_for == [Removal.TOKEN_DENIED]


async def test_of_two_registries_the_one_whose_narrower_token_is_there_is_not_held_up() -> None:
    """Only one token is too wide: the other registry names a limit of its own."""
    narrow = {"ecr_registry": OTHER_HOST, "aws": {"access": "pull", "repositories": ["team-a/*"]}}
    async with a_case(served=True, additional_registries=[narrow]) as case:
        case.scene.policy(ambient_identity=True, limit=LIMIT)
        await case.scene.settle()
        case.aws.errors[OTHER_HOST] = SILENT
        await case.reconcile(6 * 3600)
        assert set(case.aws.asked) == {HOST, OTHER_HOST}
        assert case.wire.writes[0] == f"PATCH {SECRET}"


async def test_a_kept_token_that_policy_denies_meanwhile_is_not_written_again() -> None:
    """AWS is asked for one registry only, while the limit is set."""
    second = {"ecr_registry": OTHER_HOST, "aws": {"role_arn": ROLE}}
    async with a_case(served=True) as case:
        case.scene.resource(status=dict(case.scene.get().status), additional_registries=[second])
        await case.scene.settle()

        async def limited() -> None:
            case.scene.policy(ambient_identity=True, role_arns=["*"], limit=LIMIT)
            await case.scene.settle()

        case.aws.meanwhile = limited
        assert await case.reconcile(1) == AGAIN
        assert case.aws.asked == [OTHER_HOST]
        assert case.wire.writes == []


async def test_a_denied_token_that_finalizers_hold_is_reported_once() -> None:
    async with a_case(served=True) as case:
        found = await case.secret()
        assert found
        metadata = {**found["metadata"], "deletionTimestamp": "2026-03-01T12:00:00Z", "finalizers": ["example.com/a"]}
        case.wire.put(SECRET, {**found, "metadata": metadata})
        case.scene.policy(role_arns=[ROLE], default_role_arn=ROLE)
        await case.scene.settle()
        case.fail("PATCH", "secrets", Forbidden("no", status=403))
        await case.reconcile(1)
        assert case.removed_for == []


# What the API server says


async def test_a_refresh_that_is_refused_leaves_the_stored_token() -> None:
    async with a_case(served=True) as case:
        before = await case.secret()
        case.fail("PATCH", "secrets", Forbidden("may not", status=403))
        await case.reconcile(6 * 3600)
        assert await case.secret() == before
        assert case.condition()["status"] == "True"
        assert case.condition("Refreshing")["reason"] == "KubernetesError"


@pytest.mark.parametrize("error", [Forbidden("may not", status=403), Invalid("too long", status=422)])
async def test_a_write_that_is_refused_is_reported(error: ApiError) -> None:
    async with a_case() as case:
        case.fail("POST", "secrets", error)
        result = await case.reconcile()
        assert result.failed
        assert case.condition()["reason"] == "KubernetesError"
        assert str(error) in case.condition()["message"]


async def test_without_an_answer_nothing_is_said_of_the_resource() -> None:
    async with a_case() as case:
        case.fail("POST", "secrets", Unavailable("no answer"))
        with pytest.raises(Unavailable):
            await case.reconcile()
        assert case.scene.get().status == {}


@pytest.mark.parametrize(("method", "plural"), [("POST", "secrets"), ("PATCH", "secrets/status")])
async def test_what_another_client_changed_is_judged_again(method: str, plural: str) -> None:
    async with a_case() as case:
        case.fail(method, plural, Conflict("changed"))
        assert await case.reconcile() == AGAIN


async def test_a_resource_that_goes_before_its_status_is_stored_is_done() -> None:
    async with a_case() as case:
        case.fail("PATCH", "secrets/status", NotFound("gone"))
        await case.reconcile()
        assert case.outcomes == []


async def test_a_status_that_is_refused_is_an_event() -> None:
    async with a_case() as case:
        case.fail("PATCH", "secrets/status", Invalid("spec.x is not known", status=422))
        await case.reconcile()
        (outcome,) = case.outcomes
        assert outcome.failure
        assert outcome.failure.reason is Reason.KUBERNETES_ERROR
