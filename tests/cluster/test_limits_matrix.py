"""The limits of tokens, in all combinations: each token that AWS issued permits what IAM should permit, and no more.

Identity x access x repositories x limit of a policy x form of the registry. Each combination of the first four is here,
and each of identity, limit and form. One operator for each identity of its own serves all of them at once.
"""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import pytest

from ecr_secret_operator_lab.cluster import ECR, Cluster, Object, Refused, condition, resource_path
from ecr_secret_operator_lab.fakeaws import DEFAULT_AMBIENT_ROLE, IssuedToken
from ecr_secret_operator_lab.waiting import NotReached, wait_for

from ..aws.identities import a_jwt
from ..lab.registries import REGION, USER_KEYS, client
from .limiting import ACCOUNT, FORMS, LEAN, RANK, Allowed, Form, issued_in, passwords_in, permitted
from .private import World, private_world
from .pulls import MANAGED
from .resources import PLURALS, a_resource

pytestmark = pytest.mark.xdist_group("limits matrix")

NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
WEB_ROLE = f"arn:aws:iam::{ACCOUNT}:role/web-identity"
WITHIN, OUTSIDE = "team/web*", "other/*"

OWN: Final = {"own keys": "user", "own web identity": "web", "own instance role": "instance"}
"""The operator's own identities, and how the namespaces of each one's operator begin."""
IDENTITIES = (*OWN, "role_arn", "service_account", "credentials_secret", "temporary keys")
ACCESSES = (None, "pull", "push", "full")
REPOSITORIES = (None, WITHIN, OUTSIDE)
LONG = ("team/*", *(f"team/{'x' * 90}-{number}" for number in range(19)))
LIMITS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "pull": {"access": "pull"},
    "names": {"repositories": ["team/*"]},
    "push": {"access": "push", "repositories": ["team/*"]},
    "long": {"repositories": list(LONG)},
}
KEY_NAMES = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
TENANT_KEYS = dict(zip(KEY_NAMES, ("AKIATENANTEXAMPLE001", "tenant-secret-" * 3), strict=False))
REFUSED, DENIED, INVALID, UNAVAILABLE = "refused at admission", "PolicyDenied", "InvalidSpec", "IdentityUnavailable"
COUNTS = {REFUSED: 40, DENIED: 128, INVALID: 20, UNAVAILABLE: 65}
"""How many combinations have no Secret, and why: a matrix that has become empty is to be noticed."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination."""

    identity: str
    access: str | None
    repositories: str | None
    limit: str
    form: str
    number: int

    @property
    def namespace(self) -> str:
        return f"{OWN.get(self.identity, 'user')}-{self.limit}"

    @property
    def kind(self) -> str:
        return "Secret" if self.number % 4 else "ArgoHelmRepoSecret"

    def at(self, form: str) -> Cell:
        """The same at another registry."""
        return Cell(self.identity, self.access, self.repositories, self.limit, form, self.number)

    def aws(self) -> dict[str, Any]:
        """The field `aws`."""
        partition = FORMS[self.form].partition
        named = {
            "role_arn": {"role_arn": f"arn:{partition}:iam::{ACCOUNT}:role/pull"},
            "service_account": {"service_account": f"builder-{partition}"},
            "credentials_secret": {"credentials_secret": "long-term"},
            "temporary keys": {"credentials_secret": "temporary"},
        }.get(self.identity, {})
        limit = {"access": self.access, "repositories": [self.repositories] if self.repositories else None}
        return {**named, **{key: value for key, value in limit.items() if value}}

    def also(self) -> list[str]:
        """More registries of the same Secret: one that is served as this one is."""
        names = list(FORMS)
        other = names[(names.index(self.form) + 3) % len(names)]
        both = isinstance(expected(self), Allowed) and isinstance(expected(self.at(other)), Allowed)
        return [other] if both and self.kind == "Secret" else []

    def body(self) -> Object:
        name, host = f"cell-{self.number}", FORMS[self.form].host
        if self.kind == "ArgoHelmRepoSecret":
            return a_resource(self.kind, name, url=f"{host}/team/charts", region=None, aws=self.aws())
        more = [{"ecr_registry": FORMS[other].host, "aws": self.at(other).aws()} for other in self.also()]
        return a_resource("Secret", name, ecr_registry=host, region=None, aws=self.aws(), additional_registries=more)


def cells() -> Iterator[Cell]:
    """All of them. The forms rotate so that each meets each identity with each limit."""
    shape = itertools.product(enumerate(IDENTITIES), enumerate(ACCESSES), enumerate(REPOSITORIES), enumerate(LIMITS))
    for number, ((first, identity), (second, access), (third, repositories), (fourth, limit)) in enumerate(shape):
        form = list(FORMS)[(first + 2 * second + 3 * third + fourth) % len(FORMS)]
        yield Cell(identity, access, repositories, limit, form, number)


def expected(cell: Cell) -> str | Allowed:
    """What the documentation says of a combination."""
    form, limit = FORMS[cell.form], LIMITS[cell.limit]
    if form.public and cell.repositories:
        return REFUSED
    most, patterns = str(limit.get("access", "full")), tuple(limit.get("repositories", ()))
    if form.public and patterns:
        most, patterns = "pull", ()
    access = cell.access or most
    if RANK[access] > RANK[most] or (patterns and cell.repositories == OUTSIDE):
        return DENIED
    found = Allowed(access, (cell.repositories,) if cell.repositories else patterns)
    if found.limited and cell.identity == "temporary keys":
        return UNAVAILABLE
    if found.repositories == LONG:
        return INVALID
    return UNAVAILABLE if found.limited and cell.identity == "own instance role" else found


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
