"""Every command against an API server whose names, labels, messages and versions carry terminal sequences.

A real API server accepts no such names. A stolen or faulty one, or a proxy, can send them. `doctor` reads objects by
the names that it found, and the client refuses such names in a URL: for `doctor`, names are plain, all else is hostile.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from ecr_secret_operator.domain.kinds import KINDS
from ecr_secret_operator_lab.operator import installed_command
from tests.hostile import interpreted

EVIL = "\x1b[2J\x9b8m\x07\u202e\u2028\r\nError: forged"
ESCAPED = r"\x1b[2J\x9b8m\x07\u202e\u2028\r\nError: forged"
PLURALS = {kind.plural: kind for kind in KINDS.values()}
PLAIN = "/plain"
"""Begins the paths below which names are plain."""
GROUP = "/apis/ecr.mobb.redhat.com/v1alpha1"


def evil(field: str) -> str:
    """A value that names its field."""
    return f"{field}-{EVIL}"


def a_condition(kind: str) -> dict[str, Any]:
    return {"type": kind, "status": "False", "reason": evil(f"reason{kind}"), "message": evil(f"message{kind}")}


def a_resource(plural: str, *, plain: bool) -> dict[str, Any]:
    """One that has everything a column or a sentence can show."""
    named = str if plain else evil
    kind = PLURALS[plural]
    spec = {
        "generated_secret_name": evil("secret"),
        "ecr_registry": evil("registry"),
        "url": evil("registry"),
        "frequency": evil("frequency"),
        "aws": {"service_account": evil("account")},
        "additional_registries": [{"ecr_registry": evil("second"), "aws": {"role_arn": evil("role")}}],
    }
    conditions = [a_condition(one) for one in ("Ready", "Refreshing", "Linked", "PolicyAllowed", "Terminating")]
    status = {
        "phase": evil("phase"),
        "conditions": conditions,
        "observedGeneration": 1,
        "expiresAt": (datetime.now(UTC) + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lastHandledRefresh": evil("handled"),
    }
    metadata = {"name": named("name"), "generation": 1, "uid": evil("uid"), "labels": {evil("key"): evil("label")}}
    if kind.clustered:
        failing = {"namespace": evil("failing"), "reason": evil("reasonNs"), "message": evil("messageNs")}
        status |= {"namespaces": {"selected": 2, "served": 1, "failing": 1}, "failingNamespaces": [failing]}
    else:
        metadata["namespace"] = named("namespace")
    return {"apiVersion": "ecr.mobb.redhat.com/v1alpha1", "kind": kind.name, "metadata": metadata, "spec": spec} | {
        "status": status
    }


def an_object(*, plain: bool) -> dict[str, Any]:
    """What all other collections hold: a Deployment, a CronJob, a Pod or a Lease, as each reader sees it."""
    named = str if plain else evil
    container = {
        "name": evil("container"),
        "image": f"example.org/ecr-secret-operator:1.0-{EVIL}",
        "env": [{"name": "AWS_REGION", "value": evil("region")}, {"name": evil("variable"), "value": evil("value")}],
    }
    pod = {"serviceAccountName": named("operator"), "containers": [container]}
    states = [{"name": "x", "state": {"waiting": {"reason": evil("crash"), "message": evil("why")}}}]
    return {
        "metadata": {"name": named("object"), "namespace": named("place"), "labels": {"a": evil("label")}},
        "spec": {"template": {"spec": pod}, "holderIdentity": evil("holder"), "renewTime": evil("renewed"), **pod},
        "status": {"availableReplicas": 1, "containerStatuses": states},
        "message": evil("event"),
    }


class _Handler(BaseHTTPRequestHandler):
    """Answers every request with hostile objects."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Keeps the output of the tests clean."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        plain = path.startswith(PLAIN)
        path = path.removeprefix(PLAIN)
        before, _, last = path.rpartition("/")
        collection = before.rpartition("/")[2]
        if path == "/version":
            self._send({"gitVersion": evil("kubernetes"), "platform": evil("platform")})
        elif path == GROUP:
            self._send({"resources": [{"name": name} for name in (*PLURALS, "accesspolicies")]})
        elif path.startswith(GROUP) and last in PLURALS:
            self._send({"metadata": {}, "items": [a_resource(last, plain=plain)]})
        elif path.startswith(GROUP) and collection in PLURALS:
            if last == "refused":
                self._send({"kind": "Status", "message": evil("refusal"), "reason": evil("Forbidden")}, 403)
            else:
                self._send(a_resource(collection, plain=plain))
        elif last.endswith("s") and collection != "secrets":
            self._send({"metadata": {}, "items": [an_object(plain=plain)]})
        else:
            self._send(an_object(plain=plain))

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send({"status": {"allowed": False}})

    def _send(self, answer: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    path = tmp_path_factory.mktemp("hostile") / "config"
    url = f"http://127.0.0.1:{server.server_address[1]}"
    contexts = {"hostile": url, "plain": url + PLAIN}
    config = {
        "current-context": "hostile",
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": "a", "namespace": "team-a"}} for name in contexts
        ],
        "clusters": [{"name": name, "cluster": {"server": address}} for name, address in contexts.items()],
        "users": [{"name": "a", "user": {"token": "x"}}],
    }
    path.write_text(yaml.safe_dump(config))
    yield path
    server.shutdown()
    server.server_close()


