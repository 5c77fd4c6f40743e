"""How much of a Secret is kept in memory: no more than the operator itself may have written.

The operator watches every Secret that has its label, and anyone who may create Secrets can set that label. Neither is
the seal proof of the author: it is a digest, not a signature. So all that is kept is bounded, by what a resource may
ask for (ADR 38).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..api.pull_secrets import MOST_REGISTRIES
from ..api.registry import is_registry
from ..domain.kinds import ARGO_LABEL
from ..domain.secret.annotations import COPIED, DIGEST, EXPIRES_AT, ISSUED_AT, NAME, OWNER, TOKENS
from ..domain.secret.stored import LONG_CHARACTERS, MANAGED_BY_LABEL, OwnerReference, StoredSecret, text_digest
from ..domain.tokens.token import Sensitive
from ..runtime.allowance import Allowance, Weight
from .objects import Owner, SecretObject
from .sharing import SHORT_TEXTS, Texts

MOST_DATA_CHARACTERS = 1 << 19
"""Of all data of a Secret, in base64. A token has some 2,500 characters and is there twice; a resource has at most 21
registries. Of more data, a digest is kept and nothing else."""

MOST_HOSTS = MOST_REGISTRIES + 1
MOST_PASSWORD_CHARACTERS = 1 << 14
MOST_OWNERS = 8
MOST_OWNER_CHARACTERS = 1 << 10
MOST_DATA_KEYS = 16
MOST_COPIED = 64
"""Labels, and as many annotations, that a resource may ask for (`GeneratedMetadata`)."""

MOST_NAMESPACE_BYTES = 1 << 24
"""What the generated Secrets of one namespace may take in memory beyond what ordinary ones take."""

ORDINARY_BYTES = 1 << 12
"""What an ordinary Secret has in texts and tokens: it counts for nothing."""

_TYPE_CHARACTERS = 253
_OWN_ANNOTATIONS: Mapping[str, int] = {
    EXPIRES_AT: 64,
    ISSUED_AT: 64,
    DIGEST: 128,
    OWNER: 640,
    NAME: 256,
    TOKENS: 1 << 15,
    COPIED: 48 << 10,
}
"""The operator's own annotations, each with the characters of the longest text that it writes."""

_OWN_LABELS = (MANAGED_BY_LABEL, ARGO_LABEL)
_LABEL_CHARACTERS = 63
_CUT_CHARACTERS = 1024
_TOKENS_TEXTS = Texts(most=256, longest=1 << 12)
"""The annotation that lists tokens says the same on all Secrets with the same tokens."""


def is_readable(raw: SecretObject) -> bool:
    """Whether a Secret's data are few enough to be read."""
    total = 0
    for key, value in (raw.data or {}).items():
        total += len(key) + len(value)
        if total > MOST_DATA_CHARACTERS:
            return False
    return True


def kept_tokens(passwords: Mapping[str, Sensitive]) -> Mapping[str, Sensitive]:
    """The tokens in a Secret, if a resource can have asked for all of them; else none."""
    if len(passwords) > MOST_HOSTS:
        return {}
    fits = all(
        is_registry(host) and len(password.reveal()) <= MOST_PASSWORD_CHARACTERS for host, password in passwords.items()
    )
    return passwords if fits else {}


def kept_type(text: str) -> str:
    """A Secret's type. One that is too long is none that the operator knows, and so may be cut."""
    return SHORT_TEXTS.one(text[:_TYPE_CHARACTERS])


def kept_labels(labels: Mapping[str, str] | None, annotations: Mapping[str, str] | None) -> dict[str, str]:
    """The operator's labels, and those that a resource asked for."""
    found = labels or {}
    wanted = (*_OWN_LABELS, *_copied("label:", annotations))
    return {SHORT_TEXTS.one(key): SHORT_TEXTS.one(found[key][:_LABEL_CHARACTERS]) for key in wanted if key in found}


def kept_annotations(annotations: Mapping[str, str] | None) -> dict[str, str]:
    """The operator's annotations, and the short ones of those that a resource asked for."""
    found, kept = annotations or {}, {}
    for key, most in _OWN_ANNOTATIONS.items():
        if key in found:
            text = found[key] if len(found[key]) <= most else _cut(key, found[key], most)
            kept[key] = (_TOKENS_TEXTS if key == TOKENS else SHORT_TEXTS).one(text)
    for key in _copied("annotation:", annotations):
        if len(found.get(key, " " * (LONG_CHARACTERS + 1))) <= LONG_CHARACTERS:
            kept.setdefault(SHORT_TEXTS.one(key), found[key])
    return kept


