"""What a tenant makes heavy, and what a process weighs. Linux: /proc/PID/status."""

from __future__ import annotations

import hashlib
import json
import random
import string
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

from ecr_secret_operator.api.fields import GROUP
from ecr_secret_operator.domain.secret.stored import data_digest
from ecr_secret_operator_lab.cluster import Object

from .resources import HOST

OURS = {"app.kubernetes.io/managed-by": "ecr-secret-operator"}
DOCKER, DOCKER_KEY = "kubernetes.io/dockerconfigjson", ".dockerconfigjson"
MIB = 1 << 20


def mebibytes(pid: int, field: str) -> float:
    """A field of a process' status in MiB: VmRSS is what it has in memory now, VmHWM the most that it ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{field}:"))) / 1024


def text(seed: int, characters: int) -> str:
    """A text that no other one is equal to, and that cannot be compressed much."""
    return "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=characters))


def sealed(name: str, namespace: str, kind: str, data: dict[str, str], tokens: str) -> Object:
    """A Secret that says of itself that the operator made it: its digest is no signature, so anyone can compute it."""
    owner = f"Secret/{namespace}/{name}"
    digest = hashlib.sha256(f"{data_digest(kind, data)}\n{tokens}\n{owner}".encode()).hexdigest()
    annotations = {"digest": f"sha256:{digest}", "owner": owner, "name": name, "tokens": tokens}
    return {
        "metadata": {
            "name": name,
            "labels": OURS,
            "annotations": {f"{GROUP}/{key}": value for key, value in annotations.items()},
        },
        "type": kind,
        "data": {key: b64encode(value.encode()).decode() for key, value in data.items()},
    }


def of_many_hosts(number: int, namespace: str) -> Object:
    """One MB of `auths` entries, each with a password of its own."""
    auths = {f"{place}.example.com": {"password": text(number * 10_000 + place, 24)} for place in range(9_500)}
    data = {DOCKER_KEY: json.dumps({"auths": auths}, separators=(",", ":"))}
    return sealed(f"hosts-{number:03}", namespace, DOCKER, data, "{}")


def of_long_tokens(number: int, namespace: str) -> Object:
    """A few ECR hosts, with tokens that are as long as a Secret can hold."""
    auths = {
        f"{place:012}.dkr.ecr.us-east-2.amazonaws.com": {"password": text(number * 100 + place, 45_000)}
        for place in range(16)
    }
    data = {DOCKER_KEY: json.dumps({"auths": auths}, separators=(",", ":"))}
    return sealed(f"tokens-{number:03}", namespace, DOCKER, data, "{}")


def of_many_keys(number: int, namespace: str) -> Object:
    """Data keys, labels, annotations and ownerReferences without end: as many as etcd takes."""
    data = {text(number * 100_000 + place, 40): "" for place in range(2_000)}
    secret = sealed(f"keys-{number:03}", namespace, "Opaque", data, "x" * 20_000)
    secret["metadata"]["labels"] |= {text(number * 90_000 + place, 40): "x" for place in range(400)}
    secret["metadata"]["annotations"] |= {text(number * 70_000 + place, 20): "" for place in range(2_000)}
    owner = {"apiVersion": "example.com/v1", "kind": "Other"}  # of a known kind, they would be collected as garbage
    secret["metadata"]["ownerReferences"] = [
        {**owner, "name": text(number * 50_000 + place, 40).lower(), "uid": text(number * 30_000 + place, 36)}
        for place in range(100)
    ]
    return secret


HEAVY: dict[str, Callable[[int, str], Object]] = {
    "many hosts": of_many_hosts,
    "long tokens": of_long_tokens,
    "many keys": of_many_keys,
}


def heavy_secrets(count: int, namespace: str, kind: str) -> Iterator[Object]:
    """So many Secrets of about one MB each, all of them with the operator's label."""
    return (HEAVY[kind](number, namespace) for number in range(count))


__all__ = ["HEAVY", "HOST", "MIB", "OURS", "heavy_secrets", "mebibytes"]
