"""External Secrets Operator: ExternalSecrets that take an ECR token from a generator.

Sources: its API reference of ECRAuthorizationToken (generators.external-secrets.io/v1alpha1), ClusterGenerator,
ExternalSecret and ClusterExternalSecret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..api.argo_secrets import REPO_CREDS, REPOSITORY
from ..api.duration import parse_duration
from ..api.fields import SHORTEST_FREQUENCY
from ..api.registry import HOST_PATTERN, OCI_SCHEME, PUBLIC_HOST
from ..domain.identity.sources import KEY_ID, SECRET_KEY, SESSION_TOKEN
from ..domain.kinds import ARGO_LABEL, DOCKER_CONFIG_TYPE
from ..domain.raw import Manifest, RawObject, mapping, mappings, text
from ..errors import InvalidField
from .identity import KEYS_NAME, AccountsByName, role_of
from .translation import (
    ACCOUNT,
    Hints,
    Translation,
    account_of,
    copy_of_keys,
    host,
    kubectl,
    registries,
    resource,
)

GENERATOR, CLUSTER_GENERATOR = "ECRAuthorizationToken", "ClusterGenerator"
KINDS = ("ExternalSecret", "ClusterExternalSecret")
_KEYS = {
    KEY_ID: "accessKeyIDSecretRef",
    SECRET_KEY: "secretAccessKeySecretRef",
    SESSION_TOKEN: "sessionTokenSecretRef",
}


@dataclass(frozen=True, slots=True)
class Generators:
    """The generators of ECR tokens that are known: by namespace and name, those of the cluster without a namespace."""

    specs: Mapping[tuple[str, str], RawObject]

    @classmethod
    def among(cls, objects: Iterable[RawObject]) -> Generators:
        """Finds them."""
        specs: dict[tuple[str, str], RawObject] = {}
        for raw in objects:
            name, spec = text(raw, "metadata", "name"), mapping(raw, "spec")
            if text(raw, "kind") == GENERATOR:
                specs[text(raw, "metadata", "namespace") or "default", name] = spec
            elif text(raw, "kind") == CLUSTER_GENERATOR and text(spec, "kind") == GENERATOR:
                specs["", name] = mapping(spec, "generator", "ecrAuthorizationTokenSpec")
        return cls(specs)

    def find(self, namespace: str, name: str) -> RawObject | None:
        """One by its name; of a ClusterExternalSecret's, which is in each of its namespaces, whichever there is."""
        if (namespace, name) in self.specs or namespace:
            return self.specs.get((namespace, name))
        return next((spec for (_, one), spec in self.specs.items() if one == name), None)


@dataclass(frozen=True, slots=True)
class _Old:
    """One ExternalSecret, of a namespace or of many."""

    raw: RawObject
    spec: RawObject
    clustered: bool

    @property
    def name(self) -> str:
        return text(self.raw, "metadata", "name")

    @property
    def namespace(self) -> str:
        return "" if self.clustered else text(self.raw, "metadata", "namespace") or "default"

    @property
    def template(self) -> RawObject:
        return mapping(self.spec, "target", "template")


def carry(raw: RawObject, generators: Generators, accounts: AccountsByName, hints: Hints) -> Translation | None:
    """Translates an ExternalSecret or ClusterExternalSecret; None where it has nothing to do with ECR."""
    kind = text(raw, "kind")
    if kind not in KINDS:
        return None
    clustered = kind == "ClusterExternalSecret"
    spec = mapping(raw, "spec", "externalSecretSpec") if clustered else mapping(raw, "spec")
    old = _Old(raw, spec, clustered)
    used = list(_generators(old, generators))
    if not used:
        return None
    into = Translation(f"{kind} {old.namespace}{'' if clustered else '/'}{old.name} (External Secrets Operator)")
    known = (generators.find(place, name) for place, name, _ in used)
    found = [generator for generator in known if generator is not None]
    if not found:
        into.needed.append(
            f"Its generator {used[0].name} was not found: give it too, with -f, or the permission to list it"
        )
    into.documents += _documents(old, found[0] if found else {}, accounts, hints, into)
    _remaining(old, used, into)
    return into


class _Used(NamedTuple):
    namespace: str
    name: str
    kind: str


