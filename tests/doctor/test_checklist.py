"""One thing broken at a time: just that is named, with something to do about it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ecr_secret_operator.doctor.access_review import AccessReview
from ecr_secret_operator.doctor.checklist import MOST_EXAMINED, check, to_examine
from ecr_secret_operator.doctor.credential import Credential, credential
from ecr_secret_operator.doctor.finding import Level, ok, worst
from ecr_secret_operator.doctor.observed import Evidence, Keys, ObservedInstallation, Users
from ecr_secret_operator.doctor.permissions import access_reviews
from ecr_secret_operator.doctor.workload import Workload, is_operator, workload
from ecr_secret_operator.domain.environment import VariableSource, VariableSources
from ecr_secret_operator.domain.kinds import SECRET
from ecr_secret_operator.domain.times import format_time
from ecr_secret_operator.rbac import PERMISSIONS, RoleScope
from tests.factories import HOST, NOW

from .installations import (
    ACCOUNT,
    ROLE,
    ROLE_ANNOTATION,
    a_case,
    a_deployment,
    a_foreign_secret,
    a_lease,
    a_policy,
    a_secret_of,
    an_installation,
    causes,
    definitions,
    found,
    guards,
)
from .objects import Object, a_condition, a_status, an_object

SECRETS = "secrets.ecr.mobb.redhat.com"


def test_where_all_is_well_nothing_is_named() -> None:
    raw = an_object()
    seen = an_installation(credentials=[credential(SECRET, raw, now=NOW)])
    findings = found(seen, a_case(raw))
    assert causes(findings) == []
    assert {one.level for one in findings} == {Level.OK}
    assert not worst(findings)
    assert causes(found(an_installation(policies=[a_policy(ambient_identity=True)]), a_case(raw))) == []


def without_field(*path: str) -> Object:
    one = definitions()[SECRETS]
    inside = one["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in path[:-1]:
        inside = inside["properties"][name]
    del inside["properties"][path[-1]]
    return dict(one)


def with_change(change: str) -> Object:
    one = deepcopy(definitions()[SECRETS])
    schema = one["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    if change == "newer":
        schema["properties"]["spec"]["properties"]["colour"] = {"type": "string"}
    else:
        schema["description"] = "Other words."
    return dict(one)


REFUSED = {"type": "NamesAccepted", "status": "False", "message": "taken by another"}
KEYS = "aws-ecr-cloud-credentials"
SERVED = frozenset(["secrets", "argohelmreposecrets", "clusterpullsecrets", "accesspolicies"])
CRASHED = {
    "metadata": {"name": "pod-1"},
    "status": {
        "containerStatuses": [
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"message": "Error: the cluster lacks"}},
            }
        ]
    },
}
FAILS = an_object(status=a_status(a_condition("Ready", "False", "IdentityUnavailable", "none"), phase="Error"))
IDLE = an_object(status={})

INSTALLATIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "definition gone": (
        {"definitions": definitions(secrets={}), "served": SERVED - {"secrets"}},
        "definition-missing",
        "cannot start without it",
    ),
    "definition gone, and one may not look": (
        {"definitions": dict.fromkeys(definitions()), "served": SERVED - {"clusterpullsecrets"}},
        "definition-missing",
        "no resources of this kind are served",
    ),
    "definition without a field": (
        {"definitions": definitions(secrets=without_field("spec", "link"))},
        "definition-outdated",
        "drops spec.link",
    ),
    "definition without a field inside": (
        {"definitions": definitions(secrets=without_field("spec", "aws", "access"))},
        "definition-outdated",
        "drops spec.aws.access",
    ),
    "definition with a field more": (
        {"definitions": definitions(secrets=with_change("newer"))},
        "definition-newer",
        "spec.colour",
    ),
    "definition with other words": (
        {"definitions": definitions(secrets=with_change("words"))},
        "definition-differs",
        "differ from this version",
    ),
    "definition refused": (
        {"definitions": definitions(secrets={**definitions()[SECRETS], "status": {"conditions": [REFUSED]}})},
        "definition-refused",
        "taken by another",
    ),
    "no operator": ({"deployments": [], "lease": {}}, "operator-absent", "no replica holds the Lease"),
    "no operator to be seen": (
        {"deployments": [], "lease": {}, "credentials": [credential(SECRET, an_object(), now=NOW)]},
        "operator-unknown",
        "served all the same",
    ),
    "scaled to zero": ({"deployments": [a_deployment(replicas=0)]}, "operator-scaled-to-zero", "scaled to zero"),
    "not available": ({"deployments": [a_deployment(available=0)]}, "operator-unavailable", "0 of 1 replica available"),
    "crash loop": ({"pods": [CRASHED]}, "operator-crashes", "CrashLoopBackOff: Error: the cluster lacks"),
    "no Lease": ({"lease": {}}, "leader-none", "no replica has held it so far"),
    "Lease given back": ({"lease": a_lease("")}, "leader-none", "the last one released it"),
    "Lease not renewed": ({"lease": a_lease(ago=600)}, "leader-lost", "pod-1 renewed it last, 600 s ago"),
    "two without election": (
        {
            "deployments": [a_deployment("--leader-elect=false", replicas=2, available=2)],
            "lease": {},
        },
        "no-leader-election",
        "2 replicas are active at the same time",
    ),
    "account gone": ({"account_seen": {}}, "operator-account-missing", "does not exist"),
    "a permission lacks": (
        {"permissions": {AccessReview("", "secrets", "patch"): False, AccessReview("", "secrets", "get"): True}},
        "operator-permissions-lacking",
        "may not in the cluster: patch secrets",
    ),
    "a permission lacks, and one that may be left out": (
        {
            "permissions": {
                AccessReview("", "secrets", "patch"): False,
                AccessReview("", "serviceaccounts", "patch"): False,
            }
        },
        "operator-permissions-lacking",
        "may not in the cluster: patch secrets",
    ),
    "a permission was left out": (
        {
            "permissions": {
                AccessReview("", "serviceaccounts/token", "create"): False,
                AccessReview("", "secrets", "get"): True,
            }
        },
        "operator-permissions-left-out",
        "may not in the cluster: create serviceaccounts/token. Resources with aws.service_account or link",
    ),
    "admission policy gone": (
        {"guards": guards("ValidatingAdmissionPolicy")[1:]},
        "admission-policies-missing",
        "access to secrets",
    ),
    "admission policy not bound": (
        {"bindings": guards("ValidatingAdmissionPolicyBinding")[:-1]},
        "admission-policies-missing",
        "access to serviceaccounts",
    ),
    "admission policies for another": (
        {"guards": guards("ValidatingAdmissionPolicy", namespace="other")},
        "admission-policies-missing",
        "secrets, serviceaccounts, serviceaccounts/token",
    ),
    "keys incomplete": (
        {"secrets": {KEYS: Keys(there=True, names=frozenset(["aws_access_key_id"]))}},
        "aws-credentials-incomplete",
        "neither credentials nor aws_secret_access_key",
    ),
    "role malformed": (
        {"account_seen": {"metadata": {"annotations": {ROLE_ANNOTATION: "role/x"}}}},
        "operator-role-malformed",
        "not the ARN of a role",
    ),
    "role not injected": (
        {"account_seen": {"metadata": {"annotations": {ROLE_ANNOTATION: ROLE}}}, "pods": [{"spec": {}}]},
        "operator-role-not-injected",
        "but the Pods do not",
    ),
    "no identity": (
        {
            "secrets": {KEYS: Keys(there=False)},
            "pods": [{"spec": {}}],
            "credentials": [credential(SECRET, FAILS, now=NOW)],
        },
        "aws-identity-missing",
        "no Pod Identity",
    ),
    "perhaps no identity": (
        {"secrets": {KEYS: Keys(there=False)}, "credentials": [credential(SECRET, IDLE, now=NOW)]},
        "aws-identity-unknown",
        "only have that of its node",
    ),
    "policy that cannot be read": (
        {"policies": [a_policy(mode="Never")]},
        "policy-invalid",
        "spec.mode",
    ),
    "policy for nobody": (
        {"policies": [a_policy(namespaces={"include": ["team-z"]})]},
        "policy-selects-nothing",
        "none of the existing namespaces",
    ),
    "policy required": (
        {"deployments": [a_deployment("--require-access-policy")]},
        "policy-required",
        "all requests are denied",
    ),
}


@pytest.mark.parametrize(("over", "cause", "says"), list(INSTALLATIONS.values()), ids=list(INSTALLATIONS))
def test_one_thing_of_the_installation(over: dict[str, Any], cause: str, says: str) -> None:
    findings = found(an_installation(**over))
    assert causes(findings) == [cause]
    (one,) = [finding for finding in findings if finding.cause == cause]
    assert says in one.message
    assert one.remedy


def test_a_role_by_rolearn_is_the_only_identity() -> None:
    deployment = a_deployment(env=[{"name": "ROLEARN", "value": ROLE}])
    malformed = {"aws-ecr-cloud-credentials": Keys(there=True, names=frozenset())}
    findings = found(an_installation(deployments=[deployment], secrets=malformed))
    (one,) = [finding for finding in findings if finding.subject == "AWS identity"]
    assert one.level is Level.OK
    assert "ROLEARN" in one.message
    assert causes(findings) == []


def test_a_remedy_names_the_operators_own_service_account() -> None:
    deployment = a_deployment()
    deployment["spec"]["template"]["spec"]["serviceAccountName"] = "mine"
    findings = found(an_installation(deployments=[deployment], account="mine"))
    (one,) = [finding for finding in findings if finding.cause == "admission-policies-missing"]
    assert one.remedy == "ecr-secret-operator rbac --roles-only --service-account mine | kubectl apply -f -"


def failing(reason: str, message: str = "it says why", *, phase: str = "Error") -> Object:
    return a_status(a_condition("Ready", "False", reason, message), phase=phase)


ROLES = {"aws": {"service_account": "builder"}}
OWN_KEYS = {"aws": {"credentials_secret": "keys"}}
UNAVAILABLE = failing("IdentityUnavailable")
OLD = format_time(NOW - timedelta(hours=1))
TAKEN = an_object(status=failing("SecretConflict"))
OTHERS = a_secret_of(an_object(name="other"), name="ecr-generated")
PULL = an_object("ClusterPullSecret", name="all")


def missing(spec: Object, **over: Any) -> Evidence:
    return a_case(an_object(spec=spec, status=UNAVAILABLE), **over)


CASES: dict[str, tuple[Evidence, str, str]] = {
    "spec": (a_case(an_object(spec={"frequency": "banana"})), "invalid-spec", "spec.frequency: 'banana'"),
    "account": (missing(ROLES, accounts={("team-a", "builder"): {}}), "account-missing", "team-a/builder"),
    "account without role": (
        missing(ROLES, accounts={("team-a", "builder"): {"metadata": {"name": "builder"}}}),
        "account-not-annotated",
        f"no annotation {ROLE_ANNOTATION}",
    ),
    "account with nonsense": (
        missing(ROLES, accounts={("team-a", "builder"): {"metadata": {"annotations": {ROLE_ANNOTATION: "x"}}}}),
        "account-role-malformed",
        "not the ARN of a role",
    ),
    "keys": (missing(OWN_KEYS, secrets={("team-a", "keys"): Keys(there=False)}), "keys-missing", "does not exist"),
    "half the keys": (
        missing(OWN_KEYS, secrets={("team-a", "keys"): Keys(there=True, names=frozenset(["aws_access_key_id"]))}),
        "keys-incomplete",
        "lacks aws_secret_access_key",
    ),
    "identity, unseen": (missing(OWN_KEYS), "identity-unavailable", "it says why"),
    "foreign Secret": (
        a_case(TAKEN, generated={"team-a": a_foreign_secret(TAKEN)}),
        "secret-conflict",
        "was not made by the operator",
    ),
    "Secret of another resource": (
        a_case(TAKEN, generated={"team-a": OTHERS}),
        "secret-conflict",
        "is made for Secret team-a/other",
    ),
    "foreign Secret, unseen": (a_case(TAKEN, generated={"team-a": None}), "secret-conflict", "it says why"),
    "denied": (a_case(an_object(status=failing("AWSAccessDenied"))), "aws-access-denied", "it says why"),
    "AWS away": (
        a_case(an_object(status=failing("AWSUnavailable", phase="Pending"))),
        "aws-unavailable",
        "it says why",
    ),
    "AWS away, token good": (
        a_case(an_object(status=a_status(a_condition("Refreshing", "False", "AWSUnavailable", "it says why")))),
        "aws-unavailable",
        "it says why",
    ),
    "quota": (
        a_case(an_object(status=failing("KubernetesError", "exceeded quota: small"))),
        "kubernetes-error",
        "exceeded quota: small",
    ),
    "API server": (a_case(an_object(status=failing("KubernetesError"))), "kubernetes-error", "it says why"),
    "not looked at": (a_case(an_object(status={}), generated={}), "not-looked-at", "not reported a status yet"),
    "expired": (
        a_case(an_object(status=a_status(expiresAt=OLD)), users=Users(pods=["web-1", "web-2"], accounts=["default"])),
        "token-expired",
        "2 Pods (web-1, web-2) and 1 ServiceAccount (default) pull with it",
    ),
    "overdue": (a_case(an_object(status=a_status(nextRefreshTime=OLD))), "refresh-overdue", "has not happened"),
    "Secret gone": (a_case(generated={}), "secret-missing", "is missing and is not being restored"),
    "suspended": (
        a_case(an_object(spec={"suspend": True}, status=a_status(a_condition("Ready", "True", "Suspended")))),
        "suspended",
        "not refreshed",
    ),
    "suspended too long": (
        a_case(
            an_object(
                spec={"suspend": True},
                status=a_status(a_condition("Ready", "False", "Suspended"), expiresAt=OLD),
            ),
            users=Users(pods=["web"]),
        ),
        "suspended",
        "no valid token is stored. 1 Pod (web) pulls with it",
    ),
    "link": (
        a_case(
            an_object(
                spec={"link": [{"service_account": "builder"}]},
                status=a_status(a_condition("Linked", "False", "ServiceAccountMissing")),
            ),
            accounts={("team-a", "builder"): {}},
        ),
        "linked-account-missing",
        "builder",
    ),
    "link refused": (
        a_case(
            an_object(
                spec={"link": [{"service_account": "builder"}]},
                status=a_status(a_condition("Linked", "False", "KubernetesError", "may not patch")),
            ),
            accounts={("team-a", "builder"): {"metadata": {"name": "builder"}}},
        ),
        "not-linked",
        "may not patch",
    ),
    "one namespace of many": (
        a_case(
            {
                **PULL,
                "status": failing("SecretConflict")
                | {"failingNamespaces": [{"namespace": "b", "reason": "SecretConflict", "message": "taken"}]},
            },
            generated={"b": a_foreign_secret(PULL, "b")},
            looked=frozenset(["b"]),
        ),
        "secret-conflict",
        "Secret b/all-generated exists",
    ),
}


@pytest.mark.parametrize(("case", "cause", "says"), list(CASES.values()), ids=list(CASES))
def test_one_thing_of_a_resource(case: Evidence, cause: str, says: str) -> None:
    findings = found(None, case)
    assert causes(findings) == [cause]
    (one,) = [finding for finding in findings if finding.cause == cause]
    assert says in one.message
    assert one.remedy


POLICY = a_policy(registries=["210987654321.*"], ambient_identity=True)


@pytest.mark.parametrize(
    ("over", "raw", "cause"),
    [
        ({"policies": [POLICY]}, an_object(status=failing("PolicyDenied")), "policy-denied"),
        ({"policies": [POLICY]}, an_object(), "policy-denied"),
        ({"policies": None}, an_object(status=failing("PolicyDenied")), "policy-denied"),
        ({"deployments": [a_deployment("--watch-namespace=team-b,team-c")]}, an_object(), "not-watched"),
        ({"deployments": [a_deployment("--watch-namespace=team-b")]}, PULL, "not-watched"),
        (
            {"deployments": [a_deployment(env=[{"name": "WATCH_NAMESPACE", "value": "team-b"}])]},
            an_object(),
            "not-watched",
        ),
    ],
    ids=["denied", "denied since", "denied, unseen", "elsewhere", "cluster resource", "elsewhere by environment"],
)
def test_what_the_installation_does_to_a_resource(over: dict[str, Any], raw: Object, cause: str) -> None:
    assert causes(found(an_installation(**over), a_case(raw))) == [cause]


def unseen_everywhere() -> ObservedInstallation:
    return an_installation(
        definitions=dict.fromkeys(definitions()),
        account_seen=None,
        deployments=None,
        pods=None,
        lease=None,
        permissions=None,
        guards=None,
        bindings=None,
        secrets={KEYS: None},
        policies=None,
        namespaces=None,
    )


def test_what_may_not_be_looked_at_is_neither_good_nor_wrong() -> None:
    """What a member of one team sees with their own permissions."""
    findings = found(unseen_everywhere(), a_case(generated={"team-a": None}))
    assert causes(findings) == []
    assert set(causes(findings, Level.UNKNOWN)) == {
        "definitions",
        "operator",
        "leader",
        "operator-permissions",
        "admission-policies",
        "aws-identity",
        "policies",
    }


def test_an_operator_that_runs_elsewhere_is_none_that_is_absent() -> None:
    seen = an_installation(deployments=[], lease=a_lease(), secrets={KEYS: Keys(there=False)})
    assert causes(found(seen)) == []


ABSENT_OPERATOR: dict[str, Any] = {
    "deployments": [],
    "lease": {},
    "account_seen": {},
    "secrets": {KEYS: Keys(there=False)},
    "permissions": {AccessReview("", "secrets", "patch"): False},
    "guards": [],
    "place_known": False,
    "account_known": False,
}
"""What is seen where nothing is installed under the usual names."""


@pytest.mark.parametrize(
    ("over", "wanted", "unseen"),
    [
        ({}, ["operator-absent"], set()),
        ({"account_seen": None}, ["operator-absent"], set()),
        ({"lease": a_lease(ago=600)}, ["operator-absent"], set()),
        ({"lease": a_lease("")}, ["operator-absent"], set()),
        ({"lease": a_lease()}, [], set()),
        ({"elsewhere": ["ops"]}, ["operator-elsewhere"], set()),
        ({"everywhere": False}, [], {"operator"}),
        ({"deployments": None}, [], {"operator"}),
        ({"deployments": None, "account_seen": None, "lease": None}, [], {"operator", "leader"}),
        ({"credentials": [credential(SECRET, FAILS, now=NOW)]}, ["operator-unknown"], set()),
        ({"credentials": [credential(SECRET, IDLE, now=NOW)]}, ["operator-absent"], set()),
    ],
    ids=[
        "absent",
        "account unseen",
        "old Lease",
        "free Lease",
        "leads elsewhere",
        "elsewhere",
        "elsewhere unseen",
        "unseen",
        "all unseen",
        "served",
        "idle",
    ],
)
def test_nothing_is_wrong_with_what_belongs_to_an_operator_that_was_not_found(
    over: dict[str, Any], wanted: list[str], unseen: set[str]
) -> None:
    """Its ServiceAccount, permissions, guards, Lease and identity may have other names, or none."""
    findings = found(an_installation(**{**ABSENT_OPERATOR, **over}))
    assert causes(findings) == wanted
    rest = {"operator-permissions", "admission-policies", "aws-identity"}
    assert set(causes(findings, Level.UNKNOWN)) == rest | unseen
    assert all("doctor --operator-namespace" in one.remedy for one in findings if one.cause in wanted)


def test_the_last_leader_of_an_operator_that_is_gone_is_named() -> None:
    (one, *_) = [one for one in found(an_installation(**{**ABSENT_OPERATOR, "lease": a_lease(ago=600)})) if one.remedy]
    assert "pod-1 held it and renewed it last at" in one.message


def test_an_account_that_was_named_and_is_not_there_is_wrong() -> None:
    """By the user, where no Deployment names one."""
    findings = found(an_installation(**{**ABSENT_OPERATOR, "account_known": True}))
    assert causes(findings) == ["operator-absent", "operator-account-missing"]


@pytest.mark.parametrize("spec", [{"aws": {"service_account": "x"}}, {"aws": {"credentials_secret": "x"}}], ids=str)
def test_identities_in_a_namespace_that_is_not_known_are_not_missing(spec: Object) -> None:
    home = "ecr-secret-operator"
    raw = an_object("ClusterPullSecret", name="all", spec=spec)
    case = a_case(raw, accounts={(home, "x"): {}}, secrets={(home, "x"): Keys(there=False)})
    assert causes(found(an_installation(), case)) in (["account-missing"], ["keys-missing"])
    findings = found(an_installation(**ABSENT_OPERATOR), case)
    assert causes(findings) == ["operator-absent"]
    assert "identity" in causes(findings, Level.UNKNOWN)


@pytest.mark.parametrize("hidden", ["pods", "account_seen"])
def test_an_identity_is_not_missing_where_one_may_not_look_for_it(hidden: str) -> None:
    over = {"secrets": {KEYS: Keys(there=False)}, "credentials": [credential(SECRET, FAILS, now=NOW)], hidden: None}
    findings = found(an_installation(**over))
    assert causes(findings) == []
    assert causes(findings, Level.UNKNOWN) == ["aws-identity"]


SETTINGS = VariableSource("ConfigMap", "ecr-secret-operator", "settings")
WATCHED: dict[str, tuple[Object, VariableSources, list[str], str]] = {
    "a value": ({"env": [{"name": "WATCH_NAMESPACE", "value": "a, b"}]}, VariableSources(), ["a", "b"], ""),
    "an annotation, as OLM has it": (
        {
            "env": [
                {
                    "name": "WATCH_NAMESPACE",
                    "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['olm.targetNamespaces']"}},
                }
            ]
        },
        VariableSources(),
        ["c", "d"],
        "",
    ),
    "envFrom": (
        {"envFrom": [{"configMapRef": {"name": "settings"}}]},
        VariableSources({SETTINGS: {"data": {"WATCH_NAMESPACE": "e"}}}),
        ["e"],
        "",
    ),
    "a reference": (
        {"env": [{"name": "X", "value": "f"}], "args": ["run", "--watch-namespace=$(X)"]},
        VariableSources(),
        ["f"],
        "",
    ),
    "a flag that wins": (
        {"env": [{"name": "WATCH_NAMESPACE", "value": "g"}], "args": ["run", "--watch-namespace="]},
        VariableSources(),
        [],
        "",
    ),
    "a ConfigMap that may not be read": (
        {
            "env": [
                {"name": "WATCH_NAMESPACE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "x"}}},
            ]
        },
        VariableSources({SETTINGS: None}),
        [],
        "you may not read ConfigMap ecr-secret-operator/settings",
    ),
    "a Secret": (
        {"env": [{"name": "WATCH_NAMESPACE", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "x"}}}]},
        VariableSources(),
        [],
        "it is in Secret keys",
    ),
}


@pytest.mark.parametrize("case", WATCHED)
def test_the_namespaces_that_it_looks_at_are_read_as_its_process_does(case: str) -> None:
    container, sources, watched, unknown = WATCHED[case]
    one = a_deployment()
    template = one["spec"]["template"]
    template["metadata"] = {"annotations": {"olm.targetNamespaces": "c,d"}}
    template["spec"]["containers"][0].update(container)
    read = workload(one, sources)
    assert (read.watched, read.watched_unknown) == (watched, unknown)
    lacking = {AccessReview("", "secrets", "patch"): False}
    findings = found(an_installation(deployments=[one], sources=sources, permissions=lacking))
    assert ("operator-permissions" in causes(findings, Level.UNKNOWN)) is bool(unknown)
    assert ("operator-permissions-lacking" in causes(findings)) is not bool(unknown)


def test_a_deployment_without_a_service_account_has_the_default_one() -> None:
    one = a_deployment()
    del one["spec"]["template"]["spec"]["serviceAccountName"]
    assert workload(one).account == "default"


def credentials(count: int, **status: Any) -> list[Credential]:
    raws = [an_object(name=f"ecr-{at}", status=a_status(**status)) for at in range(count)]
    return [credential(SECRET, raw, now=NOW) for raw in raws]


def test_only_what_is_not_well_is_examined_and_not_all_of_many() -> None:
    assert to_examine(credentials(3)) == []
    bad = credentials(MOST_EXAMINED + 1, expiresAt=OLD)
    assert len(to_examine([*credentials(3), *bad])) == MOST_EXAMINED


def test_the_worst_are_examined_first() -> None:
    (bad,), (late,) = credentials(1, expiresAt=OLD), credentials(1, nextRefreshTime=OLD)
    assert to_examine([late, bad]) == [bad, late]


@pytest.mark.parametrize("watched", [[], ["team-a", "team-b"]], ids=["all", "some"])
def test_the_rights_that_are_asked_for_are_those_of_the_table(watched: list[str]) -> None:
    asked = access_reviews(Workload(name="x", watched=watched, leader_elect=True), "ops")
    assert len(asked) == len(set(asked))
    everywhere = [permission for permission in PERMISSIONS if permission.scope is RoleScope.ALL]
    assert any(ask.resource in permission.resources for permission in everywhere for ask in asked) is not bool(watched)
    assert {ask.namespace for ask in asked if ask.resource == "leases"} == {"ops"}
    assert {ask.namespace for ask in asked if (ask.group, ask.resource) == ("", "secrets")} == set(watched or [""])
    assert not any(ask.resource == "tokenreviews" for ask in asked)


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (["--leader-elect"], {"leader_elect": True}),
        (["--leader-elect=false"], {"leader_elect": False}),
        (["--watch-namespace", "a,b", "--leader-elect"], {"watched": ["a", "b"], "leader_elect": True}),
        (["--leader-election-namespace=x"], {"lease_namespace": "x"}),
        (["--require-access-policy", "--metrics-secure"], {"policy_required": True, "metrics_secure": True}),
        ([7, None, "--"], {"watched": []}),
    ],
    ids=str,
)
def test_how_it_runs_is_read_from_its_arguments(args: list[Any], wanted: dict[str, Any]) -> None:
    one = a_deployment()
    one["spec"]["template"]["spec"]["containers"][0]["args"] = args
    read = workload(one)
    assert {key: getattr(read, key) for key in wanted} == wanted


def test_it_is_known_by_account_command_or_image() -> None:
    def with_pod(**pod: Any) -> Object:
        return {"spec": {"template": {"spec": pod}}}

    assert is_operator(a_deployment(), ACCOUNT)
    assert is_operator(with_pod(containers=[{"command": ["/usr/bin/ecr-secret-operator", "run"]}]), ACCOUNT)
    assert is_operator(with_pod(containers=[{"image": "quay.io/x/ecr-secret-operator:1.0@sha256:0"}]), ACCOUNT)
    assert not is_operator(with_pod(containers=[{"image": "quay.io/ecr-secret-operator/web:1"}]), ACCOUNT)
    assert not is_operator({}, ACCOUNT)


@pytest.mark.parametrize("junk", [None, 7, [], {"spec": 3}, {"spec": {"replicas": "x", "template": []}}], ids=repr)
def test_a_deployment_of_any_form_is_read(junk: Any) -> None:
    assert workload(junk).watched == []


def test_values_of_secrets_have_no_place_in_what_is_known() -> None:
    """Names only: there is no field that could hold more."""
    assert set(Keys.__dataclass_fields__) == {"there", "names"}
    assert replace(Keys(there=True), names=frozenset(["x"])).names == {"x"}


def test_the_host_is_in_the_sentence_of_a_denial() -> None:
    findings = found(an_installation(policies=[POLICY]), a_case())
    (one,) = [finding for finding in findings if finding.cause == "policy-denied"]
    assert HOST in one.message


def test_a_named_policy_is_told_of_even_if_it_is_good() -> None:
    seen = an_installation(
        policies=[a_policy("ours", namespaces={"include": ["team-a"]}), a_policy("other")],
        namespaces={"team-a": {}, "team-b": {}},
    )
    told = [one for one in check(seen, [], ["ours"]) if one.subject.startswith("AccessPolicy ")]
    assert told == [ok("policy", "AccessPolicy ours", "It is valid and selects 1 of 2 namespaces")]
    assert not [one for one in check(seen, []) if one.subject.startswith("AccessPolicy ")]


def test_what_a_named_policy_selects_is_unknown_without_the_namespaces() -> None:
    seen = an_installation(policies=[a_policy("ours")], namespaces=None)
    (told,) = [one for one in check(seen, [], ["ours"]) if one.subject == "AccessPolicy ours"]
    assert (told.level, told.cause) == (Level.UNKNOWN, "policy")
