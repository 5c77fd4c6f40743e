"""Tokens die, and the registry refuses the dead ones: so what works after that works because of the operator."""

from __future__ import annotations

import time

from ecr_secret_operator_lab.cluster import Cluster, secret_data
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.registry import Refusal, Registry, Tools
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import a_resource, apply, docker_config, password_in, wait_ready, wait_secret
from ..laboratory import StartOperator
from .accounts import DOCKER_CONFIG
from .images import HOST, pull, push, why_refused

LONG = 90.0
SHORT_LIFE = 20.0
ROTATING_LIFE = 40.0
"""A token is replaced when a sixth of its life is left: enough for a push on a machine that is busy."""


def test_while_the_operator_is_away_a_token_dies_and_when_it_is_back_all_is_well(
    cluster: Cluster, namespace: str, aws: FakeAws, tools: Tools, registry: Registry, start_operator: StartOperator
) -> None:
    aws.settings(lifetime_seconds=SHORT_LIFE)
    operator, image = start_operator(), f"{HOST}/{namespace}/app:1"
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)

    def pushed_with_what_is_stored() -> bool:
        tools.login(secret_data(wait_secret(cluster, namespace))[DOCKER_CONFIG])
        return push(tools, image).returncode == 0

    wait_for(pushed_with_what_is_stored, "an image is pushed", within=LONG)

    operator.stop()
    stored = wait_secret(cluster, namespace)
    tools.login(secret_data(stored)[DOCKER_CONFIG])
    wait_for(lambda: expired(aws, password_in(stored)), "the stored token has expired", within=LONG)
    before = registry.last_request()
    for attempt in (push, pull):
        assert attempt(tools, image).returncode != 0
    assert Refusal.EXPIRED in why_refused(registry, after=before)
    assert wait_secret(cluster, namespace)["data"] == stored["data"]

    aws.settings(lifetime_seconds=12 * 3600.0)
    start_operator()
    wait_for(pushed_with_what_is_stored, "an image is pushed again", within=LONG)
    assert pull(tools, image).returncode == 0


def test_pushes_go_on_across_a_rotation_while_the_former_token_is_refused(
    cluster: Cluster, namespace: str, aws: FakeAws, tools: Tools, registry: Registry, start_operator: StartOperator
) -> None:
    aws.settings(lifetime_seconds=ROTATING_LIFE)
    start_operator()
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    first = password_in(wait_secret(cluster, namespace))
    before, pushes = registry.last_request(), 0

    def rotated_and_expired() -> bool:
        nonlocal pushes
        pushes += 1
        secret = wait_secret(cluster, namespace)
        tools.login(secret_data(secret)[DOCKER_CONFIG])
        done = push(tools, f"{HOST}/{namespace}/app:{pushes}", f"push {pushes}")
        assert done.returncode == 0, done.stderr
        return password_in(secret) != first and expired(aws, first)

    wait_for(rotated_and_expired, "the token was replaced, and the former one expired", within=LONG)
    good = [handled for handled in registry.requests(after=before) if handled.refusal is None]
    assert len({handled.token for handled in good}) >= 2, "pushes used the former token and the new one"

    before = registry.last_request()
    tools.login(docker_config(HOST, first))
    assert push(tools, f"{HOST}/{namespace}/app:late").returncode != 0
    assert Refusal.EXPIRED in why_refused(registry, after=before)
    tools.login(secret_data(wait_secret(cluster, namespace))[DOCKER_CONFIG])
    tags = tools.crane("ls", f"{HOST}/{namespace}/app").stdout.split()
    assert sorted(tags, key=int) == [str(number) for number in range(1, pushes + 1)]


def expired(aws: FakeAws, password: str) -> bool:
    """Whether AWS says so: by its clock, which is this machine's here."""
    token = aws.find_token(password)
    assert token is not None
    return time.time() >= token.expires_at
