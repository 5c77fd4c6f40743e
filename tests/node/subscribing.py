"""The operator as OLM installs it, with the objects and commands of docs/guides/openshift-console.md."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml

from ecr_secret_operator_lab.cluster import Cluster, Object, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.node import ADDRESS, NodeCluster
from ecr_secret_operator_lab.waiting import wait_for

from ..e2e.guides import DOCS, GUIDES, resources
from ..e2e.installing import NAMESPACE, give_credentials
from .bundles import Catalogs
from .installing import LEASE

GUIDE = "openshift-console.md"
UNINSTALL = DOCS / "operate" / "uninstall.md"
NAME = "ecr-secret-operator"
CATALOG = "ecr-catalog"
CREDENTIALS = "aws-ecr-cloud-credentials"
MARKETPLACE = "openshift-marketplace"
LONG = 120.0
T = TypeVar("T")
_VOLATILE = {
    *("componentstatuses", "endpoints", "events", "nodes", "pods", "endpointslices.discovery.k8s.io"),
    *("events.events.k8s.io", "leases.coordination.k8s.io", "replicasets.apps", "ipaddresses.networking.k8s.io"),
}
"""Kinds whose objects come and go by themselves."""


@dataclass(frozen=True, slots=True)
class Olm:
    """A cluster with OLM.

    Attributes:
        node: the cluster.
        cluster: the same, as its administrator.
        catalogs: makes catalogs that it can serve.
        aws: within the reach of its Pods.
    """

    node: NodeCluster
    cluster: Cluster
    catalogs: Catalogs
    aws: FakeAws

    def serve(self, image: str) -> None:
        """Has the CatalogSource of the guide serve an image, and waits until OLM is connected to it.

        It is created again. Otherwise, OLM could still answer with the catalog that was served before.
        """
        source, path = resources(GUIDE)["CatalogSource", CATALOG], _path("catalogsources", CATALOG, MARKETPLACE)
        if ((found := self.cluster.get(path)) or {}).get("spec", {}).get("image") == image:
            return
        if found:
            self.cluster.delete(path)
        source["spec"]["image"] = image
        self.apply(source)

        def ready() -> bool:
            state = (self.cluster.get(path) or {}).get("status", {}).get("connectionState", {})
            return bool(state.get("lastObservedState") == "READY")

        self._explained(ready, "the catalog is READY")

    def update(self, image: str) -> None:
        """Has the CatalogSource serve another image, by the command of the guide."""
        (command,) = self.guide_commands("## Update and uninstall")
        self.run(re.sub(r'registry\.example/[^"]+', image, command))

    def subscribe(self, *targets: str, channel: str, **environment: str) -> None:
        """Creates the objects of the guide.

        Args:
            targets: namespaces that the OperatorGroup selects; none for all.
            channel: of the Subscription.
            environment: of the operator, beside what leads it to the fake AWS.
        """
        shown = resources(GUIDE)
        namespace, group, subscription = (shown[kind, NAME] for kind in ("Namespace", "OperatorGroup", "Subscription"))
        namespace["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "restricted"}
        if targets:
            group["spec"]["targetNamespaces"] = list(targets)
        endpoints = {name: value for name, value in self.aws.environment().items() if name.startswith("AWS_ENDPOINT")}
        given = {**{name: value.replace("127.0.0.1", ADDRESS) for name, value in endpoints.items()}, **environment}
        config = {"env": [{"name": name, "value": value} for name, value in given.items()]}
        subscription["spec"] |= {"channel": channel, "config": config}
        self.apply(namespace, group, subscription)

    def approve(self, version: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Approves the InstallPlan of a version, and waits until OLM has installed it.

        Args:
            version: of the operator.
            meanwhile: called again and again until then.
        """

        def state() -> bool:
            meanwhile()
            self._approve_pending(version)
            return self._phase(version) == "Succeeded"

        self._explained(state, f"{version} is installed")

    def _approve_pending(self, version: str) -> None:
        """Approves the InstallPlan that the Subscription refers to; there may be older ones that OLM gave up."""
        subscription = self.cluster.get(_path("subscriptions", NAME)) or {}
        name = subscription.get("status", {}).get("installPlanRef", {}).get("name")
        plan = (self.cluster.get(_path("installplans", name)) if name else None) or {}
        pending = plan.get("status", {}).get("phase") == "RequiresApproval"
        if pending and f"{NAME}.v{version}" in plan["spec"]["clusterServiceVersionNames"]:
            self.cluster.patch(_path("installplans", name), {"spec": {"approved": True}})

    def _phase(self, version: str) -> str:
        return str((self.version(version) or {}).get("status", {}).get("phase", ""))

    def install_plans(self) -> list[Object]:
        return self.cluster.items(_path("installplans"))

    def wait_phase(self, version: str, phase: str) -> Object:
        """Waits until the ClusterServiceVersion of a version is in a phase, and gives it."""
        self._explained(lambda: self._phase(version) == phase, f"the ClusterServiceVersion of {version} is {phase}")
        found = self.version(version)
        assert found
        return found

    def version(self, version: str) -> Object | None:
        """The ClusterServiceVersion of a version."""
        return self.cluster.get(_path("clusterserviceversions", f"{NAME}.v{version}"))

    def change_version(self, version: str, spec: Object) -> None:
        """Changes the ClusterServiceVersion of a version."""
        self.cluster.patch(_path("clusterserviceversions", f"{NAME}.v{version}"), {"spec": spec})

    def pods(self) -> list[Object]:
        """The operator's Pods that are not being deleted."""
        labels = "control-plane=controller-manager"
        found = self.cluster.items(f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector=labels)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def leads(self) -> bool:
        """Whether one of these Pods holds the Lease."""
        holder = ((self.cluster.get(LEASE) or {}).get("spec") or {}).get("holderIdentity") or ""
        return any(pod["metadata"]["name"] in holder for pod in self.pods())

    def log(self, pod: Object) -> str:
        return self.node.plane.kubectl("logs", pod["metadata"]["name"], f"--namespace={NAMESPACE}").stdout

    def namespaces(self, *names: str) -> None:
        """Creates namespaces that do not exist yet."""
        self.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names))

    def uninstall(self, version: str) -> None:
        """Removes the operator as the documentation says, after its resources."""
        first, *_ = _blocks(UNINSTALL, "### OLM")
        for command in first:
            self.run(command.replace("v1.0.0", f"v{version}"))
        wait_for(lambda: not self.pods(), "the operator's Pods are gone", within=LONG)

    def purge(self) -> None:
        """Removes what is left of an installation, as the documentation says; it may be nothing."""
        _, rest = _blocks(UNINSTALL, "### OLM")
        resources, definitions = _blocks(UNINSTALL, "## Remove everything")
        for command in (*resources, *definitions, *rest):
            self.run(command, check=False)

    def run(self, command: str, *, check: bool = True) -> None:
        """Runs a command of the documentation: kubectl or oc, perhaps with a pipe to another."""
        printed = ""
        for part in command.split(" | "):
            _, *words = shlex.split(part)
            printed = self.node.plane.kubectl(*words, input=printed, check=check).stdout

    def guide_commands(self, heading: str) -> Sequence[str]:
        """The commands of a section of the guide."""
        return [command for block in _blocks(GUIDES / GUIDE, heading) for command in block]

    def objects(self) -> set[tuple[str, str, str]]:
        """Kind, namespace and name of all objects in the cluster, except for those of the catalog and volatile ones."""
        kubectl = self.node.plane.kubectl
        kinds = set(kubectl("api-resources", "--verbs=list", "--output=name").stdout.split()) - _VOLATILE
        listed = yaml.load(kubectl("get", ",".join(kinds), "-A", "--output=json").stdout, yaml.CSafeLoader)["items"]
        found = {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in listed}
        return {one for one in found if one[1] != MARKETPLACE}

    def apply(self, *objects: Object) -> None:
        self.node.plane.kubectl("apply", "--filename=-", input=yaml.safe_dump_all(objects))

    def _explained(self, state: Callable[[], T | None], what: str) -> T:
        """As `wait_for`, with what OLM says in the message of a failure."""
        try:
            return wait_for(state, what, within=LONG)
        except AssertionError as error:
            kinds = "catalogsources,subscriptions,installplans,clusterserviceversions"
            parts = (
                ("get", f"{kinds},jobs,pods", "--all-namespaces"),
                ("get", kinds, f"--namespace={NAMESPACE}", "--output=yaml"),
                ("describe", "pods", f"--namespace={NAMESPACE}"),
            )
            told = [self.node.plane.kubectl(*part, check=False).stdout[-8000:] for part in parts]
            raise AssertionError("\n".join((str(error), *told))) from error


