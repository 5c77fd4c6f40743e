"""Whatever is stored in a resource, nothing crashes on it: what it says and what is planned for it stays defined."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.domain.identity.access_policy import AccessPolicySpec, parse_policy
from ecr_secret_operator.domain.identity.authorization import Authorization
from ecr_secret_operator.domain.kinds import KINDS, Kind, passwords_of
from ecr_secret_operator.domain.resource import InvalidSpec, Resource
from ecr_secret_operator.domain.secret.annotations import DIGEST, NAME, OWNER, TOKENS
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.observed import Observed
from ecr_secret_operator.domain.secret.render import differences, patch, render
from ecr_secret_operator.domain.secret.target import intact
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.events import events
from ecr_secret_operator.domain.status.outcome import Outcome
from ecr_secret_operator.domain.status.placements import (
    Placements,
    cluster_events,
    cluster_status,
    first_status,
    patience,
)
from ecr_secret_operator.domain.status.timing import next_look
from ecr_secret_operator.domain.times import parse_time
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import HOST, NOW, PASSWORD, a_resource, a_spec, a_stored_secret, logins_of, stored_tokens
from tests.fuzz import TEXTS, json_of, object_of

from .clusters import a_cluster_resource, good, said

SPEC = (
    "generated_secret_name", "ecr_registry", "url", "frequency", "region", "suspend", "deletion_policy", "metadata",
    "labels", "annotations", "aws", "role_arn", "external_id", "service_account", "credentials_secret", "access",
    "additional_registries", "link", "for", "namespaces", "selector", "matchLabels", "matchExpressions", "key",
    "operator", "values", "include", "exclude", "secret_type", "repo_type", "project", "proxy", "no_proxy",
)  # fmt: skip
POLICY = ("namespaces", "registries", "regions", "role_arns", "ambient_identity", "default_role_arn", "mode", *SPEC)
STATUS = (
    "phase", "conditions", "type", "status", "reason", "message", "observedGeneration", "lastTransitionTime",
    "lastUpdatedTime", "expiresAt", "nextRefreshTime", "lastHandledRefresh", "namespaces", "failingNamespaces",
    "namespace", "selected", "served", "failing",
)  # fmt: skip
CONDITIONS = st.lists(object_of(*STATUS) | json_of(*STATUS), max_size=4)
STATUSES = object_of(*STATUS) | st.builds(
    lambda rest, some: {**rest, "conditions": some}, object_of(*STATUS), CONDITIONS
)


def names_a_field(message: str) -> bool:
    return message.startswith(("spec: ", "spec.")) or message == "spec is missing, or is not an object"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(raw=object_of(*SPEC) | json_of(*SPEC))
def test_a_spec_is_read_or_a_sentence_names_its_field(kind: Kind, raw: object) -> None:
    spec = kind.parse(raw)
    if isinstance(spec, InvalidSpec):
        assert names_a_field(spec.message)
        assert len(spec.message) < 5000
    else:
        assert spec.entries


@given(raw=object_of(*POLICY) | json_of(*POLICY))
def test_a_policy_is_read_or_a_sentence_names_its_field(raw: object) -> None:
    spec = parse_policy(raw)
    if isinstance(spec, InvalidSpec):
        assert names_a_field(spec.message)
    else:
        assert isinstance(spec, AccessPolicySpec)


def outcomes(resource: Resource) -> st.SearchStrategy[Outcome]:
    return st.builds(
        Outcome,
        stored=st.sampled_from([{}, stored_tokens()]),
        lacking=st.sampled_from([(), (HOST,)]),
        failure=st.none() | st.sampled_from([Failure(reason, "so it is") for reason in Reason]),
        written=st.booleans(),
        refreshed=st.booleans(),
        audited=st.sampled_from(["", "not allowed"]),
    )


@given(status=STATUSES, data=st.data(), invalid=st.booleans())
def test_whatever_status_is_stored_the_next_one_is_whole(
    status: dict[str, object], data: st.DataObject, *, invalid: bool
) -> None:
    resource = a_resource(status=status, spec=InvalidSpec("spec: no") if invalid else a_spec())
    outcome = data.draw(outcomes(resource))
    new = next_status(resource, outcome, now=NOW)
    list(events(resource, new, outcome))
    next_look(resource, outcome, now=NOW)
    assert {one["type"] for one in new["conditions"]} >= {"Ready", "Refreshing"}
    assert all(isinstance(value, str | int | list) for value in new.values()), "what a definition would let through"
    again = replace(resource, status=new)
    assert next_status(again, replace(outcome, written=False, refreshed=False), now=NOW) == new, "and then it rests"


@given(status=STATUSES, other=st.booleans(), unknown=st.integers(0, 2))
def test_whatever_status_is_stored_a_cluster_resource_sums_up(
    status: dict[str, object], unknown: int, *, other: bool
) -> None:
    whole = a_cluster_resource(status=status)
    first_status(whole, "team-a")
    statuses = {"team-a": said(whole, good(whole)), **({"team-b": said(whole, Outcome())} if other else {})}
    placements = Placements(whole, len(statuses) + unknown, statuses, unknown)
    patience(placements)
    new = cluster_status(placements, now=NOW)
    list(cluster_events(placements, new))
    assert new["namespaces"]["selected"] == len(statuses) + unknown


ANNOTATIONS = st.dictionaries(
    st.sampled_from([TOKENS, DIGEST, OWNER, NAME, "ecr.mobb.redhat.com/copied", "ecr.mobb.redhat.com/issued-at", "x"]),
    TEXTS | st.text() | st.builds(lambda text: f"label:{text} annotation:{text} {text}", st.text()),
    max_size=7,
)


@given(status=STATUSES, annotations=ANNOTATIONS, labels=st.dictionaries(TEXTS, TEXTS, max_size=3), kept=st.booleans())
def test_whatever_is_written_on_a_secret_there_is_a_plan(
    status: dict[str, object], annotations: dict[str, str], labels: dict[str, str], *, kept: bool
) -> None:
    resource = a_resource(status=status)
    own = a_stored_secret(resource)
    stored = replace(own, annotations={**(own.annotations if kept else {}), **annotations}, labels=labels)
    authorization = Authorization(logins_of(resource.spec))
    plan = decide(Observed(resource=resource, secrets=(stored,), authorization=authorization, remembered={}), now=NOW)
    assert plan.write or plan.failure or plan.stored
    assert not isinstance(resource.spec, InvalidSpec)
    desired = render(resource, resource.spec, stored_tokens(resource))
    differences(stored, desired)
    assert PASSWORD not in repr(desired)
    patch(stored, desired)
    assert not intact(stored, resource, resource.spec) or kept


@given(tokens=json_of(HOST, "issued", "expires", "for", "with", "by", "role"))
def test_whatever_is_sealed_as_tokens_is_read_or_is_nothing(tokens: object) -> None:
    """The seal is no secret: whoever may write the Secret can make one that holds."""
    from hashlib import sha256  # noqa: PLC0415 - as an attacker would
    from json import dumps  # noqa: PLC0415

    own = a_stored_secret()
    text = dumps(tokens)
    seal = f"{own.data_digest}\n{text}\n{own.annotations[OWNER]}"
    forged = {**own.annotations, TOKENS: text, DIGEST: f"sha256:{sha256(seal.encode()).hexdigest()}"}
    stored = replace(own, annotations=forged)
    assert set(stored.stored_tokens) <= {HOST}
    for held in stored.stored_tokens.values():
        assert held.token.issued_at < held.token.expires_at
        assert PASSWORD not in repr(held)
    resource = a_resource()
    authorization = Authorization(logins_of(resource.spec))
    plan = decide(Observed(resource=resource, secrets=(stored,), authorization=authorization, remembered={}), now=NOW)
    assert plan.write or plan.stored
    if plan.stored:
        outcome = Outcome(stored=plan.stored)
        next_look(resource, outcome, now=NOW)
        next_status(resource, outcome, now=NOW)


@given(data=st.dictionaries(st.sampled_from([".dockerconfigjson", "url", "password", "x"]), st.text() | TEXTS))
@pytest.mark.parametrize("secret_type", ["kubernetes.io/dockerconfigjson", "Opaque"])
def test_whatever_a_secret_holds_its_tokens_are_texts(secret_type: str, data: dict[str, str]) -> None:
    for host, password in passwords_of(secret_type, data).items():
        assert isinstance(host, str)
        assert password.reveal()


@given(text=st.none() | TEXTS | st.text())
def test_a_time_is_read_or_is_none(text: str | None) -> None:
    moment = parse_time(text)
    assert moment is None or moment.tzinfo
