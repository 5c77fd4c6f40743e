"""docs/guides/gitops.md and openshift-console.md: the chart takes their values, and names are those of the bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from tools.deploying.release import VERSION, channels
from tools.release.catalogimage import CACHE, CONFIGS
from tools.release.making import Names

from .guides import DOCS, documents, resources
from .installing import DEPLOY, DEPLOYMENT, NAMESPACE, Helm, Object, one_of

BUNDLE = DEPLOY / "bundle"
CONSOLE = "openshift-console.md"
ROLE = "arn:aws:iam::123456789012:role/ecr-secret-operator"
IMAGE = "registry.example/ecr-secret-operator"


def values() -> Mapping[str, Object]:
    shown = resources("gitops.md")
    argo = shown["Application", "ecr-secret-operator"]["spec"]
    flux = shown["HelmRelease", "ecr"]["spec"]
    assert argo["source"]["path"] == flux["chart"]["spec"]["chart"] == "deploy/chart"
    assert argo["destination"]["namespace"] == NAMESPACE
    return {"argo": argo["source"]["helm"]["valuesObject"], "flux": flux["values"]}


def test_the_chart_takes_the_values_of_both_ways(helm_program: Path, tmp_path: Path) -> None:
    helm = Helm(helm_program, tmp_path)
    for given in values().values():
        objects = helm.rendered(**given)
        (container,) = one_of(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
        assert container["image"].startswith(f"{IMAGE}:v")
        account = one_of(objects, "ServiceAccount")
        assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == ROLE


def test_the_names_in_the_trust_policies_are_those_of_the_chart(helm_program: Path, tmp_path: Path) -> None:
    page = (DOCS / "guides" / "iam-as-code.md").read_text()
    account = one_of(Helm(helm_program, tmp_path).rendered(), "ServiceAccount")
    assert f"system:serviceaccount:{NAMESPACE}:{account['metadata']['name']}" in page
    (cluster,) = (one for one in resources("iam-as-code.md").values() if one["kind"] == "ClusterConfig")
    (declared,) = cluster["iam"]["serviceAccounts"]
    assert declared["metadata"] == {"name": account["metadata"]["name"], "namespace": NAMESPACE}
    assert account["metadata"]["name"] == DEPLOYMENT


def test_the_catalog_source_of_the_console_page_is_for_what_a_release_pushes() -> None:
    page = (DOCS / "guides" / CONSOLE).read_text()
    named = Names("registry.example", VERSION)
    assert f"make release VERSION={VERSION} REGISTRY={named.registry}" in page
    source = resources(CONSOLE)["CatalogSource", "ecr-catalog"]["spec"]
    assert source["image"] == f"{named.catalog}:{named.tag}"
    assert source["grpcPodConfig"]["extractContent"] == {"cacheDir": f"/{CACHE}", "catalogDir": f"/{CONFIGS}"}
    own = documents(DOCS / "releasing.md")
    assert [one["spec"]["grpcPodConfig"] for one in own] == [source["grpcPodConfig"]]


def test_the_subscription_of_the_console_page_asks_for_what_the_bundle_offers() -> None:
    subscription = resources(CONSOLE)["Subscription", "ecr-secret-operator"]["spec"]
    source = resources(CONSOLE)["CatalogSource", "ecr-catalog"]["metadata"]
    labels = yaml.safe_load((BUNDLE / "metadata" / "annotations.yaml").read_text())["annotations"]
    assert subscription["name"] == labels["operators.operatorframework.io.bundle.package.v1"]
    assert subscription["channel"] in channels(VERSION)
    assert (subscription["source"], subscription["sourceNamespace"]) == (source["name"], source["namespace"])
    version = next((BUNDLE / "manifests").glob("*.clusterserviceversion.yaml"))
    assert f"csv/{yaml.safe_load(version.read_text())['metadata']['name']}" in (DOCS / "guides" / CONSOLE).read_text()
