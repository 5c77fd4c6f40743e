"""OLM installs the operator in each install mode that the bundle claims; `test_olm` has that for all namespaces."""

from __future__ import annotations

import pytest
import yaml

from ecr_secret_operator_lab.cluster import resource_path, secret_path

from ..cluster.resources import a_resource, apply
from ..e2e.installing import DEPLOY, NAMESPACE, seed, wait_served
from .subscribing import Olm, installed

pytestmark = pytest.mark.xdist_group("olm")

VERSION = "1.0.0"
TARGETS = {
    "AllNamespaces": (),
    "OwnNamespace": (NAMESPACE,),
    "SingleNamespace": ("team-a",),
    "MultiNamespace": ("team-a", "team-b"),
}
OTHER = "team-c"


def claimed() -> list[str]:
    """The install modes that the bundle claims to support."""
    path = DEPLOY / "bundle" / "manifests" / "ecr-secret-operator.clusterserviceversion.yaml"
    modes = yaml.safe_load(path.read_text())["spec"]["installModes"]
    return [mode["type"] for mode in modes if mode["supported"]]


@pytest.mark.parametrize("mode", [mode for mode in claimed() if TARGETS[mode]])
def test_in_each_install_mode_the_selected_namespaces_are_served_and_no_other(olm: Olm, mode: str) -> None:
    """The operator has no permissions in the others, and does not try."""
    targets = TARGETS[mode]
    olm.serve(olm.catalogs.release(VERSION))
    olm.namespaces(*(target for target in targets if target != NAMESPACE), OTHER)
    with installed(olm, VERSION, *targets):
        apply(olm.cluster, OTHER, a_resource())
        resources = seed(olm.node.plane, olm.cluster, Secret=targets[0], ArgoHelmRepoSecret=targets[-1])
        wait_served(olm.cluster, resources, olm.aws)
        other = olm.cluster.get(resource_path("secrets", OTHER, "ecr"))
        assert other
        assert "status" not in other
        assert olm.cluster.get(secret_path(OTHER, "ecr-generated")) is None
        for pod in olm.pods():
            assert "forbidden" not in olm.log(pod)
