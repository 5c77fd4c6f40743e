"""The table of kinds. A kind is a record: how to read its spec, how to render its Secret, what upstream wrote for it.

A new kind is a new row here and its model; nothing else asks which kind it has.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ValidationError

from .errors import SHOWN_CHARACTERS
from .model import ArgoHelmRepoSecretSpec, CommonSpec, SecretSpec
from .registry import parse_chart_url
from .resource import InvalidSpec
from .token import Sensitive

USERNAME = "AWS"
"""The user name that goes with every ECR token (AWS: GetAuthorizationToken)."""

DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"
DOCKER_CONFIG_KEY = ".dockerconfigjson"
ARGO_LABEL = "argocd.argoproj.io/secret-type"

SecretData = Mapping[str, str]
"""A Secret's decoded data. Holds the token in clear: never log it, never keep it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of custom resource that generates a Secret.

    Attributes:
        name: as in `kind:`.
        plural: as in the API path.
        short_names: what kubectl takes instead.
        spec: its pydantic model.
        description: the first lines of `kubectl explain`.
        secret_type: of the generated Secret.
        labels: that the generated Secret needs in order to work, beyond the operator's own.
        render: (spec, password) to the generated Secret's data.
        password_in: finds the password in a Secret's data; None when the data are something else.
        written_by_upstream: whether data are exactly what the Go operator would have written for this spec.
        registry_column: heading and JSON path of the registry in `kubectl get`.
    """

    name: str
    plural: str
    short_names: tuple[str, ...]
    spec: type[CommonSpec]
    description: str
    secret_type: str
    labels: Mapping[str, str] = field(repr=False)
    render: Callable[[CommonSpec, str], SecretData]
    password_in: Callable[[SecretData], str | None]
    written_by_upstream: Callable[[CommonSpec, SecretData], bool]
    registry_column: tuple[str, str]

    def parse(self, raw: object) -> CommonSpec | InvalidSpec:
        """Reads a spec as it is stored, whatever it is. Never raises: a bad one harms itself alone."""
        if not isinstance(raw, dict):
            return InvalidSpec("spec is missing, or is not an object")
        try:
            return self.spec.model_validate(raw)
        except ValidationError as error:
            problems = error.errors(include_input=False)
            more = f"; and {len(problems) - _SENTENCES} more" if len(problems) > _SENTENCES else ""
            return InvalidSpec("; ".join(_sentence(problem) for problem in problems[:_SENTENCES]) + more)


_SENTENCES = 5
"""How many mistakes a status names; a resource with more is seldom mended from there."""


def _sentence(problem: Mapping[str, Any]) -> str:
    place = ".".join(["spec", *(str(part)[:SHOWN_CHARACTERS] for part in problem["loc"])])
    text = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {text}"


def docker_config(auths: Mapping[str, str]) -> str:
    """A dockerconfigjson for user AWS, byte for byte as the Go operator writes it: no spaces, this order of keys.

    Args:
        auths: registry host to password.
    """
    entries = {
        host: {
            "username": USERNAME,
            "password": password,
            "auth": b64encode(f"{USERNAME}:{password}".encode()).decode(),
        }
        for host, password in auths.items()
    }
    return json.dumps({"auths": entries}, separators=(",", ":"))


def _auths_of(data: SecretData) -> Mapping[str, Any] | None:
    try:
        auths = json.loads(data[DOCKER_CONFIG_KEY])["auths"]
    except (KeyError, TypeError, ValueError):
        return None
    return auths if isinstance(auths, dict) else None


def _render_docker(spec: CommonSpec, password: str) -> SecretData:
    host = cast("SecretSpec", spec).ecr_registry
    return {DOCKER_CONFIG_KEY: docker_config({host: password})}


def _docker_password(data: SecretData) -> str | None:
    auths = _auths_of(data) or {}
    for entry in auths.values():
        password = entry.get("password") if isinstance(entry, dict) else None
        return password if isinstance(password, str) and password else None
    return None


def _docker_by_upstream(spec: CommonSpec, data: SecretData) -> bool:
    """The whole of it, whatever its spaces: a field more, and somebody else has a hand in it."""
    password = _docker_password(data)
    if set(data) != {DOCKER_CONFIG_KEY} or not password:
        return False
    written: object = json.loads(docker_config({cast("SecretSpec", spec).ecr_registry: password}))
    return bool(json.loads(data[DOCKER_CONFIG_KEY]) == written)


def _render_argo(spec: CommonSpec, password: str) -> SecretData:
    return {
        "username": USERNAME,
        "password": password,
        "url": parse_chart_url(cast("ArgoHelmRepoSecretSpec", spec).url).without_scheme,
        "type": "helm",
        "enableOCI": "true",
        "name": spec.generated_secret_name,
    }


def _argo_password(data: SecretData) -> str | None:
    return data.get("password") or None


def _argo_by_upstream(spec: CommonSpec, data: SecretData) -> bool:
    """The URL verbatim, user AWS, a password, and nothing that it would not have written."""
    url = cast("ArgoHelmRepoSecretSpec", spec).url
    written = {**_render_argo(spec, data.get("password", "")), "url": url}
    return {"url", "username", "password"} <= data.keys() and bool(data["password"]) and data.items() <= written.items()


SECRET = Kind(
    name="Secret",
    plural="secrets",
    short_names=("ecrsecret",),
    spec=SecretSpec,
    description=(
        "Keeps one kubernetes.io/dockerconfigjson Secret in this namespace filled with a fresh Amazon ECR token, for"
        " pods that pull (imagePullSecrets) and builds that push (oc secrets link)."
    ),
    secret_type=DOCKER_CONFIG_TYPE,
    labels={},
    render=_render_docker,
    password_in=_docker_password,
    written_by_upstream=_docker_by_upstream,
    registry_column=("Registry", ".spec.ecr_registry"),
)

ARGO_HELM_REPO_SECRET = Kind(
    name="ArgoHelmRepoSecret",
    plural="argohelmreposecrets",
    short_names=("ecrargo",),
    spec=ArgoHelmRepoSecretSpec,
    description=(
        "Keeps one Argo CD repository Secret in this namespace, which is to be Argo CD's own, filled with a fresh"
        " Amazon ECR token, so that Argo CD can sync Helm charts that are stored in ECR."
    ),
    secret_type="Opaque",  # noqa: S106 - a Secret's type, not a secret
    labels={ARGO_LABEL: "repository"},
    render=_render_argo,
    password_in=_argo_password,
    written_by_upstream=_argo_by_upstream,
    registry_column=("URL", ".spec.url"),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (SECRET, ARGO_HELM_REPO_SECRET)}


def password_of(secret_type: str, data: SecretData) -> Sensitive | None:
    """The token in a generated Secret's data, of whichever kind it is; None when there is none to be found."""
    kind = SECRET if secret_type == DOCKER_CONFIG_TYPE else ARGO_HELM_REPO_SECRET
    password = kind.password_in(data)
    return Sensitive(password) if password else None
