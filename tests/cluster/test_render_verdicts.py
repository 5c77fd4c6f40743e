"""`render -f` and the API server judge alike: every field of every kind, with whatever value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from click.testing import CliRunner

from ecr_secret_operator.cli.main import cli
from ecr_secret_operator.crds import all_definitions
from ecr_secret_operator.doctor.admission import METADATA, admitted
from ecr_secret_operator_lab.cluster import ECR, Cluster, Object, Refused

from ..laboratory import Kubectl
from .resources import API_VERSION, HOST

WEST = HOST.replace("us-east-2", "us-west-2")
ROLE = "arn:aws:iam::123456789012:role/pull"
NO_IDENTITY = dict.fromkeys(("role_arn", "external_id", "service_account", "credentials_secret"), "")
COMMON: Object = {
    "generated_secret_name": "x",
    "frequency": "6h",
    "region": "us-east-2",
    "aws": {**NO_IDENTITY, "role_arn": ROLE, "external_id": "abc", "access": "pull", "repositories": ["team-a/*"]},
    "suspend": False,
    "deletion_policy": "Delete",
    "metadata": {"labels": {"team": "a"}, "annotations": {"example.com/a": "b"}},
}
REGISTRIES: Object = {
    **COMMON,
    "ecr_registry": HOST,
    "additional_registries": [
        {
            "ecr_registry": WEST,
            "region": "us-west-2",
            "aws": {**NO_IDENTITY, "service_account": "builder", "access": "full", "repositories": ["a"]},
        },
        {"ecr_registry": "public.ecr.aws", "aws": {"credentials_secret": "keys"}},
    ],
    "link": [{"service_account": "default", "for": ["pull", "mount"]}],
}
NAMESPACES: Object = {
    "selector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]},
    "include": ["team-*"],
    "exclude": ["kube-*"],
}
SPECS: dict[str, Object] = {
    "Secret": REGISTRIES,
    "ArgoHelmRepoSecret": {
        **COMMON,
        "url": f"{HOST}/charts",
        "secret_type": "repository",
        "repo_type": "helm",
        "project": "web",
        "proxy": "http://proxy:3128",
        "no_proxy": "a,b",
    },
    "ClusterPullSecret": {**REGISTRIES, "namespaces": NAMESPACES},
    "AccessPolicy": {
        "namespaces": NAMESPACES,
        "registries": ["123456789012.dkr.*"],
        "regions": ["us-east-2"],
        "role_arns": ["arn:aws:iam::*"],
        "external_ids": ["tenant/{namespace}"],
        "ambient_identity": True,
        "default_role_arn": ROLE,
        "limit": {"access": "push", "repositories": ["{namespace}/*"]},
        "mode": "Audit",
    },
}
"""Every field of every kind: the first test compares them with the definitions."""

NAMES = {one["spec"]["names"]["kind"]: one["spec"]["names"]["plural"] for one in all_definitions()}
CLUSTERED = {one["spec"]["names"]["kind"] for one in all_definitions() if one["spec"]["scope"] == "Cluster"}
VALUES: tuple[Any, ...] = (
    *(None, "", "x", "yes", "Ab", "*", "a\n", " a", "é", "59s", "1h", "9999999h", "us-east-1"),
    *("x" * 64, "x" * 254, "x" * 700, "x" * 5000),
    *(0, 1, 1.5, True, False, [], {}, [None], [{}], [""], ["a", "a"], [f"a{number}" for number in range(101)]),
    *({"a": None}, {"a": "b"}, {"a": 1}, {"a b": "c"}, {"a": "b" * 64}, {f"k{number}": "v" for number in range(101)}),
)
"""What is put in the place of each field, beside what follows from its own value."""

Path = tuple[str | int, ...]


def a_document(kind: str) -> Object:
    status = {} if kind == "AccessPolicy" else {"status": {"phase": "Updated", "conditions": [{"type": "Ready"}]}}
    metadata = {"name": "a", "labels": {"team": "a"}, "annotations": {"example.com/a": "b"}}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": SPECS[kind], **status}


def refusals(raw: Object) -> list[str]:
    """What `render --strict` refuses about a resource."""
    found = admitted(raw)
    return [*found.unknown, *found.problems]


def verdict(cluster: Cluster, raw: Object) -> str:
    """What the API server says to a resource that is created; empty when it accepts it."""
    place = "" if raw["kind"] in CLUSTERED else "/namespaces/default"
    try:
        cluster.create(f"{ECR}{place}/{NAMES[raw['kind']]}?dryRun=All&fieldValidation=Strict", raw)
    except Refused as refusal:
        return refusal.message
    return ""


def places(value: object, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """All that a document holds, and where."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in entries:
        yield (*path, key), one
        yield from places(one, (*path, key))


