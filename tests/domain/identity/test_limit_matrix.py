"""The limits of tokens, in all combinations with all forms of registries: what the session policy then permits.

tests/cluster/test_limits_matrix.py has fewer forms for each combination, with tokens that the fake AWS issued.
"""

from __future__ import annotations

import pytest

from ecr_secret_operator.api.pull_secrets import SecretSpec
from ecr_secret_operator.domain.identity.authorization import assess
from ecr_secret_operator.domain.identity.identity import AccessKeys
from ecr_secret_operator.domain.identity.session_policy import session_policy
from ecr_secret_operator.domain.identity.sources import KeySecret, RoleAccount
from ecr_secret_operator.domain.resource import InvalidSpec, parse_spec
from ecr_secret_operator.domain.tokens.token import Sensitive
from tests.cluster.limit_cells import IDENTITIES, LIMITS, REFUSED, Cell, cells, expected
from tests.cluster.limiting import ACCOUNT, FORMS, Allowed, permitted
from tests.factories import a_resource
from tests.lab.registries import a_token

from .dependencies import Cluster, a_policy

HOME = "team-a"
KEYS = {
    "long-term": AccessKeys("AKIAEXAMPLE", Sensitive("s3cret")),
    "temporary": AccessKeys("ASIAEXAMPLE", Sensitive("s3cret"), Sensitive("session")),
}
ROLES = {one.partition: f"arn:{one.partition}:iam::{ACCOUNT}:role/pull" for one in FORMS.values()}


def found(cell: Cell) -> str | frozenset[str]:
    """Why the token of a combination is not requested; else what it permits."""
    spec = {"generated_secret_name": "x", "ecr_registry": FORMS[cell.form].host, "aws": cell.aws()}
    policy = a_policy(role_arns=["*"], ambient_identity=True, limit=LIMITS[cell.limit])
    cluster = Cluster(
        known=[policy],
        accounts={
            (HOME, f"builder-{one}"): RoleAccount(HOME, f"builder-{one}", "1", role_arn=role, audience="")
            for one, role in ROLES.items()
        },
        secrets={(HOME, name): KeySecret(HOME, name, "1", keys) for name, keys in KEYS.items()},
    )
    resource = a_resource(spec=parse_spec(SecretSpec, spec))
    if isinstance(resource.spec, InvalidSpec):
        return REFUSED
    authorization = assess(resource, cluster, stored={}, policy_required=False)
    if authorization.denied:
        return "PolicyDenied"
    (login,) = authorization.logins
    if login.problem:
        return str(login.problem.reason)
    assert login.scope
    return permitted(a_token(policy=session_policy(login.scope)), FORMS[cell.form])


@pytest.mark.parametrize("identity", [one for one in IDENTITIES if one != "own instance role"])
@pytest.mark.parametrize("form", FORMS)
def test_the_session_policy_permits_what_it_should_and_no_more(identity: str, form: str) -> None:
    """What an instance role cannot do is known to AWS alone: tests/aws/test_limits.py."""
    for cell in (one.at(form) for one in cells() if one.identity == identity):
        wanted = expected(cell)
        assert found(cell) == (wanted.at(FORMS[form]) if isinstance(wanted, Allowed) else wanted), cell
