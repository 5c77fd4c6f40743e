"""Becomes an identity: a botocore session whose next client acts as it. Blocking; one step of AWS at a time.

A session is made for one call and then forgotten, so no credentials of it can be out of date when they are used.
"""

from __future__ import annotations

import json
import re
from typing import Any

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config

from ..domain.identity.identity import AccessKeys, AccountRole, AssumedRole, StoredKeys, mark
from ..domain.identity.scope import Scope
from ..domain.resource import Key
from ..domain.tokens.token import Sensitive
from ..errors import TokenError
from ..reasons import Reason
from .errors import Step, step_by, told, where
from .session import ambient_session, empty_session

_LONGEST_NAME = 64
"""STS: RoleSessionName has 2 to 64 characters of [A-Za-z0-9_=,.@-]."""

_PULL = ("ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage",
         "ecr:GetDownloadUrlForLayer", "ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:ListImages")  # fmt: skip
_PULL_PUBLIC = ("ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken")


def session_name(requester: Key) -> str:
    """The session name of a role, which CloudTrail shows: NAMESPACE.NAME of the resource, or KIND.NAME.

    A long one is cut, and ends with a hash of the whole.
    """
    name = re.sub("[^A-Za-z0-9=,.@-]", "-", f"{requester.namespace or requester.kind}.{requester.name}")
    return name if len(name) <= _LONGEST_NAME else f"{name[:47]}-{mark(requester)}"


def pull_policy(scope: Scope) -> str:
    """The session policy for `access: pull`, which limits every role to reading."""
    actions = _PULL_PUBLIC if scope.public else _PULL
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


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
            return _with_keys(scope, identity, keys)
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
    return _own(scope)


def _own(scope: Scope) -> botocore.session.Session:
    """The operator's own session, with its credentials loaded. A failure here concerns that identity only."""
    with told(Step(where(scope))):
        session = ambient_session(scope)
        credentials = session.get_credentials()
        if credentials:
            credentials.get_frozen_credentials()
        return session


def _with_keys(scope: Scope, identity: StoredKeys, keys: AccessKeys) -> botocore.session.Session:
    token = keys.session_token.reveal() if keys.session_token else None
    parts = (keys.access_key_id, keys.secret_access_key.reveal(), token or "")
    if not all(re.fullmatch("[!-~]*", part) for part in parts):
        text = f"{identity.words} hold a character that no key of AWS has, such as a line break"
        raise TokenError(text, reason=Reason.IDENTITY_UNAVAILABLE)
    with told(step_by(scope)):
        session = empty_session(scope)
        session.set_credentials(keys.access_key_id, keys.secret_access_key.reveal(), token)
        return session


def _asked(identity: AssumedRole | AccountRole, scope: Scope, requester: Key) -> dict[str, str]:
    limit = {"Policy": pull_policy(scope)} if identity.access == "pull" else {}
    return {"RoleArn": identity.role_arn, "RoleSessionName": session_name(requester), **limit}


def _session_of(scope: Scope, answer: dict[str, Any]) -> botocore.session.Session:
    found = answer["Credentials"]
    session = empty_session(scope)
    session.set_credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    return session