@contextmanager
def installed(olm: Olm, version: str, *targets: str, role: str = "", kept: bool = False) -> Iterator[None]:
    """The operator is installed from the catalog that is served, and removed at the end.

    Args:
        olm: the cluster.
        version: of the operator.
        targets: namespaces that it serves; none for all.
        role: its AWS identity by ROLEARN; without, it has a Secret.
        kept: whether resources stay at the end.
    """
    olm.namespaces(NAMESPACE)
    if not role:
        give_credentials(olm.cluster, olm.aws)
    olm.subscribe(*targets, channel="stable", **({"ROLEARN": role} if role else {}))
    try:
        olm.approve(version)
        yield
    except BaseException:
        olm.purge()
        raise
    if not kept:
        for command in _blocks(UNINSTALL, "## Remove everything")[0]:
            olm.run(command)
        if not role:
            olm.cluster.delete(secret_path(NAMESPACE, CREDENTIALS))
    olm.uninstall(version)
    # The permission to release the Lease went first. The next installation would wait until the Lease expires.
    olm.cluster.delete(LEASE)


def _path(plural: str, name: str = "", namespace: str = NAMESPACE) -> str:
    return f"/apis/operators.coreos.com/v1alpha1/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def _blocks(page: Path, heading: str) -> Sequence[Sequence[str]]:
    """The commands of each block below a heading, which may be given by its beginning, up to the next heading."""
    text = page.read_text()
    section = re.split(
        r"^#+ ", text[text.index(f"\n{heading}") + 1 :].partition("\n")[2], maxsplit=1, flags=re.MULTILINE
    )
    blocks = re.findall(r"^```bash\n(.*?)^```$", section[0], re.MULTILINE | re.DOTALL)
    return [re.sub(r"\\\n\s*", "", block).splitlines() for block in blocks]
