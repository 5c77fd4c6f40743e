"""Scenarios about the other built-in kinds, field managers, namespaces, tokens and pages of lists."""

from __future__ import annotations

from .steps import (
    ACCOUNTS,
    ECR_SECRETS,
    EVENTS,
    HELD,
    LEASES,
    NAMESPACES,
    PASSED,
    QUOTAS,
    SECRETS,
    TOKEN_REVIEWS,
    Of,
    Step,
    account,
    create,
    delete,
    edit,
    get,
    lease,
    merge,
    put,
    resource,
    secret,
    until_gone,
    version,
)

MANAGERS: dict[str, list[Step]] = {
    "field managers": [
        create(SECRETS, secret("a", data={"k": "eA==", "l": "eA=="}, metadata={"labels": {"l": "1"}})).through("first"),
        merge(SECRETS, "a", {"data": {"k": "eQ=="}}).through("second"),
        merge(SECRETS, "a", {"metadata": {"labels": {"l": "2", "m": "1"}}}).through("third"),
        merge(SECRETS, "a", {"data": {"k": None}}).through("first"),
        merge(SECRETS, "a", {"metadata": {"labels": None}}).through("second"),
        put(SECRETS, "a", secret("a", data={"z": "eA=="})).through("fourth"),
        create(ECR_SECRETS, resource("a", metadata={"annotations": {"a": "b"}})).through("first"),
        merge(ECR_SECRETS, "a/status", {"status": {"phase": "x", "conditions": [PASSED]}}).through("second"),
        merge(ECR_SECRETS, "a/status", {"status": {"phase": "y"}}).through("third"),
        merge(ECR_SECRETS, "a", {"spec": {"frequency": "2h", "aws": {"access": "pull"}}}).through("third"),
        merge(ECR_SECRETS, "a", {"spec": {"aws": None}}).through("first"),
        create(ACCOUNTS, account("a", imagePullSecrets=[{"name": "x"}])).through("first"),
        edit(ACCOUNTS, "a", {"op": "add", "path": "/imagePullSecrets/-", "value": {"name": "y"}}).through("second"),
        edit(ACCOUNTS, "a", {"op": "remove", "path": "/imagePullSecrets/0"}).through("third"),
    ],
}

OTHER_BUILT_IN: dict[str, list[Step]] = {
    "ServiceAccounts": [
        create(ACCOUNTS, account("a", imagePullSecrets=[{"name": "x"}], metadata={"labels": {"l": "1"}})).named("a"),
        edit(
            ACCOUNTS,
            "a",
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version("a")},
            {"op": "add", "path": "/imagePullSecrets/-", "value": {"name": "y"}},
            {"op": "add", "path": "/secrets", "value": [{"name": "y"}]},
            {"op": "add", "path": "/metadata/annotations", "value": {"example.com/links": "x"}},
        ).named("b"),
        edit(ACCOUNTS, "a", {"op": "replace", "path": "/metadata/resourceVersion", "value": version("a")}),
        edit(ACCOUNTS, "a", {"op": "remove", "path": "/imagePullSecrets/0"}, {"op": "remove", "path": "/secrets"}),
        edit(ACCOUNTS, "a", {"op": "remove", "path": "/imagePullSecrets/5"}),
        edit(ACCOUNTS, "a", {"op": "remove", "path": "/metadata/annotations/example.com~1links"}),
        merge(ACCOUNTS, "a", {"automountServiceAccountToken": False, "imagePullSecrets": []}),
        delete(ACCOUNTS, "a"),
        get(ACCOUNTS, "a"),
    ],
    "Leases": [
        create(
            LEASES,
            lease("a", holderIdentity="x", leaseDurationSeconds=15, acquireTime="2026-01-01T00:00:00.000000Z"),
        ).named("a"),
        put(LEASES, "a", lease("a", holderIdentity="y")),
        put(LEASES, "a", lease("a", metadata={"resourceVersion": version("a")}, holderIdentity="y")).named("b"),
        put(LEASES, "a", lease("a", metadata={"resourceVersion": version("a")}, holderIdentity="z")),
        put(LEASES, "a", lease("a", metadata={"resourceVersion": version("b")}, leaseDurationSeconds=0)),
        merge(LEASES, "a", {"spec": {"leaseTransitions": -1}}),
        merge(LEASES, "a", {"spec": {"renewTime": "2026-01-01T00:00:00Z"}}),
        merge(LEASES, "a", {"spec": {"renewTime": "2026-01-01T00:00:00.500000+01:00", "holderIdentity": ""}}),
        put(LEASES, "c", lease("c", holderIdentity="new")),
        delete(LEASES, "a"),
    ],
    "quotas": [
        create(QUOTAS, {"metadata": {"name": "q"}, "spec": {"hard": {"secrets": "1"}}}),
        merge(QUOTAS, "q/status", {"status": {"hard": {"secrets": "1"}, "used": {"secrets": "0"}}}),
        create(SECRETS, secret("a"), dryRun="All"),
        create(SECRETS, secret("a")),
        create(SECRETS, secret("b")),
        create(SECRETS, secret("b"), dryRun="All"),
        create(SECRETS, secret("a")),
        create(ECR_SECRETS, resource("a")),
        delete(SECRETS, "a"),
        create(SECRETS, secret("b")),
    ],
    "a namespace that is not there": [
        create("/api/v1/namespaces/{ns}-absent/secrets", secret("a")),
        get("/api/v1/namespaces/{ns}-absent/secrets", "a"),
        get("/api/v1/namespaces/{ns}-absent/secrets"),
        create(NAMESPACES, {"metadata": {"name": "{ns}.x"}}),
        delete(NAMESPACES, "kube-system"),
        get("/api/v1/nothing"),
        get("/apis/example.com/v1/things"),
    ],
    "a namespace that terminates": [
        create(SECRETS, secret("z")),
        create(ECR_SECRETS, resource("z")),
        create(SECRETS, secret("a", metadata={"finalizers": HELD})),
        create(ECR_SECRETS, resource("b", metadata={"finalizers": HELD})),
        delete(NAMESPACES, "{ns}"),
        create(SECRETS, secret("c")),
        create(ECR_SECRETS, resource("c")),
        create(SECRETS, secret("c"), dryRun="All"),
        create(SECRETS, secret("a")),
        until_gone(SECRETS, "z"),  # the last of its kind to be deleted
        until_gone(ECR_SECRETS, "z"),
        merge(SECRETS, "a", {"data": {"k": "eA=="}}),
        merge(SECRETS, "a", {"metadata": {"finalizers": None}}),
        merge(ECR_SECRETS, "b", {"metadata": {"finalizers": None}}),
        until_gone(NAMESPACES, "{ns}"),
        create(SECRETS, secret("c")),
    ],
}