def variants(value: object) -> Iterator[Any]:
    """What is put in the place of a value."""
    yield from VALUES
    if isinstance(value, dict):
        yield from ({**value, "unknown": 1}, {**value, "unknown": None})
        yield from ({**value, f"{name}s": one} for name, one in value.items())
    elif isinstance(value, list):
        yield from ([*value, *value[:1]], [*value, None])
    elif isinstance(value, str):
        yield from (value.upper(), f"{value}\n", f" {value}", f"{value}x")


def changed(document: Object, path: Path, *values: object) -> Object:
    """The document with another value at a path, or without that."""
    copied = deepcopy(document)
    parent: Any = copied
    for key in path[:-1]:
        parent = parent[key]
    if values:
        (parent[path[-1]],) = values
    else:
        del parent[path[-1]]
    return copied


PARTITIONS = {
    "aws": HOST,
    "aws-us-gov": "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com",
    "aws-cn": "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
    "aws-eusc": "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
    "aws-iso": "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
    "aws-iso-b": "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
    "aws-iso-e": "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk",
    "aws-iso-f": "123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov",
}
HOSTS = {
    **PARTITIONS,
    "dual-stack": "123456789012.dkr-ecr.us-west-2.on.aws",
    "dual-stack-gov": "123456789012.dkr-ecr.us-gov-east-1.on.aws",
    "dual-stack-cn": "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
    "public": "public.ecr.aws",
}


def combinations(kind: str) -> Iterator[Object]:
    """What one field means beside others: the partitions of roles and hosts."""
    base = {"generated_secret_name": "x"}
    for host in HOSTS.values():
        for partition, own in PARTITIONS.items():
            aws = {"role_arn": ROLE.replace("arn:aws:", f"arn:{partition}:")}
            specs: list[Object] = [{"url": f"oci://{host}/a", "aws": aws}]
            if kind != "ArgoHelmRepoSecret":
                more = {"ecr_registry": host if host != HOST else WEST}
                specs = [
                    {"ecr_registry": host, "aws": aws},
                    {"ecr_registry": HOST, "additional_registries": [{**more, "aws": aws}]},
                    {"ecr_registry": own, "aws": aws, "additional_registries": [more]},
                    {"ecr_registry": own, "aws": aws, "additional_registries": [{**more, "aws": {}}]},
                ]
            yield from ({**a_document(kind), "spec": {**base, **spec}} for spec in specs)


@pytest.mark.parametrize("kind", [kind for kind in SPECS if kind != "AccessPolicy"])
def test_the_verdicts_on_roles_and_registries_are_those_of_the_api_server(cluster: Cluster, kind: str) -> None:
    accepted = 0
    for raw in combinations(kind):
        theirs, ours = verdict(cluster, raw), refusals(raw)
        assert bool(theirs) == bool(ours), f"{json.dumps(raw)}\nAPI server: {theirs or 'ok'}\nrender: {ours or 'ok'}"
        accepted += not theirs
    assert accepted >= len(HOSTS)


