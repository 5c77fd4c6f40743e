"""The benchmark, run from outside on a few resources: what it counts is right. How fast anything is, is not asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ecr_secret_operator_lab.bench.docs import read_report
from ecr_secret_operator_lab.bench.ground import PEER_VARIABLE
from ecr_secret_operator_lab.bench.records import Job, Report, Size
from ecr_secret_operator_lab.operator import installed_command

NUMBER, CREATED, NAMESPACES, SMALL = 20, 10, 5, 2
BENCH = [sys.executable, "-m", "ecr_secret_operator_lab.bench"]
PEER = "{} run --metrics-bind-address 0 --health-probe-bind-address 0"


def bench(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*BENCH, *options]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.timeout(900)  # an operator is started nine times, and waited for until it is quiet
def test_a_small_run_counts_what_happened_and_leaves_nothing(tmp_path: Path) -> None:
    file, scratch = tmp_path / "report.json", tmp_path / "scratch"
    scratch.mkdir()
    options = (
        f"--resources={NUMBER}",
        f"--namespaces={NAMESPACES}",
        f"--stream={CREATED}",
        f"--small={SMALL}",
        f"--json={file}",
    )
    done = bench(*options, TMPDIR=str(scratch), **{PEER_VARIABLE: PEER.format(installed_command())})
    assert done.returncode == 0, done.stderr
    report = read_report(file)
    (size,) = report.sizes
    assert size.resources == NUMBER
    served(size)
    peer_served(size)
    namespaces_served(report)
    small_served(report)
    assert not list(scratch.iterdir())
    assert "first service" in done.stdout


def served(size: Size) -> None:
    for job in (size.first_service, size.rotation):
        fits(job)
        assert (job.writes, job.needed_writes, job.aws_calls) == (2 * NUMBER, 2 * NUMBER, 1)
    assert (size.restart.writes, size.restart.aws_calls) == (0, 0)
    assert min(size.idle.peak_kib, size.restart.peak_kib) > 0
    assert min(size.idle.cpu_seconds, size.idle.seconds, size.restart.seconds) > 0
    assert (size.stream.created, size.stream.aws_calls) == (CREATED, 0)
    assert 0 < size.stream.p50_ms <= size.stream.p99_ms <= size.stream.max_ms


def small_served(report: Report) -> None:
    assert report.small
    assert report.small.peer
    assert min(report.small.seconds, report.small.cpu_seconds) > 0
    assert [row.aws_calls for row in (report.small.first_service, report.small.restart, report.small.peer)] == [1, 0, 1]
    for row in (report.small.first_service, report.small.restart, report.small.peer):
        assert 0 < row.idle_kib <= row.peak_kib
        assert 0 <= row.idle_cpu_share < 1


def peer_served(size: Size) -> None:
    """The operator itself stands in for a peer."""
    assert size.peer
    fits(size.peer.first_service)
    assert size.peer.first_service.ceiling_seconds == size.first_service.ceiling_seconds
    assert (size.peer.first_service.writes, size.peer.first_service.aws_calls) == (2 * NUMBER, 1)
    assert (size.peer.restart.writes, size.peer.restart.aws_calls) == (0, 0)


def namespaces_served(report: Report) -> None:
    assert [one.job for one in report.namespaces] == ["first service", "rotation"]
    assert {(one.writes, one.aws_calls) for one in report.namespaces} == {(NAMESPACES, 1)}


def fits(job: Job) -> None:
    assert job.ratio == pytest.approx(job.ceiling_seconds / job.seconds)
    assert job.ratio_from_start == pytest.approx(job.ceiling_seconds / job.seconds_from_start)
    assert 0 < job.seconds <= job.seconds_from_start
    assert min(job.peak_kib, job.ceiling_cpu_ms_per_resource) > 0


def test_a_report_is_shown_again_without_measuring(tmp_path: Path) -> None:
    file = Path(__file__).parents[2] / "docs" / "performance.json"
    done = bench(f"--from={file}", f"--json={tmp_path / 'again.json'}")
    assert done.returncode == 0, done.stderr
    assert read_report(tmp_path / "again.json") == read_report(file)
    assert f"{read_report(file).sizes[0].resources:,} resources" in done.stdout


@pytest.mark.parametrize("numbers", ["0", "ten", "100,-5", "1.5"])
def test_what_is_no_number_of_resources_is_refused(numbers: str) -> None:
    done = bench(f"--resources={numbers}")
    assert done.returncode == 2
    assert "is not a comma list of numbers above 0" in done.stderr
