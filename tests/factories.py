"""Objects for tests: complete and valid, with whatever a test is about passed in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ecr_secret_operator.api.argo_secrets import ArgoHelmRepoSecretSpec
from ecr_secret_operator.api.model import CommonSpec
from ecr_secret_operator.api.pull_secrets import SecretSpec
from ecr_secret_operator.domain.identity.authorization import Authorization, RegistryLogin
from ecr_secret_operator.domain.identity.identity import AMBIENT, Identity
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.kinds import ARGO_HELM_REPO_SECRET, KINDS, SECRET
from ecr_secret_operator.domain.resource import InvalidSpec, Key, Resource
from ecr_secret_operator.domain.secret.annotations import StoredToken, StoredTokens
from ecr_secret_operator.domain.secret.observed import Observed
from ecr_secret_operator.domain.secret.render import Desired, render
from ecr_secret_operator.domain.secret.stored import StoredSecret
from ecr_secret_operator.domain.tokens.token import Sensitive, Token

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIFETIME = timedelta(hours=12)
HOST = "123456789012.dkr.ecr.us-east-2.amazonaws.com"
OTHER_HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
PASSWORD = "eyJwYXlsb2FkIjoi" + "Zm9v/YmFy+" * 170 + "0"


def a_token(*, issued_at: datetime = NOW, lifetime: timedelta = LIFETIME, password: str = PASSWORD) -> Token:
    return Token(password=Sensitive(password), issued_at=issued_at, expires_at=issued_at + lifetime)


def a_raw_spec(**over: object) -> dict[str, object]:
    return {"generated_secret_name": "ecr-pull", "ecr_registry": HOST, "frequency": "6h", **over}


def a_spec(**over: object) -> SecretSpec:
    spec = SECRET.parse(a_raw_spec(**over))
    assert isinstance(spec, SecretSpec), spec
    return spec


def an_argo_spec(**over: object) -> ArgoHelmRepoSecretSpec:
    spec = ARGO_HELM_REPO_SECRET.parse({"generated_secret_name": "charts", "url": HOST, "frequency": "6h", **over})
    assert isinstance(spec, ArgoHelmRepoSecretSpec), spec
    return spec


def a_key(*, kind: str = "Secret", namespace: str = "team-a", name: str = "pull") -> Key:
    return Key(kind, namespace, name)


def a_served_status(generation: int = 1) -> dict[str, Any]:
    """What counts in the status of a resource whose Secret was good when this generation was looked at."""
    ready = {"type": "Ready", "status": "True", "reason": "Refreshed", "observedGeneration": generation}
    return {"observedGeneration": generation, "conditions": [ready]}


def a_resource(**over: Any) -> Resource:
    spec: CommonSpec | InvalidSpec = over.get("spec") or a_spec()
    kind = next((kind.name for kind in KINDS.values() if type(spec) is kind.spec), "Secret")
    resource = Resource(
        key=a_key(kind=kind),
        uid="0b5e1d6c-8f5e-4a51-9c6d-4a3a3a0d9f11",
        resource_version="100",
        generation=1,
        created_at="2026-03-01T00:00:00Z",
        deleting=False,
        refresh_request="",
        spec=spec,
        status=a_served_status(),
    )
    return replace(resource, **over)


def spec_of(resource: Resource) -> CommonSpec:
    assert not isinstance(resource.spec, InvalidSpec), resource.spec
    return resource.spec


def logins_of(spec: CommonSpec | InvalidSpec, identity: Identity = AMBIENT) -> tuple[RegistryLogin, ...]:
    """All registries of a spec, each with the same identity."""
    if isinstance(spec, InvalidSpec):
        return ()
    return tuple(
        RegistryLogin(entry.registry.host, Scope.of(entry.registry, identity), origin=identity.origin)
        for entry in spec.entries
    )


def stored_tokens(resource: Resource | None = None, token: Token | None = None) -> StoredTokens:
    """A token for every registry of a resource, had with the operator's own identity."""
    resource = resource or a_resource()
    return {
        login.host: StoredToken.of(login.scope, token or a_token()) for login in logins_of(resource.spec) if login.scope
    }


def a_desired(resource: Resource | None = None, token: Token | None = None) -> Desired:
    resource = resource or a_resource()
    return render(resource, spec_of(resource), stored_tokens(resource, token))


def a_stored_secret(
    resource: Resource | None = None,
    token: Token | None = None,
    **over: Any,
) -> StoredSecret:
    """The Secret of a resource as the API server has it after it was written."""
    desired = a_desired(resource, token)
    stored = StoredSecret(
        namespace=desired.namespace,
        name=desired.name,
        uid="5ec2e7aa-0000-4000-8000-000000000001",
        resource_version="200",
        secret_type=desired.secret_type,
        immutable=False,
        deleting=False,
        labels=desired.labels,
        annotations=desired.annotations,
        owners=(desired.owner,) if desired.owner else (),
        data_keys=tuple(desired.data),
        data_digest=desired.digest,
        passwords={host: one.token.password for host, one in desired.tokens.items()},
    )
    return replace(stored, **over)


def an_observed(**over: Any) -> Observed:
    """A resource that is served well with a fresh token."""
    resource = over.get("resource") or a_resource()
    observed = Observed(
        resource=resource,
        secrets=(),
        authorization=Authorization(logins_of(resource.spec)),
        remembered=stored_tokens(resource),
    )
    if "secrets" not in over:
        over["secrets"] = (a_stored_secret(resource),)
    return replace(observed, **over)
