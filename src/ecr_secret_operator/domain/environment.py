"""The environment of a container, as the kubelet makes it: `envFrom`, then `env`, then references `$(NAME)`.

Source of the rules: `makeEnvironmentVariables` and the package `expansion` of k8s.io/kubernetes. Pure: ConfigMaps and
Secrets are given. Of a Secret only the names of its entries are used, never a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .raw import RawObject, mapping, mappings, text

CONFIG_MAP, SECRET = "ConfigMap", "Secret"
_ENV_FROM = {"configMapRef": CONFIG_MAP, "secretRef": SECRET}
_KEY_REFS = {"configMapKeyRef": CONFIG_MAP, "secretKeyRef": SECRET}
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
_SUBSCRIPT = re.compile(r"metadata\.(annotations|labels)\['(.+)'\]")


class VariableSource(NamedTuple):
    """A ConfigMap or Secret that a container takes variables from."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class FromSecret:
    """A variable whose value is in a Secret, and stays there."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A variable whose value is not known, and why, as a part of a sentence."""

    why: str


VariableValue = str | FromSecret | Unknown


@dataclass(frozen=True, slots=True)
class VariableSources:
    """The ConfigMaps and Secrets that are known.

    Attributes:
        objects: by what they are; None for one that may not be read.
        missing: what is true of any other, as the end of a sentence; empty where they were not looked for.
    """

    objects: Mapping[VariableSource, RawObject | None] = field(default_factory=dict)
    missing: str = ""

    @classmethod
    def among(cls, objects: Iterable[RawObject], *, missing: str) -> VariableSources:
        """Those among some objects."""
        found = {
            VariableSource(
                text(raw, "kind"), text(raw, "metadata", "namespace") or "default", text(raw, "metadata", "name")
            ): raw
            for raw in objects
            if text(raw, "kind") in (CONFIG_MAP, SECRET) and text(raw, "apiVersion") == "v1"
        }
        return cls(found, missing)

    def problem(self, source: VariableSource) -> str:
        """Why the entries of a source are not known, as a sentence without its end; empty when they are."""
        if source not in self.objects:
            return f"{source} {self.missing}" if self.missing else f"{source} was not read"
        return f"you may not read {source}" if self.objects[source] is None else ""

    def entries(self, source: VariableSource) -> dict[str, VariableValue]:
        """The entries of a source whose entries are known."""
        raw = self.objects[source]
        if source.kind == SECRET:
            names = [*mapping(raw, "data"), *mapping(raw, "stringData")]
            return {name: FromSecret(source.name, name) for name in names}
        return {name: value for name, value in mapping(raw, "data").items() if isinstance(value, str)}


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables of a container.

    Attributes:
        variables: by name.
        problems: what keeps some of them from being known, as sentences.
    """

    variables: dict[str, VariableValue]
    problems: tuple[str, ...] = ()


def sources_of(container: RawObject, namespace: str) -> Iterator[VariableSource]:
    """What a container takes variables from, except single entries of Secrets, which are never read."""
    for one in mappings(container, "envFrom"):
        for reference, kind in _ENV_FROM.items():
            if name := text(one, reference, "name"):
                yield VariableSource(kind, namespace, name)
    for one in mappings(container, "env"):
        if name := text(one, "valueFrom", "configMapKeyRef", "name"):
            yield VariableSource(CONFIG_MAP, namespace, name)


def environment(container: RawObject, template: RawObject, namespace: str, sources: VariableSources) -> Environment:
    """The variables of a container: entries of `envFrom` in their order, then those of `env`. Never raises.

    Args:
        container: of a pod template.
        template: the pod template, for variables with its fields.
        namespace: of its pods.
        sources: the ConfigMaps and Secrets that are known.
    """
    variables: dict[str, VariableValue] = {}
    problems: dict[str, None] = {}
    for one in mappings(container, "envFrom"):
        for reference, kind in _ENV_FROM.items():
            name = text(one, reference, "name")
            source, prefix = VariableSource(kind, namespace, name), text(one, "prefix")
            if not name:
                continue
            if problem := sources.problem(source):
                if not _ignored(mapping(one, reference), source, sources):
                    which = f"variables that begin with {prefix}" if prefix else "variables"
                    problems[f"its envFrom takes {which} from {source}, but {problem}"] = None
                continue
            variables.update({prefix + key: value for key, value in sources.entries(source).items()})
    for one in mappings(container, "env"):
        value = _value(one, variables, template, namespace, sources)
        if value is not None:
            variables[text(one, "name")] = value
    return Environment(variables, tuple(problems))


def expanded(value: str, variables: Mapping[str, VariableValue]) -> VariableValue:
    """A text with its references `$(NAME)` replaced; `$$` is `$`, and a reference to nothing stays as it is."""
    names = [match[1] for match in _REFERENCE.finditer(value) if match[1] is not None]
    hidden = [(name, variables[name]) for name in names if not isinstance(variables.get(name, ""), str)]
    if not hidden:
        return _REFERENCE.sub(_replacement(variables), value)
    ((name, found), *_) = hidden
    if value == f"$({name})":
        return found
    return Unknown(
        f"it is composed with {name}, which is in Secret {found.secret}"
        if isinstance(found, FromSecret)
        else f"it is composed with {name}, which is not known"
    )


def _replacement(variables: Mapping[str, VariableValue]) -> Callable[[re.Match[str]], str]:
    def replaced(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        found = variables.get(match[1])
        return found if isinstance(found, str) else match[0]

    return replaced


def _ignored(reference: RawObject, source: VariableSource, sources: VariableSources) -> bool:
    """Whether the kubelet ignores that a source is not there: an optional one that certainly does not exist."""
    return reference.get("optional") is True and source not in sources.objects and sources.missing == ABSENT


ABSENT = "does not exist"
"""What is true of a source that was looked for in the cluster and is not there."""


def _value(
    variable: RawObject,
    variables: Mapping[str, VariableValue],
    template: RawObject,
    namespace: str,
    sources: VariableSources,
) -> VariableValue | None:
    """What a variable of `env` is; None where the kubelet does not set it."""
    if value := text(variable, "value"):
        return expanded(value, variables)
    given = mapping(variable, "valueFrom")
    for name, kind in _KEY_REFS.items():
        if reference := mapping(given, name):
            return _entry(reference, VariableSource(kind, namespace, text(reference, "name")), sources)
    if path := text(given, "fieldRef", "fieldPath"):
        return _field(path, template, namespace)
    return Unknown(f"it comes from {next(iter(given))}") if given else ""


def _entry(reference: RawObject, source: VariableSource, sources: VariableSources) -> VariableValue | None:
    key = text(reference, "key")
    if source.kind == SECRET:
        return FromSecret(source.name, key)
    if problem := sources.problem(source):
        return None if _ignored(reference, source, sources) else Unknown(problem)
    found = sources.entries(source).get(key)
    if found is None and reference.get("optional") is not True:
        return Unknown(f"{source} has no entry {key}")
    return found


def _field(path: str, template: RawObject, namespace: str) -> VariableValue:
    if path == "metadata.namespace":
        return namespace
    if path == "spec.serviceAccountName":
        return text(template, "spec", "serviceAccountName") or "default"
    if found := _SUBSCRIPT.fullmatch(path):
        return text(template, "metadata", found[1], found[2])
    return Unknown(f"it is the field {path} of its pod")