def _generators(old: _Old, known: Generators) -> Iterator[_Used]:
    """Those of ECR tokens; of a ClusterGenerator only that shows of what."""
    for entry in mappings(old.spec, "dataFrom"):
        reference = mapping(entry, "sourceRef", "generatorRef")
        kind, name = text(reference, "kind"), text(reference, "name")
        if kind == GENERATOR:
            yield _Used(old.namespace, name, kind)
        elif kind == CLUSTER_GENERATOR and ("", name) in known.specs:
            yield _Used("", name, kind)


def _documents(
    old: _Old, generator: RawObject, accounts: AccountsByName, hints: Hints, into: Translation
) -> Iterator[Manifest]:
    home = hints.operator_namespace if old.clustered else old.namespace
    hosts = _hosts(old, generator, accounts, hints, into)
    secret = text(old.spec, "target", "name") or text(old.raw, "spec", "externalSecretName") or old.name
    spec: Manifest = {"generated_secret_name": secret}
    common = {**_frequency(old, into), **_identity(generator, home, into), **_metadata(old)}
    label = text(old.template, "metadata", "labels", ARGO_LABEL)
    if label and not old.clustered:
        yield resource("ArgoHelmRepoSecret", old.name, old.namespace, {**spec, **_argo(old, label, hosts[0]), **common})
        return
    if text(old.template, "type") != DOCKER_CONFIG_TYPE:
        into.lost.append("The form of its Secret: this one is of type kubernetes.io/dockerconfigjson")
    spec |= registries(hosts)
    if old.clustered:
        yield from _everywhere(old, {**spec, **common}, into)
    else:
        yield resource("Secret", old.name, old.namespace, {**spec, **common})


def _everywhere(old: _Old, spec: Manifest, into: Translation) -> Iterator[Manifest]:
    """Selectors of which one must match become a resource each: here all that is given must hold."""
    single = mapping(old.raw, "spec", "namespaceSelector")
    selectors = [*mappings(old.raw, "spec", "namespaceSelectors"), *([single] if single else [])]
    names = [one for one in mapping(old.raw, "spec").get("namespaces") or () if isinstance(one, str)]
    chosen: list[Manifest] = [{"selector": dict(one)} for one in selectors]
    if names:
        chosen.append({"include": names})
    if not chosen:
        into.needed.append("It selects no namespace: say which, or leave namespaces out for all")
        chosen.append({"include": ["NAMESPACE"]})
    if len(chosen) > 1:
        into.notes.append(
            "A namespace that several of these resources select is served by one, and a conflict for others"
        )
    for number, one in enumerate(chosen, start=1):
        name = old.name if len(chosen) == 1 else f"{old.name}-{number}"
        yield resource("ClusterPullSecret", name, "", {**spec, "namespaces": one})


def _hosts(old: _Old, generator: RawObject, accounts: AccountsByName, hints: Hints, into: Translation) -> list[str]:
    if text(generator, "scope") == "public":
        return [PUBLIC_HOST]
    written = [value for value in mapping(old.template, "data").values() if isinstance(value, str)]
    named = [found for value in written for found in re.findall(HOST_PATTERN, value)]
    if named:
        return list(dict.fromkeys(named))
    account = hints.account or account_of(_role(old, generator, accounts))
    if not account:
        into.needed.append(
            f"Fill in {ACCOUNT}: its registry is that of the identity that requests the token. Or use --account"
        )
    return [host(account, text(generator, "region"))]


def _role(old: _Old, generator: RawObject, accounts: AccountsByName) -> str:
    reference = mapping(generator, "auth", "jwt", "serviceAccountRef")
    place = text(reference, "namespace") or old.namespace
    return text(generator, "role") or role_of(accounts, place, text(reference, "name"))


def _argo(old: _Old, label: str, registry: str) -> Manifest:
    data = mapping(old.template, "data")
    url, kind = text(data, "url"), text(data, "type")
    place = re.search(rf"{HOST_PATTERN}[^\s\"'{{}}]*", url)
    fixed = place[0] if place else registry
    return {
        "url": fixed.removeprefix(OCI_SCHEME),
        **({"secret_type": REPO_CREDS} if label == REPO_CREDS else {}),
        **({"repo_type": "oci"} if kind == "oci" else {}),
        **({"project": text(data, "project")} if text(data, "project") and label == REPOSITORY else {}),
    }


