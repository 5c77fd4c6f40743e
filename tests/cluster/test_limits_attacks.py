"""A tenant who wants tokens that may do more than the limit of its namespace: none is issued, and none is stored.

The tenant has all permissions in its own namespace. AWS here lets any role be assumed, so that only the operator
stands in the way.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from ecr_secret_operator.domain.secret.annotations import DIGEST, NAME, OWNER, TOKENS, seal
from ecr_secret_operator.domain.secret.stored import data_digest
from ecr_secret_operator_lab.cluster import Cluster, Object, Refused, resource_path, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..lab.registries import token_from
from .identities import keys_secret, service_account
from .limiting import ACCOUNT, ACTIONS, FORMS, LEAN, extents, issued_in, may, now, passwords_in
from .private import POLICIES, World, private_world
from .resources import HOST, PLURALS, a_resource, docker_config, wait_ready, wait_secret

pytestmark = pytest.mark.xdist_group("limits attacks")

TENANT, NEIGHBOUR, PREFIX = "tenant", "tenant-b", "ten"
ROLE, OTHER_ROLE = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("tenant-pull", "admin"))
FIPS = f"{ACCOUNT}.dkr.ecr-fips.us-east-2.amazonaws.com"
OTHER_ACCOUNT, OTHER_REGION = HOST.replace(ACCOUNT, "210987654321"), HOST.replace("us-east-2", "eu-west-1")
LIMIT = {"access": "pull", "repositories": ["{namespace}/*"]}
POLICY = {
    "registries": [HOST, FIPS, "public.ecr.aws"],
    "role_arns": [ROLE, f"{ROLE}-*"],
    "ambient_identity": True,
    "limit": LIMIT,
}

REFUSED, DENIED, UNAVAILABLE = "refused at admission", "PolicyDenied", "IdentityUnavailable"
LIMITED = "limited"
"""Served with a token that pulls from the repositories of the tenant, and does nothing else."""


def names(*patterns: str, **aws: Any) -> dict[str, Any]:
    return {"aws": {"role_arn": ROLE, "repositories": list(patterns), **aws}}


def beside(host: str, **entry: Any) -> dict[str, Any]:
    return {"aws": {"role_arn": ROLE}, "additional_registries": [{"ecr_registry": host, **entry}]}


ATTACKS: dict[str, tuple[str, dict[str, Any]]] = {
    "all repositories": (DENIED, names("*")),
    "the neighbour's": (DENIED, names(f"{NEIGHBOUR}/*")),
    "all that begin alike": (DENIED, names(f"{TENANT}*")),
    "a question mark for the slash": (DENIED, names(f"{TENANT}?*")),
    "a question mark in the name": (DENIED, names("?enant/*")),
    "a star in the name": (DENIED, names("*tenant/*")),
    "one image of everybody": (DENIED, names("*/web")),
    "its own ones and the neighbour's": (DENIED, names(f"{TENANT}/*", f"{NEIGHBOUR}/*")),
    "its own without the slash": (DENIED, names(TENANT)),
    "out of its own by dots": (LIMITED, names(f"{TENANT}/../{NEIGHBOUR}/*")),
    "two stars": (LIMITED, names(f"{TENANT}/**")),
    "upper case": (REFUSED, names("TENANT-B/*")),
    "full-width letters": (REFUSED, names("\uff54enant-b/*")),
    "a slash of Unicode": (REFUSED, names(f"{NEIGHBOUR}\u2215*")),
    "the placeholder of policies": (REFUSED, names("{namespace}-b/*")),
    "a variable of IAM": (REFUSED, names("${aws:PrincipalTag/team}/*")),
    "an ARN": (REFUSED, names(f"arn:aws:ecr:us-east-2:{ACCOUNT}:repository/{NEIGHBOUR}/*")),
    "JSON": (REFUSED, names(f'{TENANT}/*","*')),
    "a line break": (REFUSED, names(f"{TENANT}/*\n*")),
    "an empty pattern": (REFUSED, names("")),
    "too many patterns": (REFUSED, names(*(f"{TENANT}/{number}" for number in range(21)))),
    "no pattern": (LIMITED, names()),
    "no limit": (LIMITED, {"aws": {"role_arn": ROLE, "access": None, "repositories": None}}),
    "full access": (LIMITED, {"aws": {"role_arn": ROLE, "access": "full"}}),
    "push": (DENIED, {"aws": {"role_arn": ROLE, "access": "push"}}),
    "an access that does not exist": (REFUSED, {"aws": {"role_arn": ROLE, "access": "*"}}),
    "another account": (DENIED, {"ecr_registry": OTHER_ACCOUNT, "aws": {"role_arn": ROLE}}),
    "another region": (DENIED, {"ecr_registry": OTHER_REGION, "aws": {"role_arn": ROLE}}),
    "another account by the side": (DENIED, beside(OTHER_ACCOUNT)),
    "another region by the side": (DENIED, beside(OTHER_REGION, aws={})),
    "full access by the side": (LIMITED, beside(FIPS, aws={"access": "full"})),
    "all repositories by the side": (DENIED, beside(FIPS, aws={"repositories": ["*"]})),
    "pushing by the side": (DENIED, beside(FIPS, aws={"access": "push"})),
    "no identity by the side": (LIMITED, beside(FIPS, aws={})),
    "pushing to ECR Public by the side": (DENIED, beside("public.ecr.aws", aws={"access": "push"})),
    "repositories of ECR Public": (REFUSED, {"ecr_registry": "public.ecr.aws", "aws": {"repositories": ["*"]}}),
    "ECR Public": (LIMITED, {"ecr_registry": "public.ecr.aws"}),
    "the neighbour's charts": (LIMITED, {"url": f"{HOST}/{NEIGHBOUR}/charts"}),
    "the neighbour's charts by dots": (REFUSED, {"url": f"{HOST}/{TENANT}/../{NEIGHBOUR}"}),
    "charts with full access": (LIMITED, {"url": HOST, "aws": {"access": "full"}}),
    "the operator's own identity": (LIMITED, {"aws": {}}),
    "another role": (DENIED, {"aws": {"role_arn": OTHER_ROLE, "access": "pull"}}),
    "another external id": (LIMITED, {"aws": {"role_arn": ROLE, "external_id": "another"}}),
    "a ServiceAccount with another role": (DENIED, {"aws": {"service_account": "impostor"}}),
    "a ServiceAccount with its role": (LIMITED, {"aws": {"service_account": "puller"}}),
    "keys that cannot be limited": (UNAVAILABLE, {"aws": {"credentials_secret": "temporary"}}),
    "annotations of the operator": (
        REFUSED,
        {"metadata": {"annotations": {"ecr.mobb.redhat.com/tokens": "{}"}}, "aws": {"role_arn": ROLE}},
    ),
}


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, OperatorProcess, dict[str, str]]]:
    """All attacks, carried out; with what the API server said of each."""
    with private_world(tmp_path_factory.mktemp("attacks")) as world:
        for name in (TENANT, NEIGHBOUR, PREFIX):
            world.cluster.namespace(name)
        world.policy("tenants", **POLICY)
        keys = {"aws_access_key_id": "ASIATENANTEXAMPLE001", "aws_secret_access_key": "x", "aws_session_token": "x"}
        world.cluster.create(secret_path(TENANT), keys_secret(keys, "temporary"))
        for name, role in {"impostor": OTHER_ROLE, "puller": ROLE}.items():
            service_account(world.cluster, TENANT, name, **{"role-arn": role})
        operator = world.start(**LEAN)
        yield world, operator, {attack: attempt(world.cluster, attack) for attack in ATTACKS}


@pytest.fixture
def world(lasting: tuple[World, OperatorProcess, dict[str, str]]) -> World:
    return lasting[0]


def place(attack: str) -> tuple[str, str]:
    """Kind and name of the resource of an attack."""
    kind = "ArgoHelmRepoSecret" if "url" in ATTACKS[attack][1] else "Secret"
    return kind, f"attack-{list(ATTACKS).index(attack)}"


def attempt(cluster: Cluster, attack: str) -> str:
    """Makes the resource of an attack, and gives what the API server says."""
    kind, name = place(attack)
    body = a_resource(kind, name, **{"region": None, **ATTACKS[attack][1]})
    try:
        cluster.create(resource_path(PLURALS[kind], TENANT), body)
    except Refused as refusal:
        return f"{REFUSED}: {refusal.status}"
    return ""


def excess(token: Any) -> list[str]:
    """What a token permits beside pulling from the tenant's repositories, of all that is tried."""
    found = [
        f"{action} {form.account}/{form.region}/{repository}"
        for action in ACTIONS
        for form in (form for form in FORMS.values() if not form.public)
        for repository in (f"{TENANT}/web", f"{NEIGHBOUR}/web", f"{PREFIX}/web", TENANT, f"x{TENANT}/web", "web")
        if may(token, action, repository, host=form)
    ]
    return [one for one in found if one != f"BatchGetImage {ACCOUNT}/us-east-2/{TENANT}/web"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gets_what_the_documentation_says(
    lasting: tuple[World, OperatorProcess, dict[str, str]], attack: str
) -> None:
    world, _, answers = lasting
    (kind, name), (wanted, _) = place(attack), ATTACKS[attack]
    if wanted == REFUSED:
        assert answers[attack] == f"{REFUSED}: 422"
        return
    assert answers[attack] == ""
    ready = world.ready(TENANT, name, kind)
    secret = world.cluster.get(secret_path(TENANT, f"{name}-generated"))
    if wanted == LIMITED:
        assert ready["status"] == "True", ready
        assert secret
        assert [excess(token) for token in issued_in(secret, world.aws.tokens()).values() if excess(token)] == []
    else:
        assert (ready["status"], ready["reason"], secret) == ("False", wanted, None)


def test_aws_was_asked_for_no_token_that_may_do_more(lasting: tuple[World, OperatorProcess, dict[str, str]]) -> None:
    """Not for a moment: AWS remembers all that it has issued."""
    world, _, _ = lasting
    for attack, (wanted, _) in ATTACKS.items():
        if wanted != REFUSED:
            world.ready(TENANT, place(attack)[1], place(attack)[0])
    assert len(world.aws.tokens()) > 3
    assert [excess(token) for token in world.aws.tokens() if excess(token)] == []
    assert {call.parameters["RoleArn"] for call in world.aws.calls("AssumeRole")} == {ROLE}
    assert {call.region for call in world.aws.calls("GetAuthorizationToken")} == {"us-east-1", "us-east-2"}


# Secrets of the tenant's own


def test_namespaces_whose_names_begin_alike_open_nothing_of_each_other(world: World) -> None:
    places = (TENANT, NEIGHBOUR, PREFIX)
    for name in places:
        world.apply(name, name="plain", aws={"role_arn": ROLE})
        wait_ready(world.cluster, name, "plain")
    for name in places:
        secret = wait_secret(world.cluster, name, "plain-generated")
        token = issued_in(secret, world.aws.tokens())[HOST]
        assert [other for other in places if may(token, "BatchGetImage", f"{other}/web")] == [name]


def forged(secret: Object, name: str, password: str) -> Object:
    """A Secret like another one, which holds a token of the tenant's choice. The seal is no secret, so it is right."""
    metadata = {key: secret["metadata"][key] for key in ("labels", "annotations", "ownerReferences")}
    data = {".dockerconfigjson": docker_config(HOST, password)}
    notes = {**metadata["annotations"], NAME: name}
    notes[DIGEST] = seal(data_digest(secret["type"], encoded(data)), notes[TOKENS], notes[OWNER])
    metadata = {**metadata, "name": name, "annotations": notes}
    return {"metadata": metadata, "type": secret["type"], "data": encoded(data)}


def encoded(data: dict[str, str]) -> dict[str, str]:
    return {key: b64encode(value.encode()).decode() for key, value in data.items()}


def test_a_wide_token_in_a_secret_that_is_forged_well_serves_no_other_resource(world: World) -> None:
    """The tenant has kept a token from before the limit. It can store it anywhere, but no other client uses it."""
    wide = token_from(world.aws, "us-east-2")
    world.apply(TENANT, name="forger", aws={"role_arn": ROLE})
    wait_ready(world.cluster, TENANT, "forger")
    path = secret_path(TENANT, "forger-generated")
    secret = wait_secret(world.cluster, TENANT, "forger-generated")
    world.cluster.patch(path, forged(secret, "forger-generated", wide))
    world.apply(TENANT, name="accomplice", aws={"role_arn": ROLE})
    wait_ready(world.cluster, TENANT, "accomplice")
    other = wait_secret(world.cluster, TENANT, "accomplice-generated")
    assert excess(issued_in(other, world.aws.tokens())[HOST]) == []


def test_a_copy_of_the_neighbours_secret_is_neither_refreshed_nor_used(world: World) -> None:
    world.apply(NEIGHBOUR, name="victim", aws={"role_arn": ROLE})
    wait_ready(world.cluster, NEIGHBOUR, "victim")
    genuine = wait_secret(world.cluster, NEIGHBOUR, "victim-generated")
    metadata = {key: genuine["metadata"][key] for key in ("name", "labels", "annotations")}
    copy = {"metadata": metadata, "type": genuine["type"], "data": genuine["data"]}
    before = len(world.aws.calls())
    stored = world.cluster.create(secret_path(TENANT), copy)
    world.apply(TENANT, name="victim", aws={"role_arn": ROLE})
    world.wait(TENANT, "victim", reason="SecretConflict", within=20)
    found = world.cluster.get(secret_path(TENANT, "victim-generated"))
    assert found
    assert found["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]
    assert len(world.aws.calls()) == before
    world.cluster.delete(secret_path(TENANT, "victim-generated"))


def suspend(world: World, namespace: str) -> None:
    change(world, namespace, suspend=True)


def suspend_and_retain(world: World, namespace: str) -> None:
    change(world, namespace, suspend=True, deletion_policy="Retain")


def rename_while_aws_refuses(world: World, namespace: str) -> None:
    world.aws.fail("AccessDenied", action="AssumeRole")
    change(world, namespace, generated_secret_name="moved")


def rename_to_a_name_that_is_taken(world: World, namespace: str) -> None:
    world.cluster.create(secret_path(namespace), {"metadata": {"name": "taken"}})
    change(world, namespace, generated_secret_name="taken")


def make_immutable(world: World, namespace: str) -> None:
    world.cluster.patch(secret_path(namespace, "ecr-generated"), {"immutable": True})


def hold(world: World, namespace: str) -> None:
    path = secret_path(namespace, "ecr-generated")
    world.cluster.patch(path, {"metadata": {"finalizers": ["example.com/hold"]}})


def switch_to_what_is_missing(world: World, namespace: str) -> None:
    change(world, namespace, aws={"role_arn": None, "service_account": "missing"})


def ask_for_the_limit_while_aws_refuses(world: World, namespace: str) -> None:
    world.aws.fail("AccessDenied", action="AssumeRole")
    change(world, namespace, aws={"access": "pull"})


HIDING = (
    suspend,
    suspend_and_retain,
    rename_while_aws_refuses,
    rename_to_a_name_that_is_taken,
    make_immutable,
    hold,
    switch_to_what_is_missing,
    ask_for_the_limit_while_aws_refuses,
)


def change(world: World, namespace: str, **spec: Any) -> None:
    world.cluster.patch(resource_path("secrets", namespace, "ecr"), {"spec": spec})


def wide_in(world: World, namespace: str) -> list[str]:
    """The Secrets with a token that may do more than the limit."""
    stored, tokens = world.cluster.items(secret_path(namespace)), {one.password: one for one in world.aws.tokens()}
    return [
        secret["metadata"]["name"]
        for secret in stored
        if "ecr.mobb.redhat.com/tokens" in secret["metadata"].get("annotations", {})
        for password in passwords_in(secret).values()
        if may(tokens[password], "PutImage", f"{NEIGHBOUR}/web")
    ]


@pytest.fixture
def loose(world: World, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace in which a second policy lifts the limit, and a resource that has a wide token."""
    namespace = world.cluster.namespace(f"loose-{abs(hash(request.node.name)) % 10**8}")
    world.policy("loose", namespaces={"include": [namespace]}, role_arns=["*"], ambient_identity=True)
    world.apply(namespace, aws={"role_arn": f"{ROLE}-{namespace}"})
    wait_for(lambda: wide_in(world, namespace), "there is a wide token")
    yield namespace
    world.aws.fix()
    for held in world.cluster.items(secret_path(namespace)):
        world.cluster.patch(secret_path(namespace, held["metadata"]["name"]), {"metadata": {"finalizers": None}})


@pytest.mark.parametrize("hide", HIDING, ids=lambda hide: hide.__name__)
def test_a_wide_token_does_not_outlast_its_policy(world: World, loose: str, hide: Any) -> None:
    hide(world, loose)
    world.cluster.delete(f"{POLICIES}/loose")
    wait_for(lambda: not wide_in(world, loose), "no Secret has a wide token", within=10)


def test_edits_without_end_do_not_keep_a_wide_token(world: World, loose: str) -> None:
    """The tenant changes its resource all the time, while the policy is taken away."""
    for number in range(10):
        change(world, loose, metadata={"labels": {"edit": str(number)}}, frequency=f"{number + 1}h")
    world.cluster.delete(f"{POLICIES}/loose")
    world.apply(loose, name="probe", ecr_registry=FIPS, aws={"access": "push"})
    world.wait(loose, "probe", reason="PolicyDenied", within=20)
    wait_for(lambda: not wide_in(world, loose), "no Secret has a wide token", within=10)
    since = now(world, loose)
    for number in range(10):
        aws = {"access": ("pull", None)[number % 2], "repositories": [f"{loose}/{number}*"]}
        change(world, loose, metadata={"labels": {"edit": str(number)}}, aws=aws)
    world.wait(loose, reason="Refreshed", within=60)
    assert "everything" not in extents(world, loose, since)
