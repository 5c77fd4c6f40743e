"""docs/guides/multi-tenant.md, applied as it is: each team has its own token, and nothing of the other team's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ecr_secret_operator_lab.cluster import ECR, Object, secret_path
from ecr_secret_operator_lab.fakeaws.records import IssuedToken, Role
from ecr_secret_operator_lab.permissions import NAMESPACE
from ecr_secret_operator_lab.waiting import wait_for

from .private import World, private_world
from .resources import password_in

pytestmark = pytest.mark.xdist_group("multi-tenant page")

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "multi-tenant.md").read_text()
FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROLES = "arn:aws:iam::123456789012:role"
TRUSTED = {
    f"{ROLES}/ecr-team-a": "system:serviceaccount:team-a:builder",
    f"{ROLES}/ecr-team-b": "system:serviceaccount:team-b:builder",
    f"{ROLES}/ecr-shared-pull": f"system:serviceaccount:{NAMESPACE}:shared-pull",
}
"""The roles of the page's table."""


def shown() -> list[Object]:
    return [one for block in FENCE.findall(PAGE) for one in yaml.safe_load_all(block)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with private_world(tmp_path_factory.mktemp("tenants")) as found:
        found.aws.set_roles([Role(role_arn=role, subject=subject) for role, subject in TRUSTED.items()])
        found.start("--require-access-policy")
        found.plane.kubectl("apply", "--filename=-", input=yaml.safe_dump_all(shown()))
        found.cluster.namespace("stranger")
        yield found


def token_of(world: World, namespace: str, name: str) -> IssuedToken:
    """What AWS knows of the token in a generated Secret."""
    secret = wait_for(lambda: world.cluster.get(secret_path(namespace, name)), f"{namespace}/{name}", within=20)
    token = world.aws.find_token(password_in(secret))
    assert token
    return token


def role_behind(world: World, namespace: str, name: str) -> str:
    """The role of the session that obtained the token of a generated Secret."""
    return token_of(world, namespace, name).principal


def test_each_team_has_the_token_of_its_own_role_and_a_shared_one(world: World) -> None:
    world.wait("team-a", "team-a", reason="Refreshed", within=20)
    own, shared = role_behind(world, "team-a", "ecr-team-a"), role_behind(world, "team-a", "shared-images")
    assert "ecr-team-a" in own
    assert "ecr-shared-pull" in shared
    assert role_behind(world, "team-b", "shared-images") == shared


def test_each_token_is_limited_to_the_repositories_of_its_policy(world: World) -> None:
    limits = {
        ("team-a", "ecr-team-a"): ("team-a/*", True),
        ("team-a", "shared-images"): ("base/*", False),
        ("team-b", "shared-images"): ("base/*", False),
    }
    for (namespace, name), (repositories, pushes) in limits.items():
        *_, statement = json.loads(token_of(world, namespace, name).policy)["Statement"]
        assert statement["Resource"] == [f"arn:aws:ecr:us-east-2:123456789012:repository/{repositories}"]
        assert ("ecr:PutImage" in statement["Action"]) == pushes


def test_the_role_of_the_other_team_is_denied_as_the_page_says(world: World) -> None:
    assert "`READY` is `False`, `REASON` is `PolicyDenied`, and no Secret `intruder` exists." in PAGE
    world.wait("team-b", "intruder", reason="PolicyDenied", within=20)
    assert world.cluster.get(secret_path("team-b", "intruder")) is None
    assert [call for call in world.aws.calls("AssumeRole") if "ecr-team-a" in str(call.parameters)] == []


def test_a_namespace_without_a_team_gets_nothing(world: World) -> None:
    world.apply("stranger", name="ambient")
    world.wait("stranger", "ambient", reason="PolicyDenied", within=20)
    assert world.cluster.get(secret_path("stranger", "shared-images")) is None


def test_the_quota_counts_our_kinds(world: World) -> None:
    quota = next(one for one in shown() if one["kind"] == "ResourceQuota")
    kinds = {name.removeprefix("count/").partition(".")[0] for name in quota["spec"]["hard"]}
    assert kinds == {"secrets", "argohelmreposecrets"}
    for kind in kinds:
        assert world.cluster.items(f"{ECR}/{kind}") is not None
