"""Which actions of IAM a request to the registry means. Pure.

Sources, of the ECR User Guide: "IAM permissions for pushing an image", "... for pulling an image", and "Blob mounting",
which needs ecr:GetDownloadUrlForLayer on the repository that a layer is mounted from. Of the ECR API reference:

- BatchCheckLayerAvailability, "When an image is pushed to a repository, each image layer is checked to verify if it has
  been uploaded before": HEAD of a blob.
- GetDownloadUrlForLayer, "once per image layer that is not already cached" in a pull: GET of a blob.

At ECR Public, everyone may pull (ECR Public User Guide). AWS does not document two cases. GET of a running upload
counts as a part of it here. The catalog counts as DescribeRepositories on all repositories, so a token that is limited
to some repositories cannot read it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .paths import Kind, Start, Target

ALL_REPOSITORIES = "*"
READ = frozenset({"GET", "HEAD"})

ACTIONS: dict[Kind, dict[str, tuple[str, ...]]] = {
    Kind.BASE: {"GET": (), "HEAD": ()},
    Kind.CATALOG: {"GET": ("DescribeRepositories",)},
    Kind.MANIFEST: {
        "GET": ("BatchGetImage",),
        "HEAD": ("BatchGetImage",),
        "PUT": ("PutImage",),
        "DELETE": ("BatchDeleteImage",),
    },
    Kind.BLOB: {"GET": ("GetDownloadUrlForLayer",), "HEAD": ("BatchCheckLayerAvailability",)},
    Kind.UPLOADS: {"POST": ("InitiateLayerUpload",)},
    Kind.UPLOAD: {
        "GET": ("UploadLayerPart",),
        "PATCH": ("UploadLayerPart",),
        "PUT": ("CompleteLayerUpload",),
    },
    Kind.TAGS: {"GET": ("ListImages",)},
    Kind.REFERRERS: {"GET": ("ListImageReferrers",)},
}
WHOLE_UPLOAD = ("InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload")


@dataclass(frozen=True, slots=True)
class Requirement:
    """An action, without its service, on a repository of the registry."""

    action: str
    repository: str


def requirements_of(method: str, target: Target, start: Start, *, public: bool = False) -> list[Requirement] | None:
    """What a request needs, except for a mount; None when ECR does not serve it.

    Args:
        method: of HTTP.
        target: that its path names.
        start: of the upload that it starts.
        public: it is for ECR Public, where everyone may read.
    """
    actions = ACTIONS[target.kind].get(method)
    if actions is None:
        return None
    if public and method in READ:
        return []
    if target.kind is Kind.UPLOADS and start.digest:
        actions = WHOLE_UPLOAD
    return [Requirement(action, target.repository or ALL_REPOSITORIES) for action in actions]


def mount_requirement(start: Start) -> Requirement:
    """What a mount needs at the repository that the layer comes from."""
    return Requirement("GetDownloadUrlForLayer", start.source)