def documents(kind: str) -> Iterator[Object]:
    """Documents of a kind that differ from a good one in one place."""
    base = a_document(kind)
    for path, value in places({key: base[key] for key in base if key not in ("apiVersion", "kind")}):
        yield changed(base, path)
        for variant in variants(value):
            yield changed(base, path, variant)


def fields(schema: Object, path: str = "") -> set[str]:
    found = {path.removeprefix(".")} if path else set()
    for name, one in schema.get("properties", {}).items():
        found |= fields(one, f"{path}.{name}")
    return found | (fields(schema["items"], path) if "items" in schema else set())


@pytest.mark.parametrize("definition", all_definitions(), ids=lambda one: one["spec"]["names"]["kind"])
def test_no_field_is_forgotten_here(definition: Object) -> None:
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    paths = (
        ".".join(part for part in path if isinstance(part, str))
        for path, _ in places(SPECS[definition["spec"]["names"]["kind"]])
    )
    assert fields(schema) <= set(paths)


@pytest.mark.parametrize("kind", SPECS)
def test_the_verdicts_are_those_of_the_api_server(cluster: Cluster, kind: str) -> None:
    assert (verdict(cluster, a_document(kind)), refusals(a_document(kind))) == ("", [])
    refused = 0
    for raw in documents(kind):
        theirs, ours = verdict(cluster, raw), refusals(raw)
        assert bool(theirs) == bool(ours), f"{json.dumps(raw)}\nAPI server: {theirs or 'ok'}\nrender: {ours or 'ok'}"
        unknown = {one for one in theirs.split('"') if one.startswith(("spec.", "metadata.", "status."))}
        if "strict decoding error" in theirs:
            assert unknown <= {part for one in ours for part in one.split('"')}
        refused += bool(theirs)
    assert refused > 500


@pytest.mark.parametrize(
    ("part", "name"),
    [(METADATA, "ObjectMeta"), ("ownerReferences", "OwnerReference"), ("managedFields", "ManagedFieldsEntry")],
)
def test_the_fields_of_metadata_are_those_of_the_api_server(cluster: Cluster, part: Any, name: str) -> None:
    schemas = cluster.request("GET", "/openapi/v3/api/v1")["components"]["schemas"]
    ours = part if isinstance(part, dict) else METADATA["properties"][part]["items"]
    assert set(ours["properties"]) == set(schemas[f"io.k8s.apimachinery.pkg.apis.meta.v1.{name}"]["properties"])


