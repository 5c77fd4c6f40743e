"""docs/guides/gitops.md and openshift-console.md: the chart takes their values, and opm their catalog."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml
from tools.deploying.release import CHANNELS

from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.reporting import print_progress

from .guides import DOCS, resources
from .installing import DEPLOY, DEPLOYMENT, NAMESPACE, Helm, Object, one_of
from .test_olm_readers import run

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


def test_opm_accepts_the_catalog_of_the_console_page(tmp_path: Path) -> None:
    page = (DOCS / "guides" / CONSOLE).read_text()
    package = re.search(r"package\.yaml <<EOT\n(.*?)^EOT$", page, re.MULTILINE | re.DOTALL)
    assert package
    opm = ensure_programs(["opm"], print_progress)["opm"]
    catalog = tmp_path / "catalog" / "ecr-secret-operator"
    catalog.mkdir(parents=True)
    (catalog / "package.yaml").write_text(package[1])
    bundle = shutil.copytree(BUNDLE, tmp_path / "bundle")
    rendered = run(opm, tmp_path, "render", str(bundle), "--output=yaml")
    assert rendered.returncode == 0, rendered.stderr
    (catalog / "bundle.yaml").write_text(rendered.stdout)
    done = run(opm, tmp_path, "validate", str(catalog.parent))
    assert done.returncode == 0, done.stderr


def test_the_subscription_of_the_console_page_asks_for_what_the_bundle_offers() -> None:
    subscription = resources(CONSOLE)["Subscription", "ecr-secret-operator"]["spec"]
    source = resources(CONSOLE)["CatalogSource", "ecr-catalog"]["metadata"]
    labels = yaml.safe_load((BUNDLE / "metadata" / "annotations.yaml").read_text())["annotations"]
    assert subscription["name"] == labels["operators.operatorframework.io.bundle.package.v1"]
    assert subscription["channel"] in CHANNELS
    assert (subscription["source"], subscription["sourceNamespace"]) == (source["name"], source["namespace"])
    version = next((BUNDLE / "manifests").glob("*.clusterserviceversion.yaml"))
    assert f"csv/{yaml.safe_load(version.read_text())['metadata']['name']}" in (DOCS / "guides" / CONSOLE).read_text()
