"""ServiceAccounts that the tests of links make, and what they expect to find in them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ecr_secret_operator_lab.cluster import Cluster, Object
from ecr_secret_operator_lab.waiting import wait_for

RECORD, MARK = "ecr.mobb.redhat.com/links", "ecr.mobb.redhat.com/linked"
PULL, MOUNT = "imagePullSecrets", "secrets"
FIELDS = {"pull": PULL, "mount": MOUNT}


def account_path(namespace: str, name: str = "") -> str:
    """The API path of a ServiceAccount, or of all in a namespace."""
    return f"/api/v1/namespaces/{namespace}/serviceaccounts" + (f"/{name}" if name else "")


def entries(*names: str) -> list[Object]:
    """A list of a ServiceAccount."""
    return [{"name": name} for name in names]


def an_account(
    cluster: Cluster,
    namespace: str,
    name: str,
    *,
    pull: Sequence[str] | None = None,
    mount: Sequence[str] | None = None,
    **metadata: Any,
) -> Object:
    """Makes a ServiceAccount with these names in its lists."""
    lists = {field: entries(*names) for field, names in ((PULL, pull), (MOUNT, mount)) if names is not None}
    return cluster.create(account_path(namespace), {"metadata": {"name": name, **metadata}, **lists})


def the_account(cluster: Cluster, namespace: str, name: str) -> Object:
    """A ServiceAccount that is there."""
    found = cluster.get(account_path(namespace, name))
    assert found, f"ServiceAccount {name} is gone"
    return found


def listed(account: Object) -> tuple[list[str], list[str]]:
    """What it pulls with, and what it mounts."""
    pull, mount = ([entry["name"] for entry in account.get(field, [])] for field in (PULL, MOUNT))
    return pull, mount


def wait_listed(
    cluster: Cluster,
    namespace: str,
    name: str,
    *,
    pull: Sequence[str] = (),
    mount: Sequence[str] = (),
    within: float = 30.0,
) -> Object:
    """Waits until a ServiceAccount has just these entries, in this order."""
    wanted = (list(pull), list(mount))

    def state() -> Object | None:
        account = the_account(cluster, namespace, name)
        return account if listed(account) == wanted else None

    return wait_for(state, f"ServiceAccount {namespace}/{name} has {wanted}", within=within)


def record(account: Object) -> set[str]:
    """What the operator says it put there."""
    return set(account["metadata"].get("annotations", {}).get(RECORD, "").split())


def essence(account: Object) -> str:
    """All of it, to the byte, but for what every write changes."""
    metadata = {
        key: value for key, value in account["metadata"].items() if key not in ("resourceVersion", "managedFields")
    }
    return json.dumps({**account, "metadata": metadata}, sort_keys=True)


@contextmanager
def every_version(cluster: Cluster, namespace: str, name: str) -> Iterator[list[list[str]]]:
    """Collects what a ServiceAccount pulls with in each of its versions; complete once the block has ended."""
    template = '{.imagePullSecrets[*].name}{"\\n"}'
    command = [os.environ["ECR_LAB_KUBECTL"], "--kubeconfig", str(cluster.kubeconfig), "get", "serviceaccount", name]
    command += ["--namespace", namespace, "--watch", "--output", f"jsonpath={template}"]
    versions: list[list[str]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout
        versions.append(watch.stdout.readline().split())
        try:
            yield versions
            last = "the-last-version-to-be-watched"
            pull = [*listed(the_account(cluster, namespace, name))[0], last]
            cluster.patch(account_path(namespace, name), {PULL: entries(*pull)})
            for line in watch.stdout:
                if last in line.split():
                    break
                versions.append(line.split())
        finally:
            watch.terminate()
