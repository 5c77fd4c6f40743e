"""Obtains and starts once what the tests of a run share: the local control plane, programs."""

from __future__ import annotations

import gc
import os
import re
import signal
from functools import _lru_cache_wrapper
from pathlib import Path

import pytest
import xdist
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["tests.laboratory"]

TESTS = Path(__file__).parent
CLUSTER, E2E, LAB = TESTS / "cluster", TESTS / "e2e", TESTS / "lab"
PUSHING = ("test_images.py", "test_charts.py", "test_expiry.py", "test_flux.py", "test_argocd.py")
NEEDED = {
    "test_alerts.py": ("promtool",),
    "test_olm_readers.py": ("opm", "bundle-validator", "crane"),
    "test_site_browser.py": ("chromium",),
    "test_actionlint.py": ("actionlint",),
    "test_release.py": ("crane", "helm", "opm", "cosign", "bundle-validator", "qemu-aarch64-static"),
}
IMAGE, NODE = TESTS / "image", TESTS / "node"
BY_NAME = {E2E, IMAGE, NODE}
DEPLOY = Path(__file__).parents[1] / "deploy"
CRDS, PERMISSIONS = DEPLOY / "crds", (DEPLOY / "rbac" / "cluster", DEPLOY / "admission")
KUBECONFIG_VARIABLE = "ECR_LAB_KUBECONFIG"
OPERATOR_VARIABLE = "ECR_LAB_OPERATOR_KUBECONFIG"
FUZZ_VARIABLE = "ECR_FUZZ_EXAMPLES"
KUBECTL_VARIABLE = "ECR_LAB_KUBECTL"

# A shared machine is slow at times, and that is no failure. More examples are for hunting.
settings.register_profile(
    "unit",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(os.environ.get(FUZZ_VARIABLE, "25")),
)
settings.load_profile("unit")


def _forget_cached_results() -> None:
    """Clears the operator's caches of results. The process of a mutant has those of the code that is not mutated."""
    for found in gc.get_objects():
        if isinstance(found, _lru_cache_wrapper) and str(found.__module__).startswith("ecr_secret_operator"):
            found.cache_clear()


def _includes(config: pytest.Config, *directories: Path) -> bool:
    """Whether a run may have tests of these directories. Some only run where they are asked for by name."""
    asked = [Path(arg.partition("::")[0]).resolve() for arg in config.args]
    return any(
        path == directory or directory in path.parents or (path in directory.parents and directory not in BY_NAME)
        for path in asked
        for directory in directories
    )


def _end_to_end(config: pytest.Config, *modules: str) -> bool:
    """Whether a run has tests of these modules of `e2e`: what only others need takes minutes to build."""
    asked = {Path(arg.partition("::")[0]).resolve() for arg in config.args}
    return not asked.isdisjoint({E2E, *(E2E / module for module in modules)})


def pytest_configure(config: pytest.Config) -> None:
    """In the process that the workers belong to: obtains programs, and has a control plane run until the end."""
    if "MUTANT_UNDER_TEST" in os.environ:
        _forget_cached_results()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts its background jobs so, and children inherit it: tests that press Ctrl-C would wait for ever.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    _obtain(config)
    if _includes(config, CLUSTER, E2E, IMAGE) and KUBECONFIG_VARIABLE not in os.environ:
        _start_control_plane(config)


def _obtain(config: pytest.Config) -> None:
    """Obtains the programs that the tests of this run need."""
    if _includes(config, LAB) or _end_to_end(config, *PUSHING):
        _obtain_programs("registry", "crane")
    if _includes(config, E2E):
        _obtain_programs("helm")
    for module, programs in NEEDED.items():
        if _end_to_end(config, module):
            _obtain_programs(*programs)
    if _end_to_end(config, "test_flux.py"):
        _obtain_flux()
    if _end_to_end(config, "test_argocd.py"):
        _obtain_argocd()
    if _includes(config, IMAGE, NODE):
        _obtain_image_parts()
    if _includes(config, NODE):
        _obtain_programs("registry", "crane", "helm")
        _obtain_node()
        _obtain_olm()


