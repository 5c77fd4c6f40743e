"""The chart with hundreds of generated values: refused with a sentence, or taken by a real API server."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.yaml_files import strict_documents

from .chart_values import EXAMPLES, chart_values
from .dry_run import DryRun
from .installing import CHART, DEPLOY, KUBERNETES, NAMESPACE, Helm, Object, bare_plane, define_foreign_kinds

pytestmark = [pytest.mark.xdist_group("chart-generated"), pytest.mark.timeout(1500)]  # half a second an example

BY_SCHEMA = "values don't meet the specifications of the schema"
BY_CHECK = re.compile(
    r"^Error: execution error at \(ecr-secret-operator/templates/[^)]*\): [a-z][A-Za-z.]+", re.MULTILINE
)
NAMESPACES = st.sampled_from([NAMESPACE, "elsewhere", "123", "1e3", "0x1f", "true", "null", "a" * 63])
RELEASES = st.sampled_from(["release", "123", "1e3", "true", "null", "a" * 53])


@pytest.fixture(scope="module")
def dry_run() -> Iterator[DryRun]:
    with bare_plane(DEPLOY / "crds") as (plane, cluster):
        define_foreign_kinds(plane)
        yield DryRun(cluster)


@pytest.fixture(scope="module")
def helm(helm_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(helm_program, tmp_path_factory.mktemp("helm"))


def identity(one: Object) -> tuple[str, ...]:
    metadata = one["metadata"]
    return (one["apiVersion"], one["kind"], metadata.get("namespace", ""), metadata["name"])


# Seven values at most are easily read as they are; to make them fewer would take minutes.
PHASES = (Phase.explicit, Phase.generate)


@settings(
    max_examples=EXAMPLES,
    phases=PHASES,
    derandomize=True,
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(values=chart_values(), namespace=NAMESPACES, release=RELEASES)
def test_any_values_are_refused_clearly_or_taken_by_the_api_server(
    helm: Helm, dry_run: DryRun, values: Object, namespace: str, release: str
) -> None:
    done = helm("template", release, str(CHART), "-n", namespace, KUBERNETES, values=values)
    if done.returncode != 0:
        assert BY_SCHEMA in done.stderr or BY_CHECK.search(done.stderr), done.stderr
        return
    objects = list(strict_documents(done.stdout))
    assert [one for one, count in Counter(map(identity, objects)).items() if count > 1] == []
    assert dry_run.refusals(objects) == []
