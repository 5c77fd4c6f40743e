"""The limits of tokens, in all combinations: each token that AWS issued permits what IAM should permit, and no more.

Identity x access x repositories x limit of a policy x form of the registry. Each combination of the first four is here,
and each of identity, limit and form; tests/domain/identity/test_limit_matrix.py has all. One operator for each identity
of its own serves all of them at once.
"""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from ecr_secret_operator_lab.cluster import ECR, Cluster, Object, Refused, condition, resource_path
from ecr_secret_operator_lab.fakeaws import DEFAULT_AMBIENT_ROLE, IssuedToken
from ecr_secret_operator_lab.waiting import NotReached, wait_for

from ..aws.identities import a_jwt
from ..lab.registries import REGION, USER_KEYS, client
from .limit_cells import DENIED, INVALID, LIMITS, OWN, REFUSED, UNAVAILABLE, Cell, cells, expected
from .limiting import ACCOUNT, FORMS, LEAN, Allowed, Form, issued_in, passwords_in, permitted
from .private import World, private_world
from .pulls import MANAGED
from .resources import PLURALS

pytestmark = pytest.mark.xdist_group("limits matrix")

NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
WEB_ROLE = f"arn:aws:iam::{ACCOUNT}:role/web-identity"

COUNTS = {REFUSED: 40, DENIED: 94, INVALID: 20, UNAVAILABLE: 75}
"""How many combinations have no Secret, and why: a matrix that has become empty is to be noticed."""

KEY_NAMES = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
TENANT_KEYS = dict(zip(KEY_NAMES, ("AKIATENANTEXAMPLE001", "tenant-secret-" * 3), strict=False))


def identity_behind(cell: Cell, form: Form) -> str:
    """The user or role whose token it is."""
    user = f"arn:aws:iam::{ACCOUNT}:user"
    role = f"arn:{form.partition}:iam::{ACCOUNT}:role/pull"
    return {
        "own keys": f"{user}/lab-operator",
        "own web identity": WEB_ROLE,
        "own instance role": DEFAULT_AMBIENT_ROLE,
        "credentials_secret": f"{user}/tenant",
        "temporary keys": f"arn:aws:iam::{ACCOUNT}:role/temporary",
    }.get(cell.identity, role)


Outcome = str | Mapping[str, tuple[str, str, frozenset[str]]]
"""Why there is no Secret; or of each registry the region, the identity, and what the token permits."""


def outcome_of(cell: Cell) -> Outcome:
    """What is to be found."""
    if isinstance(reason := expected(cell), str):
        return reason
    found = {}
    for name in (cell.form, *cell.also()):
        form, allowed = FORMS[name], expected(cell.at(name))
        assert isinstance(allowed, Allowed)
        found[form.host] = (form.region, identity_behind(cell, form), allowed.at(form))
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """With the policies and namespaces, what the resources name, and an operator for each identity of its own."""
    directory = tmp_path_factory.mktemp("limits")
    token = directory / "token"
    token.write_text(a_jwt())
    with private_world(directory) as world:
        prepare(world)
        identities = {
            "user": {},
            "web": {**NO_KEYS, "AWS_ROLE_ARN": WEB_ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(token)},
            "instance": {**NO_KEYS, **world.aws.imds_environment(), "AWS_EC2_METADATA_DISABLED": "false"},
        }
        for who, environment in identities.items():
            names = ",".join(f"{who}-{limit}" for limit in LIMITS)
            world.start(**LEAN, **environment, WATCH_NAMESPACE=names)
        yield world


