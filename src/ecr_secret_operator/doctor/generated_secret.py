"""Checks of the Secret that is generated for a resource: its name is free, it exists, ServiceAccounts are linked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..api.model import CommonSpec
from ..api.pull_secrets import RegistriesSpec
from ..domain.kinds import displayed
from ..domain.raw import mapping, text
from ..domain.resource import InvalidSpec, Key, Resource
from .credential import CredentialState
from .finding import Finding, error
from .observed import Evidence
from .subject import MOST_NAMED, Subject

_NO_SPEC = InvalidSpec("")


def check_name_conflicts(of: Subject) -> Iterator[Finding]:
    """Reports Secrets with the generated name that were not made for the resource."""
    case = of.case
    taken = [place for place, stored in case.generated.items() if stored and not _ours(case, place)]
    for place in taken[:MOST_NAMED]:
        stored = case.generated[place]
        owner = stored.owner_key if stored and stored.managed else None
        whose = f"is made for {displayed(owner)}" if owner else "was not made by the operator"
        message = f"Secret {place}/{case.credential.secret} exists and {whose}: it is left as it is"
        other = f"or choose another generated_secret_name: {of.edit()}"
        remove = f"kubectl delete secret {case.credential.secret} -n {place}"
        remedy = f"Choose another generated_secret_name: {of.edit()}" if owner else f"{remove}, {other}"
        yield error("secret-conflict", of.name, message, remedy)


def _ours(case: Evidence, place: str) -> bool:
    stored, meta = case.generated[place], mapping(case.raw, "metadata")
    if stored is None:
        return True
    key = Key(case.kind.name, place, text(meta, "name"))
    made = Resource(key, text(meta, "uid"), "", 0, "", deleting=False, refresh_request="", spec=_NO_SPEC, status={})
    return stored.made_for(made)


def check_stored(of: Subject, spec: CommonSpec) -> Iterator[Finding]:
    """Reports a generated Secret that does not exist although the status says that the resource is Ready."""
    one, case = of.case.credential, of.case
    if not one.ready or case.kind.clustered or of.namespace not in case.looked or of.namespace in case.generated:
        return
    message = f"Secret {of.namespace}/{spec.generated_secret_name} is missing and is not being restored"
    remedy = "See the findings about the operator. If it runs, try again: it restores a Secret within seconds"
    yield error("secret-missing", of.name, message, remedy)


def check_links(of: Subject, spec: CommonSpec) -> Iterator[Finding]:
    """Reports ServiceAccounts of `spec.link` that do not exist, and else the link failure that the status names."""
    absent = []
    for name in sorted(_linked(spec)):
        found = of.case.accounts.get((of.namespace, name))
        if found is not None and not found:
            absent.append(name)
    for name in absent:
        message = f"ServiceAccount {of.namespace}/{name}, to be linked, does not exist"
        yield error(
            "linked-account-missing", of.name, message, f"kubectl create serviceaccount {name} -n {of.namespace}"
        )
    if of.case.credential.links_fail and not absent and of.case.credential.state is not CredentialState.ERROR:
        yield error("not-linked", of.name, of.case.credential.linked, "Fix the cause that the message names")


def _linked(spec: CommonSpec) -> Sequence[str]:
    return tuple(spec.links) if isinstance(spec, RegistriesSpec) else ()
