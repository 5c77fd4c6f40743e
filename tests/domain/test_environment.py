"""The environment of a container, by the rules of the kubelet."""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.domain.environment import (
    ABSENT,
    FromSecret,
    Unknown,
    VariableSource,
    VariableSources,
    VariableValue,
    environment,
    expanded,
    sources_of,
)

NAMESPACE = "ops"
TEMPLATE = {
    "metadata": {"annotations": {"olm.targetNamespaces": "a,b"}, "labels": {"app": "x"}},
    "spec": {"serviceAccountName": "puller"},
}
CONFIG = {"one": {"A": "1", "B": "1"}, "two": {"B": "2"}, "hidden": None}
SOURCES = VariableSources(
    {
        **{
            VariableSource("ConfigMap", NAMESPACE, name): None if data is None else {"data": data}
            for name, data in CONFIG.items()
        },
        VariableSource("Secret", NAMESPACE, "keys"): {"data": {"ID": ""}, "stringData": {"KEY": ""}},
    },
    ABSENT,
)


def config(name: str, prefix: str = "", **over: Any) -> dict[str, Any]:
    return {"configMapRef": {"name": name, **over}, "prefix": prefix}


def value(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def source(name: str, kind: str, /, **reference: Any) -> dict[str, Any]:
    return {"name": name, "valueFrom": {kind: reference}}


CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, VariableValue]]] = {
    "nothing": ([], [], {}),
    "the later envFrom wins": ([config("one"), config("two")], [], {"A": "1", "B": "2"}),
    "the earlier envFrom loses": ([config("two"), config("one")], [], {"A": "1", "B": "1"}),
    "a prefix": ([config("one", "X_")], [], {"X_A": "1", "X_B": "1"}),
    "env wins": ([config("one")], [value("A", "env")], {"A": "env", "B": "1"}),
    "an empty env wins": ([config("one")], [{"name": "A"}], {"A": "", "B": "1"}),
    "the later env wins": ([], [value("A", "1"), value("A", "2")], {"A": "2"}),
    "a Secret": (
        [{"secretRef": {"name": "keys"}, "prefix": "AWS_"}],
        [],
        {"AWS_ID": FromSecret("keys", "ID"), "AWS_KEY": FromSecret("keys", "KEY")},
    ),
    "references": (
        [config("one")],
        [value("C", "$(A)-$(B)-$(NONE)-$$(A)-$(A"), value("D", "$(C)"), value("A", "$(A)$(E)"), value("E", "later")],
        {"A": "1$(E)", "B": "1", "C": "1-1-$(NONE)-$(A)-$(A", "D": "1-1-$(NONE)-$(A)-$(A", "E": "later"},
    ),
    "a reference to a Secret": (
        [],
        [source("S", "secretKeyRef", name="keys", key="ID"), value("T", "$(S)"), value("U", "x$(S)")],
        {
            "S": FromSecret("keys", "ID"),
            "T": FromSecret("keys", "ID"),
            "U": Unknown("it is composed with S, which is in Secret keys"),
        },
    ),
    "an entry of a ConfigMap": ([], [source("A", "configMapKeyRef", name="two", key="B")], {"A": "2"}),
    "an entry that is missing": (
        [],
        [source("A", "configMapKeyRef", name="two", key="X")],
        {"A": Unknown("ConfigMap ops/two has no entry X")},
    ),
    "an optional entry that is missing": (
        [config("one")],
        [source("A", "configMapKeyRef", name="two", key="X", optional=True)],
        {"A": "1", "B": "1"},
    ),
    "an entry of a ConfigMap that is missing": (
        [],
        [source("A", "configMapKeyRef", name="none", key="X")],
        {"A": Unknown("ConfigMap ops/none does not exist")},
    ),
    "an entry of an optional ConfigMap that is missing": (
        [],
        [source("A", "configMapKeyRef", name="none", key="X", optional=True)],
        {},
    ),
    "an entry of a ConfigMap that may not be read": (
        [],
        [source("A", "configMapKeyRef", name="hidden", key="X", optional=True)],
        {"A": Unknown("you may not read ConfigMap ops/hidden")},
    ),
    "fields": (
        [],
        [
            source("A", "fieldRef", fieldPath="metadata.namespace"),
            source("B", "fieldRef", fieldPath="spec.serviceAccountName"),
            source("C", "fieldRef", fieldPath="metadata.annotations['olm.targetNamespaces']"),
            source("D", "fieldRef", fieldPath="metadata.labels['none']"),
            source("E", "fieldRef", fieldPath="status.podIP"),
            source("F", "resourceFieldRef", resource="limits.cpu"),
        ],
        {
            "A": "ops",
            "B": "puller",
            "C": "a,b",
            "D": "",
            "E": Unknown("it is the field status.podIP of its pod"),
            "F": Unknown("it comes from resourceFieldRef"),
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_environment_is_that_of_the_kubelet(case: str) -> None:
    env_from, env, wanted = CASES[case]
    found = environment({"envFrom": env_from, "env": env}, TEMPLATE, NAMESPACE, SOURCES)
    assert found.variables == wanted
    assert found.problems == ()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (config("none"), "variables from ConfigMap ops/none, but ConfigMap ops/none does not exist"),
        (
            config("hidden", "P_"),
            "variables that begin with P_ from ConfigMap ops/hidden, but you may not read ConfigMap",
        ),
        (config("hidden", optional=True), "you may not read ConfigMap ops/hidden"),
        ({"secretRef": {"name": "none"}}, "Secret ops/none does not exist"),
    ],
)
def test_what_is_not_known_is_told(entry: dict[str, Any], problem: str) -> None:
    found = environment({"envFrom": [entry]}, TEMPLATE, NAMESPACE, SOURCES)
    assert found.variables == {}
    (said,) = found.problems
    assert problem in said


def test_an_optional_source_that_does_not_exist_is_ignored() -> None:
    container = {"envFrom": [config("none", optional=True)]}
    assert environment(container, TEMPLATE, NAMESPACE, SOURCES).problems == ()
    assert environment(container, TEMPLATE, NAMESPACE, VariableSources()).problems  # not looked for: it may exist


@pytest.mark.parametrize(
    "container",
    [{}, {"env": None, "envFrom": "x"}, {"env": [None, {}, {"name": 1, "valueFrom": {"x": None}}]}],
    ids=str,
)
def test_whatever_is_there_is_read(container: dict[str, Any]) -> None:
    environment(container, {}, NAMESPACE, SOURCES)
    assert list(sources_of(container, NAMESPACE)) == []


def test_the_sources_of_a_container_are_those_that_have_to_be_looked_at() -> None:
    env = [source("A", "configMapKeyRef", name="two", key="B"), source("S", "secretKeyRef", name="keys", key="ID")]
    found = sources_of({"envFrom": [config("one"), {"secretRef": {"name": "all"}}], "env": env}, NAMESPACE)
    assert [str(one) for one in found] == ["ConfigMap ops/one", "Secret ops/all", "ConfigMap ops/two"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", ""), ("$", "$"), ("$$", "$"), ("$$$(A)", "$1"), ("$(A)$", "1$"), ("$()", "$()"), ("$A", "$A"), ("$(", "$(")],
)
def test_references_are_replaced_as_kubernetes_does(text: str, wanted: str) -> None:
    assert expanded(text, {"A": "1"}) == wanted


def test_the_sources_among_objects() -> None:
    named = {"metadata": {"name": "one", "namespace": "ops"}}
    settings, keys = ({"apiVersion": "v1", "kind": kind, **named} for kind in ("ConfigMap", "Secret"))
    elsewhere = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    custom = {"apiVersion": "ecr.mobb.redhat.com/v1alpha1", "kind": "Secret", **named}
    pod = {"apiVersion": "v1", "kind": "Pod", **named}
    found = VariableSources.among([settings, keys, elsewhere, custom, pod], missing="is not in the files")
    assert found.objects == {
        VariableSource("ConfigMap", "ops", "one"): settings,
        VariableSource("Secret", "ops", "one"): keys,
        VariableSource("ConfigMap", "default", "one"): elsewhere,
    }
    assert found.problem(VariableSource("ConfigMap", "ops", "two")) == "ConfigMap ops/two is not in the files"
    assert found.problem(VariableSource("ConfigMap", "ops", "one")) == ""
