"""Which Secrets are removed whatever else is done for their resource, and why Secrets and links are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.domain.identity.authorization import Authorization
from ecr_secret_operator.domain.links import Ref
from ecr_secret_operator.domain.resource import InvalidSpec, Key, Resource
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.removal import (
    OF_LINKS,
    OF_SECRETS,
    Unlinked,
    secret_removed,
    why_removed,
    why_unlinked,
    withdrawn,
)
from ecr_secret_operator.reasons import Removal
from tests.domain.clusters import a_placement
from tests.factories import HOST, NOW, a_resource, a_spec, a_stored_secret, an_observed, logins_of

OLD = a_stored_secret()
RENAMED = a_resource(spec=a_spec(generated_secret_name="new"))
FOREIGN = replace(OLD, name="new", owners=(), annotations={})
REFUSED = Authorization(logins_of(RENAMED.spec), revoked=frozenset({HOST}))


@pytest.mark.parametrize(
    ("over", "removed"),
    [
        ({"secrets": (OLD,)}, True),
        ({"secrets": (OLD, FOREIGN)}, True),  # the new name is taken: a conflict keeps no token
        ({"secrets": (replace(OLD, deleting=True),)}, False),
        ({"secrets": (FOREIGN,)}, False),
        ({"secrets": (OLD,), "authorization": Authorization(logins_of(RENAMED.spec))}, False),
        ({"secrets": (OLD,), "authorization": replace(REFUSED, denied="no")}, False),  # the plan removes it
        ({"secrets": (OLD,), "resource": replace(RENAMED, selected=False)}, False),  # the plan removes it
        ({"secrets": (OLD,), "resource": a_resource()}, False),  # the plan replaces it in place
    ],
)
def test_a_token_that_policy_refuses_goes_with_its_secret(over: dict[str, Any], *, removed: bool) -> None:
    observed = an_observed(**{"resource": RENAMED, "authorization": REFUSED, **over})
    plan = decide(observed, now=NOW)
    assert withdrawn(observed, plan) == ((OLD,) if removed else ())


# Why


@pytest.mark.parametrize(
    ("over", "cause", "says"),
    [
        ({"resource": RENAMED}, Removal.RENAMED, "spec.generated_secret_name is another name now"),
        ({"resource": RENAMED, "authorization": REFUSED}, Removal.TOKEN_DENIED, "no AccessPolicy allows its token"),
        ({"authorization": Authorization(denied="no")}, Removal.DENIED, "no AccessPolicy allows the resource"),
        (
            {"resource": replace(a_resource(), selected=False), "authorization": Authorization(denied="no")},
            Removal.DESELECTED,
            "spec.namespaces does not select the namespace, or the namespace is being deleted",
        ),
    ],
)
def test_why_a_secret_is_removed(over: dict[str, Any], cause: Removal, says: str) -> None:
    found = why_removed(an_observed(secrets=(OLD,), **over), OLD)
    event = secret_removed(OLD, found)
    assert (found, event.reason, event.warning) == (cause, "SecretRemoved", False)
    assert event.message.startswith(f"Secret {OLD.name} was removed: {says}")


REF = Ref("pull", "ecr-pull")
LINKING = a_resource(spec=a_spec(link=[{"service_account": "builder"}]))


def saying(reason: str) -> Resource:
    return replace(LINKING, status={"conditions": [{"type": "Ready", "status": "False", "reason": reason}]})


@pytest.mark.parametrize(
    ("naming", "owner_key", "owner", "cause", "says"),
    [
        ([saying("PolicyDenied")], None, None, Removal.DENIED, "no AccessPolicy allows Secret pull"),
        ([saying("SecretConflict")], None, None, Removal.CONFLICT, "Secret pull is in conflict over the name"),
        ([replace(LINKING, deleting=True)], None, None, Removal.RESOURCE_GONE, "Secret pull is deleted"),
        (
            [replace(a_placement(), selected=False)],
            None,
            None,
            Removal.DESELECTED,
            "ClusterPullSecret pull does not select the namespace",
        ),
        ([], LINKING.key, None, Removal.RESOURCE_GONE, "Secret pull is deleted"),
        ([], LINKING.key, a_resource(), Removal.LINK_DROPPED, "spec.link of Secret pull does not ask for it"),
        ([], LINKING.key, replace(LINKING, spec=InvalidSpec("no")), Removal.LINK_DROPPED, "spec.link of Secret pull"),
        ([], LINKING.key, RENAMED, Removal.RENAMED, "spec.generated_secret_name of Secret pull is another name now"),
        ([], None, None, Removal.NOT_ASKED, "no resource asks for it"),
    ],
)
def test_why_a_link_is_removed(
    naming: list[Resource], owner_key: Key | None, owner: Resource | None, cause: Removal, says: str
) -> None:
    found = why_unlinked(REF, naming, owner_key, owner)
    assert (found.ref, found.cause) == (REF, cause)
    assert (found.event.reason, found.event.warning) == ("Unlinked", False)
    assert found.event.message.startswith(f"Secret ecr-pull was removed from imagePullSecrets: {says}")


def test_what_is_mounted_is_named_as_the_list_is() -> None:
    event = Unlinked(Ref("mount", "ecr-pull"), Removal.NOT_ASKED).event
    assert event.message == "Secret ecr-pull was removed from secrets: no resource asks for it"


def test_every_cause_has_a_sentence() -> None:
    assert {*OF_SECRETS, *OF_LINKS} == {*Removal}
