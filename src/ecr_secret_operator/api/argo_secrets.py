"""The kind whose Secret opens repositories for Argo CD: its fields."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from ..errors import InvalidField
from .fields import OptionalName, bounded, cel, matches, rule
from .model import CommonSpec, RegistryEntry, partition_agrees, region_agrees, repositories_agree
from .registry import EXAMPLE_HOST, HOST_PATTERN, PATH_PATTERN, parse_chart_url

REPOSITORY: Literal["repository"] = "repository"
REPO_CREDS = "repo-creds"
_PROJECT_RULE = "project needs secret_type: repository: Argo CD's repo-creds are for all projects"

PROXY_PATTERN = "https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?/?"
_PROXY_RULE = (
    "must be the URL of a proxy, such as http://proxy.example.com:3128, without user and password: they could be read"
    " in this resource"
)


def _valid_proxy(url: str) -> str:
    if url and not re.fullmatch(PROXY_PATTERN, url):
        raise InvalidField(_PROXY_RULE)  # without the value, which may hold a password
    return url


NO_PROXY_PATTERN = "[A-Za-z0-9.*:/_, -]*"
_NO_PROXY_RULE = "must be a list of hosts, separated by commas"


def _unshown(field: str, pattern: str, text: str) -> dict[str, str]:
    """The CEL rule, over the whole spec: what breaks a rule of a field is shown by the API server, in logs too."""
    form = matches(pattern, of=f"self.{field}")
    return {**rule(f"!has(self.{field}) || self.{field} == '' || {form}", text), "fieldPath": f".{field}"}


def _valid_no_proxy(text: str) -> str:
    if not re.fullmatch(NO_PROXY_PATTERN, text):
        raise InvalidField(_NO_PROXY_RULE)  # without the value: it may be a proxy's URL, put in the wrong place
    return text


class ArgoHelmRepoSecretSpec(CommonSpec):
    """What to generate: one Argo CD repository Secret with a token for one registry."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            region_agrees("url"),
            partition_agrees("url"),
            repositories_agree("url"),
            rule(
                "!has(self.project) || self.project == '' || !has(self.secret_type)"
                f" || self.secret_type != '{REPO_CREDS}'",
                _PROJECT_RULE,
            ),
            _unshown("proxy", PROXY_PATTERN, _PROXY_RULE),
            _unshown("no_proxy", NO_PROXY_PATTERN, _NO_PROXY_RULE),
        )
    )

    url: Annotated[
        str,
        bounded(512),
        Field(
            json_schema_extra={
                "maxLength": 512,
                **cel(
                    rule(
                        matches(f"(?:oci://)?{HOST_PATTERN}{PATH_PATTERN}"),
                        "must be an Amazon ECR registry host, with or without a path and oci://, such as"
                        f" {EXAMPLE_HOST} or {EXAMPLE_HOST}/charts (https:// does not work for OCI charts in Argo CD)",
                    )
                ),
            }
        ),
    ]
    """Location of the charts: an ECR registry host, or host and path. It must match the repoURL of the Application.
    With secret_type repository, Argo CD compares the whole URL, so HOST does not serve an Application with repoURL
    HOST/charts. A slash at the end is removed, because Argo CD would match nothing with it. With repo-creds, Argo CD
    compares the beginning: HOST alone also matches HOST.example.org, so end the URL with a slash. You can write oci://
    or not: the Secret contains it for repo_type oci only, as Argo CD requires."""

    secret_type: Literal["repository", "repo-creds"] = REPOSITORY
    """Type of the Argo CD Secret. repository: credentials of one repository. repo-creds: credentials of every
    repository whose URL begins with url and that has no credentials of its own."""

    repo_type: Literal["helm", "oci"] = "helm"
    """Type of the repository. helm: charts that an Application names by chart and targetRevision. oci: artifacts that
    it names by repoURL oci://HOST/REPOSITORY, path and targetRevision (Argo CD 3.1 and later)."""

    project: OptionalName = ""
    """The only Argo CD project that may use the repository. Optional. Defaults to all projects. Valid only with
    secret_type repository."""

    proxy: Annotated[
        str,
        AfterValidator(_valid_proxy),  # first: the limit's message shows what is too long
        bounded(512),
        Field(json_schema_extra={"maxLength": 512}),
    ] = ""
    """URL of the HTTP proxy through which Argo CD reaches the registry, such as http://proxy.example.com:3128."""

    no_proxy: Annotated[
        str,
        AfterValidator(_valid_no_proxy),
        bounded(512),
        Field(json_schema_extra={"maxLength": 512}),
    ] = ""
    """Hosts that Argo CD reaches without the proxy, separated by commas."""

    @field_validator("url")
    @classmethod
    def _is_in_ecr(cls, url: str) -> str:
        parse_chart_url(url)
        return url

    @model_validator(mode="after")
    def _project_can_be_kept(self) -> ArgoHelmRepoSecretSpec:
        if self.project and self.secret_type == REPO_CREDS:
            raise InvalidField(_PROJECT_RULE)
        return self

    @property
    def caution(self) -> str:
        """A host that is compared as a beginning has no end."""
        url = parse_chart_url(self.url)
        if self.secret_type != REPO_CREDS or url.path:
            return ""
        host = url.registry.host
        return f"Argo CD uses it for every URL that begins with {host}, {host}.example.org too: end the url with /"

    @cached_property
    def entries(self) -> tuple[RegistryEntry, ...]:
        """The registry that the token is for."""
        return (RegistryEntry(parse_chart_url(self.url).registry, self.aws, "url"),)
