"""What a request to the registry is about, by its path: read so that it can mean one repository only. Pure.

The path is matched as it was sent. Percent-encoding, `..`, an empty segment, an upper-case letter, or any other
character that no name of a repository has, matches nothing. The registry behind gets the path that was matched.

Sources: OCI Distribution Specification, "Endpoints"; ECR's service model for names of repositories and digests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ..fakeaws.models import service_model


class Kind(StrEnum):
    """The endpoints of a registry."""

    BASE = "base"
    CATALOG = "catalog"
    MANIFEST = "manifest"
    BLOB = "blob"
    UPLOADS = "uploads"
    """Where uploads start."""
    UPLOAD = "upload"
    """One that was started."""
    TAGS = "tags"
    REFERRERS = "referrers"


_SHAPE: Any = service_model("ecr").shape_for("RepositoryName")
NAME = str(_SHAPE.metadata["pattern"])
LONGEST_NAME = int(_SHAPE.metadata["max"])
DIGEST = r"[a-zA-Z0-9_+.-]+:[a-fA-F0-9]+"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
OF_REPOSITORY = re.compile(
    rf"/v2/(?P<name>{NAME})/(?:"
    rf"manifests/(?P<manifest>{DIGEST}|{TAG})|"
    rf"blobs/(?P<blob>{DIGEST})|"
    rf"blobs/(?P<uploads>uploads)/?|"
    rf"blobs/uploads/(?P<upload>[a-zA-Z0-9_.=-]+)|"
    rf"(?P<tags>tags)/list|"
    rf"referrers/(?P<referrers>{DIGEST}))"
)
OF_REGISTRY = {"/v2": Kind.BASE, "/v2/": Kind.BASE, "/v2/_catalog": Kind.CATALOG}


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint; the repository is empty for those of the whole registry."""

    kind: Kind
    repository: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """The query of a request that starts an upload.

    Attributes:
        digest: of a blob that comes whole, with this request; empty for others.
        mount: the digest of a blob to take over; empty when there is none.
        source: the repository to take it from.
    """

    digest: str = ""
    mount: str = ""
    source: str = ""

    @property
    def query(self) -> str:
        """The same, written in one way."""
        named = {"digest": self.digest, "mount": self.mount, "from": self.source}
        return urlencode({name: value for name, value in named.items() if value})


def target_of(path: str) -> Target | None:
    """Reads a path, as it was sent and without its query; None when it is no path of the registry."""
    if path in OF_REGISTRY:
        return Target(OF_REGISTRY[path])
    found = OF_REPOSITORY.fullmatch(path)
    if found is None or not is_name(found["name"]):
        return None
    (kind,) = (kind for kind in Kind if found.groupdict().get(kind) is not None)
    return Target(kind, found["name"])


def is_name(text: str) -> bool:
    """Whether a repository of ECR can have this name."""
    return len(text) <= LONGEST_NAME and re.fullmatch(NAME, text) is not None


def start_of(query: str) -> Start:
    """Reads the query of a request that starts an upload. A mount that is not clear is none, so it is an upload."""
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        given.setdefault(name, []).append(value)
    one = {name: values[0] for name, values in given.items() if len(values) == 1}
    mount, source = one.get("mount", ""), one.get("from", "")
    if re.fullmatch(DIGEST, mount) and is_name(source):
        return Start(mount=mount, source=source)
    return Start(digest=one.get("digest", ""))
