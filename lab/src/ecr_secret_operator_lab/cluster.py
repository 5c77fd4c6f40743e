"""A small synchronous client for demo and tests: objects in, objects out, on the real API server."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

Object = dict[str, Any]

ECR = "/apis/ecr.mobb.redhat.com/v1alpha1"
_ERROR = 300
# https://pkg.go.dev/k8s.io/client-go/rest#Request.MaxRetries
_RETRIES = 10


class Refused(Exception):
    """The API server refused a request.

    Attributes:
        status: the HTTP status.
        message: the server's own sentence.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Cluster:
    """One API server, as one user.

    Args:
        kubeconfig: with one cluster and a token or a client certificate.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._address = urlsplit(cluster["server"])
        self._tls = tls_of(cluster, user)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        self._connection: http.client.HTTPSConnection | None = None

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; the next request opens another."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, content: str = "application/json"
    ) -> Object:
        """One request, sent again as client-go does when the server answers 429 with Retry-After. Raises Refused."""
        payload = json.dumps(body) if body is not None else None
        headers = {**self._headers, "Content-Type": content}
        for _ in range(_RETRIES):
            response, answer = self._send(method, path, payload, headers)
            pause = response.headers.get("Retry-After")
            if response.status != http.HTTPStatus.TOO_MANY_REQUESTS or pause is None:
                break
            time.sleep(float(pause))
        if response.status >= _ERROR:
            raise Refused(response.status, _message(answer))
        result: Object = json.loads(answer)
        return result

    def _send(
        self, method: str, path: str, payload: str | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Sends a request and reads the answer. A lost POST is not sent again: it may have been carried out."""
        attempts = (2,) if method == "POST" and self._connection is None else (1, 2)
        for attempt in attempts:
            connection = self._connection or http.client.HTTPSConnection(
                self._address.hostname or "", self._address.port, context=self._tls, timeout=60
            )
            self._connection = connection
            try:
                connection.request(method, path, payload, dict(headers))
                response = connection.getresponse()
                return response, response.read()
            except (http.client.HTTPException, OSError):
                connection.close()
                self._connection = None
                if attempt == 2:  # noqa: PLR2004 - an idle connection may have been closed: once more
                    raise
        raise AssertionError("the last attempt returns or raises")

    def get(self, path: str) -> Object | None:
        """An object; None when there is none."""
        try:
            return self.request("GET", path)
        except Refused as refusal:
            if refusal.status == http.HTTPStatus.NOT_FOUND:
                return None
            raise

    def items(self, path: str, **query: str) -> list[Object]:
        """All objects of a collection."""
        found: list[Object] = self.request("GET", f"{path}?{urlencode(query)}")["items"]
        return found

    def create(self, path: str, body: Mapping[str, Any]) -> Object:
        """Creates an object. Raises Refused."""
        return self.request("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Object:
        """Merges into an object. Raises Refused."""
        return self.request("PATCH", path, body, content="application/merge-patch+json")

    def delete(self, path: str) -> None:
        """Deletes an object. Raises Refused."""
        self.request("DELETE", path)

    def namespace(self, name: str, **labels: str) -> str:
        """Creates a namespace and gives its name."""
        self.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        return name


def secret_path(namespace: str, name: str = "") -> str:
    """The API path of a core/v1 Secret, or of all in a namespace."""
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")


def resource_path(plural: str, namespace: str, name: str = "") -> str:
    """The API path of one of the operator's resources, or of all of a kind in a namespace."""
    return f"{ECR}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def condition(resource: Object | None, kind: str) -> Object:
    """A resource's condition of a type; empty when it has none."""
    conditions = ((resource or {}).get("status") or {}).get("conditions") or []
    return next((entry for entry in conditions if entry["type"] == kind), {})


def secret_data(secret: Object) -> dict[str, str]:
    """A Secret's data, decoded."""
    return {key: b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}


def _message(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace")[:500]


def tls_of(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    """What a kubeconfig's cluster and user say of TLS."""
    authority = cluster.get("certificate-authority-data")
    if cluster.get("insecure-skip-tls-verify"):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif authority:
        context = ssl.create_default_context(cadata=b64decode(authority).decode())
    else:
        context = ssl.create_default_context(cafile=cluster.get("certificate-authority"))
    if "client-certificate" in user:
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    elif "client-certificate-data" in user:
        with NamedTemporaryFile() as pair:
            pair.write(b64decode(user["client-certificate-data"]) + b64decode(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
    return context
