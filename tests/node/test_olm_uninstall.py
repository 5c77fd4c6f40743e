"""What stays when the operator is removed from OLM: docs/operate/uninstall.md lists it, and how to remove the rest."""

from __future__ import annotations

import re

import pytest

from ..e2e.installing import NAMESPACE, seed, wait_served
from .subscribing import CREDENTIALS, Olm, installed

pytestmark = pytest.mark.xdist_group("olm")

VERSION = "1.0.0"
KEPT = {
    "APIService": r"v1alpha1\.ecr\.mobb\.redhat\.com",
    "ArgoHelmRepoSecret": "helm-repo",
    "ClusterRole": r"""(?x)
        ecr-secret-operator-(editor|viewer|metrics-reader)
        | \w+\.ecr\.mobb\.redhat\.com-v1alpha1-(admin|crdview|edit|view)
        | olm\.og\.ecr-secret-operator\.(admin|edit|view)-\w+""",
    "ConfigMap": r"kube-root-ca\.crt",
    "CustomResourceDefinition": r"(accesspolicie|argohelmreposecret|clusterpullsecret|secret)s\.ecr\.mobb\.redhat\.com",
    "Namespace": NAMESPACE,
    "Operator": r"ecr-secret-operator\.ecr-secret-operator",
    "OperatorGroup": NAMESPACE,
    "Secret": rf"{CREDENTIALS}|ecr-secret|ecr-docker-secret|ecr-argo-helm-secret",
    "ServiceAccount": "default",
}
"""By kind, the names of what stays. Every namespace has such a ConfigMap and ServiceAccount."""


def test_uninstalling_leaves_what_the_documentation_says_and_its_commands_remove_the_rest(olm: Olm) -> None:
    olm.serve(olm.catalogs.release(VERSION))
    olm.purge()
    before = olm.objects()
    try:
        with installed(olm, VERSION, NAMESPACE, kept=True):
            resources = seed(olm.node.plane, olm.cluster, Secret=NAMESPACE, ArgoHelmRepoSecret=NAMESPACE)
            wait_served(olm.cluster, resources, olm.aws)
        left = olm.objects() - before
        assert {kind for kind, _, _ in left} == KEPT.keys()
        assert [one for one in sorted(left) if not re.fullmatch(KEPT[one[0]], one[2])] == []
    finally:
        olm.purge()
    assert olm.objects() == before
