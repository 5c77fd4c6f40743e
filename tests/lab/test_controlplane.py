"""The control plane is a real one, is ready when it says so, and shares a machine with others of its kind."""

import json
import signal
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ecr_secret_operator_lab.controlplane import (
    Binaries,
    ControlPlane,
    ControlPlaneError,
    components,
    ensure_binaries,
    print_progress,
)
from ecr_secret_operator_lab.controlplane.recipe import RECIPE

pytestmark = pytest.mark.xdist_group("controlplane")  # its control plane is started once, by one worker

WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
"""
STARTER = """
import sys, time
from ecr_secret_operator_lab.controlplane import ControlPlane, ensure_binaries, print_progress
plane = ControlPlane.start(ensure_binaries(print_progress))
print(plane.pid, plane.directory, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def binaries() -> Binaries:
    return ensure_binaries(print_progress)


@pytest.fixture(scope="module")
def plane(binaries: Binaries) -> Iterator[ControlPlane]:
    with ControlPlane.start(binaries) as plane:
        yield plane


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def read(plane: ControlPlane, *args: str) -> Any:
    return json.loads(plane.kubectl("get", *args, "--output=json").stdout)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def an_owned_config_map(plane: ControlPlane, kind: str, name: str, api_version: str) -> None:
    uid = read(plane, kind, name)["metadata"]["uid"]
    owner = {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid}
    metadata = {"name": f"owned-by-{name}", "ownerReferences": [owner]}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    plane.kubectl("create", "-f", "-", input=json.dumps(manifest))


def exists(plane: ControlPlane, *args: str) -> bool:
    return plane.kubectl("get", *args, "--ignore-not-found").stdout != ""


# What it serves


def test_it_is_the_kubernetes_that_the_recipe_pins(plane: ControlPlane) -> None:
    version = json.loads(plane.kubectl("version", "--output=json").stdout)
    assert version["serverVersion"]["gitVersion"] == RECIPE.version


def test_its_namespace_and_service_account_are_there_at_once(plane: ControlPlane) -> None:
    assert exists(plane, "namespace", "default")
    assert exists(plane, "serviceaccount", "default")


def test_a_crashed_api_server_comes_back_under_its_address_with_all_that_was_stored(plane: ControlPlane) -> None:
    plane.kubectl("create", "configmap", "before-the-crash")
    server = plane.server
    plane.restart_api_server()
    assert plane.server == server
    assert exists(plane, "configmap", "before-the-crash")
    plane.kubectl("delete", "configmap", "before-the-crash")


def test_its_url_ca_and_token_let_any_client_in(plane: ControlPlane) -> None:
    address = urlsplit(plane.server)
    assert (address.scheme, address.hostname) == ("https", "127.0.0.1")
    context = ssl.create_default_context(cafile=str(plane.ca_file))
    connection = HTTPSConnection("localhost", address.port, context=context)
    connection.request("GET", "/api/v1/namespaces", headers={"Authorization": f"Bearer {plane.admin_token}"})
    with connection.getresponse() as response:
        assert response.status == 200
    connection.close()


def test_another_user_may_do_what_rbac_says_and_no_more(plane: ControlPlane) -> None:
    plane.kubectl("create", "clusterrole", "reader", "--verb=list", "--resource=configmaps")
    plane.kubectl("create", "clusterrolebinding", "readers", "--clusterrole=reader", "--group=example:readers")
    kubeconfig = str(plane.kubeconfig_for("jane@example.com", ["example:readers"]))

    def as_jane(*args: str) -> subprocess.CompletedProcess[str]:
        argv = [str(plane.binaries.kubectl), "--kubeconfig", kubeconfig, *args]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    assert as_jane("get", "configmaps").returncode == 0
    refused = as_jane("get", "secrets")
    assert refused.returncode != 0
    assert 'User "jane@example.com" cannot list resource "secrets"' in refused.stderr


def test_a_service_account_has_a_kubeconfig_of_its_own(plane: ControlPlane, tmp_path: Path) -> None:
    plane.kubectl("create", "namespace", "robots")
    plane.kubectl("create", "serviceaccount", "robot", "--namespace=robots")
    kubeconfig = plane.service_account_kubeconfig("robots", "robot", tmp_path)
    assert kubeconfig.parent == tmp_path
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
    who = json.loads(plane.kubectl("auth", "whoami", f"--kubeconfig={kubeconfig}", "--output=json").stdout)
    assert who["status"]["userInfo"]["username"] == "system:serviceaccount:robots:robot"
    refused = plane.kubectl("get", "pods", f"--kubeconfig={kubeconfig}", check=False).stderr
    assert 'in the namespace "robots"' in refused, "its namespace is the default"
    with pytest.raises(ControlPlaneError, match="not found"):
        plane.service_account_kubeconfig("robots", "nobody")


def test_it_writes_down_what_the_audited_ask_for_and_nobody_else(binaries: Binaries) -> None:
    with ControlPlane.start(binaries, audited=["jane@example.com"]) as audited:
        kubeconfig = audited.kubeconfig_for("jane@example.com")
        audited.kubectl("get", "secrets", f"--kubeconfig={kubeconfig}", check=False)
        entries = [json.loads(line) for line in audited.audit_log.read_text().splitlines()]
    assert {entry["user"]["username"] for entry in entries} == {"jane@example.com"}
    assert {entry["objectRef"]["resource"] for entry in entries if "objectRef" in entry} == {"secrets"}
    assert {entry["level"] for entry in entries} == {"Metadata"}


def test_a_service_accounts_token_names_an_issuer_that_serves_its_keys(plane: ControlPlane) -> None:
    plane.kubectl("create", "token", "default", "--audience=sts.amazonaws.com")
    found = json.loads(plane.kubectl("get", "--raw", "/.well-known/openid-configuration").stdout)
    keys = json.loads(plane.kubectl("get", "--raw", "/openid/v1/jwks").stdout)
    assert found["issuer"] == plane.server
    assert found["jwks_uri"] == f"{plane.server}/openid/v1/jwks"
    assert [key["alg"] for key in keys["keys"]] == ["RS256"]


def test_deleting_an_owner_deletes_what_it_owns(plane: ControlPlane) -> None:
    plane.kubectl("create", "configmap", "owner")
    an_owned_config_map(plane, "ConfigMap", "owner", "v1")
    plane.kubectl("delete", "configmap", "owner")
    wait_for(lambda: not exists(plane, "configmap", "owned-by-owner"))


def test_a_deleted_namespace_goes_away(plane: ControlPlane) -> None:
    plane.kubectl("create", "namespace", "short-lived")
    plane.kubectl("create", "configmap", "inside", "--namespace=short-lived")
    plane.kubectl("delete", "namespace", "short-lived", "--timeout=20s")
    assert not exists(plane, "namespace", "short-lived")


def test_kubectl_says_what_went_wrong(plane: ControlPlane) -> None:
    with pytest.raises(ControlPlaneError, match="not found"):
        plane.kubectl("get", "configmap", "absent")
    assert plane.kubectl("get", "configmap", "absent", check=False).returncode == 1


# How it behaves on a machine


def test_it_listens_on_loopback_only(plane: ControlPlane) -> None:
    inodes = {
        target.removeprefix("socket:[").removesuffix("]")
        for pid in children_of(plane.pid)
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink() and (target := str(link.readlink())).startswith("socket:[")
    }
    rows = [line.split() for file in ("tcp", "tcp6") for line in Path(f"/proc/net/{file}").read_text().splitlines()[1:]]
    listening = {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}
    assert listening == {"0100007F"}


def test_what_is_secret_can_be_read_by_its_owner_only(plane: ControlPlane) -> None:
    secret = [*plane.directory.glob("*.key"), *plane.directory.glob("*.kubeconfig"), plane.directory / "tokens.csv"]
    assert len(secret) >= 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    assert stat.S_IMODE(plane.directory.stat().st_mode) == 0o700


def test_two_side_by_side_serve_each_its_own_even_when_they_want_the_same_ports(
    plane: ControlPlane, binaries: Binaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds its first choice of ports taken by the first: a lost race, and it must not join that etcd."""
    (tmp_path / "widgets.yaml").write_text(WIDGETS)
    real, taken = components.free_ports, [int(plane.server.rpartition(":")[2]), plane.etcd_port]

    def the_taken_ones_first(count: int) -> list[int]:
        ports = real(count)
        return [taken.pop(), *ports[1:]] if taken else ports

    def etcd_taken_then_free_then_server_taken(count: int) -> list[int]:
        calls.append(count)
        return the_taken_ones_first(count) if len(calls) != 2 else real(count)

    calls: list[int] = []
    monkeypatch.setattr(components, "free_ports", etcd_taken_then_free_then_server_taken)
    with ControlPlane.start(binaries, manifests=[tmp_path]) as other:
        assert len(calls) == 4
        plane.kubectl("create", "configmap", "only-in-the-first")
        assert exists(plane, "configmap", "only-in-the-first")
        assert not exists(other, "configmap", "only-in-the-first")

        # Kinds that are there from the start are garbage-collected from the start.
        widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "gadget"}}
        other.kubectl("create", "-f", "-", input=json.dumps(widget))
        an_owned_config_map(other, "Widget", "gadget", "example.com/v1")
        other.kubectl("delete", "widget", "gadget")
        wait_for(lambda: not exists(other, "configmap", "owned-by-gadget"))
        processes = children_of(other.pid)
    assert len(processes) == 3
    assert all(is_gone(pid) for pid in processes)
    assert not other.directory.exists()


@pytest.mark.usefixtures("binaries")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_starter_leaves_no_process_and_no_file(number: signal.Signals) -> None:
    argv = [sys.executable, "-c", STARTER]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as starter:
        assert starter.stdout is not None
        supervisor, directory = starter.stdout.readline().split()
        processes = [int(supervisor), *children_of(int(supervisor))]
        assert len(processes) == 4
        starter.send_signal(number)
        starter.wait(10)
        wait_for(lambda: all(is_gone(pid) for pid in processes) and not Path(directory).exists())


def test_a_part_that_ends_early_is_told_with_its_last_words(binaries: Binaries, tmp_path: Path) -> None:
    broken = tmp_path / "etcd"
    broken.write_text("#!/bin/sh\necho the disk is on fire\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(ControlPlaneError, match=r"etcd ended with 3:\nthe disk is on fire"):
        ControlPlane.start(replace(binaries, etcd=broken), tmp_path / "kept")
    assert (tmp_path / "kept" / "etcd.log").exists()
