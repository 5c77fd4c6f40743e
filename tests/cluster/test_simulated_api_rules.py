"""Watches, permissions and admission of the simulated API server, beside those of a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object
from ecr_secret_operator_lab.waiting import wait_for
from tests.simulation.apiserver import Attributes, Denied, Hook, HookFailed, Review
from tests.simulation.client import Network, SimulatedClient

from .simulated_api.comparing import MARK, begun, compare, new_name
from .simulated_api.normal import Names, normal, normal_event
from .simulated_api.steps import (
    ACCESS_REVIEWS,
    ECR_SECRETS,
    LEASES,
    NAMESPACES,
    SECRETS,
    Step,
    create,
    delete,
    edit,
    get,
    lease,
    merge,
    put,
    resource,
    secret,
)
from .simulated_api.targets import Real, Simulated, Target, run
from .webhooks import refusing_webhook


@pytest.fixture(scope="module")
def real(kubeconfig: Path) -> Iterator[Real]:
    with Real(kubeconfig) as target:
        yield target


CHANGES = [
    create(SECRETS, secret("a", metadata={"labels": {"l": "1"}})),
    create(SECRETS, secret("b", metadata={"labels": {"l": "2"}})),
    merge(SECRETS, "a", {"data": {"k": "eA=="}}),
    merge(SECRETS, "a", {"metadata": {"labels": {"l": "2"}}}),
    merge(SECRETS, "a", {"data": {"k": "eQ=="}}),
    merge(SECRETS, "a", {"metadata": {"labels": {"l": "1"}}}),
    merge(SECRETS, "b", {"metadata": {"labels": {"l": "1"}}}),
    delete(SECRETS, "b"),
    create(SECRETS, secret("b", metadata={"labels": {"l": "1"}, "finalizers": ["example.com/held"]})),
    delete(SECRETS, "b"),
    merge(SECRETS, "b", {"metadata": {"finalizers": None}}),
    delete(SECRETS, "a"),
    create(SECRETS, secret("a", metadata=MARK)),
]
WATCHES: dict[str, dict[str, str]] = {
    "from a version": {},
    "by a label": {"labelSelector": "l=1"},
    "by two labels": {"labelSelector": "l in (1,3),l!=2"},
    "by name": {"fieldSelector": "metadata.name=a"},
    "from the current state": {"resourceVersion": ""},
    "from any state": {"resourceVersion": "0", "labelSelector": "l"},
}


def watched(target: Target, namespace: str, query: Mapping[str, str]) -> list[Any]:
    since = begun(target, namespace)[SECRETS]
    run(target, namespace, CHANGES)
    names = Names()
    full = {"resourceVersion": since, **query}
    sent = {key: value for key, value in full.items() if value}
    return [normal_event(one, names) for one in target.watch(SECRETS.format(ns=namespace), sent)]


@pytest.mark.parametrize("query", WATCHES.values(), ids=WATCHES.keys())
def test_watches_bring_the_same_events(real: Real, query: dict[str, str]) -> None:
    namespace = new_name()
    assert watched(Simulated(), namespace, query) == watched(real, namespace, query)


def test_a_watch_from_before_the_first_list_gets_410(real: Real) -> None:
    namespace, expected = new_name(), [("ERROR", "Expired", 410)]
    for target in (real, Simulated()):
        begun(target, namespace)
        found = target.watch(ECR_SECRETS.format(ns=namespace), {"resourceVersion": "1"})
        assert [normal_event(one, Names()) for one in found] == expected


MOVE = [create(LEASES, lease("a")), get(SECRETS)]
"""Writes to another kind, and has the watch cache of Secrets learn of it."""


async def test_a_watch_ends_after_its_time_and_brings_a_bookmark_before(real: Real, kubeconfig: Path) -> None:
    namespace, simulated = new_name(), Simulated()
    query = {"allowWatchBookmarks": "true", "timeoutSeconds": "4"}
    path = SECRETS.format(ns=namespace)
    client = SimulatedClient(simulated.server, Network(Random(1)), lambda: datetime.now(UTC), user="admin")
    since = [begun(target, namespace)[SECRETS] for target in (real, simulated)]

    async def streamed() -> list[Any]:
        full = {**query, "resourceVersion": since[1]}
        return [msgspec.json.decode(line) async for line in client.stream(path, full)]

    with Real(kubeconfig) as second:
        other = asyncio.to_thread(second.watch, path, {**query, "resourceVersion": since[0]})
        watches = [asyncio.create_task(other), asyncio.create_task(streamed())]
        await asyncio.sleep(0.5)
        for target in (real, simulated):
            await asyncio.to_thread(run, target, namespace, MOVE)
        expected, found = await asyncio.gather(*watches)
    kinds = [{(one["type"], one["object"]["kind"]) for one in lines} for lines in (expected, found)]
    assert kinds[0] == kinds[1] == {("BOOKMARK", "Secret")}


def may_i(verb: str, resource: str) -> Object:
    return {"spec": {"resourceAttributes": {"verb": verb, "resource": resource, "namespace": "{ns}"}}}


OF_TENANT = [
    create(SECRETS, secret("a")),
    get(SECRETS, "a"),
    get(SECRETS),
    merge(SECRETS, "a", {"data": {"k": "eA=="}}),
    put(SECRETS, "a", secret("a")),
    edit(SECRETS, "a", {"op": "add", "path": "/metadata/labels", "value": {"l": "1"}}),
    delete(SECRETS, "a"),
    merge(ECR_SECRETS, "a/status", {"status": {}}),
    create(ECR_SECRETS, resource("a")),
    get("/api/v1/secrets"),
    get(NAMESPACES),
    get(NAMESPACES, "{ns}"),
    create(f"{SECRETS.replace('secrets', 'serviceaccounts')}/a/token", {"spec": {}}),
    create(ACCESS_REVIEWS, may_i("get", "secrets")),
    create(ACCESS_REVIEWS, may_i("delete", "secrets")),
    create(ACCESS_REVIEWS, may_i("get", "serviceaccounts")),
]
MAY = {"create", "get", "list"}


def allowed(attributes: Attributes) -> bool:
    return (
        attributes.resource == "secrets"
        and not attributes.group
        and attributes.verb in MAY
        and bool(attributes.namespace)
    )


def test_what_permissions_refuse(real: Real, cluster: Cluster) -> None:
    namespace = new_name()
    user = f"tenant-{namespace}"
    cluster.namespace(namespace)
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": sorted(MAY)}
    cluster.create(f"{rbac}/roles", {"metadata": {"name": "tenant"}, "rules": [rule]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tenant"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    cluster.create(
        f"{rbac}/rolebindings", {"metadata": {"name": "tenant"}, "roleRef": reference, "subjects": [subject]}
    )
    asked = [get(SECRETS).by(user)]
    wait_for(lambda: run(real, namespace, asked)[0].status == 200, "the role is in force")

    def prepare(simulated: Simulated) -> None:
        simulated.server.restrict(user, allowed)

    compare(real, [step.by(user) for step in OF_TENANT], prepare=prepare, namespace=namespace)


REFUSED = [
    create(SECRETS, secret("a")),
    create(SECRETS, secret("a"), dryRun="All"),
    create(SECRETS, secret("A")),
    create(ECR_SECRETS, resource("a")),
    merge(SECRETS, "kept", {"data": {"k": "eA=="}}),
    merge(SECRETS, "kept", {"data": None}),
    put(SECRETS, "kept", secret("kept")),
    merge(SECRETS, "absent", {"data": {"k": "eA=="}}),
    delete(SECRETS, "kept"),
]


def of_secrets(review: Review) -> bool:
    return review.place.kind.plural == "secrets" and not review.place.kind.group and review.operation != "DELETE"


@contextmanager
def stored(cluster: Cluster, path: str, body: Object) -> Iterator[None]:
    """While this is entered, an object exists."""
    cluster.create(path, body)
    try:
        yield
    finally:
        cluster.delete(f"{path}/{body['metadata']['name']}")


ADMISSION = "/apis/admissionregistration.k8s.io/v1"
RULES = [
    {"apiGroups": [""], "apiVersions": ["*"], "resources": ["secrets"], "operations": ["CREATE", "UPDATE"]}
]  # fmt: skip


def compare_refusals(real: Real, namespace: str, hook: Hook) -> None:
    """Waits until the real server refuses, and compares."""
    attempt = [create(SECRETS, secret("probe"), dryRun="All")]
    wait_for(lambda: run(real, namespace, attempt)[0].status >= 300, "writes are refused")

    def prepare(simulated: Simulated) -> None:
        run(
            simulated,
            namespace,
            [create(NAMESPACES, {"metadata": {"name": namespace}}), create(SECRETS, secret("kept"))],
        )
        simulated.server.hooks.append(hook)

    compare(real, REFUSED, prepare=prepare, namespace=namespace)


@pytest.fixture
def held(cluster: Cluster) -> str:
    """A namespace with a Secret."""
    name = cluster.namespace(new_name())
    cluster.create(SECRETS.format(ns=name), secret("kept"))
    return name


def test_what_a_policy_refuses(real: Real, cluster: Cluster, held: str) -> None:
    policy = {
        "metadata": {"name": held},
        "spec": {
            "matchConstraints": {
                "resourceRules": RULES,
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": held}},
            },
            "validations": [{"expression": "false", "message": "not today"}],
        },
    }
    binding = {"metadata": {"name": held}, "spec": {"policyName": held, "validationActions": ["Deny"]}}

    def decide(_: Review) -> None:
        raise Denied("not today")

    with (
        stored(cluster, f"{ADMISSION}/validatingadmissionpolicies", policy),
        stored(cluster, f"{ADMISSION}/validatingadmissionpolicybindings", binding),
    ):
        compare_refusals(real, held, Hook(name=held, decide=decide, concerns=of_secrets, policy=True))


def test_what_a_webhook_fails(real: Real, cluster: Cluster, held: str) -> None:
    webhook = {
        "name": "rules.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": RULES,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": held}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
    }
    body = {"metadata": {"name": held}, "webhooks": [webhook]}

    def decide(_: Review) -> None:
        raise HookFailed('Post "https://127.0.0.1:1/?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused')

    with stored(cluster, f"{ADMISSION}/validatingwebhookconfigurations", body):
        compare_refusals(real, held, Hook(name="rules.example.com", decide=decide, concerns=of_secrets, mutates=False))


def test_what_a_webhook_denies(real: Real, cluster: Cluster, held: str, tmp_path: Path) -> None:
    def created(target: Target) -> Any:
        return normal(run(target, held, [create(SECRETS, secret("a"), dryRun="All")])[0], Names())

    def refusal(target: Target) -> Any:
        status, body = created(target)
        return status, {**body, "message": body["message"].partition("request: ")[0]}

    def decide(_: Review) -> None:
        raise Denied("not now")

    simulated = Simulated()
    begun(simulated, held)
    simulated.server.hooks.append(Hook(name="rules.example.com", decide=decide))
    with refusing_webhook(cluster, held, "secrets", tmp_path) as refusals:
        wait_for(lambda: created(real)[0] == 403 and refusals() > 0, "writes are refused")
        assert refusal(simulated) == refusal(real)


def test_discovery_names_the_same_resources(real: Real) -> None:
    def served(target: Target, path: str) -> list[Any]:
        (answer,) = run(target, "", [Step("GET", path)])
        return sorted(
            (one["name"], one["kind"], one["namespaced"])
            for one in answer.body["resources"]
            if one["name"] != "secrets/status"
        )

    path = ECR_SECRETS.partition("/namespaces")[0]
    assert served(Simulated(), path) == served(real, path)
