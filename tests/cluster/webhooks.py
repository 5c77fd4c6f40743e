"""Validating webhooks of one namespace, called by the real API server, that take long or refuse."""

from __future__ import annotations

import itertools
import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

from ecr_secret_operator.api.fields import GROUP
from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.controlplane.pki import Authority

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
NAME = "rules.example.com"
"""The webhook's, in what the API server answers."""

LONGEST_SECONDS = 30
"""The longest time-out that the API server accepts for a webhook."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, seconds: float, refusal: Callable[[], str] | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = seconds
        self.refusal = refusal
        self.stopped = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.stopped.wait(self.server.seconds)
        refusal = self.server.refusal
        response = {"uid": review["request"]["uid"], "allowed": refusal is None}
        if refusal:
            response["status"] = {"code": 403, "message": refusal()}
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the API server gave up

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing."""


@contextmanager
def slow_webhook(
    cluster: Cluster, namespace: str, directory: Path, *, seconds: float, resource: str = "secrets"
) -> Iterator[None]:
    """While this is entered, each write to this resource of the namespace takes so many seconds.

    Args:
        cluster: as an administrator.
        namespace: where.
        directory: for the certificate.
        seconds: how long.
        resource: plural of what is written, before it the group and a slash where there is one.
    """
    with _webhook(cluster, namespace, resource, directory, seconds, None):
        yield


@contextmanager
def refusing_webhook(cluster: Cluster, namespace: str, resource: str, directory: Path) -> Iterator[Callable[[], int]]:
    """While this is entered, each write to this resource of the namespace is refused, each time in other words.

    Gives what counts the refusals. The API server knows of the webhook a moment after this was entered: wait for the
    first refusal.
    """
    numbers = itertools.count(1)
    last = 0

    def refusal() -> str:
        nonlocal last
        last = next(numbers)
        return f"not now: policy server at 10.0.0.{last % 250}:{40000 + last} answered request {uuid4()}"

    with _webhook(cluster, namespace, resource, directory, 0.0, refusal):
        yield lambda: last


@contextmanager
def _webhook(
    cluster: Cluster,
    namespace: str,
    resource: str,
    directory: Path,
    seconds: float,
    refusal: Callable[[], str] | None,
) -> Iterator[None]:
    plural = resource.removeprefix(f"{GROUP}/")
    authority = Authority.create()
    pair = authority.server("webhook")
    files = directory / "webhook.crt", directory / "webhook.key"
    files[0].write_bytes(pair.public)
    files[1].write_bytes(pair.private)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*files)
    server = _Server(seconds, refusal)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    webhook = {
        "name": NAME,
        "clientConfig": {
            "url": f"https://127.0.0.1:{server.server_port}/",
            "caBundle": b64encode(authority.pem).decode(),
        },
        "rules": [
            {
                "apiGroups": [GROUP if plural != resource else ""],
                "apiVersions": ["*"],
                "resources": [plural],
                "operations": ["CREATE", "UPDATE"],
            }
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": LONGEST_SECONDS,
        "failurePolicy": "Fail",
    }
    cluster.create(CONFIGURATIONS, {"metadata": {"name": namespace}, "webhooks": [webhook]})
    try:
        yield
    finally:
        cluster.delete(f"{CONFIGURATIONS}/{namespace}")
        server.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
