"""A control plane and a fake AWS that stay, to run the operator against by hand: what `dev` stands on."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..cluster import Cluster
from ..controlplane import Binaries, BinariesError, Command, ControlPlane, ControlPlaneError, Reporter, detached
from ..controlplane.pki import LOOPBACK
from ..fakeaws import FakeAws, FakeAwsError
from ..node import ADDRESS, BUSYBOX, NAME, NodeCluster, Parts, ensure_node, free_port, has_node
from ..operator import COMMAND, installed_command
from ..permissions import operator_kubeconfig, write_manifests
from ..waiting import wait_for
from .serving import ARGO_NAMESPACE, PULL_NAMESPACE
from .stage import seed

FAILURES = (BinariesError, ControlPlaneError)
"""What `up` raises."""

FAKE_AWS, URL_FILE, PROGRAMS, SEED = "fake-aws", "fake-aws.url", "bin", "seed.yaml"
OPERATOR_KUBECONFIG, OPERATOR_VARIABLE = "operator.kubeconfig", "ECR_LAB_OPERATOR_KUBECONFIG"
AWS_SECONDS = 30.0
FOREIGN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE")
"""Variables of a real AWS set-up that would have a say beside the fake's keys."""


@dataclass(frozen=True, slots=True)
class Workbench:
    """What runs.

    Attributes:
        plane: the control plane.
        aws: the fake AWS.
    """

    plane: detached.Detached
    aws: FakeAws

    @property
    def seed(self) -> Path:
        """A manifest to begin with; its namespaces are there."""
        return self.plane.directory / SEED

    def parts(self) -> list[tuple[str, str]]:
        """What runs, and where."""
        found = [
            ("Kubernetes", self.plane.server),
            ("fake AWS", self.aws.url),
            ("kubeconfig", str(self.plane.kubeconfig)),
            ("logs", f"{self.plane.directory}/*.log"),
        ]
        if has_node(self.plane.directory):
            found += [("node", f"{NAME}, with image {BUSYBOX}"), ("AWS in Pods", self.aws_in_pods)]
        return found

    @property
    def aws_in_pods(self) -> str:
        """The URL of the fake AWS for Pods."""
        return self.aws.url.replace(LOOPBACK, ADDRESS)

    def trouble(self) -> str | None:
        """What of it does not answer, in a sentence; None when all is well."""
        try:
            self.aws.pid()
        except FakeAwsError as error:
            return f"the fake AWS does not answer ({error})"
        try:
            with Cluster(self.plane.kubeconfig) as cluster:
                cluster.get("/version")
        except OSError as error:
            return f"the API server does not answer ({error})"
        return None

    def exports(self) -> list[str]:
        """Lines for a shell to evaluate."""
        variables = {
            "KUBECONFIG": str(self.plane.kubeconfig),
            OPERATOR_VARIABLE: str(self.plane.directory / OPERATOR_KUBECONFIG),
            **self.aws.environment(),
        }
        lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        programs = shlex.quote(str(self.plane.directory / PROGRAMS))
        return [f"unset {' '.join(FOREIGN)}", *lines, f'export PATH={programs}:"$PATH"']


def up(report: Reporter, *, node: bool = False) -> Workbench:
    """Starts it, or gives the one that runs.

    Args:
        report: called with each step that takes long.
        node: whether Pods can run in it, on a node.

    Raises:
        BinariesError: the control plane's programs can be had in none of the ways.
        ControlPlaneError: something did not start.
    """
    with tempfile.TemporaryDirectory() as scratch:
        manifests = () if detached.current() else write_manifests(Path(scratch))
        plane = detached.up(
            report,
            manifests=manifests,
            extras=_extras,
            start=_start_with_node(ensure_node(report)) if node else ControlPlane.start,
        )
    if node and not has_node(plane.directory):
        raise ControlPlaneError(f"A control plane without a node runs. Stop it first: {COMMAND} dev down")
    url = plane.directory / URL_FILE
    try:
        wait_for(url.is_file, "the fake AWS is up", within=AWS_SECONDS)
    except AssertionError as error:
        raise ControlPlaneError(f"{error}; its log: {plane.directory / FAKE_AWS}.log") from error
    bench = Workbench(plane, FakeAws(url.read_text().strip()))
    problem = bench.trouble()
    if problem:
        raise ControlPlaneError(f"{problem}. Start again: {COMMAND} dev down, then {COMMAND} dev up")
    return bench


def current() -> Workbench | None:
    """What runs; None when nothing does."""
    plane = detached.current()
    if plane is None:
        return None
    try:
        return Workbench(plane, FakeAws((plane.directory / URL_FILE).read_text().strip()))
    except FileNotFoundError:
        return None


def down() -> bool:
    """Stops it and removes what it made. Returns whether there was something to stop."""
    return detached.down()


def _extras(plane: ControlPlane) -> Iterable[Command]:
    """The fake AWS, beside the control plane; programs for PATH, and something to apply."""
    for name in (PULL_NAMESPACE, ARGO_NAMESPACE):
        plane.kubectl("create", "namespace", name)
    (plane.directory / SEED).write_text(seed())
    operator_kubeconfig(plane).rename(plane.directory / OPERATOR_KUBECONFIG)
    programs = plane.directory / PROGRAMS
    programs.mkdir()
    (programs / "kubectl").symlink_to(plane.binaries.kubectl)
    (programs / COMMAND).symlink_to(shutil.which(installed_command()) or installed_command())
    yield Command(
        name=FAKE_AWS,
        argv=[sys.executable, "-m", "ecr_secret_operator_lab.fakeaws", *_aws_options(plane.directory)],
        env={"PYTHONUNBUFFERED": "1"},
    )


def _aws_options(directory: Path) -> list[str]:
    """With a node, Pods reach it at the node's address, and this machine at the same port."""
    options = ["--detached", "--url-file", str(directory / URL_FILE)]
    if has_node(directory):
        options += ["--address", "0.0.0.0", "--port", str(free_port(directory))]  # noqa: S104 - of the enclosure
    return options


def _start_with_node(parts: Parts) -> detached.Start:
    def start(binaries: Binaries, /, *, manifests: Sequence[Path]) -> ControlPlane:
        return NodeCluster.start(binaries, parts, manifests=manifests).plane

    return start
