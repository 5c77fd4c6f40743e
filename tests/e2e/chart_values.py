"""Values of the chart for a test by properties: from the schema, and what people write who have not read it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

from .installing import CHART, Object

EXAMPLES = int(os.environ.get("ECR_CHART_EXAMPLES", "300"))

Path = tuple[str, ...]

SCHEMA: Object = json.loads((CHART / "values.schema.json").read_text())

NO_STRINGS = [
    "",
    "1",
    "123",
    "1.0",
    "1e3",
    "0x1f",
    "0o7",
    "012",
    "12:30",
    ".5",
    "true",
    "yes",
    "on",
    "n",
    "null",
    "~",
    "-",
]
"""YAML reads these as something else when they are not quoted."""

ODD = [
    "a",
    "a:",
    "a: b",
    "a #b",
    "- a",
    "{}",
    "[]",
    "*a",
    "&a",
    "!a",
    "'",
    '"',
    "{{ . }}",
    " a",
    "a ",
    "a\nb",
    "é",
    "%",
    "`",
]
MALFORMED = [
    "A",
    "a.b",
    "a..b",
    "a.-b",
    "-a",
    "a-",
    ".",
    "..",
    "..a",
    ".a",
    "a/b",
    "a/b/c",
    "/a",
    "a/",
    "a_b",
    "a" * 63,
    "a" * 64,
]
ADDRESSES = ["10.0.0.1", "::1", "2001:db8::1", "::ffff:10.0.0.1", "1:2:3:4:5:6:7:8", "10.0.0.256", "10.0.0"]
PERCENTAGES = ["0%", "1%", "50%", "100%", "101%", "050%", "%"]
LONG = ["a" * 253, "a" * 254, "1" * 63]
OWN_KEYS = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
    "control-plane",
    "kubectl.kubernetes.io/default-container",
    "eks.amazonaws.com/role-arn",
    "service.beta.openshift.io/serving-cert-secret-name",
    "rbac.authorization.k8s.io/aggregate-to-admin",
    "rbac.authorization.k8s.io/aggregate-to-view",
    "helm.sh/hook",
]
"""Labels and annotations that the chart sets itself."""

TEXTS = st.sampled_from([*NO_STRINGS, *ODD, *MALFORMED, *LONG])
WRONG = st.sampled_from([None, True, 0, -1, 1.5, 2**31, 10**12, "", "1", [], {}, [None], {"a": None}])

_PORT: Object = {"port": 3128, "protocol": "TCP"}
_TERM: Object = {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}]}
_SPREAD: Object = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
PASSED_ON: Mapping[str, list[Object]] = {
    "extraEnv": [
        {"name": "HTTPS_PROXY", "value": "http://proxy:1"},
        {"name": "HOME", "value": "1"},
        {"name": "AWS_CONFIG_FILE", "value": "true"},
    ],
    "extraVolumes": [
        {"name": "123", "emptyDir": {}},
        {"name": "aws-credentials", "emptyDir": {}},
        {"name": "bound-sa-token", "configMap": {"name": "ca"}},
    ],
    "extraVolumeMounts": [
        {"name": "aws-credentials", "mountPath": "/var/run/secrets/aws"},
        {"name": "aws-credentials", "mountPath": "/x", "readOnly": True},
    ],
    "metricsFrom": [{"podSelector": {}}, {"namespaceSelector": {"matchLabels": {"name": "1"}}}],
    "extraEgress": [{"ports": [_PORT]}, {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
    "resources": [{}, {"requests": {"cpu": 1, "memory": "256Mi"}}, {"limits": {"cpu": "0.5"}}],
    "tolerations": [
        {"operator": "Exists"},
        {"key": "infra", "operator": "Exists"},
        {"key": "a", "value": "true", "effect": "NoSchedule"},
    ],
    "affinity": [
        {},
        {"nodeAffinity": {}},
        {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_TERM]}}},
    ],
    "topologySpreadConstraints": [
        _SPREAD,
        {**_SPREAD, "topologyKey": "host", "labelSelector": None},
        {**_SPREAD, "topologyKey": "rack", "labelSelector": {"matchLabels": {"a": "1"}}},
    ],
    "issuerRef": [{}, {"name": "123"}, {"kind": "ClusterIssuer", "name": "internal"}],
    "authorization": [{}, {"credentials": {"name": "1", "key": "token"}}],
    "tlsConfig": [{}, {"serverName": "1"}, {"ca": {"secret": {"name": "1", "key": "ca.crt"}}}],
    "extraObjects": [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "1", "namespace": "123"},
            "data": {"a": "{{ x }}"},
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "1", "namespace": "elsewhere", "labels": None}},
        {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": "true", "generation": 10**12},
            "handler": "1e3",
        },
    ],
    "global": [{}, {"anything": {"of": "the parent"}}],
}
"""What the chart hands on to Kubernetes as it is. Their schemas are Kubernetes', so examples stand for them."""