TOKEN = {"spec": {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 600}}
TOKENS: dict[str, list[Step]] = {
    "tokens of ServiceAccounts": [
        create(ACCOUNTS, account("a")),
        create(f"{ACCOUNTS}/a/token", TOKEN),
        create(f"{ACCOUNTS}/b/token", TOKEN),
        create(f"{ACCOUNTS}/a/token", {"spec": {"audiences": ["x"], "expirationSeconds": 599}}),
        create(f"{ACCOUNTS}/a/token", {"spec": {"audiences": ["x"], "expirationSeconds": 1 << 33}}),
        create(f"{ACCOUNTS}/a/token", {"spec": {}}).named("t"),
        create(TOKEN_REVIEWS, {"spec": {"token": Of("t", "token")}}),
        create(TOKEN_REVIEWS, {"spec": {"token": "nonsense"}}),
        create(TOKEN_REVIEWS, {"spec": {}}),
    ],
}
EVENT = {"reason": "Updated", "message": "x", "count": 1, "type": "Normal"}
ABOUT = {"apiVersion": "v1", "kind": "Secret", "name": "a", "namespace": "{ns}"}
EVENTS_SCENARIOS: dict[str, list[Step]] = {
    "Events": [
        create(EVENTS, {**EVENT, "metadata": {"name": "e"}, "involvedObject": ABOUT}),
        create(EVENTS, {**EVENT, "metadata": {"name": "e"}, "involvedObject": ABOUT}),
        merge(EVENTS, "e", {"count": 2, "message": "y", "lastTimestamp": "2026-01-01T00:00:00Z"}),
        create(EVENTS, {**EVENT, "metadata": {"name": "f"}, "involvedObject": {**ABOUT, "namespace": "other"}}),
        create(EVENTS, {**EVENT, "metadata": {"name": "g"}, "involvedObject": {"kind": "ClusterPullSecret"}}),
        create(EVENTS, {**EVENT, "metadata": {"name": "A b"}, "involvedObject": ABOUT}),
        get(EVENTS, "e"),
        get(EVENTS, "absent"),
    ],
}


def _next_page(step: str) -> Step:
    return Step("GET", SECRETS, query={"limit": "2", "continue": Of(step, "continue")})


PAGES: dict[str, list[Step]] = {
    "pages of a list with a selector": [
        create(SECRETS, secret("a", metadata={"labels": {"l": "1"}})),
        create(SECRETS, secret("b")),
        create(SECRETS, secret("c", metadata={"labels": {"l": "1"}})),
        create(ECR_SECRETS, resource("a", metadata={"labels": {"l": "1"}})),
        create(ECR_SECRETS, resource("b")),
        get(SECRETS, limit="1", labelSelector="l"),
        get(SECRETS, limit="2", labelSelector="l"),
        get(SECRETS, limit="1", labelSelector="l=2"),
        get(SECRETS, limit="1", fieldSelector="metadata.name=b"),
        get(ECR_SECRETS, limit="1", labelSelector="l"),
        get(ECR_SECRETS, limit="2", labelSelector="l"),
    ],
    "pages of a list while it changes": [
        *(create(SECRETS, secret(name)) for name in "abcde"),
        get(SECRETS, limit="2").named("p1"),
        delete(SECRETS, "c"),
        create(SECRETS, secret("cc")),
        merge(SECRETS, "d", {"data": {"k": "eA=="}}),
        _next_page("p1").named("p2"),
        _next_page("p2"),
        get(SECRETS, limit="2", resourceVersion="0"),
        get(SECRETS, resourceVersion="0", labelSelector="l=1"),
    ],
}