def _obtain_programs(*names: str) -> None:
    """Before the first test, none of which has the time that a build takes."""
    from ecr_secret_operator_lab.programs import ensure_programs  # noqa: PLC0415 - unit tests do without
    from ecr_secret_operator_lab.reporting import LineReporter  # noqa: PLC0415 - unit tests do without

    ensure_programs(names, LineReporter())


def _obtain_flux() -> None:
    from ecr_secret_operator_lab.flux import ensure_flux  # noqa: PLC0415 - unit tests do without
    from ecr_secret_operator_lab.reporting import LineReporter  # noqa: PLC0415 - unit tests do without

    ensure_flux(LineReporter())


def _obtain_argocd() -> None:
    from ecr_secret_operator_lab.argocd import ensure_argocd  # noqa: PLC0415 - unit tests do without
    from ecr_secret_operator_lab.reporting import LineReporter  # noqa: PLC0415 - unit tests do without

    ensure_argocd(LineReporter())


def _obtain_image_parts() -> None:
    from tools.image import GLIBCS  # noqa: PLC0415 - unit tests do without

    from ecr_secret_operator_lab.image import ensure_parts  # noqa: PLC0415 - unit tests do without
    from ecr_secret_operator_lab.reporting import LineReporter  # noqa: PLC0415 - unit tests do without

    ensure_parts(TESTS.parent / "requirements", GLIBCS, LineReporter())


def _obtain_node() -> None:
    from ecr_secret_operator_lab.controlplane import ensure_binaries  # noqa: PLC0415 - unit tests do without
    from ecr_secret_operator_lab.node import ensure_node  # noqa: PLC0415 - unit tests do without
    from ecr_secret_operator_lab.reporting import LineReporter  # noqa: PLC0415 - unit tests do without

    from .node.faketime import ensure_library  # noqa: PLC0415 - unit tests do without
    from .node.operator_image import ensure_operator_image  # noqa: PLC0415 - unit tests do without

    ensure_binaries(LineReporter())
    ensure_node(LineReporter())
    ensure_library(LineReporter())
    ensure_operator_image()


def _obtain_olm() -> None:
    from ecr_secret_operator_lab.olm import ensure_olm  # noqa: PLC0415 - unit tests do without
    from ecr_secret_operator_lab.reporting import LineReporter  # noqa: PLC0415 - unit tests do without

    ensure_olm(LineReporter())


def _start_control_plane(config: pytest.Config) -> None:
    from ecr_secret_operator_lab.controlplane import ControlPlane, LineReporter, ensure_binaries  # noqa: PLC0415 - unit tests do without
    from ecr_secret_operator_lab.permissions import operator_kubeconfig  # noqa: PLC0415 - unit tests do without

    plane = ControlPlane.start(ensure_binaries(LineReporter()), manifests=[CRDS, *PERMISSIONS])
    config.add_cleanup(plane.stop)
    os.environ[OPERATOR_VARIABLE] = str(operator_kubeconfig(plane))
    os.environ[KUBECONFIG_VARIABLE] = str(plane.kubeconfig)
    os.environ[KUBECTL_VARIABLE] = str(plane.binaries.kubectl)


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist gives it no type
    """Has one worker run all modules that mark themselves as the same xdist_group, and spreads all other tests.

    xdist 3.8 means to do that by itself, but its suffix on the id of a test is lost with pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = Path(self.config.rootpath, nodeid.partition("::")[0])
        marked = re.search(r'xdist_group\("([^"]+)"\)', module.read_text())
        return marked[1] if marked else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: xdist.remote.Producer) -> GroupScheduling | None:
    """Takes the place of `--dist loadgroup`."""
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None
