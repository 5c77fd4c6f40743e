"""Becomes an identity: a botocore session whose next client acts as it. Blocking; one step of AWS at a time.

A session is made for one call and then forgotten, so no credentials of it can be out of date when they are used.
"""

from __future__ import annotations

import re
from typing import Any

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials

from ..domain.identity.authorization import HOW_TO_LIMIT
from ..domain.identity.identity import MARK_CHARACTERS, AccessKeys, AccountRole, AssumedRole, StoredKeys, mark
from ..domain.identity.scope import Scope
from ..domain.identity.session_policy import session_policy
from ..domain.resource import Key
from ..domain.tokens.token import Sensitive
from ..errors import TokenError
from ..reasons import Reason
from .errors import Step, federation_step, step_by, told
from .faults import Fault
from .session import ambient_session, empty_session

_LONGEST_NAME, _LONGEST_USER = 64, 32
"""STS: RoleSessionName has 2 to 64 characters of [A-Za-z0-9_=,.@-], the Name of GetFederationToken 2 to 32."""

_WEB_IDENTITY = "assume-role-with-web-identity"
"""How botocore names the provider of credentials that IRSA and ROLEARN use."""


def session_name(requester: Key, *, longest: int = _LONGEST_NAME) -> str:
    """The name of a session, which CloudTrail shows: NAMESPACE.NAME of the resource, or KIND.NAME.

    Args:
        requester: the resource.
        longest: characters of the name. A longer one is cut, and ends with a hash of the whole.
    """
    name = re.sub("[^A-Za-z0-9=,.@-]", "-", f"{requester.namespace or requester.kind}.{requester.name}")
    return name if len(name) <= longest else f"{name[: longest - MARK_CHARACTERS - 1]}-{mark(requester)}"


def session_as(scope: Scope, *, requester: Key, proof: Sensitive | None) -> botocore.session.Session:
    """A session that acts as the scope's identity.

    Args:
        scope: whose identity, and which region's STS is asked.
        requester: the resource that it is for.
        proof: the ServiceAccount's token, for a role that is assumed with it.

    Raises:
        TokenError: the identity cannot be had; names it, and the step that failed.
    """
    match scope.identity:
        case StoredKeys(keys=keys) as identity:
            session = _with_keys(scope, identity, keys)
            return _federated(scope, session, requester) if scope.limit.limits else session
        case AssumedRole() as identity:
            session = _own(scope)
            extra = {"ExternalId": identity.external_id} if identity.external_id else {}
            with told(step_by(scope, assuming=True)):
                answer = session.create_client("sts").assume_role(**_asked(identity, scope, requester), **extra)
                return _session_of(scope, answer)
        case AccountRole() as identity:
            with told(step_by(scope, assuming=True)):
                token = proof.reveal() if proof else ""
                session = empty_session(scope)
                session.set_credentials("unused", "unused")  # else botocore would look for the operator's own
                sts = session.create_client("sts", config=Config(signature_version=UNSIGNED))
                answer = sts.assume_role_with_web_identity(**_asked(identity, scope, requester), WebIdentityToken=token)
                return _session_of(scope, answer)
    return _own_within_limit(scope, requester) if scope.limit.limits else _own(scope)


def _own(scope: Scope) -> botocore.session.Session:
    """The operator's own session, with its credentials loaded. A failure here concerns that identity only."""
    with told(Step(scope.place)):
        session = ambient_session(scope)
        credentials = session.get_credentials()
        if credentials:
            _frozen(credentials)
        return session


def _frozen(credentials: Credentials) -> ReadOnlyCredentials:
    """The keys of credentials of the operator. Raises Fault, and what botocore raises."""
    found = credentials.get_frozen_credentials()
    if not _are_plain(found.access_key, found.secret_key, found.token):
        raise Fault(
            "the operator's AWS credentials hold a character that no key of AWS has, such as a line break. Correct the"
            " Secret, or the environment, that they come from"
        )
    return found


def _are_plain(*keys: str | None) -> bool:
    return all(re.fullmatch("[!-~]*", key or "") for key in keys)


def _own_within_limit(scope: Scope, requester: Key) -> botocore.session.Session:
    """A session of the operator's own identity with a session policy. Raises TokenError if AWS offers no way."""
    with told(Step(scope.place)):
        session = ambient_session(scope)
        credentials = session.get_credentials()
        if credentials is None:
            return session  # its client reports it
        if credentials.method == _WEB_IDENTITY:
            policy = {"Policy": session_policy(scope)}
            session.register("provide-client-params.sts.AssumeRoleWithWebIdentity", lambda params, **_: params | policy)
        temporary = bool(_frozen(credentials).token)
    if credentials.method == _WEB_IDENTITY:
        return session
    if temporary:
        text = (
            f"the token cannot be limited to {scope.limit}, because the operator's own identity is a session that was"
            f" not obtained with web identity. {HOW_TO_LIMIT}"
        )
        raise TokenError(text, reason=Reason.IDENTITY_UNAVAILABLE)
    return _federated(scope, session, requester)


def _federated(scope: Scope, session: botocore.session.Session, requester: Key) -> botocore.session.Session:
    """A session with a session policy, obtained with the keys of an IAM user (GetFederationToken)."""
    with told(federation_step(scope)):
        name = session_name(requester, longest=_LONGEST_USER)
        answer = session.create_client("sts").get_federation_token(Name=name, Policy=session_policy(scope))
        return _session_of(scope, answer)


def _with_keys(scope: Scope, identity: StoredKeys, keys: AccessKeys) -> botocore.session.Session:
    token = keys.session_token.reveal() if keys.session_token else None
    if not _are_plain(keys.access_key_id, keys.secret_access_key.reveal(), token):
        text = f"{identity.words} hold a character that no key of AWS has, such as a line break"
        raise TokenError(text, reason=Reason.IDENTITY_UNAVAILABLE)
    with told(step_by(scope)):
        session = empty_session(scope)
        session.set_credentials(keys.access_key_id, keys.secret_access_key.reveal(), token)
        return session


def _asked(identity: AssumedRole | AccountRole, scope: Scope, requester: Key) -> dict[str, str]:
    limit = {"Policy": session_policy(scope)} if scope.limit.limits else {}
    return {"RoleArn": identity.role_arn, "RoleSessionName": session_name(requester), **limit}


def _session_of(scope: Scope, answer: dict[str, Any]) -> botocore.session.Session:
    found = answer["Credentials"]
    session = empty_session(scope)
    session.set_credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    return session
