"""The role that ROLEARN names. OpenShift's console sets it in the Subscription, on clusters that use STS.

Red Hat documents the flow as "CCO-based workflow for OLM-managed Operators with AWS STS". There the operator asks the
Cloud Credential Operator for a Secret with the role and the path of a token. This operator needs no such Secret: it
knows the role, and its pod has mounted the token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import botocore.credentials
import botocore.session

from ..api.fields import ROLE_ARN_PATTERN
from .faults import Fault

VARIABLE = "ROLEARN"
TOKEN_VARIABLE = "AWS_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105 - a name
TOKEN_FILE = "/var/run/secrets/openshift/serviceaccount/token"  # noqa: S105 - a path
"""The projected token of the ServiceAccount, as operators on OpenShift mount it."""

SESSION_NAME = "ecr-secret-operator"
_PROFILE = "ROLEARN"


def provider_for(
    session: botocore.session.Session, environment: Mapping[str, str]
) -> botocore.credentials.CredentialProvider | None:
    """The only provider of credentials when ROLEARN is set; None when it is not.

    Args:
        session: makes the client for STS, in its region.
        environment: of the process. AWS_WEB_IDENTITY_TOKEN_FILE names another file than the usual one.

    Raises:
        Fault: ROLEARN is not the ARN of a role.
    """
    role = environment.get(VARIABLE, "").strip()
    if not role:
        return None
    if not re.fullmatch(ROLE_ARN_PATTERN, role):
        raise Fault(
            f"the environment variable {VARIABLE} of the operator is not the ARN of an IAM role. Correct it in the"
            " Subscription, or remove it"
        )
    profile = {
        "role_arn": role,
        "web_identity_token_file": environment.get(TOKEN_VARIABLE) or TOKEN_FILE,
        "role_session_name": SESSION_NAME,
    }
    return botocore.credentials.AssumeRoleWithWebIdentityProvider(
        load_config=lambda: {"profiles": {_PROFILE: profile}},
        client_creator=session.create_client,
        profile_name=_PROFILE,
        disable_env_vars=True,
    )
