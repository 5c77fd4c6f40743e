"""The simulated API server alone. tests/cluster/test_simulated_api.py shows that it answers as a real one does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from .apiserver import JSON_PATCH, MERGE_PATCH, ApiServer, Request, Response

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ECR = "/apis/ecr.mobb.redhat.com/v1alpha1/namespaces/default/secrets"
SECRETS = "/api/v1/namespaces/default/secrets"
RESOURCE = {
    "apiVersion": "ecr.mobb.redhat.com/v1alpha1",
    "kind": "Secret",
    "metadata": {"name": "one"},
    "spec": {"generated_secret_name": "made", "ecr_registry": "123456789012.dkr.ecr.us-east-2.amazonaws.com"},
}


class Api:
    """Sends requests, and decodes what comes back."""

    def __init__(self, **options: Any) -> None:
        self.server = ApiServer(NOW, **options)

    def raw(self, method: str, path: str, body: object = None, **options: Any) -> Response:
        encoded = b"" if body is None else msgspec.json.encode(body)
        return self.server.handle(Request(method=method, path=path, body=encoded, **options), NOW)

    def ask(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        response = self.raw(method, path, body, **options)
        return msgspec.json.decode(response.body)

    def lines(self, path: str, **query: str) -> list[Any]:
        watch = self.server.watch(Request(method="GET", path=path, query={"watch": "true", **query}), NOW)
        assert not isinstance(watch, Response)
        return [msgspec.json.decode(one) for one in watch.read()]


def test_a_resource_gets_defaults_a_generation_and_a_version() -> None:
    api = Api()
    made = api.ask("POST", ECR, RESOURCE)
    assert made["spec"]["frequency"] == "6h"
    assert made["metadata"]["generation"] == 1
    changed = api.ask("PATCH", f"{ECR}/one", {"spec": {"suspend": True}}, content=MERGE_PATCH)
    assert changed["metadata"]["generation"] == 2
    assert int(changed["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    status = api.ask("PATCH", f"{ECR}/one/status", {"status": {"phase": "Pending"}}, content=MERGE_PATCH)
    assert (status["metadata"]["generation"], status["status"]) == (2, {"phase": "Pending"})


def test_a_patch_that_changes_nothing_writes_nothing() -> None:
    api = Api()
    made = api.ask("POST", ECR, RESOURCE)
    same = api.ask("PATCH", f"{ECR}/one", {"spec": {"frequency": "6h"}}, content=MERGE_PATCH)
    assert same == made
    assert api.lines(ECR, resourceVersion=made["metadata"]["resourceVersion"]) == []


def test_a_json_patch_names_a_version() -> None:
    api = Api()
    made = api.ask("POST", SECRETS, {"metadata": {"name": "one"}})
    version = {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}
    label = {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}
    assert api.raw("PATCH", f"{SECRETS}/one", [version, label], content=JSON_PATCH).status == 409
    version["value"] = made["metadata"]["resourceVersion"]
    assert api.ask("PATCH", f"{SECRETS}/one", [version, label], content=JSON_PATCH)["metadata"]["labels"] == {"a": "b"}


def test_a_watch_brings_what_happened_since_its_version() -> None:
    api = Api()
    made = api.ask("POST", SECRETS, {"metadata": {"name": "one"}})
    api.ask("PATCH", f"{SECRETS}/one", {"data": {"a": "eA=="}}, content=MERGE_PATCH)
    api.ask("DELETE", f"{SECRETS}/one")
    since = api.lines(SECRETS, resourceVersion=made["metadata"]["resourceVersion"])
    assert [one["type"] for one in since] == ["MODIFIED", "DELETED"]
    api.server.compact()
    (error,) = api.lines(SECRETS, resourceVersion=made["metadata"]["resourceVersion"])
    assert (error["type"], error["object"]["code"]) == ("ERROR", 410)


def test_pages_show_the_state_of_the_first_one() -> None:
    api = Api()
    for name in "abc":
        api.ask("POST", SECRETS, {"metadata": {"name": name}})
    first = api.ask("GET", SECRETS, query={"limit": "2"})
    api.ask("DELETE", f"{SECRETS}/c")
    second = api.ask("GET", SECRETS, query={"limit": "2", "continue": first["metadata"]["continue"]})
    names = [one["metadata"]["name"] for one in (*first["items"], *second["items"])]
    assert names == ["a", "b", "c"]
    api.server.compact()
    late = api.raw("GET", SECRETS, query={"limit": "2", "continue": first["metadata"]["continue"]})
    assert late.status == 410


def test_a_watch_of_a_quiet_kind_gets_bookmarks_only_when_the_cache_learns_of_other_writes() -> None:
    api = Api()
    version = api.ask("GET", SECRETS)["metadata"]["resourceVersion"]
    query = {"watch": "true", "resourceVersion": version}
    watch = api.server.watch(Request(method="GET", path=SECRETS, query=query), NOW)
    assert not isinstance(watch, Response)

    def bookmark(minutes: int) -> bool:
        assert watch.read() == []
        return watch.bookmark(NOW + timedelta(minutes=minutes)) is not None

    assert not bookmark(0)
    api.ask("POST", ECR, RESOURCE)
    assert not bookmark(1)
    api.ask("GET", SECRETS)
    assert bookmark(2)
    assert not bookmark(3)
    api.ask("DELETE", f"{ECR}/one")
    assert not bookmark(4)
    assert not bookmark(10), "etcd tells of it now, and the next line brings it"
    assert bookmark(11)
