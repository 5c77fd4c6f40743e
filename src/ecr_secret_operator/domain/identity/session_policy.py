"""The session policy that makes AWS enforce the limit of a token. Pure.

A session has the permissions that its identity and its session policy both allow (IAM user guide, "Session policies").
The actions are those of the ECR user guide, "Amazon ECR IAM permissions and roles": AmazonEC2ContainerRegistryPullOnly
and ...PowerUser, without what administers repositories.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from ...api.limits import Access
from .scope import Scope

_READ = ("BatchCheckLayerAvailability", "BatchGetImage", "DescribeImages", "DescribeRepositories",
         "GetDownloadUrlForLayer", "ListImages")  # fmt: skip
_UPLOAD = ("BatchCheckLayerAvailability", "CompleteLayerUpload", "InitiateLayerUpload", "PutImage", "UploadLayerPart")
_PRIVATE: Mapping[Access, tuple[str, ...]] = {
    "pull": _READ,
    "push": tuple(sorted({*_READ, *_UPLOAD})),
    "full": ("*",),
}
_PUBLIC: Mapping[Access, tuple[str, ...]] = {"pull": (), "push": _UPLOAD, "full": ("*",)}
"""Everybody may read at ECR Public."""


def session_policy(scope: Scope) -> str:
    """The session policy for the token of a scope, as compact JSON; empty if the token is not limited."""
    if not scope.limit.limits:
        return ""
    token = [f"{scope.service}:GetAuthorizationToken"] + ["sts:GetServiceBearerToken"] * scope.public
    allowed = [f"{scope.service}:{action}" for action in (_PUBLIC if scope.public else _PRIVATE)[scope.limit.access]]
    statements = [_allow(token, ["*"])] + [_allow(allowed, _resources(scope))] * bool(allowed)
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def _allow(actions: list[str], resources: list[str]) -> dict[str, object]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _resources(scope: Scope) -> list[str]:
    if not scope.limit.repositories:
        return ["*"]
    prefix = f"arn:{scope.partition}:ecr:{scope.region}:{scope.account}:repository/"
    return [prefix + pattern for pattern in scope.limit.repositories]
