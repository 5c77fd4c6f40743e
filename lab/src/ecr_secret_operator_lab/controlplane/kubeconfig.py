"""Writes kubeconfig files that are complete in themselves: nothing in them points to another file."""

import base64
import os
from pathlib import Path
from typing import Any

import yaml

from .pki import Pair

CLUSTER = "local"


def token_user(token: str) -> dict[str, str]:
    """The credentials of a user with a bearer token."""
    return {"token": token}


def certificate_user(pair: Pair) -> dict[str, str]:
    """The credentials of a user with a client certificate."""
    return {"client-certificate-data": _encoded(pair.public), "client-key-data": _encoded(pair.private)}


def write_kubeconfig(
    path: Path, *, server: str, ca: bytes, user: str, credentials: dict[str, str], namespace: str = ""
) -> Path:
    """Writes a file that only its owner can read. Its namespace is the default of commands."""
    context = {"cluster": CLUSTER, "user": user, **({"namespace": namespace} if namespace else {})}
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CLUSTER, "cluster": {"server": server, "certificate-authority-data": _encoded(ca)}}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": CLUSTER, "context": context}],
        "current-context": CLUSTER,
    }
    return write_private(path, yaml.safe_dump(content, sort_keys=False).encode())


def write_private(path: Path, content: bytes) -> Path:
    """Writes a file that no other user can read at any moment."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    return path


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