def _frequency(old: _Old, into: Translation) -> Manifest:
    interval = text(old.spec, "refreshInterval")
    if not interval:
        return {}
    try:
        fits = parse_duration(interval) >= SHORTEST_FREQUENCY
    except InvalidField:
        fits = False
    if not fits:
        into.lost.append(f"Its refreshInterval {interval}: tokens are refreshed by their expiry, every 6h at most")
        return {}
    return {"frequency": interval}


def _identity(generator: RawObject, home: str, into: Translation) -> Manifest:
    role, references = text(generator, "role"), mapping(generator, "auth", "secretRef")
    account = mapping(generator, "auth", "jwt", "serviceAccountRef")
    if role and (references or account):
        into.lost.append(
            f"That it assumes role {role} with another identity: here it is assumed with the operator's own, or the"
            " ServiceAccount has it as its own role"
        )
    if role:
        into.needed.append(f"Let the trust policy of role {role} admit this operator: docs/identities/README.md")
        return {"aws": {"role_arn": role}}
    if account:
        return _account(account, home, into)
    return _keys(references, home, into) if references else {}


def _account(reference: RawObject, home: str, into: Translation) -> Manifest:
    name, place = text(reference, "name"), text(reference, "namespace") or home
    if place != home:
        into.needed.append(
            f"Its ServiceAccount {place}/{name} is in another namespace: make one in {home} with the same role, and let"
            " the role's trust policy admit it"
        )
    return {"aws": {"service_account": name}}


def _keys(references: RawObject, home: str, into: Translation) -> Manifest:
    """The Secret with its keys as it is, where its entries have our names; else a copy of it."""
    found = {ours: mapping(references, theirs) for ours, theirs in _KEYS.items() if mapping(references, theirs)}
    names = {(text(one, "namespace") or home, text(one, "name")) for one in found.values()}
    if len(names) == 1:
        ((place, name),) = names
        entries = [(ours, text(one, "key")) for ours, one in found.items()]
        if place == home and all(ours == theirs for ours, theirs in entries):
            return {"aws": {"credentials_secret": name}}
        command = copy_of_keys((place, name), (home, KEYS_NAME), entries)
        into.needed.append(f"Copy its AWS keys, without showing them: {command}")
    else:
        into.needed.append(
            f"Make Secret {home}/{KEYS_NAME} with {' and '.join(found)}: its keys are in several Secrets"
        )
    return {"aws": {"credentials_secret": KEYS_NAME}}


def _metadata(old: _Old) -> Manifest:
    """Labels and annotations of its template, but for those that steer Argo CD, which this operator sets."""
    wanted = mapping(old.template, "metadata")
    labels = {key: value for key, value in mapping(wanted, "labels").items() if key != ARGO_LABEL}
    parts = {"labels": labels, "annotations": dict(mapping(wanted, "annotations"))}
    given = {key: value for key, value in parts.items() if value}
    return {"metadata": given} if given else {}


def _remaining(old: _Old, used: list[_Used], into: Translation) -> None:
    others = [entry for entry in mappings(old.spec, "dataFrom") if not mapping(entry, "sourceRef", "generatorRef")]
    if mappings(old.spec, "data") or others or len(used) > 1:
        into.lost.append("What else it puts into its Secret: data and dataFrom beside the generator")
    place = [] if old.clustered else ["-n", old.namespace]
    into.removal.append(kubectl("delete", text(old.raw, "kind").lower(), old.name, *place))
    for one in used:
        where = ["-n", one.namespace or "NAMESPACE"] if one.kind == GENERATOR else []
        into.removal.append(f"{kubectl('delete', one.kind.lower(), one.name, *where)}, once nothing else uses it")
    policy = text(old.spec, "target", "creationPolicy") or "Owner"
    if policy != "Owner":
        secret = text(old.spec, "target", "name") or old.name
        into.removal.append(f"{kubectl('delete', 'secret', secret, *place)}: with creationPolicy {policy} it stays")
    into.notes.append(
        "While its Secret is there the resource says SecretConflict; it goes with it, and this operator makes its own"
        " within 30 s. Pods that start in between wait for it"
    )
