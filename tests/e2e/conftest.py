"""What the end-to-end tests have beside the control plane: a registry that demands ECR's tokens, and its clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.registry import Registry, Tools, start_registry
from ecr_secret_operator_lab.reporting import print_progress

from .images import FAR, HOST


@pytest.fixture(scope="session")
def programs() -> Mapping[str, Path]:
    return ensure_programs(["registry", "crane", "helm"], print_progress)


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """Alone, so that who installs the chart need not have the others."""
    return ensure_programs(["helm"], print_progress)["helm"]


@pytest.fixture(scope="session")
def registry(shared_aws: FakeAws, programs: Mapping[str, Path]) -> Iterator[Registry]:
    """Each worker has its own, beside its fake AWS. A test's repositories are called after its namespace."""
    with start_registry(shared_aws, programs["registry"], hosts=(HOST, FAR)) as registry:
        yield registry


@pytest.fixture
def tools(programs: Mapping[str, Path], registry: Registry, tmp_path: Path) -> Tools:
    """Crane and helm without credentials."""
    return Tools(programs, registry, tmp_path)
