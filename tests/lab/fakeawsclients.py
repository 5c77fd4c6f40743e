"""What tests of the fake AWS do with botocore's clients."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError
from botocore.loaders import Loader

ROLE = "arn:aws:iam::210987654321:role/team/puller"
MODELS = Loader()  # shared, because reading the models is most of what a client costs


class Connect(Protocol):
    """Makes a botocore client of the fake."""

    def __call__(
        self,
        service: str,
        credentials: Mapping[str, Any] | None = None,
        *,
        region: str = "us-east-2",
        read_timeout: float = 10,
        checked: bool = True,
    ) -> Any: ...


def assume(connect: Connect, **parameters: object) -> dict[str, Any]:
    asked = {"RoleArn": ROLE, "RoleSessionName": "ecr-operator", **parameters}
    answer: dict[str, Any] = connect("sts").assume_role(**asked)
    return answer


def assume_with(connect: Connect, token: str, **parameters: object) -> dict[str, Any]:
    asked = {"RoleArn": ROLE, "RoleSessionName": "pod", "WebIdentityToken": token, **parameters}
    answer: dict[str, Any] = connect("sts").assume_role_with_web_identity(**asked)
    return answer


def jwt(**claims: object) -> str:
    def part(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.c2lnbmF0dXJl"


def refusal(call: Callable[[], object]) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]
