"""Asks the control plane's parts over HTTP whether they are ready, and whether they are the right ones.

Plain sockets to the loopback address: a proxy that the environment names has no part in this.
"""

import json
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from .errors import ControlPlaneError
from .pki import LOOPBACK

ANSWER_SECONDS = 2.0
REQUEST_SECONDS = 30.0
OK = 200


def etcd_is(member: str, port: int) -> bool:
    """Whether the etcd at this port is ours, by its member's name: another one may have taken the port just before."""
    answer = _fetch(HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS), "POST", "/v3/cluster/member/list", "{}")
    if answer is None:
        return False
    members = json.loads(answer).get("members", [])
    return any(one.get("name") == member for one in members)


def etcd_request(port: int, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever JSON can carry
    """What etcd answers to one of its requests, by its JSON gateway. Raises ControlPlaneError."""
    connection = HTTPConnection(LOOPBACK, port, timeout=REQUEST_SECONDS)
    answer = _fetch(connection, "POST", f"/v3/{path}", json.dumps(body))
    if answer is None:
        raise ControlPlaneError(f"etcd did not answer to {path}")
    return json.loads(answer)


class ApiServerProbe:
    """Asks one API server. Only one with a certificate of our CA is believed."""

    def __init__(self, port: int, *, ca: Path, token: str) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(ca))
        self._headers = {"Authorization": f"Bearer {token}"}

    def has(self, path: str) -> bool:
        """Whether the path is answered with 200 OK."""
        connection = HTTPSConnection(LOOPBACK, self._port, timeout=ANSWER_SECONDS, context=self._context)
        return _fetch(connection, "GET", path, headers=self._headers) is not None


def _fetch(
    connection: HTTPConnection, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
) -> str | None:
    """The body of a 200 OK, or None."""
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read().decode()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return text if response.status == OK else None
