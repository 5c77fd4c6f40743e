"""A placement is a resource in its namespace, except for where its identities are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ecr_secret_operator.api.fields import API_VERSION
from ecr_secret_operator.domain.identity.access_policy import Policy
from ecr_secret_operator.domain.identity.authorization import Authorization, assess
from ecr_secret_operator.domain.identity.identity import AccessKeys, AccountRole, StoredKeys
from ecr_secret_operator.domain.identity.sources import KeySecret, Missing, RoleAccount
from ecr_secret_operator.domain.kinds import CLUSTER_PULL_SECRET, DOCKER_CONFIG_KEY, docker_config
from ecr_secret_operator.domain.links import LinkStatus
from ecr_secret_operator.domain.resource import InvalidSpec, Key, condition_of
from ecr_secret_operator.domain.secret.annotations import DIGEST, NAME, OWNER
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.ownership import Claim, claim
from ecr_secret_operator.domain.secret.plan import Plan
from ecr_secret_operator.domain.secret.render import render
from ecr_secret_operator.domain.secret.stored import OwnerReference, StoredSecret
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.events import Event, events, recorded
from ecr_secret_operator.domain.status.outcome import LINKED, Outcome
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.reasons import EventReason, Failure, Reason
from tests.domain.clusters import OWN_NAMESPACE, WHOLE, a_cluster_resource, a_cluster_spec, a_placement, good
from tests.domain.identity.dependencies import ROLE, Cluster, a_policy
from tests.factories import (
    HOST,
    NOW,
    PASSWORD,
    a_resource,
    a_stored_secret,
    a_token,
    an_observed,
    spec_of,
    stored_tokens,
)

SHARE = a_placement()
SECRET = a_stored_secret(SHARE)


def plan_for(placement: Any = SHARE, *, secrets: tuple[StoredSecret, ...] = (SECRET,), **over: Any) -> Plan:
    return decide(an_observed(resource=placement, secrets=secrets, **over), now=NOW)


# Its keys


def test_the_keys_of_a_share_and_of_the_whole_lead_to_each_other() -> None:
    assert SHARE.key == WHOLE.placement("team-a") == Key("ClusterPullSecret", "team-a", "pull")
    assert SHARE.key.cluster_key == WHOLE
    assert Key.parse(str(SHARE.key)) == SHARE.key
    assert (SHARE.cluster, SHARE.requester, SHARE.home) == (WHOLE, WHOLE, OWN_NAMESPACE)


def test_a_resource_of_a_namespace_asks_for_itself_and_has_its_identities_there() -> None:
    resource = a_resource()
    assert (resource.requester, resource.home) == (resource.key, "team-a")


# What it generates


def test_the_secret_lies_in_the_namespace_and_belongs_to_the_cluster_resource() -> None:
    desired = render(SHARE, spec_of(SHARE), stored_tokens(SHARE))
    assert (desired.namespace, desired.name, desired.secret_type) == (
        "team-a",
        "ecr-pull",
        "kubernetes.io/dockerconfigjson",
    )
    assert desired.owner == OwnerReference(API_VERSION, "ClusterPullSecret", "pull", SHARE.uid)
    assert desired.annotations[OWNER] == "ClusterPullSecret/team-a/pull"
    assert desired.data == {DOCKER_CONFIG_KEY: docker_config({HOST: PASSWORD})}
    assert SECRET.owner_key == SHARE.key
    assert SECRET.made_for(SHARE)


def test_a_retained_secret_is_found_again_in_its_own_namespace_only() -> None:
    whole = a_cluster_resource(spec=a_cluster_spec(deletion_policy="Retain"))
    retained = a_stored_secret(a_placement(whole=whole))
    assert retained.owners == ()
    assert retained.owner_key == SHARE.key
    copied = replace(retained, namespace="team-b")
    assert copied.owner_key is None
    assert not copied.made_for(a_placement("team-b", whole=whole))


def test_nothing_is_taken_over_from_the_go_operator_which_had_no_such_kind() -> None:
    data = {DOCKER_CONFIG_KEY: docker_config({HOST: "x"})}
    assert not CLUSTER_PULL_SECRET.written_by_upstream(a_cluster_spec(), data)
    like_upstream = replace(SECRET, labels={}, annotations={}, owners=())
    assert claim(like_upstream, data, SHARE, spec_of(SHARE)) is Claim.FOREIGN
    assert claim(SECRET, data, SHARE, spec_of(SHARE)) is Claim.OURS


# What it decides


def test_a_share_that_is_served_well_rests() -> None:
    assert plan_for() == Plan(stored=stored_tokens(SHARE))


def test_a_missing_secret_is_written_with_the_token_that_is_at_hand() -> None:
    plan = plan_for(secrets=())
    assert plan.write
    assert (plan.write.wants, plan.write.keep) == ((), stored_tokens(SHARE))


def test_an_edited_secret_is_repaired() -> None:
    plan = plan_for(secrets=(replace(SECRET, data_digest="other"),))
    assert plan.write
    assert plan.write.wants == ()


def test_a_secret_of_another_is_a_conflict_that_names_it() -> None:
    other = a_cluster_resource(key=WHOLE._replace(name="first"), uid="another")
    plan = plan_for(secrets=(a_stored_secret(a_placement(whole=other)),))
    assert plan.failure
    assert plan.failure.reason is Reason.SECRET_CONFLICT
    assert "is generated for ClusterPullSecret first" in plan.failure.message
    assert plan.write is None


def test_all_shares_fall_due_at_the_same_time() -> None:
    """So one token serves them all: the jitter is that of the whole."""
    for namespace in ("team-a", "team-b", "team-c"):
        placement = a_placement(namespace)
        outcome = Outcome(stored=stored_tokens(placement))
        assert (
            next_status(placement, outcome, now=NOW)["nextRefreshTime"]
            == (next_status(SHARE, Outcome(stored=stored_tokens(SHARE)), now=NOW)["nextRefreshTime"])
        )


# When its namespace is selected no longer

UNWANTED = a_placement(selected=False)


def test_what_was_made_where_it_is_not_wanted_is_removed() -> None:
    assert plan_for(UNWANTED) == Plan(remove=(SECRET,))


@pytest.mark.parametrize(
    "spec",
    [
        a_cluster_spec(suspend=True),
        a_cluster_spec(deletion_policy="Retain"),
        a_cluster_spec(generated_secret_name="another"),
        InvalidSpec("spec.frequency: no"),
    ],
    ids=["suspended", "retained", "renamed", "invalid"],
)
def test_it_is_removed_whatever_the_spec_says(spec: Any) -> None:
    assert plan_for(replace(UNWANTED, spec=spec), authorization=Authorization()) == Plan(remove=(SECRET,))


def test_it_is_removed_without_asking_policies_or_identities() -> None:
    for access in (Authorization(denied="no policy allows it"), Authorization(unknown="namespaces may not be listed")):
        assert plan_for(UNWANTED, authorization=access) == Plan(remove=(SECRET,))


def test_what_somebody_copied_under_another_name_is_left_alone() -> None:
    copy = replace(SECRET, name="copy-of-it")
    assert copy.annotations[NAME] == "ecr-pull"
    assert plan_for(UNWANTED, secrets=(copy,)) == Plan()


def test_what_others_made_there_is_left_alone() -> None:
    foreign = replace(SECRET, owners=(), annotations={}, labels={})
    assert plan_for(UNWANTED, secrets=(foreign,)) == Plan()
    assert DIGEST not in foreign.annotations


def test_while_the_whole_is_being_deleted_what_is_wanted_is_kept_and_what_is_not_goes() -> None:
    assert plan_for(replace(UNWANTED, deleting=True)) == Plan(remove=(SECRET,))
    assert plan_for(replace(SHARE, deleting=True)) == plan_for(SHARE)


def test_what_is_unwanted_and_held_by_finalizers_is_told_of() -> None:
    held = replace(SECRET, deleting=True, finalizers=("example.com/hold",))
    plan = plan_for(UNWANTED, secrets=(held,))
    assert plan.remove == ()
    assert plan.failure
    assert plan.failure.reason is Reason.TERMINATING
    assert "finalizer example.com/hold holds it" in plan.failure.message


# Its identities


def test_its_identities_are_those_of_the_operators_namespace() -> None:
    keys = AccessKeys("AKIAEXAMPLE", Sensitive("s3cret"))
    cluster = Cluster(
        accounts={
            ("team-a", "puller"): RoleAccount("team-a", "puller", "7", role_arn=f"{ROLE}-of-the-tenant", audience=""),
            (OWN_NAMESPACE, "puller"): RoleAccount(OWN_NAMESPACE, "puller", "7", role_arn=ROLE, audience=""),
        },
        secrets={
            ("team-a", "aws"): KeySecret("team-a", "aws", "7", AccessKeys("AKIATENANT", Sensitive("x"))),
            (OWN_NAMESPACE, "aws"): KeySecret(OWN_NAMESPACE, "aws", "7", keys),
        },
    )
    found = []
    for aws in ({"service_account": "puller"}, {"credentials_secret": "aws"}):
        placement = a_placement(whole=a_cluster_resource(spec=a_cluster_spec(aws=aws)))
        (login,) = assess(placement, cluster, stored={}, policy_required=False).logins
        found.append(login.scope and login.scope.identity)
    assert found == [
        AccountRole(OWN_NAMESPACE, "puller", ROLE, "sts.amazonaws.com"),
        StoredKeys(OWN_NAMESPACE, "aws", keys.version, keys),
    ]


def test_what_is_missing_there_is_named_with_the_operators_namespace() -> None:
    placement = a_placement(whole=a_cluster_resource(spec=a_cluster_spec(aws={"service_account": "puller"})))
    tenants = {("team-a", "puller"): RoleAccount("team-a", "puller", "7", role_arn=ROLE, audience="")}
    (login,) = assess(placement, Cluster(accounts=tenants), stored={}, policy_required=False).logins
    assert login.problem
    assert f"ServiceAccount {OWN_NAMESPACE}/puller does not exist" in login.problem.message


@pytest.mark.parametrize(("namespace", "allowed"), [("team-a", True), ("team-b", False)])
def test_policies_judge_it_by_its_own_namespace(namespace: str, *, allowed: bool) -> None:
    policies: tuple[Policy, ...] = (a_policy(namespaces={"include": ["team-a"]}, ambient_identity=True),)
    access = assess(a_placement(namespace), Cluster(known=policies), stored={}, policy_required=False)
    assert bool(access.denied) is not allowed
    by_label = (a_policy(namespaces={"selector": {"matchLabels": {"team": "a"}}}, ambient_identity=True),)
    labels: dict[str, dict[str, str] | Missing] = {"team-a": {"team": "a"}, "team-b": {"team": "b"}}
    access = assess(
        a_placement(namespace), Cluster(known=by_label, namespaces=labels), stored={}, policy_required=False
    )
    assert bool(access.denied) is not allowed


# What it says


def test_how_it_stands_is_no_event_but_a_repair_is_with_the_namespace() -> None:
    """The whole tells how it stands, or five hundred namespaces would say the same."""
    denied = Outcome(failure=Failure(Reason.AWS_ACCESS_DENIED, "AWS refused it"), audited="no policy allows it")
    logged = tuple(events(SHARE, next_status(SHARE, denied, now=NOW), denied))
    assert {event.reason for event in logged} == {"AWSAccessDenied", "PolicyAudited"}
    assert recorded(SHARE, logged) == ()
    repaired = good(SHARE, happened=((EventReason.REPAIRED, "Secret ecr-pull was restored: data"),))
    assert recorded(SHARE, events(SHARE, next_status(SHARE, repaired, now=NOW), repaired)) == (
        Event("Repaired", "In namespace team-a: Secret ecr-pull was restored: data", warning=False),
    )


LINKING = a_placement(whole=a_cluster_resource(spec=a_cluster_spec(link=[{"service_account": "default"}])))


@pytest.mark.parametrize(
    ("link_status", "state"),
    [
        (None, None),
        (LinkStatus(pending=True), None),
        (LinkStatus(linked=("default",)), ("True", "Linked", "Secret ecr-pull is linked to default")),
        (LinkStatus(failed=(("default", "not allowed"),)), ("False", "KubernetesError", "not allowed")),
        (
            LinkStatus(absent=("default",)),
            (
                "False",
                "ServiceAccountMissing",
                "ServiceAccounts that do not exist: default. Each is linked as soon as it does",
            ),
        ),
    ],
)
def test_what_it_says_of_its_links(link_status: LinkStatus | None, state: tuple[str, str, str] | None) -> None:
    status = next_status(LINKING, good(LINKING, link_status=link_status), now=NOW)
    found = condition_of(status, LINKED)
    assert (found and tuple(found[field] for field in ("status", "reason", "message"))) == (state or {})


def test_what_it_said_of_its_links_stays_while_that_is_not_known() -> None:
    before = next_status(LINKING, good(LINKING, link_status=LinkStatus(linked=("default",))), now=NOW)
    later = NOW + timedelta(minutes=1)
    again = next_status(replace(LINKING, status=before), good(LINKING, link_status=LinkStatus(pending=True)), now=later)
    assert condition_of(again, LINKED) == condition_of(before, LINKED)


def test_an_expired_token_is_asked_for_anew() -> None:
    old = a_token(issued_at=NOW - timedelta(hours=13))
    plan = plan_for(secrets=(a_stored_secret(SHARE, old),), remembered=stored_tokens(SHARE, old))
    assert plan.write
    assert [want.host for want in plan.write.wants] == [HOST]
