"""Sequences of requests that hypothesis draws: few names, so that requests meet each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from .steps import (
    ABSENT_UID,
    ACCOUNTS,
    ARGO,
    ECR_SECRETS,
    HELD,
    LEASES,
    POLICIES,
    POLICY_KIND,
    SECRETS,
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
)

NAMES = ("a", "b")
_FRESH: Mapping[str, Callable[[str], dict[str, Any]]] = {
    SECRETS: secret,
    ACCOUNTS: account,
    ECR_SECRETS: resource,
    LEASES: lease,
    ARGO: lambda name: resource(name, "ArgoHelmRepoSecret"),
    POLICIES: lambda name: resource(name, POLICY_KIND),
}
CLUSTER_NAMES = tuple(f"{{ns}}-{name}" for name in NAMES)
"""Names of cluster-wide objects, which other scenarios must not meet."""


_labels = st.one_of(st.none(), st.dictionaries(st.sampled_from("lm"), st.sampled_from(("1", "2", None)), max_size=2))
_finalizers = st.sampled_from((None, [], HELD, [*HELD, "example.com/other"]))


def _versions(earlier: Sequence[str], field: str) -> st.SearchStrategy[Any]:
    """Nothing, what an earlier step brought, or what never was."""
    wrong: Any = ABSENT_UID if field == "uid" else "1"
    return st.sampled_from((None, None, wrong, *(Of(step, field) for step in earlier)))


@st.composite
def _metadata(draw: st.DrawFn, earlier: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in ("uid", "resourceVersion"):
        value = draw(_versions(earlier, field))
        if value is not None:
            found[field] = value
    if draw(st.booleans()):
        found["labels"] = draw(_labels)
    if draw(st.integers(0, 3)) == 0:
        found["finalizers"] = draw(_finalizers)
    if draw(st.integers(0, 3)) == 0:
        found["annotations"] = draw(_labels)
    return found


_contents: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    SECRETS: st.fixed_dictionaries(
        {},
        optional={
            "data": st.one_of(st.none(), st.dictionaries(st.sampled_from("xy"), st.sampled_from(("eA==", None)))),
            "immutable": st.sampled_from((None, True, False)),
            "type": st.sampled_from(("Opaque", "kubernetes.io/dockerconfigjson", None)),
        },
    ),
    ACCOUNTS: st.fixed_dictionaries(
        {},
        optional={
            "imagePullSecrets": st.sampled_from((None, [], [{"name": "x"}], [{"name": "x"}, {"name": "y"}])),
            "secrets": st.sampled_from((None, [{"name": "x"}])),
            "automountServiceAccountToken": st.sampled_from((None, True)),
        },
    ),
    ECR_SECRETS: st.fixed_dictionaries(
        {},
        optional={
            "spec": st.fixed_dictionaries(
                {},
                optional={
                    "frequency": st.sampled_from(("1h", "6h", "1s", None)),
                    "suspend": st.sampled_from((True, False, None, "no")),
                    "region": st.sampled_from(("us-east-2", "eu-west-1", None)),
                    "aws": st.sampled_from((None, {"access": "pull"}, {"external_id": "id"}, {"role_arn": None})),
                    "unknown": st.just(1),
                },
            ),
            "status": st.sampled_from((None, {"phase": "x"}, {"phase": "y", "unknown": 1})),
        },
    ),
    LEASES: st.fixed_dictionaries(
        {},
        optional={
            "spec": st.fixed_dictionaries(
                {},
                optional={
                    "holderIdentity": st.sampled_from(("x", "y", "", None)),
                    "leaseDurationSeconds": st.sampled_from((15, 0, None)),
                    "renewTime": st.sampled_from(("2026-01-01T00:00:00.000000Z", None)),
                },
            )
        },
    ),
}

_contents[ARGO] = st.fixed_dictionaries(
    {},
    optional={
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "project": st.sampled_from(("web", "a/b", None)),
                "secret_type": st.sampled_from(("repo-creds", "repository", "cluster")),
                "proxy": st.sampled_from(("http://proxy:3128", "proxy", None)),
            },
        ),
        "status": st.sampled_from((None, {"phase": "x"})),
    },
)
_contents[POLICIES] = st.fixed_dictionaries(
    {},
    optional={
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "mode": st.sampled_from(("Audit", "Enforce", "Log")),
                "registries": st.sampled_from((["*"], ["a", "a"], ["a b"], None)),
                "limit": st.sampled_from(({"access": "pull"}, {"repositories": ["A"]}, None)),
            },
        )
    },
)

_operations: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.sampled_from((
        {"op": "add", "path": "/metadata/labels", "value": {"l": "1"}},
        {"op": "add", "path": "/metadata/labels/m", "value": "2"},
        {"op": "remove", "path": "/metadata/labels/l"},
        {"op": "test", "path": "/metadata/labels/l", "value": "1"},
        {"op": "replace", "path": "/metadata/annotations", "value": {"a": "b"}},
        {"op": "remove", "path": "/metadata/finalizers"},
        {"op": "add", "path": "/metadata/finalizers/-", "value": HELD[0]},
        {"op": "add", "path": "/imagePullSecrets/-", "value": {"name": "z"}},
        {"op": "add", "path": "/imagePullSecrets", "value": [{"name": "z"}]},
        {"op": "remove", "path": "/imagePullSecrets/0"},
        {"op": "copy", "from": "/metadata/labels/l", "path": "/metadata/labels/c"},
        {"op": "move", "from": "/metadata/labels/m", "path": "/metadata/labels/c"},
    )),
    min_size=1,
    max_size=3,
)  # fmt: skip
_queries = st.sampled_from((
    {},
    {"limit": "1"},
    {"labelSelector": "l=1"},
    {"labelSelector": "l!=1,m"},
    {"labelSelector": "m", "limit": "1"},
    {"fieldSelector": "metadata.name=a"},
))  # fmt: skip


@st.composite
def _step(draw: st.DrawFn, earlier: Sequence[str]) -> Step:
    path = draw(st.sampled_from(tuple(_FRESH)))
    name = draw(st.sampled_from(CLUSTER_NAMES if path == POLICIES else NAMES))
    dry = {"dryRun": "All"} if draw(st.integers(0, 7)) == 0 else {}
    what = draw(st.sampled_from(("create", "create", "put", "merge", "merge", "edit", "status", "delete", "list")))
    if what == "create":
        return create(path, _whole(draw, path, name, ()), **dry)
    if what == "put":
        return put(path, name, _whole(draw, path, name, earlier))
    if what in {"merge", "status"}:
        custom = path if path == ARGO else ECR_SECRETS
        place, named = (custom, f"{name}/status") if what == "status" else (path, name)
        return merge(place, named, {**draw(_contents[place]), **_meta(draw(_metadata(earlier)))}, **dry)
    if what == "edit":
        return edit(path, name, *draw(_operations))
    if what == "delete":
        return _deletion(draw, path, name, earlier)
    query = draw(_queries)
    if path == POLICIES or (path == ACCOUNTS and ("labelSelector" not in query or "limit" in query)):
        path = SECRETS  # lists of these show objects that are not of the scenario
    return get(path, **query)


def _deletion(draw: st.DrawFn, path: str, name: str, earlier: Sequence[str]) -> Step:
    wanted = {field: draw(_versions(earlier, field)) for field in ("uid", "resourceVersion")}
    given = {field: value for field, value in wanted.items() if value is not None}
    return delete(path, name, {"preconditions": given} if given else None)


def _meta(found: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": found} if found else {}


def _whole(draw: st.DrawFn, path: str, name: str, earlier: Sequence[str]) -> dict[str, Any]:
    """A whole object, with what is drawn instead of some of its fields."""
    body, drawn, meta = _FRESH[path](name), draw(_contents[path]), draw(_metadata(earlier))
    for field, value in drawn.items():
        body[field] = {**(body.get(field) or {}), **value} if isinstance(value, dict) else value
    if not earlier:
        meta = {field: value for field, value in meta.items() if field not in {"uid", "resourceVersion"}}
    return {**body, "metadata": {**body["metadata"], **meta}}


@st.composite
def sequences(draw: st.DrawFn) -> list[Step]:
    """A scenario. No step names the version of a list, because each write of another client changes it."""
    steps: list[Step] = []
    for index in range(draw(st.integers(5, 25))):
        names = [one.name for one in steps[-6:] if one.method not in {"DELETE", "GET"}]
        steps.append(draw(_step(names)).named(f"s{index}"))
    return steps
