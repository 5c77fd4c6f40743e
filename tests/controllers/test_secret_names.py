"""A name that another client or another resource has is left alone, and taken once it is free."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

from ..factories import HOST, NOW
from .secret_cases import SECRET, a_case

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