WHOLE = ("accessPolicies", "strategy", "dnsConfig")
"""Values whose entries have no defaults of their own, since a Kubernetes object takes them as one."""


def places(schema: Object = SCHEMA, path: Path = ()) -> Iterator[Path]:
    """The path of each value and each group."""
    for name, field in schema.get("properties", {}).items():
        yield (*path, name)
        if (*path, name)[0] not in WHOLE:
            yield from places(field, (*path, name))


def at(path: Path) -> Object:
    """The schema of a value."""
    schema = SCHEMA
    for name in path:
        schema = schema["properties"][name]
    return schema


def fitting(schema: Object, name: str) -> st.SearchStrategy[Any]:
    """Values of a schema; strings are not all of its pattern, since it is the pattern that is under test."""
    if name in PASSED_ON:
        examples = st.sampled_from(PASSED_ON[name])
        return st.lists(examples, max_size=3) if schema["type"] == "array" else examples
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if isinstance(schema["type"], list):
        return st.one_of([fitting({**schema, "type": one}, name) for one in schema["type"]])
    return _BY_TYPE[schema["type"]](schema)


def _integers(schema: Object) -> st.SearchStrategy[int]:
    least, most = schema["minimum"], schema["maximum"]
    return st.one_of(st.sampled_from([least, least + 1, most]), st.integers(least, most))


def _arrays(schema: Object) -> st.SearchStrategy[list[Any]]:
    return st.lists(fitting(schema["items"], ""), max_size=3).flatmap(_perhaps_twice)


def _perhaps_twice(entries: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.sampled_from([entries, entries * 2])


def _strings(schema: Object) -> st.SearchStrategy[str]:
    if "pattern" not in schema:
        return TEXTS
    pattern = st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=True)
    tricky = [
        text
        for text in (*NO_STRINGS, *ODD, *MALFORMED, *LONG, *ADDRESSES, *PERCENTAGES)
        if re.search(schema["pattern"], text)
    ]
    return st.one_of(pattern, st.sampled_from(tricky), TEXTS) if tricky else st.one_of(pattern, TEXTS)


def _mappings(schema: Object) -> st.SearchStrategy[Object]:
    if "properties" in schema:
        fields = {name: fitting(field, name) for name, field in schema["properties"].items()}
        required = {name: fields.pop(name) for name in schema.get("required", [])}
        return st.fixed_dictionaries(required, optional=fields)
    more = schema.get("additionalProperties")
    if not isinstance(more, dict):
        return st.just({})
    return st.dictionaries(st.one_of(st.sampled_from(OWN_KEYS), TEXTS), fitting(more, ""), max_size=3)


_BY_TYPE: Mapping[str, Callable[[Object], st.SearchStrategy[Any]]] = {
    "boolean": lambda _: st.booleans(),
    "integer": _integers,
    "string": _strings,
    "array": _arrays,
    "object": _mappings,
}


def _set(values: Object, path: Path, value: Any) -> None:
    """Sets a value, unless a group above it was set to something that is no group."""
    *groups, name = path
    place: Any = values
    for group in groups:
        place = place.setdefault(group, {})
        if not isinstance(place, dict):
            return
    place[name] = value


@st.composite
def chart_values(draw: st.DrawFn) -> Object:
    """Some values, of which a few are null or of another type."""
    values: Object = {}
    for path in draw(st.lists(st.sampled_from(sorted(places())), max_size=7)):
        sort = draw(st.sampled_from(["fitting"] * 6 + ["null", "wrong"]))
        if sort == "fitting":
            _set(values, path, draw(fitting(at(path), path[-1])))
        else:
            _set(values, path, None if sort == "null" else draw(WRONG))
    return values
