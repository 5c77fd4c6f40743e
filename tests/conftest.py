"""Starts the local control plane once for a run that has cluster tests in it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import xdist
from xdist.scheduler import LoadScopeScheduling

CLUSTER = Path(__file__).parent / "cluster"
DEPLOY = Path(__file__).parents[1] / "deploy"
CRDS, RIGHTS = DEPLOY / "crds", (DEPLOY / "rbac" / "cluster", DEPLOY / "admission")
KUBECONFIG_VARIABLE = "ECR_LAB_KUBECONFIG"
OPERATOR_VARIABLE = "ECR_LAB_OPERATOR_KUBECONFIG"
KUBECTL_VARIABLE = "ECR_LAB_KUBECTL"


def _includes_cluster_tests(config: pytest.Config) -> bool:
    asked = [Path(arg.partition("::")[0]).resolve() for arg in config.args]
    return any(path == CLUSTER or path in CLUSTER.parents or CLUSTER in path.parents for path in asked)


def pytest_configure(config: pytest.Config) -> None:
    """In the process that the workers belong to: starts the control plane, and stops it at the end of the run."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts its background jobs so, and children inherit it: tests that press Ctrl-C would wait for ever.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput") or KUBECONFIG_VARIABLE in os.environ or config.option.collectonly:
        return
    if not _includes_cluster_tests(config):
        return
    from ecr_secret_operator_lab.controlplane import ControlPlane, LineReporter, ensure_binaries  # noqa: PLC0415
    from ecr_secret_operator_lab.rights import operator_kubeconfig  # noqa: PLC0415

    plane = ControlPlane.start(ensure_binaries(LineReporter()), manifests=[CRDS, *RIGHTS])
    config.add_cleanup(plane.stop)
    os.environ[OPERATOR_VARIABLE] = str(operator_kubeconfig(plane))
    os.environ[KUBECONFIG_VARIABLE] = str(plane.kubeconfig)
    os.environ[KUBECTL_VARIABLE] = str(plane.binaries.kubectl)


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist gives it no type
    """Has one worker run all of a module that marks itself as an xdist_group, and spreads all other tests.

    xdist 3.8 means to do that by itself, but its suffix on the id of a test is lost with pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        grouped = "xdist_group" in Path(self.config.rootpath, module).read_text()
        return module if grouped else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: xdist.remote.Producer) -> GroupScheduling | None:
    """Takes the place of `--dist loadgroup`."""
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None
