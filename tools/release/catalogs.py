"""The file-based catalog with this operator, and the files that the community catalogs take. Pure.

Sources: "File-based catalogs" (olm.operatorframework.io/docs/reference/file-based-catalogs) for the schema;
"release-config.yaml" of the operator pipelines (redhat-openshift-ecosystem.github.io/operator-pipelines) for the
community catalogs.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import yaml

from ..deploying import release

Object = dict[str, Any]

FIRST = "0.1.0"
"""The oldest version of the Go operator: every version from this one on can be updated to the release."""


def edge(version: str) -> Object:
    """The entry of a version in each of its channels: what it replaces, and from which versions OLM may skip to it."""
    return {
        "name": f"{release.NAME}.v{version}",
        "replaces": f"{release.NAME}.v{release.UPSTREAM}",
        "skipRange": f">={FIRST} <{version}",
    }


def catalog(bundle: Object, version: str, icon: bytes) -> str:
    """The catalog: documents in JSON, one after the other, as `opm render` prints them.

    Args:
        bundle: what `opm render` makes of the bundle's image.
        version: of the release.
        icon: SVG.
    """
    names = release.channels(version)
    package = {
        "schema": "olm.package",
        "name": release.NAME,
        "defaultChannel": names[0],
        "icon": {"base64data": b64encode(icon).decode(), "mediatype": "image/svg+xml"},
    }
    entries = [
        {"schema": "olm.channel", "package": release.NAME, "name": name, "entries": [edge(version)]} for name in names
    ]
    return "".join(json.dumps(one, indent=2) + "\n" for one in (package, *entries, bundle))


def submission(version: str, bundle_files: Mapping[str, str]) -> Mapping[PurePosixPath, str]:
    """The files for the two community catalogs, below the root of their repositories.

    The template of OpenShift's catalog exists there with the versions of the Go operator, so none is written.

    Args:
        version: of the release.
        bundle_files: the bundle, by path below its directory.
    """
    return {
        **_below("community-operators", version, {"ci.yaml": _upstream_ci()}, bundle_files, {}),
        **_below(
            "community-operators-prod",
            version,
            {"ci.yaml": _openshift_ci()},
            bundle_files,
            {"release-config.yaml": _release_config(version)},
        ),
    }


def _below(
    repository: str,
    version: str,
    beside: Mapping[str, Object],
    bundle: Mapping[str, str],
    more: Mapping[str, Object],
) -> Mapping[PurePosixPath, str]:
    operator = PurePosixPath(repository, "operators", release.NAME)
    return {
        **{operator / name: _yaml(content) for name, content in beside.items()},
        **{operator / version / name: text for name, text in bundle.items()},
        **{operator / version / name: _yaml(content) for name, content in more.items()},
    }


def _upstream_ci() -> Object:
    return {"reviewers": ["rh-mobb"], "updateGraph": "semver-mode"}


def _openshift_ci() -> Object:
    template = {
        "template_name": "basic.yaml",
        "catalog_names": list(_openshift_versions()),
        "type": "olm.template.basic",
    }
    return {"reviewers": ["rh-mobb"], "fbc": {"enabled": True, "catalog_mapping": [template]}}


def _openshift_versions() -> Sequence[str]:
    return tuple(f"v4.{minor}" for minor in range(16, 21))


def _release_config(version: str) -> Object:
    one = edge(version)
    template = {
        "template_name": "basic.yaml",
        "channels": list(release.channels(version)),
        "replaces": one["replaces"],
        "skipRange": one["skipRange"],
    }
    return {"catalog_templates": [template]}


def _yaml(content: Object) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=116)
