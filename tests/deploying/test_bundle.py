"""The OLM bundle: OperatorHub's static rules hold, and a broken one is noticed; permissions and forms are ours."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecr_secret_operator.domain.identity.access_policy import POLICY_KIND, parse_policy
from ecr_secret_operator.domain.kinds import KINDS
from ecr_secret_operator.domain.resource import InvalidSpec
from ecr_secret_operator.rbac import PERMISSIONS, RoleScope
from ecr_secret_operator.settings import parse_namespaces

from .bundles import Bundle, Object, problems, read_bundle

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "deploy" / "bundle"


@pytest.fixture
def bundle() -> Bundle:
    return read_bundle(BUNDLE)


def test_operatorhubs_static_rules_hold(bundle: Bundle) -> None:
    assert problems(bundle) == []


def at(bundle: Bundle, *path: str | int) -> Any:
    place: Any = bundle.csv
    for step in path:
        place = place[step]
    return place


def _drop(*path: str | int) -> Callable[[Bundle], None]:
    return lambda bundle: at(bundle, *path[:-1]).pop(path[-1])


def _put(*path: str | int, value: Any) -> Callable[[Bundle], None]:
    return lambda bundle: at(bundle, *path[:-1]).__setitem__(path[-1], value)


def _add(kind: str, **more: Any) -> Callable[[Bundle], None]:
    return lambda bundle: bundle.manifests.append({"kind": kind, "metadata": {"name": "x"}, **more})


NOTED = "metadata", "annotations"
CONTAINER = "spec", "install", "spec", "deployments", 0, "spec", "template", "spec", "containers", 0


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_put("metadata", "name", value="ecr-secret-operator-1"), "OPERATOR.vX.Y.Z"),
        (_put("spec", "version", value="1.0.1"), "OPERATOR.vX.Y.Z"),
        (_put("spec", "replaces", value="ecr-secret-operator.v2.0.0"), "older version"),
        (_drop("spec", "minKubeVersion"), "minKubeVersion"),
        (_drop("spec", "description"), "description is missing"),
        (_put("spec", "provider", value={}), "no name"),
        (_put("spec", "maintainers", value=[{"name": "x", "email": "x"}]), "name and email"),
        (_put("spec", "links", value=[{"name": "x", "url": "x"}]), "name and URL"),
        (_put("spec", "icon", 0, "mediatype", value="image/x"), "one icon"),
        (_put(*NOTED, "capabilities", value="Everything"), "no level"),
        (_put(*NOTED, "categories", value="Security,Cats"), "Cats is no category"),
        (_drop(*NOTED, "support"), "support is missing"),
        (_put(*NOTED, "createdAt", value="yesterday"), "no time"),
        (_put(*NOTED, "containerImage", value="x"), "HOST/USER/NAME"),
        (_put(*NOTED, "alm-examples", value="[]"), "each owned kind"),
        (_put("spec", "installModes", value=[]), "every install mode"),
        (_drop("spec", "customresourcedefinitions", "owned", 0), "definitions of the bundle"),
        (_drop("spec", "customresourcedefinitions", "owned", 0, "description"), "no title or description"),
        (_put("spec", "customresourcedefinitions", "owned", 0, "resources", value=[]), "lists no resources"),
        (_drop(*CONTAINER, "resources", "requests"), "request CPU and memory"),
        (_put(*CONTAINER, "image", value="other"), "relatedImages"),
        (_add("ValidatingAdmissionPolicy"), "does not install"),
        (_add("PodDisruptionBudget", spec={"maxUnavailable": 0}), "drained"),
        (lambda bundle: bundle.annotations.pop("com.redhat.openshift.versions"), "as its labels"),
    ],
)
def test_a_rule_that_is_broken_is_noticed(bundle: Bundle, spoil: Callable[[Bundle], None], sentence: str) -> None:
    spoiled = copy.deepcopy(bundle)
    spoil(spoiled)
    assert any(sentence in problem for problem in problems(spoiled)), problems(spoiled)


def test_it_takes_the_place_of_the_go_operator(bundle: Bundle) -> None:
    """What its subscribers have, and OLM goes by: package, channel, names. A Deployment's selector cannot change."""
    spec, annotations = bundle.csv["spec"], bundle.csv["metadata"]["annotations"]
    assert bundle.csv["metadata"]["name"] == "ecr-secret-operator.v1.0.0"
    assert spec["replaces"] == "ecr-secret-operator.v0.6.0"
    assert annotations["olm.skipRange"] == ">=0.1.0 <1.0.0"
    channels = bundle.annotations["operators.operatorframework.io.bundle.channels.v1"]
    assert "alpha" in channels.split(",")
    assert annotations["operatorframework.io/suggested-namespace"] == "ecr-secret-operator"
    (deployment,) = spec["install"]["spec"]["deployments"]
    assert deployment["name"] == "ecr-secret-operator-controller-manager"
    assert deployment["spec"]["selector"] == {"matchLabels": {"control-plane": "controller-manager"}}
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "ecr-secret-operator-controller-manager"
    environment = {one["name"]: one for one in pod["containers"][0]["env"]}
    assert environment["AWS_CONFIG_FILE"]["value"] == "/var/run/secrets/aws/credentials"
    for name, key in {
        "AWS_ACCESS_KEY_ID": "aws_access_key_id",
        "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
    }.items():
        source = {"name": "aws-ecr-cloud-credentials", "key": key, "optional": True}
        assert environment[name]["valueFrom"]["secretKeyRef"] == source
    token = {"serviceAccountToken": {"audience": "openshift", "path": "token"}}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["bound-sa-token"]["projected"]["sources"] == [token]
    assert volumes["aws-credentials"]["secret"]["secretName"] == "aws-ecr-cloud-credentials"


