"""The AWS identity of another tool's pods, as this operator's `aws` field."""

from __future__ import annotations

from ..domain.environment import Unknown
from ..domain.identity.sources import KEY_ID as OUR_KEY_ID
from ..domain.identity.sources import ROLE_ANNOTATION
from ..domain.identity.sources import SECRET_KEY as OUR_SECRET_KEY
from ..domain.raw import Manifest, RawObject, text
from .pods import KEY_ID, SECRET_KEY, Pod
from .translation import Translation, copy_of_keys

KEYS_NAME = "ecr-aws-keys"
AccountsByName = dict[tuple[str, str], RawObject]
"""ServiceAccounts by namespace and name, as far as they are known."""


def role_of(accounts: AccountsByName, namespace: str, name: str) -> str:
    """The role of a ServiceAccount (IRSA); empty when it has none, or is not known."""
    return text(accounts.get((namespace, name), {}), "metadata", "annotations", ROLE_ANNOTATION)


def identity(pod: Pod, accounts: AccountsByName, home: str, into: Translation) -> Manifest:
    """The `aws` field for a pod's identity; what it needs and loses is noted.

    Args:
        pod: that has it.
        accounts: known ServiceAccounts.
        home: namespace in which this operator looks for the identity.
        into: takes the notes.
    """
    key_id, secret_key = pod.secret(KEY_ID), pod.secret(SECRET_KEY)
    if key_id and secret_key:
        entries = [(OUR_KEY_ID, key_id.key), (OUR_SECRET_KEY, secret_key.key)]
        if key_id.secret == secret_key.secret:
            command = copy_of_keys((pod.namespace, key_id.secret), (home, KEYS_NAME), entries)
            into.needed.append(f"Copy its AWS keys, without showing them: {command}")
        else:
            into.needed.append(f"Make Secret {home}/{KEYS_NAME} with {OUR_KEY_ID} and {OUR_SECRET_KEY}")
        return {"aws": {"credentials_secret": KEYS_NAME}}
    unknown = [name for name in (KEY_ID, SECRET_KEY) if isinstance(pod.variables.get(name), Unknown)]
    if unknown:
        why = " and ".join(pod.unknown(name, pod.variables[name]) for name in unknown)
        into.needed.append(f"Make Secret {home}/{KEYS_NAME} with {OUR_KEY_ID} and {OUR_SECRET_KEY}: {why}")
        return {"aws": {"credentials_secret": KEYS_NAME}}
    if pod.given(KEY_ID) or pod.given(SECRET_KEY):
        into.needed.append(
            f"Its AWS keys stand in the object itself or in a ConfigMap. Put them into Secret {home}/{KEYS_NAME}, as"
            f" {OUR_KEY_ID} and {OUR_SECRET_KEY}, and replace them: all who may read the object have them"
        )
        return {"aws": {"credentials_secret": KEYS_NAME}}
    role = role_of(accounts, pod.namespace, pod.account)
    if role and pod.namespace == home:
        into.notes.append(f"ServiceAccount {home}/{pod.account} keeps its role {role}, so it has to stay")
        return {"aws": {"service_account": pod.account}}
    if role:
        into.needed.append(f"Let the trust policy of role {role} admit this operator: docs/identities/README.md")
        return {"aws": {"role_arn": role}}
    into.notes.append("It had its AWS identity from its node or environment: this operator uses its own")
    return {}
