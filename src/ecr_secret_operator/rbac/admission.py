"""Admission policies that limit the operator's own ServiceAccount to its task. They apply to no other user.

RBAC can say that the operator may write Secrets, create tokens and patch ServiceAccounts, but not which, or what of
them. These policies say so: Secrets that are its own, or exactly of the Go operator's shape; tokens that the API server
itself does not accept; and of a ServiceAccount no more than entries that it recorded there as its own, beside what a
policy engine may add in the same request.
"""

from __future__ import annotations

from ..api.fields import GROUP
from ..domain.links import LINKED_LABEL, LINKS, LISTS
from ..domain.raw import Manifest
from .cel import literal, policy
from .installation import Installation
from .secrets import secrets_policy

LONGEST_TOKEN_SECONDS = 3600


def admission_policies(installation: Installation) -> list[Manifest]:
    """The policies and their bindings."""
    return [*secrets_policy(installation), *_tokens(installation), *_accounts(installation)]


def _tokens(installation: Installation) -> list[Manifest]:
    """Which tokens of ServiceAccounts it may create: none with which it could act as another user of this cluster."""
    validations = {
        "object.spec.?audiences.orValue([]).size() > 0 && object.spec.audiences.all(audience, audience in"
        f" {literal(installation.audiences)})": (
            f"Name only the audiences {', '.join(installation.audiences)}: the operator may create tokens for AWS, and"
            " none that the API server accepts."
        ),
        f"object.spec.?expirationSeconds.orValue({LONGEST_TOKEN_SECONDS}) <= {LONGEST_TOKEN_SECONDS}": (
            f"Ask for {LONGEST_TOKEN_SECONDS} seconds at most: the operator may create no token that lasts longer."
        ),
    }
    if installation.excluded:
        among = "exists(one, request.namespace.matches('^' + one.replace('*', '.*') + '$'))"
        own = f"request.namespace == {literal(installation.namespace)}"
        validations[f"{own} || !{literal(installation.excluded)}.{among}"] = (
            "Use a ServiceAccount of another namespace: the operator may create no tokens in namespaces"
            f" {', '.join(installation.excluded)}."
        )
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["serviceaccounts/token"]}
    return policy(installation, "tokens", {**rule, "operations": ["CREATE"]}, variables={}, validations=validations)


_FIXED = ("ownerReferences", "finalizers")

PROTECTED = (
    # What a pod with the ServiceAccount is elsewhere
    "amazonaws.com",
    "k8s.aws",
    "gke.io",
    "google.com",
    "azure.workload.identity",
    "azure.com",
    "alibabacloud.com",
    "aliyun.com",
    "oraclecloud.com",
    "hashicorp.com",
    "spiffe.io",
    # What it is, and may, in the cluster
    "openshift.io",
    "authentication.k8s.io",
    # Whose it is, and so who deletes it
    "argoproj.io",
    "fluxcd.io",
    "helm.sh",
    # What the operator goes by
    GROUP,
)
"""Domains whose labels and annotations on a ServiceAccount give power to its pods, or to a tool over it."""

PROTECTED_PATTERN = (
    "^(?:(?:[^/]*[.])?(?:" + "|".join(one.replace(".", "[.]") for one in PROTECTED) + ")|kubernetes[.]io)/"
)
"""Keys of these domains and all below them; of kubernetes.io only the domain itself: others use what is below it."""


def _record(of: str) -> str:
    return f"{of}.metadata.?annotations[?{literal(LINKS)}].orValue('').split(' ')"


def _listed(of: str) -> str:
    """Whether a ServiceAccount has the entry that a word of the record means."""
    lists = (
        f"(word.startsWith('{purpose}:') && {of}.?{field}.orValue([]).exists(entry, word == '{purpose}:' +"
        " entry.?name.orValue('')))"
        for purpose, field in LISTS.items()
    )
    return f"({' || '.join(lists)})"


def _kept(field: str, own: str, *, may_change: str = "") -> str:
    """Whether labels or annotations are kept: none is removed, and none is added that gives power.

    Args:
        field: `labels` or `annotations`.
        own: the operator's key.
        may_change: condition on `key` under which another value may take the place of one that was there.
    """
    before, after = (f"{of}.metadata.?{field}.orValue({{}})" for of in ("oldObject", "object"))
    same = f"object.metadata.{field}[key] == oldObject.metadata.{field}[key]"
    value = f"({same} || {may_change})" if may_change else same
    return (
        f"{before}.all(key, key == {own} || (key in {after} && {value})) &&"
        f" {after}.all(key, key == {own} || key in {before} || {_HARMLESS})"
    )


_HARMLESS = "!key.matches(variables.protected)"


def _still_there(purpose: str, field: str) -> str:
    """Whether the entries of others are still there, in their order, with more before or behind them at most.

    The cost grows with the list, and not with its square, as that of `contains` would: tenants choose how long it is.
    As a rule nothing was added, and to see that costs least.
    """
    ref = f"'{purpose}:' + entry.?name.orValue('')"
    before = f"oldObject.?{field}.orValue([]).filter(entry, !({ref} in variables.before))"
    after = f"object.?{field}.orValue([]).filter(entry, !({ref} in variables.before) && !({ref} in variables.after))"
    names = ".map(entry, entry.?name.orValue('') + '\\n').join('')"
    return (
        f"{before} == {after} || {after}{names}.startsWith({before}{names}) ||"
        f" ('\\n' + {after}{names}).endsWith('\\n' + {before}{names})"
    )


def _accounts(installation: Installation) -> list[Manifest]:
    """What of ServiceAccounts it may change: links that it recorded itself.

    A policy sees the result of a request, and not who changed what: a policy engine may change the same ServiceAccount
    in the operator's request. So these rules keep what would give or take power, and let pass what an engine adds.
    """
    cause = (
        "The operator changes links only: if it is refused, a mutating webhook or policy changes this in its requests."
        f" Exempt {installation.username} there."
    )
    rest = "Keep the rest of the ServiceAccount as it is"
    token = "automountServiceAccountToken"  # noqa: S105 - a field, not a token
    fixed = [f"object.metadata.?{field} == oldObject.metadata.?{field}" for field in _FIXED]
    validations = {
        _kept("labels", literal(LINKED_LABEL)): f"{rest}: its labels. {cause}",
        _kept("annotations", literal(LINKS), may_change=_HARMLESS): f"{rest}: its annotations. {cause}",
        " && ".join((*fixed, f"(object.?{token} == oldObject.?{token} || !object.?{token}.orValue(true))")): (
            f"{rest}: {', '.join((*_FIXED, token))}. {cause}"
        ),
        **{
            _still_there(purpose, field): f"Keep the entries of {field} that others put there, and their order. {cause}"
            for purpose, field in LISTS.items()
        },
        f"variables.after.all(word, word == '' || word in variables.before || ({_listed('object')} &&"
        f" !{_listed('oldObject')}))": f"Record in the annotation {LINKS} only what is put there. {cause}",
    }
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["serviceaccounts"]}
    return policy(
        installation,
        "serviceaccounts",
        {**rule, "operations": ["UPDATE"]},
        variables={
            "before": _record("oldObject"),
            "after": _record("object"),
            "protected": literal(PROTECTED_PATTERN),
        },
        validations=validations,
    )
