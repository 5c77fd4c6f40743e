from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ecr_secret_operator.runtime.damping import FREE_REPAIRS, LONGEST_PAUSE, QUIET, Damper, contested

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def a_contested(times: int = FREE_REPAIRS) -> Damper:
    """Repaired so often, all in the same moment."""
    damper: Damper = Damper()
    for number in range(times):
        assert number >= FREE_REPAIRS or damper.damaged("1", NOW) is None
        damper.repaired("1", NOW)
    return damper


def test_the_first_repairs_are_immediate_then_each_waits_twice_as_long_up_to_a_minute() -> None:
    damper, now, pauses = a_contested(), NOW, []
    for _ in range(10):
        next_at = damper.damaged("1", now)
        assert next_at
        pauses.append((next_at - now).total_seconds())
        now = next_at
        assert damper.damaged("1", now) is None
        damper.repaired("1", now)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_a_damage_that_waits_for_its_repair_is_not_quiet() -> None:
    damper = a_contested(FREE_REPAIRS + 10)
    assert damper.damaged("1", NOW + SECOND) == NOW + LONGEST_PAUSE
    later = NOW + 10 * QUIET
    assert damper.contested_until(later) == later + QUIET
    assert damper.damaged("1", later) is None
    damper.repaired("1", later)
    assert damper.damaged("1", later + SECOND) == later + LONGEST_PAUSE


def test_a_quiet_minute_ends_the_contest() -> None:
    damper = a_contested()
    assert damper.contested_until(NOW) == NOW + QUIET
    assert damper.contested_until(NOW + SECOND) == NOW + QUIET
    assert damper.contested_until(NOW + QUIET) is None
    assert damper.damaged("1", NOW + QUIET) is None
    damper.repaired("1", NOW + QUIET)
    assert damper.damaged("1", NOW + QUIET) is None


def test_an_object_that_another_client_restored_is_quiet_from_then_on() -> None:
    damper, restored = a_contested(), NOW + 2 * SECOND
    assert damper.damaged("1", NOW)
    damper.intact(restored)
    assert not damper.is_damaged
    assert damper.contested_until(restored) == restored + QUIET
    assert damper.contested_until(restored + QUIET) is None
    Damper().intact(NOW)


def test_fewer_repairs_are_no_contest() -> None:
    damper = a_contested(FREE_REPAIRS - 1)
    assert damper.contested_until(NOW) is None
    assert Damper().contested_until(NOW) is None
    assert (damper.is_suspect, Damper().is_suspect) == (True, False)


def test_repairs_of_another_generation_begin_again() -> None:
    damper = a_contested()
    assert damper.damaged("2", NOW) is None
    assert damper.contested_until(NOW) is None


def test_a_clock_that_was_set_back_holds_nothing_up() -> None:
    assert a_contested().damaged("1", NOW - SECOND) is None


def test_the_field_managers_are_kept_through_further_repairs() -> None:
    damper = a_contested()
    damper.note_others(["rival"])
    damper.note_others([])
    damper.repaired("1", NOW)
    assert damper.others == ("rival",)


def test_no_field_managers_are_noted_for_an_object_that_needed_no_repair() -> None:
    damper = Damper()
    damper.note_others(["rival"])
    assert damper.others == ()


def test_the_sentence_names_the_field_managers() -> None:
    assert 'field manager "argo", "flux" each time' in contested("Secret a", ["argo", "flux"])
    assert "another client each time" in contested("Secret a", [])
