"""What the demo plays on: a real control plane, a fake AWS, the installed operator. Nothing of it outlives the demo."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path

from ..cluster import ECR, Cluster, Object, condition, resource_path, secret_path
from ..controlplane import ControlPlane, Reporter, ensure_binaries
from ..fakeaws import FakeAws, start_fake_aws
from ..operator import OperatorProcess
from ..permissions import operator_kubeconfig, write_manifests
from ..programs import ensure_programs
from ..registry import Registry, Tools, start_registry
from ..runs import tail
from ..waiting import NotReached, wait_for

ACCOUNT = "123456789012"
PLURALS = {"Secret": "secrets", "ArgoHelmRepoSecret": "argohelmreposecrets"}
LOG_LINES = 15
READY = {"type": "Ready", "status": "True"}
REFRESHING = {"type": "Refreshing", "status": "True"}


def seed() -> str:
    """The two resources of the seed document as YAML, as `oc apply` gets them: with the account filled in."""
    text = files(__package__).joinpath("seed.yaml").read_text(encoding="utf-8")
    return text.replace("${AWS_ACCOUNT_ID}", ACCOUNT)


class Stage:
    """Everything that runs during the demo. Use it as a context manager, and `start` it once.

    Attributes:
        plane: etcd, kube-apiserver and kube-controller-manager.
        cluster: reads the API server from outside, as its administrator.
        aws: the fake AWS, with its record of calls and tokens.
        registry: the registry in place of ECR's, with its record of accepted requests.
        operator: the installed command `ecr-secret-operator run`, as its ServiceAccount.
        operator_kubeconfig: of that ServiceAccount.
    """

    plane: ControlPlane
    cluster: Cluster
    aws: FakeAws
    registry: Registry
    operator: OperatorProcess
    operator_kubeconfig: Path

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._log: Path | None = None
        self._scratch = Path()
        self._programs: Mapping[str, Path] = {}

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, report: Reporter) -> None:
        """Starts everything and returns when it is ready.

        Raises:
            BinariesError: a program can be had in none of the ways.
            ControlPlaneError: the control plane did not start.
            FakeAwsError: the fake AWS did not start.
            RegistryError: the registry did not start.
            AssertionError: the operator's permissions did not come into force, or it did not become ready.
        """
        self._scratch = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="ecr-secret-operator-demo-")))
        binaries = ensure_binaries(report)
        self._programs = ensure_programs(["registry", "crane"], report)
        report("Reading definitions and permissions: ecr-secret-operator crds, and rbac")
        manifests = write_manifests(self._scratch)
        report("Starting etcd, kube-apiserver and kube-controller-manager")
        self.plane = self._stack.enter_context(ControlPlane.start(binaries, manifests=manifests))
        self.cluster = self._stack.enter_context(Cluster(self.plane.kubeconfig))
        report("Starting the fake AWS")
        self.aws = self._stack.enter_context(start_fake_aws())
        report("Starting a registry that accepts only the fake's tokens")
        self.registry = self._stack.enter_context(start_registry(self.aws, self._programs["registry"]))
        report("Starting the operator with its own permissions: ecr-secret-operator run")
        self.operator_kubeconfig = operator_kubeconfig(self.plane)
        self._log = self._scratch / "operator.log"
        operator = OperatorProcess(
            environment=self.aws.environment(), log=self._log, kubeconfig=self.operator_kubeconfig
        )
        self.operator = self._stack.enter_context(operator).ready()

    def operator_log(self) -> str:
        """The last lines of the operator's log, and how it ended if it did; empty when it was never started."""
        if self._log is None:
            return ""
        code = self.operator.process.poll() if hasattr(self, "operator") else None
        ended = "" if code is None else f"\nThe operator ended with {code}."
        return tail(self._log, LOG_LINES) + ended

    def client(self, name: str) -> Tools:
        """A registry client in surroundings of its own, with the credentials that it was given before."""
        home = self._scratch / name
        home.mkdir(exist_ok=True)
        return Tools(self._programs, self.registry, home)

    def apply(self, *resources: Object) -> None:
        """Creates resources of the operator's kinds."""
        for resource in resources:
            namespace = resource["metadata"]["namespace"]
            self.cluster.create(resource_path(PLURALS[resource["kind"]], namespace), resource)

    def secret(self, namespace: str, name: str) -> Object | None:
        """A core/v1 Secret; None when there is none."""
        return self.cluster.get(secret_path(namespace, name))

    def resource(self, namespace: str, name: str, kind: str = "Secret") -> Object | None:
        """A resource of the operator's kinds; None when there is none."""
        return self.cluster.get(resource_path(PLURALS[kind], namespace, name))

    def wait_condition(self, namespace: str, name: str, wanted: Mapping[str, str], *, within: float = 15.0) -> Object:
        """Waits until the condition of `type` has the other fields too, and gives it.

        Raises:
            NotReached: it has not; the text says what the resource says instead.
        """

        def state() -> Object | None:
            found = condition(self.resource(namespace, name), wanted["type"])
            return found if wanted.items() <= found.items() else None

        try:
            return wait_for(state, f"Secret {namespace}/{name} says {_words(wanted)}", within=within)
        except NotReached as error:
            found = condition(self.resource(namespace, name), wanted["type"])
            instead = f"{_words(found)}: {found['message']}" if found else "nothing"
            raise NotReached(f"{name} does not say {_words(wanted)} within {within:g} s. It says {instead}") from error

    def last_call(self) -> int:
        """The number of the latest call to AWS; 0 when there was none."""
        calls = self.aws.calls()
        return calls[-1].number if calls else 0

    def refusal(self, manifest: str) -> str:
        """What kubectl prints when the API server refuses this; empty when it was accepted."""
        done = self.plane.kubectl("apply", "--filename=-", input=manifest, check=False)
        return "" if done.returncode == 0 else done.stderr.strip()

    def served(self) -> int:
        """How many resources of all kinds are Ready."""
        resources = [one for plural in PLURALS.values() for one in self.cluster.items(f"{ECR}/{plural}")]
        return sum(condition(one, "Ready").get("status") == "True" for one in resources)


def _words(found: Mapping[str, str]) -> str:
    reason = f" {found['reason']}" if "reason" in found else ""
    return f"{found['type']}={found['status']}{reason}"
