"""Which Secrets are removed whatever else is done for their resource."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.domain.access import Access
from ecr_secret_operator.domain.decide import decide
from ecr_secret_operator.domain.removal import withdrawn
from tests.factories import HOST, NOW, a_resource, a_spec, a_stored_secret, an_observed, logins_of

OLD = a_stored_secret()
RENAMED = a_resource(spec=a_spec(generated_secret_name="new"))
FOREIGN = replace(OLD, name="new", owners=(), annotations={})
REFUSED = Access(logins_of(RENAMED.spec), revoked=frozenset({HOST}))


@pytest.mark.parametrize(
    ("over", "removed"),
    [
        ({"secrets": (OLD,)}, True),
        ({"secrets": (OLD, FOREIGN)}, True),  # the new name is taken: a conflict keeps no token
        ({"secrets": (replace(OLD, deleting=True),)}, False),
        ({"secrets": (FOREIGN,)}, False),
        ({"secrets": (OLD,), "access": Access(logins_of(RENAMED.spec))}, False),
        ({"secrets": (OLD,), "access": replace(REFUSED, denied="no")}, False),  # the plan removes it
        ({"secrets": (OLD,), "resource": replace(RENAMED, wanted=False)}, False),  # the plan removes it
        ({"secrets": (OLD,), "resource": a_resource()}, False),  # the plan replaces it in place
    ],
)
def test_a_token_that_policy_refuses_goes_with_its_secret(over: dict[str, Any], *, removed: bool) -> None:
    observed = an_observed(**{"resource": RENAMED, "access": REFUSED, **over})
    plan = decide(observed, now=NOW)
    assert withdrawn(observed, plan) == ((OLD,) if removed else ())
