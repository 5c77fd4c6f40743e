"""The configuration of the pods of a CronJob or Deployment: environment, arguments, ServiceAccount."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..domain.environment import (
    FromSecret,
    Unknown,
    VariableSource,
    VariableSources,
    VariableValue,
    environment,
    expanded,
    sources_of,
)
from ..domain.raw import RawObject, items, mapping, mappings, text
from .translation import Translation, kubectl

KEY_ID, SECRET_KEY, SESSION_TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod template.

    Attributes:
        namespace: it runs in.
        variables: of its container.
        flags: of its container.
        account: its ServiceAccount.
        problems: what keeps variables from being known, as sentences.
    """

    namespace: str
    variables: Mapping[str, VariableValue]
    flags: Mapping[str, VariableValue]
    account: str
    problems: Sequence[str] = ()

    def text(self, name: str) -> str:
        """A variable's value; empty where it is none, or not known."""
        found = self.variables.get(name, "")
        return found if isinstance(found, str) else ""

    def secret(self, name: str) -> FromSecret | None:
        """Where a variable comes from; None where it is no Secret."""
        found = self.variables.get(name)
        return found if isinstance(found, FromSecret) else None

    def given(self, variable: str, flag: str = "") -> VariableValue:
        """A setting: the variable, else the flag; empty where neither is set."""
        return self.variables.get(variable) or self.flags.get(flag) or ""

    def unknown(self, name: str, value: VariableValue) -> str:
        """Why the value of a setting is not known, and how to see it; empty when it is known."""
        if isinstance(value, FromSecret):
            path = "jsonpath={.data." + value.key.replace(".", "\\.") + "}"
            return (
                f"{name} is in a Secret: {kubectl('get', 'secret', value.secret, '-n', self.namespace, '-o', path)}"
                " | base64 -d"
            )
        return f"{name} is not known: {value.why}" if isinstance(value, Unknown) else ""


def containers_with(raw: RawObject, image: str, *path: str) -> Iterator[RawObject]:
    """The containers of the pod template at a path of an object that run this image; whatever registry and tag."""
    for container in mappings(raw, *path, "spec", "containers"):
        if f"/{_repository(text(container, 'image'))}".endswith(f"/{image}"):
            yield container


def pod_with(raw: RawObject, image: str, sources: VariableSources, *path: str) -> Pod | None:
    """The pod template at a path of an object, if it runs this image."""
    template, namespace = mapping(raw, *path), text(raw, "metadata", "namespace") or "default"
    for container in containers_with(raw, image, *path):
        found = environment(container, template, namespace, sources)
        words = [str(word) for key in ("command", "args") for word in items(container, key)]
        flags = {name: expanded(value, found.variables) for name, value in _flags(words)}
        account = text(template, "spec", "serviceAccountName") or "default"
        return Pod(namespace, found.variables, flags, account, found.problems)
    return None


def sources_for(raw: RawObject, image: str, *path: str) -> Iterator[VariableSource]:
    """The ConfigMaps and Secrets that the pod template at a path of an object takes variables from."""
    for container in containers_with(raw, image, *path):
        yield from sources_of(container, text(raw, "metadata", "namespace") or "default")


def say_what_is_unknown(pod: Pod, settings: Mapping[str, str], into: Translation) -> None:
    """Notes settings whose values are not known, and sources that may hold others.

    Args:
        pod: that has them.
        settings: variables, and the fields that take their place.
        into: takes the notes.
    """
    for name, place in settings.items():
        if why := pod.unknown(name, pod.given(name)):
            into.needed.append(f"Fill in {place}: {why}")
    into.needed.extend(f"Check {', '.join(settings)} and the AWS keys: {problem}" for problem in pod.problems)


def _flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for at, word in enumerate(words):
        flag, is_set, value = word.partition("=")
        following = words[at + 1] if at + 1 < len(words) else "--"
        if flag.startswith("--") and (is_set or not following.startswith("--")):
            yield flag.removeprefix("--"), value if is_set else following


def _repository(image: str) -> str:
    """Without tag and digest; a colon before the last slash is a port's."""
    before, slash, last = image.partition("@")[0].rpartition("/")
    return before + slash + last.partition(":")[0]
