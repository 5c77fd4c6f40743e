"""What happens in the simulated cluster by itself, and admission."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ecr_secret_operator.crds import all_definitions

from .apiserver import MERGE_PATCH, Denied, Hook, HookFailed, Request, Review
from .test_apiserver import ECR, NOW, RESOURCE, SECRETS, Api

QUOTAS = "/api/v1/namespaces/default/resourcequotas"


def named(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}}


def test_a_deletion_frees_a_quota_when_it_is_counted_again() -> None:
    api = Api()
    api.ask("POST", QUOTAS, {**named("q"), "spec": {"hard": {"count/secrets": "1"}}})
    api.server.controllers.count_quotas()
    assert api.raw("POST", SECRETS, named("a")).status == 201
    api.ask("DELETE", f"{SECRETS}/a")
    assert api.raw("POST", SECRETS, named("b")).status == 403
    api.server.controllers.count_quotas()
    assert api.raw("POST", SECRETS, named("b")).status == 201


def test_namespaces_get_a_service_account_and_go_with_all_they_hold() -> None:
    api, controllers = Api(), None
    controllers = api.server.controllers
    api.ask("POST", "/api/v1/namespaces", named("team"))
    controllers.provide_accounts(NOW)
    held = named("a", finalizers=["example.com/held"])
    api.ask("POST", "/api/v1/namespaces/team/secrets", held)
    api.ask("DELETE", "/api/v1/namespaces/team")
    assert controllers.finish_namespaces(NOW) == []
    assert api.raw("GET", "/api/v1/namespaces/team/serviceaccounts/default").status == 404
    api.ask("PATCH", "/api/v1/namespaces/team/secrets/a", {"metadata": {"finalizers": None}}, content=MERGE_PATCH)
    assert controllers.finish_namespaces(NOW) == ["team"]
    assert api.raw("GET", "/api/v1/namespaces/team").status == 404


def test_events_live_an_hour() -> None:
    api = Api()
    path = "/api/v1/namespaces/default/events"
    api.ask("POST", path, {**named("e"), "involvedObject": {"namespace": "default"}})
    assert api.server.controllers.expire_events(NOW + timedelta(minutes=59)) == 0
    assert api.server.controllers.expire_events(NOW + timedelta(minutes=61)) == 1
    assert api.ask("GET", path)["items"] == []


def test_a_hook_mutates_what_is_stored() -> None:
    def stamp(review: Review) -> dict[str, Any]:
        assert review.object is not None
        return {**review.object, "metadata": {**review.object["metadata"], "labels": {"team": "a"}}}

    api = Api()
    api.server.hooks.append(Hook(name="stamp.example.com", decide=stamp))
    assert api.ask("POST", SECRETS, named("a"))["metadata"]["labels"] == {"team": "a"}


def test_a_hook_denies_fails_and_may_be_ignored() -> None:
    def deny(_: Review) -> None:
        raise Denied("no")

    def fail(_: Review) -> None:
        raise HookFailed("connection refused")

    api = Api()
    for hook, status in (
        (Hook(name="h", decide=deny), 403),
        (Hook(name="h", decide=fail), 500),
        (Hook(name="h", decide=fail, ignore=True), 201),
    ):
        api.server.hooks[:] = [hook]
        assert api.raw("POST", SECRETS, named("a")).status == status


@pytest.mark.parametrize(("seconds", "waits", "status"), [(3.0, 3.0, 201), (30.0, 10.0, 500)])
def test_a_slow_hook_is_waited_for_until_its_time_out(seconds: float, waits: float, status: int) -> None:
    api = Api()
    api.server.hooks.append(Hook(name="slow", decide=lambda _: None, seconds=seconds))
    request = Request(method="POST", path=SECRETS, body=b'{"metadata":{"name":"a"}}')
    assert api.server.admission_seconds(request) == waits
    assert api.server.admission_seconds(request._replace(method="GET")) == 0.0
    assert api.server.handle(request, NOW).status == status


def test_another_definition_reads_stored_objects_in_its_way() -> None:
    definitions = {one["spec"]["names"]["plural"]: one for one in all_definitions()}
    schema = definitions["secrets"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec = schema["properties"]["spec"]["properties"]
    older = {name: one for name, one in spec.items() if name != "deletion_policy"}
    api = Api()
    new = definitions["secrets"]
    schema["properties"]["spec"]["properties"] = older
    api.server.install(new)
    stored = api.ask("POST", ECR, {**RESOURCE, "spec": {**RESOURCE["spec"], "deletion_policy": "Retain"}})  # type: ignore[dict-item]
    assert "deletion_policy" not in stored["spec"]
    schema["properties"]["spec"]["properties"] = spec
    api.server.install(new)
    after = api.ask("GET", f"{ECR}/one")
    assert after["spec"]["deletion_policy"] == "Delete"
    assert after["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]


def test_a_kind_goes_with_its_objects() -> None:
    api = Api()
    api.ask("POST", ECR, RESOURCE)
    api.server.uninstall("ecr.mobb.redhat.com", "secrets")
    assert api.raw("GET", ECR).status == 404
    api.server.install(all_definitions()[0])
    assert api.ask("GET", ECR)["items"] == []
