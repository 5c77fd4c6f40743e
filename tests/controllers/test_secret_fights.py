"""Another client that changes a generated Secret each time is answered less and less often."""

from __future__ import annotations

from ecr_secret_operator.runtime.damping import FREE_REPAIRS

from .secret_cases import SECRET, a_case


async def test_a_fight_is_damped_and_names_the_other_client() -> None:
    async with a_case(served=True) as case:
        for _ in range(FREE_REPAIRS + 2):
            found = await case.secret()
            assert found
            found["metadata"]["managedFields"] = [{"manager": "rival", "time": "2026-03-01T12:00:00Z"}]
            case.wire.put(SECRET, {**found, "data": {}})
            await case.scene.settle()
            result = await case.reconcile(0.1)
        assert result.again_at
        assert result.again_at > case.now
        assert case.condition("Refreshing")["reason"] == "SecretContested"
        assert "rival" in case.condition("Refreshing")["message"]
        assert sum(write == f"PATCH {SECRET}" for write in case.wire.writes) == FREE_REPAIRS


async def test_a_fight_over_the_label_is_damped_although_no_watch_shows_the_secret() -> None:
    async with a_case(served=True) as case:
        for _ in range(FREE_REPAIRS + 2):
            found = await case.secret()
            assert found
            case.wire.put(SECRET, {**found, "metadata": {**found["metadata"], "labels": {}}})
            await case.scene.settle()
            await case.reconcile(0.1)
        assert case.condition("Refreshing")["reason"] == "SecretContested"
        assert case.condition()["status"] == "True", "the token is stored, and good"