def prepare(world: World) -> None:
    """Policies, namespaces, and what resources name."""
    for limit, spec in LIMITS.items():
        selected = {"include": [f"*-{limit}"]}
        world.policy(limit, namespaces=selected, role_arns=["*"], ambient_identity=True, limit=spec)
    for who, limit in itertools.product(OWN.values(), LIMITS):
        world.cluster.namespace(f"{who}-{limit}")
    world.aws.add_credentials(*TENANT_KEYS.values(), user_name="tenant")
    role = f"arn:aws:iam::{ACCOUNT}:role/temporary"
    session = client(world.aws, "sts", REGION, USER_KEYS).assume_role(RoleArn=role, RoleSessionName="tenant")
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    temporary = dict(zip(KEY_NAMES, (session["Credentials"][name] for name in names), strict=True))
    for limit in LIMITS:
        path = f"/api/v1/namespaces/user-{limit}"
        for partition in {form.partition for form in FORMS.values()}:
            annotations = {"eks.amazonaws.com/role-arn": f"arn:{partition}:iam::{ACCOUNT}:role/pull"}
            account = {"metadata": {"name": f"builder-{partition}", "annotations": annotations}}
            world.cluster.create(f"{path}/serviceaccounts", account)
        for name, data in {"long-term": TENANT_KEYS, "temporary": temporary}.items():
            encoded = {key: b64encode(value.encode()).decode() for key, value in data.items()}
            world.cluster.create(f"{path}/secrets", {"metadata": {"name": name}, "data": encoded})


def create(world: World, some: list[Cell]) -> dict[Cell, Outcome]:
    """Creates resources, with several clients at a time. Gives those that admission refuses."""

    def each(part: list[Cell]) -> list[Cell]:
        with Cluster(world.plane.kubeconfig) as cluster:
            return [cell for cell in part if not created(cluster, cell)]

    with ThreadPoolExecutor(4) as pool:
        return {cell: REFUSED for found in pool.map(each, (some[start::4] for start in range(4))) for cell in found}


def created(cluster: Cluster, cell: Cell) -> bool:
    try:
        cluster.create(resource_path(PLURALS[cell.kind], cell.namespace), cell.body())
    except Refused as refusal:
        if "repositories of public.ecr.aws cannot be limited" in refusal.message:
            return False
        raise
    return True


def settled(world: World) -> list[Object]:
    """The resources that say how they are."""
    resources = [one for plural in PLURALS.values() for one in world.cluster.items(f"{ECR}/{plural}")]
    return [one for one in resources if condition(one, "Ready").get("reason", "LimitExceeded") != "LimitExceeded"]


def found(world: World, some: list[Cell]) -> dict[Cell, Outcome]:
    """What came of the resources that have been reconciled."""
    names = {(cell.namespace, f"cell-{cell.number}"): cell for cell in some}
    resources = settled(world)
    stored = world.cluster.items("/api/v1/secrets", labelSelector=MANAGED)
    tokens = world.aws.tokens()
    secrets = {
        (one["metadata"]["namespace"], one["metadata"]["name"].removesuffix("-generated")): issued_in(one, tokens)
        for one in stored
    }
    outcomes: dict[Cell, Outcome] = {}
    for one in resources:
        place = (one["metadata"]["namespace"], one["metadata"]["name"])
        ready = condition(one, "Ready")
        if ready.get("status") == "True":
            outcomes[names[place]] = seen(secrets.get(place, {}))
        elif ready:
            outcomes[names[place]] = ready["reason"] + (", but there is a Secret" if place in secrets else "")
    return outcomes


def seen(tokens: Mapping[str, IssuedToken]) -> Outcome:
    """What AWS knows of the tokens in a Secret, and lets them do."""
    forms = {form.host: form for form in FORMS.values()}
    return {host: (one.region, one.identity_arn, permitted(one, forms[host])) for host, one in tokens.items()}


def test_each_token_permits_what_it_should_and_no_more(world: World) -> None:
    every = list(cells())
    refused, wanted = create(world, every), {cell: outcome_of(cell) for cell in every}

    wait_for(lambda: len(settled(world)) == len(every) - len(refused), "all have been reconciled", within=60)

    def others() -> dict[Cell, tuple[Outcome | None, Outcome]]:
        got = {**found(world, every), **refused}
        return {cell: (got.get(cell), wanted[cell]) for cell in every if got.get(cell) != wanted[cell]}

    with suppress(NotReached):
        wait_for(lambda: not others(), "each combination is as documented", within=1)
    assert others() == {}
    assert {reason: sum(one == reason for one in wanted.values()) for reason in COUNTS} == COUNTS
    stored = world.cluster.items("/api/v1/secrets", labelSelector=MANAGED)
    in_use = {password for one in stored for password in passwords_in(one).values()}
    assert {token.password for token in world.aws.tokens()} == in_use, "AWS was asked for no other token"