def printed(kubeconfig: Path, program: str, *args: str) -> tuple[str, str]:
    command = str(Path(installed_command()).with_name(program))
    environment = {"PATH": "/usr/bin", "HOME": "/nowhere", "KUBECONFIG": str(kubeconfig), "COLUMNS": "2000"}
    done = subprocess.run([command, *args], env=environment, input=b"", capture_output=True, check=False, timeout=120)
    output, errors = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in errors, errors
    assert interpreted(output) == []
    assert interpreted(errors) == []
    assert not [line for line in (output + errors).splitlines() if line.startswith("Error: forged")]
    return output, errors


def escaped(*fields: str) -> set[str]:
    return {f"{field}-{ESCAPED}" for field in fields}


def test_every_column_of_status(kubeconfig: Path) -> None:
    output, _ = printed(kubeconfig, "ecr-secret-operator", "status", "-o", "wide")
    table, _, sentences = output.partition("\n\n")
    columns = ("namespace", "registry", "second", "role", "secret", "frequency", "reasonReady")
    assert {one for one in escaped(*columns) if one not in table} == set()
    for column in (f"Secret/name-{ESCAPED}", f"ServiceAccount account-{ESCAPED}", "ClusterPullSecret/name-"):
        assert column in table
    told = escaped("messageReady", "messageTerminating", "messageLinked", "messagePolicyAllowed", "failing")
    assert {one for one in told | escaped("reasonNs", "messageNs") if one not in sentences} == set()
    narrow, _ = printed(kubeconfig, "ecr-secret-operator", "status")
    assert f"ecrsecret/name-{ESCAPED}" in narrow
    assert f"sa/account-{ESCAPED} +1" in narrow


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_documents_of_status_keep_the_text(kubeconfig: Path, form: str) -> None:
    output, _ = printed(kubeconfig, "ecr-secret-operator", "status", "-o", form)
    found = (json.loads if form == "json" else yaml.safe_load)(output)["items"]
    assert {one["name"] for one in found} == {evil("name")}
    assert {one["message"] for one in found} == {evil("messageReady")}


def test_names_of_status_are_one_line_each(kubeconfig: Path) -> None:
    output, _ = printed(kubeconfig, "ecr-secret-operator", "status", "-o", "name")
    assert output.splitlines() == [
        f"{kind}.ecr.mobb.redhat.com/name-{ESCAPED}" for kind in ("clusterpullsecret", "argohelmreposecret", "secret")
    ]


def test_every_column_of_doctor(kubeconfig: Path) -> None:
    output, _ = printed(kubeconfig, "ecr-secret-operator", "doctor", "--context", "plain", "-o", "wide")
    assert f"Pod ecr-secret-operator/object: crash-{ESCAPED}: why-{ESCAPED}" in output
    for form in ("json", "yaml", "name"):
        document, _ = printed(kubeconfig, "ecr-secret-operator", "doctor", "--context", "plain", "-o", form)
        assert "operator-crashes" in document


CASES: dict[str, tuple[list[str], set[str]]] = {
    "refresh": (["refresh", "secret/a", "ecrpull/a", "--timeout", "1s"], escaped("namespace", "name", "reasonReady")),
    "refresh without waiting": (["refresh", "secret/a", "--no-wait", "-o", "wide"], escaped("name", "messageReady")),
    "a refusal": (["refresh", "secret/refused", "--no-wait"], escaped("refusal")),
    "a missing permission": (["status", "secret/refused"], escaped("refusal")),
    "one resource": (["status", "secret/a", "-o", "wide"], escaped("name", "secret", "registry", "messageReady")),
    "doctor of one resource": (["doctor", "secret/a", "--context", "plain"], escaped("secret")),
    "doctor where names are hostile": (["doctor", "secret/a"], set()),
    "render": (["render", "secret/a"], escaped("name")),
    "version": (["version"], escaped("kubernetes", "object", "place") | {f"1.0-{ESCAPED}"}),
    "migrate": (["migrate", "-o", "json"], set()),
}


@pytest.mark.parametrize("case", CASES)
def test_every_other_command(kubeconfig: Path, case: str) -> None:
    args, shown = CASES[case]
    output, errors = printed(kubeconfig, "kubectl-ecr", *args)
    assert {one for one in shown if one not in output + errors} == set()


def test_completions_are_one_line_each(kubeconfig: Path) -> None:
    output, _ = printed(kubeconfig, "kubectl_complete-ecr", "refresh", "ecrsecret/")
    assert output.splitlines() == [f"ecrsecret/name-{ESCAPED}", ":4"]
