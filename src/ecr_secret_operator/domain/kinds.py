"""The table of kinds. A kind is a record: how to read its spec, how to render its Secret, what upstream wrote for it.

A new kind is a new row here and its model; nothing else asks which kind it has.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from ..api.argo_secrets import REPOSITORY, ArgoHelmRepoSecretSpec
from ..api.model import CommonSpec
from ..api.pull_secrets import ClusterPullSecretSpec, RegistriesSpec, SecretSpec
from ..api.registry import OCI_SCHEME, parse_chart_url
from .resource import InvalidSpec, Key, parse_spec
from .tokens.token import Sensitive

USERNAME = "AWS"
"""The user name that goes with every ECR token (AWS: GetAuthorizationToken)."""

DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"
DOCKER_CONFIG_KEY = ".dockerconfigjson"
ARGO_LABEL = "argocd.argoproj.io/secret-type"

COMPACT = json.JSONEncoder(separators=(",", ":"))
"""JSON as Go writes it, without spaces. `json.dumps` would make an encoder each time."""

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
        labels: of a spec: those that the generated Secret needs in order to work, beyond the operator's own.
        render: (spec, passwords by host) to the generated Secret's data.
        passwords_in: finds the passwords by host in a Secret's data; none when the data are something else.
        written_by_upstream: whether data are exactly what the Go operator would have written for this spec.
        upstream_labels: that the Go operator gave its Secret.
        registry_column: heading and JSON path of the registry in `kubectl get`.
        clustered: whether the resource belongs to no namespace, and generates a Secret in each that it selects.
    """

    name: str
    plural: str
    short_names: tuple[str, ...]
    spec: type[CommonSpec]
    description: str
    secret_type: str
    labels: Callable[[CommonSpec], Mapping[str, str]]
    render: Callable[[CommonSpec, Mapping[str, str]], SecretData]
    passwords_in: Callable[[SecretData], Mapping[str, str]]
    written_by_upstream: Callable[[CommonSpec, SecretData], bool]
    upstream_labels: Mapping[str, str]
    registry_column: tuple[str, str]
    clustered: bool = False

    def parse(self, raw: object) -> CommonSpec | InvalidSpec:
        """Reads a spec as it is stored, whatever it is. Never raises: a bad one harms itself alone."""
        return parse_spec(self.spec, raw)


