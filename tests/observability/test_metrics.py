from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from ecr_secret_operator.domain.identity.identity import AccessKeys, AccountRole, AssumedRole, Identity, StoredKeys
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.status.outcome import Outcome
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.errors import TokenError, Unavailable
from ecr_secret_operator.observability.metrics import Metrics, ResourceMetrics
from ecr_secret_operator.observability.telemetry import Telemetry
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import NOW, PASSWORD, a_resource, stored_tokens

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]
A, B = Key("Secret", "team-a", "pull"), Key("ArgoHelmRepoSecret", "argocd", "charts")


def samples(metrics: Metrics) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(metrics.snapshot()().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def labels(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def telemetry(metrics: Metrics) -> Telemetry:
    return Telemetry(metrics)


def a_state(*, denied: str = "", failing: str = "", unlinked: str = "") -> ResourceMetrics:
    expires_at, due_at = NOW + timedelta(hours=12), NOW + timedelta(hours=10)
    return ResourceMetrics(A, expires_at, ready=True, denied=denied, due_at=due_at, failing=failing, unlinked=unlinked)


def use_everything(metrics: Metrics, telemetry: Telemetry) -> None:
    resource = a_resource()
    metrics.watch_resources(
        lambda: [a_state(denied="audit", failing="AWSUnavailable", unlinked="ServiceAccountMissing")]
    )
    telemetry.finished(resource, Outcome(stored=stored_tokens(), written=True), ())
    telemetry.reconciled(A, 0.01, failed=False)
    telemetry.asked_aws(Scope("aws", "us-east-2"), 0.2, None)
    telemetry.watch_ended("secrets", "no answer", 1)
    telemetry.listed("secrets", 3)
    telemetry.event_lost(resource, Unavailable("no answer"))


def test_the_promised_names(metrics: Metrics, telemetry: Telemetry) -> None:
    use_everything(metrics, telemetry)
    assert {name.removeprefix("ecr_secret_operator_") for name in samples(metrics) if name.startswith("ecr_")} == {
        "refreshes_total",
        "aws_requests_total",
        "aws_request_duration_seconds_bucket",
        "aws_request_duration_seconds_count",
        "aws_request_duration_seconds_sum",
        "reconcile_duration_seconds_bucket",
        "reconcile_duration_seconds_count",
        "reconcile_duration_seconds_sum",
        "reconciles_total",
        "watch_restarts_total",
        "queue_depth",
        "leader",
        "ready",
        "tasks",
        "identity_watches",
        "identity_watches_waiting",
        "watch_silence_seconds",
        "token_expiry_timestamp_seconds",
        "next_refresh_timestamp_seconds",
        "resource_ready",
        "refresh_failing",
        "policy_denied",
        "link_failing",
        "tokens_limited",
        "tokens_unlimited",
    }


def test_the_process_tells_of_itself(metrics: Metrics) -> None:
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total"} <= samples(metrics).keys()


def test_every_metric_has_a_help_text(metrics: Metrics, telemetry: Telemetry) -> None:
    use_everything(metrics, telemetry)
    for family in text_string_to_metric_families(metrics.snapshot()().decode()):
        assert family.documentation, family.name


def test_resources_with_limited_tokens_are_counted_without_labels(metrics: Metrics) -> None:
    limited, none = ResourceMetrics(A, NOW, ready=True, limited=True), ResourceMetrics(B, None, ready=False)
    metrics.watch_resources(lambda: [limited, limited, ResourceMetrics(B, NOW, ready=True), none])
    assert samples(metrics)["ecr_secret_operator_tokens_limited"] == {(): 2}
    assert samples(metrics)["ecr_secret_operator_tokens_unlimited"] == {(): 1}, "what has no token is not counted"


def test_each_resource_has_its_expiry_and_readiness_and_loses_them_with_itself(metrics: Metrics) -> None:
    states = [ResourceMetrics(A, NOW, ready=True), ResourceMetrics(B, None, ready=False)]

    def current() -> Iterator[ResourceMetrics]:
        yield from states

    metrics.watch_resources(current)
    a, b = (labels(kind=key.kind, namespace=key.namespace, name=key.name) for key in (A, B))
    found = samples(metrics)
    assert found["ecr_secret_operator_token_expiry_timestamp_seconds"] == {a: NOW.timestamp()}
    assert found["ecr_secret_operator_resource_ready"] == {a: 1.0, b: 0.0}
    states.clear()
    assert "ecr_secret_operator_resource_ready" not in samples(metrics)


def test_when_a_token_is_to_be_replaced_is_shown_while_it_is(metrics: Metrics) -> None:
    metrics.watch_resources(lambda: [a_state(), ResourceMetrics(B, NOW, ready=True)])
    assert samples(metrics)["ecr_secret_operator_next_refresh_timestamp_seconds"] == {
        labels(kind=A.kind, namespace=A.namespace, name=A.name): (NOW + timedelta(hours=10)).timestamp()
    }


def test_a_failure_to_refresh_is_a_series_while_it_lasts(metrics: Metrics) -> None:
    states = [a_state(failing="AWSUnavailable"), ResourceMetrics(B, NOW, ready=True)]
    metrics.watch_resources(lambda: iter(states))
    assert samples(metrics)["ecr_secret_operator_refresh_failing"] == {
        labels(kind=A.kind, namespace=A.namespace, name=A.name, reason="AWSUnavailable"): 1.0
    }
    states[0] = a_state()
    assert "ecr_secret_operator_refresh_failing" not in samples(metrics)


def test_refreshes_are_counted_by_what_came_of_them(metrics: Metrics, telemetry: Telemetry) -> None:
    resource = a_resource()
    denied = Outcome(failure=Failure(Reason.AWS_ACCESS_DENIED, "no"))
    telemetry.finished(resource, Outcome(stored=stored_tokens(), written=True), ())
    telemetry.finished(resource, Outcome(stored=stored_tokens()), ())  # nothing was to be done
    telemetry.finished(resource, denied, ())
    telemetry.finished(resource, denied, ())
    assert samples(metrics)["ecr_secret_operator_refreshes_total"] == {
        labels(kind="Secret", result="Refreshed"): 1,
        labels(kind="Secret", result="AWSAccessDenied"): 2,
    }


def test_calls_to_aws_are_counted_by_region_identity_and_result(metrics: Metrics, telemetry: Telemetry) -> None:
    scope = Scope("aws", "us-east-2")
    telemetry.asked_aws(scope, 0.2, None)
    telemetry.asked_aws(scope, 0.2, TokenError("no", reason=Reason.AWS_UNAVAILABLE))
    found = samples(metrics)
    assert found["ecr_secret_operator_aws_requests_total"] == {
        labels(region="us-east-2", identity="ambient", result="ok"): 1,
        labels(region="us-east-2", identity="ambient", result="AWSUnavailable"): 1,
    }
    assert found["ecr_secret_operator_aws_request_duration_seconds_count"] == {(): 2}


ROLE = "arn:aws:iam::210987654321:role/ecr-pull"
KEYS = AccessKeys("AKIATEAMAEXAMPLE0001", Sensitive("team-a-secret-team-a-secret-team-a-secre"), Sensitive("session"))


@pytest.mark.parametrize(
    ("identity", "label"),
    [
        (AssumedRole(ROLE, "external-1"), f"role/{ROLE}"),
        (AccountRole("team-a", "builder", ROLE, "sts.amazonaws.com"), f"serviceaccount/team-a/builder/{ROLE}"),
        (StoredKeys("team-a", "aws-keys", KEYS.version, KEYS), "secret/team-a/aws-keys"),
    ],
    ids=["role", "account", "keys"],
)
def test_calls_to_aws_name_the_identity_and_nothing_that_is_secret(
    metrics: Metrics, telemetry: Telemetry, identity: Identity, label: str
) -> None:
    with capture_logs() as lines:
        telemetry.asked_aws(Scope("aws", "us-east-2", identity), 0.2, None)
    assert samples(metrics)["ecr_secret_operator_aws_requests_total"] == {
        labels(region="us-east-2", identity=label, result="ok"): 1
    }
    assert [line["scope"] for line in lines] == [f"aws/us-east-2/{label}"]
    shown = metrics.snapshot()().decode() + str(lines)
    for secret in ("external-1", KEYS.access_key_id, KEYS.secret_access_key.reveal()):
        assert secret not in shown


def test_new_keys_of_the_same_secret_do_not_make_a_new_series(metrics: Metrics, telemetry: Telemetry) -> None:
    for version in ("1", "2"):
        telemetry.asked_aws(Scope("aws", "us-east-2", StoredKeys("team-a", "aws-keys", version, KEYS)), 0.2, None)
    assert list(samples(metrics)["ecr_secret_operator_aws_requests_total"].values()) == [2]


def test_identities_that_come_and_go_do_not_make_series_without_end(
    metrics: Metrics, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as those of namespaces that live for an hour, and of a tenant who names another role again and again."""
    monkeypatch.setattr("ecr_secret_operator.observability.telemetry.MOST_CALL_SERIES", 3)
    regular = Scope("aws", "us-east-2")
    for number in range(10):
        telemetry.asked_aws(regular, 0.2, None)
        telemetry.asked_aws(Scope("aws", "us-east-2", AssumedRole(f"{ROLE}-{number}")), 0.2, None)
    assert samples(metrics)["ecr_secret_operator_aws_requests_total"] == {
        labels(region="us-east-2", identity="ambient", result="ok"): 10,
        labels(region="us-east-2", identity=f"role/{ROLE}-8", result="ok"): 1,
        labels(region="us-east-2", identity=f"role/{ROLE}-9", result="ok"): 1,
    }


@pytest.mark.parametrize("mode", ["enforce", "audit"])
def test_what_policy_refuses_is_a_series_while_it_does(metrics: Metrics, mode: str) -> None:
    states = [ResourceMetrics(A, None, ready=False, denied=mode), ResourceMetrics(B, NOW, ready=True)]
    metrics.watch_resources(lambda: iter(states))
    assert samples(metrics)["ecr_secret_operator_policy_denied"] == {
        labels(kind=A.kind, namespace=A.namespace, name=A.name, mode=mode): 1.0
    }
    states[0] = ResourceMetrics(A, NOW, ready=True)
    assert "ecr_secret_operator_policy_denied" not in samples(metrics)


def test_reconciles_are_counted(metrics: Metrics, telemetry: Telemetry) -> None:
    telemetry.reconciled(A, 0.01, failed=False)
    telemetry.reconciled(B, 0.01, failed=True)
    telemetry.crashed(A, RuntimeError("a bug"), 1)
    telemetry.crashed(A, Unavailable("no answer"), 2)
    assert samples(metrics)["ecr_secret_operator_reconciles_total"] == {
        labels(kind="Secret", result="ok"): 1,
        labels(kind="ArgoHelmRepoSecret", result="failed"): 1,
    }


def test_no_token_gets_into_the_metrics(metrics: Metrics, telemetry: Telemetry) -> None:
    use_everything(metrics, telemetry)
    assert PASSWORD[:40].encode() not in metrics.snapshot()()


def test_two_processes_parts_do_not_share_counts() -> None:
    one, other = Metrics(), Metrics()
    one.watch_restarts.inc()
    assert samples(other)["ecr_secret_operator_watch_restarts_total"] == {(): 0}
