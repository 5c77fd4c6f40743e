"""Secrets with AWS keys that a resource names: each is watched by itself, so no other Secret is seen."""

from __future__ import annotations

from base64 import b64decode

from ..domain.identity.identity import AccessKeys
from ..domain.identity.sources import KEY_ID, SECRET_KEY, SESSION_TOKEN, KeySecret
from ..domain.tokens.token import Sensitive
from .client import Client
from .objects import SecretObject
from .secrets import collection
from .source import KubeSource

_CHARACTERS = {KEY_ID: 128, SECRET_KEY: 1 << 10, SESSION_TOKEN: 1 << 14}
"""Of the longest that are kept. IAM: a key id has 16 to 128 characters; AWS sets no limit to session tokens."""


def _text(data: dict[str, str], key: str) -> str:
    try:
        return b64decode(data.get(key, "")).decode().strip()
    except ValueError:  # no base64, or no text in it
        return ""


def convert(raw: SecretObject) -> KeySecret:
    """Reads the AWS keys in a Secret, without the white space around them, such as the line break of `echo`."""
    data, meta = raw.data or {}, raw.metadata
    key_id, secret, token = (_text(data, key) for key in (KEY_ID, SECRET_KEY, SESSION_TOKEN))
    texts = dict(zip(_CHARACTERS, (key_id, secret, token), strict=True))
    oversized = next((name for name, text in texts.items() if len(text) > _CHARACTERS[name]), "")
    if oversized:
        return KeySecret(meta.namespace, meta.name, meta.resource_version, None, oversized=oversized)
    lacking = next((name for name, value in ((KEY_ID, key_id), (SECRET_KEY, secret)) if not value), "")
    keys = None if lacking else AccessKeys(key_id, Sensitive(secret), Sensitive(token) if token else None)
    return KeySecret(meta.namespace, meta.name, meta.resource_version, keys, lacking)


def source(client: Client, namespace: str, name: str) -> KubeSource[SecretObject, KeySecret]:
    """The list and watch of one Secret."""
    return KubeSource(
        client,
        collection(namespace),
        raw=SecretObject,
        convert=convert,
        covers=lambda found: (found.namespace, found.name) == (namespace, name),
        only=name,
    )
