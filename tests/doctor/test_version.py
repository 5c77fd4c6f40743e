"""Which version of the operator a Deployment runs."""

from __future__ import annotations

import pytest

from ecr_secret_operator.doctor.workload import operator_version
from tests.doctor.installations import a_deployment
from tests.doctor.objects import Object

DIGEST = "sha256:" + "0" * 64
LABEL = {"app.kubernetes.io/version": "0.9.0"}


def a_labelled(image: str, labels: Object) -> Object:
    found = a_deployment()
    found["metadata"]["labels"] = labels
    found["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return found


@pytest.mark.parametrize(
    ("image", "labels", "version"),
    [
        ("quay.io/rh-mobb/ecr-secret-operator:v1.0.0", LABEL, "1.0.0"),
        ("localhost:5000/ecr-secret-operator:1.2.3-rc.1", {}, "1.2.3-rc.1"),
        (f"example.org/ecr-secret-operator:v1.0.0@{DIGEST}", {}, "1.0.0"),
        (f"example.org/ecr-secret-operator@{DIGEST}", LABEL, "0.9.0"),
        ("example.org/ecr-secret-operator:latest", LABEL, "0.9.0"),
        ("localhost:5000/ecr-secret-operator", LABEL, "0.9.0"),
        ("localhost:5000/ecr-secret-operator", {}, ""),
        ("example.org/ecr-secret-operator:latest", {"app.kubernetes.io/version": "main"}, ""),
        ("", {}, ""),
    ],
)
def test_the_version_is_the_tag_or_the_label(image: str, labels: Object, version: str) -> None:
    found = operator_version(a_labelled(image, labels))
    assert (found.version, found.image) == (version, image)
    assert (found.namespace, found.deployment) == ("ecr-secret-operator", "ecr-secret-operator-controller-manager")


def test_whatever_is_stored_gives_a_version() -> None:
    assert operator_version({"spec": {"template": {"spec": {"containers": [1]}}}}).version == ""
    assert operator_version({}).deployment == ""
