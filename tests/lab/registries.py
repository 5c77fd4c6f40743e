"""What tests of the registry front share: tokens, and requests of a client without manners."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.session import Session

from ecr_secret_operator_lab.fakeaws import (
    DEFAULT_ACCESS_KEY_ID,
    DEFAULT_SECRET_ACCESS_KEY,
    FakeAws,
    IssuedToken,
)
from ecr_secret_operator_lab.registry import Registry

HOST = "123456789012.dkr.ecr.us-east-2.amazonaws.com"
FAR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
OTHER = "210987654321.dkr.ecr.us-east-2.amazonaws.com"
NOW = 1_000_000.0
REGION = "us-east-2"
ARN = f"arn:aws:ecr:{REGION}:123456789012:repository/"
FEDERATED = "arn:aws:sts::123456789012:federated-user/team-a"
READ = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:ListImages")
WRITE = ("ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage")
USER_KEYS = {"AccessKeyId": DEFAULT_ACCESS_KEY_ID, "SecretAccessKey": DEFAULT_SECRET_ACCESS_KEY}


def a_token(**over: object) -> IssuedToken:
    fields: dict[str, object] = {
        "number": 7,
        "password": "pass",
        "issued_at": NOW - 60,
        "expires_at": NOW + 60,
        "service": "ecr",
        "region": "us-east-2",
        "registry": "123456789012",
        "access_key_id": "AKIA",
        "principal": "arn:aws:iam::123456789012:user/one",
        "account": "123456789012",
        "identity_arn": "arn:aws:iam::123456789012:user/one",
        "policy": "",
    }
    return IssuedToken(**{**fields, **over})  # type: ignore[arg-type] # fields of several types


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def client(aws: FakeAws, service: str, region: str, keys: Mapping[str, Any]) -> Any:
    """A botocore client of the fake."""
    session = Session()
    session.set_credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    return session.create_client(service, region_name=region, endpoint_url=aws.url, config=Config(proxies={}))


def token_from(aws: FakeAws, region: str, keys: Mapping[str, Any] = USER_KEYS) -> str:
    """The password of a new authorization token."""
    (data,) = client(aws, "ecr", region, keys).get_authorization_token()["authorizationData"]
    return base64.b64decode(data["authorizationToken"]).decode().partition(":")[2]


def limited(aws: FakeAws, *actions: str, resource: str = ARN + "team-a/*") -> str:
    """A token of a federated user, whose session policy allows these actions."""
    sts, policy = client(aws, "sts", REGION, USER_KEYS), limiting(*actions, resource=resource)
    return token_from(aws, REGION, sts.get_federation_token(Name="team-a", Policy=policy)["Credentials"])


def limiting(*actions: str, resource: str) -> str:
    """A session policy that allows these actions, and to get a token."""
    token = {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}
    some = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [token, some]})


def auth_file(host: str, password: str) -> str:
    return json.dumps({"auths": {host: {"auth": base64.b64encode(f"AWS:{password}".encode()).decode()}}})


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> tuple[str, str]:
        """Code and message."""
        (one,) = json.loads(self.body)["errors"]
        return one["code"], one["message"]


def send(
    registry: Registry,
    password: str,
    request_line: str,
    *,
    host: str = HOST,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Sends a request whose target is put on the wire as it is."""
    method, _, target = request_line.partition(" ")
    context = ssl.create_default_context(cafile=str(registry.ca))
    connection = http.client.HTTPSConnection("127.0.0.1", registry.ports.front, context=context, timeout=30)
    own = {"Host": host, **({"Authorization": basic("AWS", password)} if password else {}), **(headers or {})}
    connection.request(method, target, body=body, headers=own)
    answer = connection.getresponse()
    reply = Reply(answer.status, dict(answer.headers), answer.read())
    connection.close()
    return reply


def ask(registry: Registry, authorization: str | None, *, host: str = HOST, path: str = "/v2/") -> tuple[int, str]:
    """The status, and the challenge if there is one."""
    headers = {"Authorization": authorization} if authorization else {}
    reply = send(registry, "", f"GET {path}", host=host, headers=headers)
    return reply.status, reply.headers.get("WWW-Authenticate", "")
