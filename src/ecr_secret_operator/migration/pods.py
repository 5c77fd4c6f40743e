"""What the pods of a CronJob or Deployment are told: environment, arguments, ServiceAccount."""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.raw import Raw, items, mapping, mappings, text

KEY_ID, SECRET_KEY, SESSION_TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"


@dataclass(frozen=True, slots=True)
class FromSecret:
    """A variable whose value is in a Secret, and stays there."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod template.

    Attributes:
        namespace: it runs in.
        variables: of its container, as texts or where they come from.
        flags: of its container.
        account: its ServiceAccount.
    """

    namespace: str
    variables: dict[str, str | FromSecret]
    flags: dict[str, str]
    account: str

    def text(self, name: str) -> str:
        """A variable's value; empty where it is none, or in a Secret."""
        found = self.variables.get(name, "")
        return found if isinstance(found, str) else ""

    def secret(self, name: str) -> FromSecret | None:
        """Where a variable comes from; None where it is no Secret."""
        found = self.variables.get(name)
        return found if isinstance(found, FromSecret) else None


def pod_with(raw: Raw, image: str, *path: str) -> Pod | None:
    """The pod template at a path of an object, if it runs this image; whatever the registry and tag."""
    pod = mapping(raw, *path)
    for container in mappings(pod, "containers"):
        if f"/{_repository(text(container, 'image'))}".endswith(f"/{image}"):
            variables = {text(one, "name"): _value(one) for one in mappings(container, "env")}
            words = [str(word) for key in ("command", "args") for word in items(container, key)]
            flags = dict(word.lstrip("-").split("=", 1) for word in words if word.startswith("--") and "=" in word)
            account = text(pod, "serviceAccountName") or "default"
            return Pod(text(raw, "metadata", "namespace") or "default", variables, flags, account)
    return None


def _repository(image: str) -> str:
    """Without tag and digest; a colon before the last slash is a port's."""
    before, slash, last = image.partition("@")[0].rpartition("/")
    return before + slash + last.partition(":")[0]


def _value(variable: Raw) -> str | FromSecret:
    reference = mapping(variable, "valueFrom", "secretKeyRef")
    if reference:
        return FromSecret(text(reference, "name"), text(reference, "key"))
    return text(variable, "value")