GOOD = f"""apiVersion: {API_VERSION}
kind: Secret
metadata: {{name: a}}
spec:
  generated_secret_name: x
  ecr_registry: {HOST}
"""
IN_JSON = json.dumps({**a_document("Secret"), "spec": {"generated_secret_name": "x", "ecr_registry": HOST}})
ITEM = GOOD.replace("\n", "\n  ")
FILES = {
    "good": GOOD,
    "an empty field": f"{GOOD}  region:\n",
    "unknown field": f"{GOOD}  aws: {{role_ar: x}}\n",
    "empty documents": f"---\n---\n{GOOD}---\n# nothing\n---\n",
    "nothing": "",
    "only comments": "# nothing\n",
    "a list as document": "- 1\n",
    "a list beside": f"{GOOD}---\n- 1\n",
    "a text as document": "hello",
    "no kind": GOOD.replace("kind: Secret\n", ""),
    "no version beside": f"{GOOD}---\nkind: Pod\n",
    "unknown kind": GOOD.replace("kind: Secret", "kind: Secrett"),
    "unknown version": GOOD.replace("v1alpha1", "v1beta1"),
    "unknown group": GOOD.replace("mobb", "mob"),
    "List": f"apiVersion: v1\nkind: List\nitems:\n- {ITEM}",
    "List with an unknown field": f"apiVersion: v1\nkind: List\nitems:\n- {ITEM}  x: 1\n",
    "List without items": "apiVersion: v1\nkind: List\n",
    "List whose items are null": "apiVersion: v1\nkind: List\nitems:\n",
    "List with null": "apiVersion: v1\nkind: List\nitems: [null]\n",
    "List in a List": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: List, items: []}\n",
    "typed list": f"apiVersion: {API_VERSION}\nkind: SecretList\nitems:\n- {ITEM}",
    "typed list whose items have no kind": f"apiVersion: {API_VERSION}\nkind: SecretList\nitems:\n"
    "- metadata: {name: a}\n"
    f"  spec: {{generated_secret_name: x, ecr_registry: {HOST}}}\n",
    "a date": GOOD.replace("name: x", "name: 2026-01-01"),
    "a number": GOOD.replace("name: x", "name: 12"),
    "an octal number": GOOD.replace("name: x", "name: 0o14"),
    "a number with an exponent": GOOD.replace("name: x", "name: 12e3"),
    "a number with lines": GOOD.replace("name: x", "name: 1_0"),
    "a version of software": GOOD.replace("name: x", "name: 1.2.3"),
    "minutes": GOOD.replace("name: x", "name: 1:30"),
    **{
        f"suspend: {word}": f"{GOOD}  suspend: {word}\n"
        for word in ("yes", "on", "y", "N", "Off", "maybe", "'yes'", "1")
    },
    "a merged key": f"{GOOD}  <<: {{region: us-east-2}}\n",
    "an alias": f"{GOOD}  metadata: {{labels: &a {{x: b}}, annotations: *a}}\n",
    "a value that contains itself": f"{GOOD}  metadata: &a {{labels: *a}}\n",
    "a number as key": f"{GOOD}  metadata: {{labels: {{1: b}}}}\n",
    "a boolean as key": f"{GOOD}  metadata: {{labels: {{true: b}}}}\n",
    "null as key": f"{GOOD}  metadata: {{labels: {{null: b}}}}\n",
    "a foreign tag": f"{GOOD}  region: !region us-east-2\n",
    "an explicit tag": f"{GOOD}  region: !!str us-east-2\n",
    "a tab": f"{GOOD}\tregion: us-east-2\n",
    "JSON": IN_JSON,
    "JSON with tabs": IN_JSON.replace("{", "{\n\t\t", 1),
    "JSON, one after the other": IN_JSON + IN_JSON.replace('"a"', '"b"', 1),
    "no name": GOOD.replace("name: a", ""),
    "a name that is none": GOOD.replace("name: a", "name: A"),
    "a byte order mark": f"\ufeff{GOOD}",
}


@pytest.mark.parametrize("case", FILES)
def test_files_are_judged_as_kubectl_judges_them(kubectl: Kubectl, case: str) -> None:
    theirs = kubectl("apply", "--dry-run=server", "--validate=strict", "-n", "default", "-f", "-", stdin=FILES[case])
    ours = CliRunner().invoke(cli, ["render", "-f", "-"], input=FILES[case])
    assert (ours.exit_code == 0) == (theirs.returncode == 0), f"{theirs.stderr}\n{ours.output}"


def test_a_repeated_key_is_refused_as_by_the_api_server(kubectl: Kubectl) -> None:
    """With apply, kubectl sends the last of the two; what other clients send, the API server refuses."""
    written = IN_JSON.replace('"ecr_registry"', '"region": "us-east-2", "region": "us-east-2", "ecr_registry"')
    path = f"{ECR}/namespaces/default/secrets?dryRun=All&fieldValidation=Strict"
    theirs = kubectl("create", "--raw", path, "-f", "-", stdin=written)
    assert 'duplicate field "spec.region"' in theirs.stderr
    for text in (written, f"{GOOD}  region: us-east-2\n  region: us-east-2\n", f"{GOOD}kind: Secret\n"):
        ours = CliRunner().invoke(cli, ["render", "-f", "-"], input=text)
        assert ours.exit_code == 1
        assert " is repeated" in ours.stderr