def triples(rules: list[Object]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def granted(*scopes: RoleScope, metrics: bool = False) -> set[tuple[str, str, str]]:
    chosen = [
        permission for permission in PERMISSIONS if permission.scope in scopes and (metrics or not permission.metrics)
    ]
    return {
        (permission.group, resource, verb)
        for permission in chosen
        for resource in permission.resources
        for verb in permission.verbs
    }


def test_the_rights_are_those_of_the_table_and_those_over_secrets_only_where_it_looks(bundle: Bundle) -> None:
    install = bundle.csv["spec"]["install"]["spec"]
    (own,), (cluster,) = install["permissions"], install["clusterPermissions"]
    assert triples(own["rules"]) == granted(RoleScope.WATCHED, RoleScope.OWN)
    assert triples(cluster["rules"]) == granted(RoleScope.CLUSTER, RoleScope.ALL, metrics=True)
    assert {own["serviceAccountName"], cluster["serviceAccountName"]} == {"ecr-secret-operator-controller-manager"}


def test_olm_may_make_cluster_rights_of_all_and_other_programs_leases_are_safe_even_then(bundle: Bundle) -> None:
    rules = at(bundle, "spec", "install", "spec", "permissions", 0, "rules")
    for rule in rules:
        if rule["resources"] == ["leases"] and rule["verbs"] != ["create"]:
            assert rule["resourceNames"] == ["bc9c1120.mobb.redhat.com"]


@pytest.mark.parametrize(
    ("mode", "targets", "looks_at"),
    [
        ("AllNamespaces", "", ()),
        ("OwnNamespace", "ecr-secret-operator", ("ecr-secret-operator",)),
        ("SingleNamespace", "team-a", ("team-a",)),
        ("MultiNamespace", "team-a,team-b", ("team-a", "team-b")),
    ],
)
def test_every_install_mode_is_understood(bundle: Bundle, mode: str, targets: str, looks_at: tuple[str, ...]) -> None:
    """OLM puts the namespaces into an annotation of the pod, which the environment shows."""
    assert {"type": mode, "supported": True} in bundle.csv["spec"]["installModes"]
    environment = {one["name"]: one for one in at(bundle, *CONTAINER, "env")}
    source = environment["WATCH_NAMESPACE"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert source == "metadata.annotations['olm.targetNamespaces']"
    assert parse_namespaces(targets) == looks_at


def test_every_field_has_a_descriptor(bundle: Bundle) -> None:
    """As the scorecard asks for, with the words of `kubectl explain`."""
    definitions = {one["metadata"]["name"]: one for one in bundle.definitions}
    for one in bundle.csv["spec"]["customresourcedefinitions"]["owned"]:
        (version,) = definitions[one["name"]]["spec"]["versions"]
        fields = version["schema"]["openAPIV3Schema"]["properties"]
        for part, descriptors in (("spec", "specDescriptors"), ("status", "statusDescriptors")):
            described = {entry["path"]: entry["description"] for entry in one.get(descriptors, [])}
            shown = fields.get(part, {}).get("properties", {})
            assert described.items() >= {name: field["description"] for name, field in shown.items()}.items()


def test_the_examples_are_resources_that_are_served(bundle: Bundle) -> None:
    for one in json.loads(bundle.csv["metadata"]["annotations"]["alm-examples"]):
        parse = parse_policy if one["kind"] == POLICY_KIND else KINDS[one["kind"]].parse
        assert not isinstance(parse(one["spec"]), InvalidSpec), one
