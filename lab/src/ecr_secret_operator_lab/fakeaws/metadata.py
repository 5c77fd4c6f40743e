"""Container credentials and IMDSv2 over HTTP, where an SDK without keys looks for an identity.

    GET /v1/credentials           the agent of EKS Pod Identity; the token in Authorization
    GET /v2/credentials/{id}      the agent of ECS; the id is its token
    PUT /latest/api/token         IMDSv2
    GET /latest/meta-data/iam/security-credentials/[{role}]

Each request is a `Call` of service `container` or `imds`. Faults and latency are for AWS's actions, not for these.

Sources: the answers of amazon-ecs-agent and eks-pod-identity-agent, and of botocore's fetchers, which read them.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from .ambient import METADATA_TOKEN_SECONDS, digest
from .protocol import HttpRequest, Operation
from .records import OK

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .credentials import Credential
    from .signal import Signal
    from .state import State

ROLES = "/latest/meta-data/iam/security-credentials/"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"  # noqa: S105 - a header's name
AGENT_SESSION = "eks-lab-ecr-secret-operator"
TASK_SESSION = "0123456789abcdef0123456789abcdef"
INSTANCE_SESSION = "i-0123456789abcdef0"


class Refusal(Exception):
    """What is answered instead of credentials.

    Args:
        status: of HTTP.
        code: for the record of the call.
        text: the body.
    """

    def __init__(self, status: HTTPStatus, code: str, text: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.text = text


def routes(state: State, changed: Signal) -> list[web.RouteDef]:
    """The routes over a state; `changed` is fired after each call."""
    found = Metadata(state)

    def recorded(
        service: str, action: str, handler: Callable[[web.Request], str]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(http: web.Request) -> web.Response:
            request = HttpRequest(http.method, http.raw_path, http.headers, await http.read())
            operation = Operation(service, action, _parameters(http))
            call = state.calls.begin(request, operation, None, now=state.clock())
            try:
                response, result = web.Response(text=handler(http)), OK
            except Refusal as refusal:
                response, result = web.Response(text=refusal.text, status=refusal.status), refusal.code
            state.calls.finish(call.number, result, response.status)
            changed.fire()
            return response

        return handle

    return [
        web.get("/v1/credentials", recorded("container", "GetCredentials", found.pod_credentials)),
        web.get("/v2/credentials/{id}", recorded("container", "GetCredentials", found.task_credentials)),
        web.put("/latest/api/token", recorded("imds", "GetToken", found.metadata_token)),
        web.get(ROLES, recorded("imds", "GetRole", found.role_name)),
        web.get(ROLES + "{role}", recorded("imds", "GetCredentials", found.instance_credentials)),
    ]


def _parameters(http: web.Request) -> dict[str, object]:
    """What is recorded of a request; of its secrets, the digest."""
    secret = http.match_info.get("id") or http.headers.get("Authorization")
    found: dict[str, object] = {"Token": f"sha256:{digest(secret)}"} if secret else {}
    return found | ({"RoleName": http.match_info["role"]} if "role" in http.match_info else {})


class Metadata:
    """The handlers: the text of a good answer, or a Refusal."""

    def __init__(self, state: State) -> None:
        self._state = state

    def pod_credentials(self, http: web.Request) -> str:
        """As the agent on a node of EKS answers a pod."""
        token = http.headers.get("Authorization", "")
        if not token:
            text = "Service account token cannot be empty"
            raise Refusal(HTTPStatus.BAD_REQUEST, "RequestValidationError", text)
        if not self._state.surroundings.knows(token):
            text = "The token included in the request is not valid"
            raise _of_eks_auth(HTTPStatus.BAD_REQUEST, "InvalidTokenException", text)
        credential = self._session(AGENT_SESSION)
        if credential is None:
            text = "No pod identity association was found for the service account"
            raise _of_eks_auth(HTTPStatus.NOT_FOUND, "ResourceNotFoundException", text)
        return json.dumps(_keys(credential) | {"AccountId": credential.account})

    def task_credentials(self, http: web.Request) -> str:
        """As the agent on an instance of ECS answers a task."""
        credential = None
        if self._state.surroundings.knows(http.match_info["id"]):
            credential = self._session(TASK_SESSION)
        if credential is None:
            code, status = "InvalidIdInRequest", HTTPStatus.BAD_REQUEST
            text = "CredentialsV2Request: Credentials not found"
            raise Refusal(status, code, json.dumps({"code": code, "message": text, "HTTPErrorCode": status}))
        return json.dumps(_keys(credential) | {"RoleArn": credential.role_arn})

    def metadata_token(self, http: web.Request) -> str:
        """A token for the requests that follow."""
        asked = http.headers.get(TTL, "")
        if not asked.isdecimal() or int(asked) not in METADATA_TOKEN_SECONDS:
            raise Refusal(HTTPStatus.BAD_REQUEST, "BadRequest")
        return self._state.surroundings.issue_metadata_token(int(asked), now=self._state.now)

    def role_name(self, http: web.Request) -> str:
        """The name of the instance's role."""
        self._check_metadata_token(http)
        name = self._state.surroundings.role_name
        if name is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "NotFound")
        return name

    def instance_credentials(self, http: web.Request) -> str:
        """The credentials of the instance's role."""
        known = self.role_name(http) == http.match_info["role"]
        credential = self._session(INSTANCE_SESSION) if known else None
        if credential is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "NotFound")
        about = {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": _rfc3339(self._state.now)}
        return json.dumps(about | _keys(credential))

    def _check_metadata_token(self, http: web.Request) -> None:
        token = http.headers.get(TOKEN, "")
        if not self._state.surroundings.accepts_metadata_token(token, now=self._state.now):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")

    def _session(self, name: str) -> Credential | None:
        state = self._state
        credential = state.surroundings.session(name, now=state.now, seconds=state.settings.session_seconds)
        if credential is not None:
            state.credentials.start_session(credential)
        return credential


def _of_eks_auth(status: HTTPStatus, code: str, text: str) -> Refusal:
    """As the agent repeats an error of EKS Auth, with the id of a request that differs each time."""
    return Refusal(status, code, f"[{uuid.uuid4()}]: ({code}): {text}, fault: client\n")


def _keys(credential: Credential) -> dict[str, object]:
    return {
        "AccessKeyId": credential.access_key_id,
        "SecretAccessKey": credential.secret_access_key,
        "Token": credential.session_token,
        "Expiration": _rfc3339(credential.expires_at or 0),
    }


def _rfc3339(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
