"""The two API servers that scenarios run on: a real one over HTTPS, and the simulated one."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec
import yaml

from ecr_secret_operator import crds
from ecr_secret_operator_lab.cluster import Object, tls_of
from ecr_secret_operator_lab.waiting import wait_for
from tests.simulation.apiserver import ADMIN, ApiServer, Request, Response

from .steps import POLICIES, POLICY_GROUP, POLICY_KIND, POLICY_PLURAL, Of, Step

WAIT_SECONDS = 60.0
LAST = "last"
"""A label. What comes after its object is not read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and a body that is decoded."""

    status: int
    body: Any


class Target(Protocol):
    """An API server."""

    def send(self, step: Step) -> Answer:
        """Sends a request, without references and placeholders."""

    def watch(self, path: str, query: Mapping[str, str]) -> list[Any]:
        """The events of a watch before one about an object with the label LAST, or with an error at the end."""

    def pause(self) -> None:
        """Lets controllers work."""


class Simulated:
    """The simulated API server. Its time does not pass."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.server = ApiServer(self.now)
        self.server.install(policy_definition())

    def send(self, step: Step) -> Answer:
        """Sends a request."""
        body = b"" if step.body is None else msgspec.json.encode(step.body)
        request = Request(
            method=step.method,
            path=step.path,
            query=step.query,
            body=body,
            content=step.content,
            user=step.user or ADMIN,
            agent=step.agent,
        )
        response = self.server.handle(request, self.now)
        return Answer(response.status, _decoded(response.body))

    def watch(self, path: str, query: Mapping[str, str]) -> list[Any]:
        """The events of a watch."""
        opened = self.server.watch(Request(method="GET", path=path, query={**query, "watch": "true"}), self.now)
        assert not isinstance(opened, Response), opened
        events = [msgspec.json.decode(line) for line in opened.read()]
        opened.close()
        return [event for event in events if not is_last(event)]

    def pause(self) -> None:
        """Lets controllers work for one round."""
        self.server.collect_garbage(self.now)
        self.server.controllers.finish_namespaces(self.now)


class Real:
    """A real API server, as the administrator."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._address = urlsplit(cluster["server"])
        self._tls = tls_of(cluster, user)
        self._headers = {"Accept": "application/json"}
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        self._connection = self._connect()

    def _connect(self) -> http.client.HTTPSConnection:
        host = self._address.hostname or ""
        return http.client.HTTPSConnection(host, self._address.port, context=self._tls, timeout=WAIT_SECONDS)

    def __enter__(self) -> Real:
        definition = policy_definition()
        self.send(Step("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition))
        wait_for(lambda: self.send(Step("GET", POLICIES)).status == HTTPStatus.OK, "the definition is in force")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, step: Step) -> Answer:
        """Sends a request."""
        target = f"{step.path}?{urlencode(step.query)}" if step.query else step.path
        body = None if step.body is None else msgspec.json.encode(step.body)
        headers = {**self._headers, "User-Agent": f"{step.agent}/1", "Content-Type": step.content}
        if step.user:
            headers["Impersonate-User"] = step.user
        self._connection.request(step.method, target, body, headers)
        response = self._connection.getresponse()
        return Answer(response.status, _decoded(response.read()))

    def watch(self, path: str, query: Mapping[str, str]) -> list[Any]:
        """The events of a watch."""
        connection, events = self._connect(), []
        target = f"{path}?{urlencode({'timeoutSeconds': '10', **query, 'watch': 'true'})}"
        try:
            connection.request("GET", target, headers=self._headers)
            response = connection.getresponse()
            while line := response.readline():
                events.append(_decoded(line))
                if is_last(events[-1]) or events[-1]["type"] == "ERROR":
                    break
        finally:
            connection.close()
        return [event for event in events if not is_last(event)]

    def pause(self) -> None:
        """Waits for controllers."""
        time.sleep(0.1)


def policy_definition() -> Object:
    """The definition of the kind with the schema of AccessPolicy."""
    spec = crds.policy_definition()["spec"]
    names = {
        "kind": POLICY_KIND,
        "listKind": f"{POLICY_KIND}List",
        "plural": POLICY_PLURAL,
        "singular": "simulatedpolicy",
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{POLICY_PLURAL}.{POLICY_GROUP}"},
        "spec": {**spec, "group": POLICY_GROUP, "names": names},
    }


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode(errors="replace")


def is_last(event: Any) -> bool:
    """Whether an event is about an object with the label LAST."""
    labels = event["object"].get("metadata", {}).get("labels") or {}
    return LAST in labels


def run(target: Target, namespace: str, steps: list[Step]) -> list[Answer]:
    """Sends the requests of a scenario one after the other, and waits where a step says so."""
    seen: dict[str, Any] = {}
    answers = []
    for step in steps:
        query = {key: _resolved(value, seen) for key, value in step.query.items()}
        ready = replace(step, path=step.path.format(ns=namespace), body=_resolved(step.body, seen), query=query)
        answer = target.send(ready)
        until = time.monotonic() + WAIT_SECONDS
        while step.ready and not step.ready(answer.status, answer.body) and time.monotonic() < until:
            target.pause()
            answer = target.send(ready)
        if step.name:
            seen[step.name] = answer.body
        answers.append(answer)
    return answers


def _resolved(value: Any, seen: Mapping[str, Any]) -> Any:
    if isinstance(value, Of):
        found = seen[value.step]
        parts = [found["status"]] if isinstance(found.get("status"), dict) else []
        return next((part[value.field] for part in [found["metadata"], *parts] if value.field in part), "1")
    if isinstance(value, dict):
        return {key: _resolved(one, seen) for key, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, seen) for one in value]
    return value
