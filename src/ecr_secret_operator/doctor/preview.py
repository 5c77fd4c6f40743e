"""The Secret that a resource would have, with everything but the token in it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ..api.model import AwsSpec, CommonSpec
from ..api.pull_secrets import ClusterPullSecretSpec, RegistriesSpec
from ..domain.identity.identity import AMBIENT
from ..domain.identity.limit import LimitRequest
from ..domain.identity.scope import Scope
from ..domain.identity.session_policy import session_policy
from ..domain.kinds import KINDS, USERNAME
from ..domain.raw import RawObject, number, text
from ..domain.resource import InvalidSpec, Key, Resource
from ..domain.secret.annotations import DIGEST, EXPIRES_AT, ISSUED_AT, TOKENS, StoredToken
from ..domain.secret.render import manifest, render
from ..domain.status.conditions import clamped_message
from ..domain.tokens.schedule import is_clamped
from ..domain.tokens.token import Sensitive, Token

MASK, UNKNOWN = "<token>", "<unknown until a token is obtained>"
SELECTED = "<each selected namespace>"
TOKEN_LIFE = timedelta(hours=12)
_SEALED = (ISSUED_AT, EXPIRES_AT, TOKENS, DIGEST)


def preview(raw: RawObject) -> dict[str, Any] | InvalidSpec:
    """The Secret's manifest, its data readable and its tokens masked; or why there is none, as the status would say.

    Args:
        raw: a resource of a kind that generates Secrets.
    """
    kind, spec = KINDS[text(raw, "kind")], KINDS[text(raw, "kind")].parse(raw.get("spec"))
    if isinstance(spec, InvalidSpec):
        return spec
    namespace = SELECTED if kind.clustered else text(raw, "metadata", "namespace") or "default"
    resource = Resource(
        key=Key(kind.name, namespace, text(raw, "metadata", "name")),
        uid=text(raw, "metadata", "uid") or "<its uid>",
        resource_version="",
        generation=number(raw, "metadata", "generation"),
        created_at="",
        deleting=False,
        refresh_request="",
        spec=spec,
        status={},
    )
    desired = render(resource, spec, {host: StoredToken(_token(), "") for host in spec.hosts})
    shown = manifest(desired)
    annotations = shown["metadata"]["annotations"]
    annotations.update(dict.fromkeys(_SEALED, UNKNOWN))
    basic = b64encode(f"{USERNAME}:{MASK}".encode()).decode()
    del shown["data"]
    data = {key: value.replace(basic, f"<base64 of {USERNAME}:{MASK}>") for key, value in desired.data.items()}
    return {**shown, "stringData": data}


def remarks(raw: RawObject) -> Iterator[str]:
    """What beside the Secret comes of a resource whose spec is valid, in sentences."""
    spec = KINDS[text(raw, "kind")].parse(raw.get("spec"))
    if isinstance(spec, InvalidSpec):
        return
    if isinstance(spec, ClusterPullSecretSpec):
        yield "The same Secret comes into every namespace that spec.namespaces selects"
    if isinstance(spec, RegistriesSpec) and spec.links:
        links = [f"{name} ({' and '.join(sorted(purposes))})" for name, purposes in spec.links.items()]
        yield f"It is linked to ServiceAccounts: {', '.join(links)}"
    yield from _cautions(spec)


def explanations(raw: RawObject) -> Iterator[str]:
    """As whom the token for each registry is requested, and to what it is limited, in sentences.

    AccessPolicies may change both.
    """
    kind = KINDS[text(raw, "kind")]
    spec = kind.parse(raw.get("spec"))
    if isinstance(spec, InvalidSpec):
        return
    for entry in spec.entries:
        limit = LimitRequest.of(entry.aws.access, entry.aws.repositories).without_policy
        shown = limit if limit.limits else "none"
        yield f"{entry.registry.host}: the token is requested with {_requester(entry.aws)}; limit: {shown}"
        if policy := session_policy(Scope.of(entry.registry, AMBIENT, limit)):
            yield f"{entry.registry.host}: session policy: {policy}"


def _requester(aws: AwsSpec) -> str:
    if aws.service_account:
        return f"the role of ServiceAccount {aws.service_account}"
    if aws.credentials_secret:
        return f"the keys in Secret {aws.credentials_secret}"
    return f"role {aws.role_arn}" if aws.role_arn else "the operator's own identity"


def _cautions(spec: CommonSpec) -> Iterator[str]:
    if spec.suspend:
        yield "spec.suspend is true: nothing is generated until it is false"
    if is_clamped(spec.interval, TOKEN_LIFE):
        yield clamped_message(spec, TOKEN_LIFE)
    if spec.caution:
        yield spec.caution


def _token() -> Token:
    begins = datetime.fromtimestamp(0, UTC)
    return Token(Sensitive(MASK), begins, begins + TOKEN_LIFE)
