from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from tools.deploying.release import channels
from tools.release.catalogs import catalog, submission

BUNDLE = {"schema": "olm.bundle", "name": "ecr-secret-operator.v1.2.3", "package": "ecr-secret-operator"}
FILES = {"manifests/a.yaml": "a: 1\n", "metadata/annotations.yaml": "annotations: {}\n"}


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(one) for one in text.replace("\n}\n", "\n}\0").split("\0") if one]


@pytest.mark.parametrize(
    ("version", "names"), [("1.2.3", ("stable", "alpha")), ("1.2.3-rc.1", ("candidate",))], ids=["release", "candidate"]
)
def test_every_channel_of_a_version_leads_to_it(version: str, names: tuple[str, ...]) -> None:
    assert channels(version) == names
    package, *listed, bundle = documents(catalog(BUNDLE, version, b"<svg/>"))
    assert (package["schema"], package["defaultChannel"]) == ("olm.package", names[0])
    assert bundle == BUNDLE
    assert [one["name"] for one in listed] == list(names)
    for one in listed:
        (entry,) = one["entries"]
        assert entry == {
            "name": f"ecr-secret-operator.v{version}",
            "replaces": "ecr-secret-operator.v0.6.0",
            "skipRange": f">=0.1.0 <{version}",
        }


def test_the_community_catalogs_get_the_bundle_where_they_look_for_it() -> None:
    files = submission("1.2.3", FILES)
    for repository in ("community-operators", "community-operators-prod"):
        operator = PurePosixPath(repository, "operators", "ecr-secret-operator")
        assert {
            str(path.relative_to(operator / "1.2.3")) for path in files if operator / "1.2.3" in path.parents
        } >= set(FILES)
        assert yaml.safe_load(files[operator / "ci.yaml"])["reviewers"]
    upstream = PurePosixPath("community-operators/operators/ecr-secret-operator")
    assert yaml.safe_load(files[upstream / "ci.yaml"])["updateGraph"] == "semver-mode"
    assert upstream / "1.2.3" / "release-config.yaml" not in files
    openshift = PurePosixPath("community-operators-prod/operators/ecr-secret-operator")
    (template,) = yaml.safe_load(files[openshift / "1.2.3" / "release-config.yaml"])["catalog_templates"]
    (mapping,) = yaml.safe_load(files[openshift / "ci.yaml"])["fbc"]["catalog_mapping"]
    assert template["template_name"] == mapping["template_name"]
    assert template["channels"] == ["stable", "alpha"]
    assert (template["replaces"], template["skipRange"]) == ("ecr-secret-operator.v0.6.0", ">=0.1.0 <1.2.3")


def test_the_template_in_openshifts_catalog_is_never_replaced() -> None:
    assert not [path for path in submission("1.2.3", FILES) if "catalog-templates" in path.parts]


def test_a_bundle_names_its_channels_as_the_catalog_does() -> None:
    annotations = Path(__file__).parents[2] / "deploy" / "bundle" / "metadata" / "annotations.yaml"
    found = yaml.safe_load(annotations.read_text())["annotations"]
    assert found["operators.operatorframework.io.bundle.channels.v1"] == ",".join(channels("1.0.0"))