def _cut(key: str, text: str, most: int) -> str:
    """What is kept of a text that the operator did not write: enough to see that it is there and another one.

    What the cut leaves must not mean anything: not the name of another resource, of a Secret or of an annotation.
    """
    if key == COPIED:
        return text[:_CUT_CHARACTERS].rpartition(" ")[0]
    return text[:_CUT_CHARACTERS] if key == TOKENS else text[:most]


def kept_digests(annotations: Mapping[str, str] | None) -> tuple[tuple[str, bytes], ...]:
    """Digests of the long ones of the annotations that a resource asked for."""
    found = annotations or {}
    return tuple(
        (SHORT_TEXTS.one(key), text_digest(found[key]))
        for key in _copied("annotation:", annotations)
        if key not in _OWN_ANNOTATIONS and len(found.get(key, "")) > LONG_CHARACTERS
    )


def _copied(mark: str, annotations: Mapping[str, str] | None) -> Iterator[str]:
    """The keys that the annotation about copies names after a mark, as many as a resource may have."""
    text = (annotations or {}).get(COPIED, "")
    if not text or len(text) > _OWN_ANNOTATIONS[COPIED]:
        return
    names = (word.removeprefix(mark) for word in text.split() if word.startswith(mark))
    for _, name in zip(range(MOST_COPIED), names, strict=False):
        yield name


def _reference(owner: Owner) -> OwnerReference:
    return OwnerReference(
        api_version=SHORT_TEXTS.one(owner.api_version),
        kind=SHORT_TEXTS.one(owner.kind),
        name=owner.name,
        uid=owner.uid,
        controller=bool(owner.controller),
        block_owner_deletion=bool(owner.block_owner_deletion),
    )


def all_owners(owners: Sequence[Owner] | None) -> tuple[OwnerReference, ...]:
    """All ownerReferences, however many."""
    return tuple(_reference(owner) for owner in owners or ())


def kept_owners(owners: Sequence[Owner] | None) -> tuple[OwnerReference, ...]:
    """The ownerReferences, as many as a Secret has as a rule: those of the operator's resources first."""
    if not owners:
        return ()
    fitting = [
        one
        for one in map(_reference, owners)
        if len(one.api_version) + len(one.kind) + len(one.name) + len(one.uid) <= MOST_OWNER_CHARACTERS
    ]
    if len(fitting) > MOST_OWNERS:
        fitting = sorted(fitting, key=lambda one: not one.ours)
    return tuple(fitting[:MOST_OWNERS])


def kept_keys(data: Mapping[str, str] | None) -> tuple[str, ...]:
    """The names of the data entries, as many as a Secret has as a rule."""
    return tuple(SHORT_TEXTS.one(key) for key, _ in zip(data or (), range(MOST_DATA_KEYS), strict=False))


def weigh(secret: StoredSecret) -> Weight | None:
    """What a Secret takes in memory beyond what an ordinary one takes; None for nothing."""
    labels, annotations = secret.labels, secret.annotations
    texts = _length(labels) + _length(labels.values()) + _length(annotations) + _length(annotations.values())
    texts += _length(secret.data_keys) + sum(len(key) + 32 for key, _ in secret.digests)
    texts += sum(len(one.name) + len(one.uid) for one in secret.owners)
    tokens = tuple((password, len(password.reveal())) for password in set(secret.passwords.values()))
    if texts + sum(size for _, size in tokens) <= ORDINARY_BYTES:
        return None
    return Weight(texts, tokens)


def _length(texts: Iterable[str]) -> int:
    return sum(map(len, texts))


def reduced(secret: StoredSecret) -> StoredSecret:
    """A Secret of which there is no more in memory than whose it is."""
    annotations = {key: text for key, text in secret.annotations.items() if key in (OWNER, NAME)}
    return replace(
        secret,
        labels={key: text for key, text in secret.labels.items() if key == MANAGED_BY_LABEL},
        annotations=annotations,
        owners=tuple(one for one in secret.owners if one.ours)[:1],
        data_keys=(),
        passwords={},
        finalizers=secret.finalizers[:1],
        digests=(),
        partial=True,
        reduced=True,
    )


def allowance() -> Allowance[StoredSecret]:
    """What bounds the memory that the generated Secrets of each namespace take."""
    return Allowance(
        most=MOST_NAMESPACE_BYTES,
        group_of=lambda one: one.namespace,
        weigh=weigh,
        reduce=reduced,
        is_reduced=lambda one: one.reduced,
    )
