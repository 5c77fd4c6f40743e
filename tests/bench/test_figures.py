"""The benchmark's arithmetic."""

from __future__ import annotations

import pytest

from ecr_secret_operator_lab.bench.figures import FLAT, growth, middle, per_resource_ms, percentile, ratio
from tests.bench.reports import a_size


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([7.0], 0.99, 7.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        ([float(value) for value in range(1, 501)], 0.5, 250.0),
        ([float(value) for value in range(1, 501)], 0.99, 495.0),
        ([float(value) for value in range(1, 501)], 1.0, 500.0),
        ([1.0, 2.0], 0.0, 1.0),
    ],
)
def test_percentiles_are_values_that_were_measured(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_twice_the_time_is_half_the_speed() -> None:
    assert ratio(3.0, 6.0) == 0.5


@pytest.mark.parametrize(
    ("cpu", "start", "resources", "expected"), [(3.0, 1.0, 1000, 2.0), (3.0, 1.0, 100, 20.0), (0.9, 1.0, 100, 0.0)]
)
def test_the_start_is_nobodys_cost(cpu: float, start: float, resources: int, expected: float) -> None:
    assert per_resource_ms(cpu, start, resources) == pytest.approx(expected)


def test_one_size_does_not_grow() -> None:
    assert growth([a_size()]) == []


def test_growth_is_told_from_each_size_to_the_next_whatever_their_order() -> None:
    sizes = [a_size(10_000, cpu_ms=2.2, peak_kib=190_000), a_size(20_000), a_size(1_000, cpu_ms=2.0), a_size(999)]
    first, second = growth(sizes)
    assert (first.smaller, first.larger, second.smaller, second.larger) == (1_000, 10_000, 10_000, 20_000)
    assert first.cpu_ratio == pytest.approx(1.1)
    assert first.peak_kib_per_resource == pytest.approx(10.0)


@pytest.mark.parametrize(("cpu_ms", "flat"), [(1.0, True), (2.0, True), (2.0 * FLAT, True), (2.0 * FLAT + 0.1, False)])
def test_a_cost_that_grows_with_the_number_is_not_flat(cpu_ms: float, *, flat: bool) -> None:
    (found,) = growth([a_size(1_000, cpu_ms=2.0), a_size(10_000, cpu_ms=cpu_ms)])
    assert found.flat is flat


def test_no_cost_at_all_is_compared_with_nothing() -> None:
    (found,) = growth([a_size(1_000, cpu_ms=0.0), a_size(2_000, cpu_ms=0.0)])
    assert (found.cpu_ratio, found.flat) == (0.0, True)


@pytest.mark.parametrize(("values", "expected"), [([5], 5), ([9, 1, 5], 5), ([4, 3, 2, 1], 2)])
def test_the_middle_one_is_one_that_was_measured(values: list[int], expected: int) -> None:
    assert middle(values, float) == expected