def docker_config(auths: Mapping[str, str]) -> str:
    """A dockerconfigjson for user AWS, byte for byte as the Go operator writes it: no spaces, this order of keys.

    It takes some 20 microseconds, so the texts are not remembered: no cache is to hold what is secret.

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
    return COMPACT.encode({"auths": entries})


def _auths_of(data: SecretData) -> Mapping[str, Any] | None:
    try:
        auths = json.loads(data[DOCKER_CONFIG_KEY])["auths"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return auths if isinstance(auths, dict) else None


def _render_docker(_spec: CommonSpec, passwords: Mapping[str, str]) -> SecretData:
    return {DOCKER_CONFIG_KEY: docker_config(passwords)}


def _docker_passwords(data: SecretData) -> Mapping[str, str]:
    passwords = {
        host: entry.get("password") if isinstance(entry, dict) else None
        for host, entry in (_auths_of(data) or {}).items()
    }
    return {host: text for host, text in passwords.items() if isinstance(text, str) and text and text.isascii()}


def _docker_by_upstream(spec: CommonSpec, data: SecretData) -> bool:
    """Byte for byte: with one more field or space, another program has written it."""
    host = cast("RegistriesSpec", spec).ecr_registry
    password = _docker_passwords(data).get(host)
    return bool(password) and data == {DOCKER_CONFIG_KEY: docker_config({host: password or ""})}


def _render_argo(spec: CommonSpec, passwords: Mapping[str, str]) -> SecretData:
    """Keys as Argo CD reads them (argo-cd v3.2.1, util/db/repository_secrets.go); repo-creds overwrite enableOCI."""
    repo = cast("ArgoHelmRepoSecretSpec", spec)
    url, helm = parse_chart_url(repo.url), repo.repo_type == "helm"
    whole = repo.secret_type == REPOSITORY
    place = url.without_scheme.rstrip("/") if whole else url.without_scheme  # where the beginning counts, / is a bound
    optional = {"project": repo.project, "proxy": repo.proxy, "noProxy": repo.no_proxy}
    return {
        "username": USERNAME,
        "password": passwords.get(url.registry.host, ""),
        "url": place if helm else OCI_SCHEME + place,
        "type": repo.repo_type,
        **({"enableOCI": "true"} if helm else {}),
        **({"name": repo.generated_secret_name} if whole else {}),
        **{key: value for key, value in optional.items() if value},
    }


def _argo_labels(spec: CommonSpec) -> Mapping[str, str]:
    return {ARGO_LABEL: cast("ArgoHelmRepoSecretSpec", spec).secret_type}


def _argo_passwords(data: SecretData) -> Mapping[str, str]:
    host, password = data.get("url", "").removeprefix(OCI_SCHEME).partition("/")[0], data.get("password")
    return {host: password} if password else {}


def _argo_by_upstream(spec: CommonSpec, data: SecretData) -> bool:
    """All that it wrote and nothing else, with the URL verbatim: it knew one form, whatever the spec says by now."""
    repo, password = cast("ArgoHelmRepoSecretSpec", spec), data.get("password", "")
    written = {
        "username": USERNAME,
        "password": password,
        "url": repo.url,
        "type": "helm",
        "enableOCI": "true",
        "name": repo.generated_secret_name,
    }
    return bool(password) and data == written


SECRET = Kind(
    name="Secret",
    plural="secrets",
    short_names=("ecrsecret",),
    spec=SecretSpec,
    description=(
        "Keeps one kubernetes.io/dockerconfigjson Secret in this namespace filled with fresh Amazon ECR tokens, for"
        " pods that pull (imagePullSecrets) and builds that push (oc secrets link)."
    ),
    secret_type=DOCKER_CONFIG_TYPE,
    labels=lambda _spec: {},
    render=_render_docker,
    passwords_in=_docker_passwords,
    written_by_upstream=_docker_by_upstream,
    upstream_labels={},
    registry_column=("Registry", ".spec.ecr_registry"),
)

ARGO_HELM_REPO_SECRET = Kind(
    name="ArgoHelmRepoSecret",
    plural="argohelmreposecrets",
    short_names=("ecrargo",),
    spec=ArgoHelmRepoSecretSpec,
    description=(
        "Keeps a fresh Amazon ECR token in one Argo CD repository Secret. With it, Argo CD syncs Helm charts from ECR."
        " Create it in the namespace of Argo CD."
    ),
    secret_type="Opaque",  # noqa: S106 - a Secret's type, not a secret
    labels=_argo_labels,
    render=_render_argo,
    passwords_in=_argo_passwords,
    written_by_upstream=_argo_by_upstream,
    upstream_labels={ARGO_LABEL: REPOSITORY},
    registry_column=("URL", ".spec.url"),
)

CLUSTER_PULL_SECRET = replace(
    SECRET,
    name="ClusterPullSecret",
    plural="clusterpullsecrets",
    short_names=("ecrpull",),
    spec=ClusterPullSecretSpec,
    description=(
        "Keeps the same kubernetes.io/dockerconfigjson Secret, with fresh Amazon ECR tokens, in every namespace that"
        " you select by label or by name. These Secrets share one token for each registry."
    ),
    written_by_upstream=lambda _spec, _data: False,
    clustered=True,
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (SECRET, ARGO_HELM_REPO_SECRET, CLUSTER_PULL_SECRET)}


def displayed(key: Key) -> str:
    """A resource as sentences name it, such as `Secret team-a/pull`; without a namespace for a cluster resource."""
    return key.cluster_key.spoken if KINDS[key.kind].clustered else key.spoken


def passwords_of(secret_type: str, data: SecretData) -> Mapping[str, Sensitive]:
    """The tokens in a generated Secret's data by host, of whichever kind it is."""
    kind = SECRET if secret_type == DOCKER_CONFIG_TYPE else ARGO_HELM_REPO_SECRET
    return {host: Sensitive(password) for host, password in kind.passwords_in(data).items()}
