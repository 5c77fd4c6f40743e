"""IAM policies are read as strictly as IAM reads them, and allow no more than each of them allows."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecr_secret_operator_lab.fakeaws.authorization import Principal, refusal
from ecr_secret_operator_lab.fakeaws.policies import NOT_JSON, SYNTAX, Kind, PolicyError, allows, parse
from ecr_secret_operator_lab.fakeaws.statements import matches

ACCOUNT, OTHER = "123456789012", "210987654321"
PREFIX = f"arn:aws:ecr:us-east-2:{ACCOUNT}:repository/"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/puller"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/puller/team"
GET, PUT = "ecr:BatchGetImage", "ecr:PutImage"


def statement(**over: object) -> dict[str, object]:
    return {"Effect": "Allow", "Action": GET, "Resource": PREFIX + "team-a/*", **over}


def policy(*statements: dict[str, object], **top: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements or [statement()]), **top})


# What a document allows


@pytest.mark.parametrize(
    ("document", "action", "name", "allowed"),
    [
        (policy(), GET, "team-a/web", True),
        (policy(), GET, "team-a/deep/web", True),
        (policy(), GET, "team-a", False),
        (policy(), GET, "team-ab/web", False),
        (policy(), GET, "Team-a/web", False),
        (policy(), "ECR:batchgetimage", "team-a/web", True),
        (policy(), PUT, "team-a/web", False),
        (policy(statement(Action="ecr:*")), PUT, "team-a/web", True),
        (policy(statement(Action="*")), PUT, "team-a/web", True),
        (policy(statement(Action=["ecr:Put*", "ecr:B?tch*"])), GET, "team-a/web", True),
        (policy(statement(Action="ecr:[A-Z]*")), GET, "team-a/web", False),
        (policy(statement(NotAction=PUT) | {"Action": None}), GET, "team-a/web", None),
        (policy(statement(Resource=PREFIX + "team-?/web")), GET, "team-a/web", True),
        (policy(statement(Resource=PREFIX + "team-?/web")), GET, "team-/web", False),
        (policy(statement(Resource=f"arn:aws:ecr:*:{ACCOUNT}:repository/team-a/*")), GET, "team-a/web", True),
        (policy(statement(Resource=f"arn:aws:ecr:us-east-2:{OTHER}:repository/*")), GET, "team-a/web", False),
        (policy(statement(Resource="arn:aws:ecr:*")), GET, "team-b/web", True),
        (policy(statement(), statement(Effect="Deny", Resource=PREFIX + "*/web")), GET, "team-a/web", False),
        (policy(statement(Effect="Deny", Resource=PREFIX + "*/web"), statement()), GET, "team-a/web", False),
        (policy(statement(Effect="Deny", Action=PUT), statement(Action="ecr:*")), GET, "team-a/web", True),
        (json.dumps({"Statement": statement()}), GET, "team-a/web", True),
        ("", PUT, "team-b/web", True),
    ],
)
def test_a_document_allows_what_its_statements_allow(
    document: str,
    action: str,
    name: str,
    allowed: bool | None,  # noqa: FBT001 - a table's column
) -> None:
    if allowed is None:
        with pytest.raises(PolicyError):
            allows(document, action, PREFIX + name)
    else:
        assert allows(document, action, PREFIX + name) is allowed


def test_the_negations_select_everything_else() -> None:
    document = json.dumps({"Statement": {"Effect": "Allow", "NotAction": PUT, "NotResource": PREFIX + "team-b/*"}})
    asked = [(action, name) for action in (GET, PUT) for name in ("team-a/web", "team-b/web")]
    assert [allows(document, action, PREFIX + name) for action, name in asked] == [True, False, False, False]


def test_an_action_without_a_resource_needs_all_resources() -> None:
    token = "ecr:GetAuthorizationToken"
    assert allows(policy(statement(Action=token, Resource="*")), token)
    assert not allows(policy(statement(Action=token, Resource=PREFIX + "*")), token)


# What is no document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", NOT_JSON),
        ("[" * 100_000, NOT_JSON),
        ('{"Statement": NaN}', NOT_JSON),
        ("[]", SYNTAX),
        ("{}", SYNTAX),
        ('{"Statement": []}', SYNTAX),
        ('{"Statement": "Allow"}', SYNTAX),
        ('{"Statement": {"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}}', SYNTAX),
        (policy(Version="2013-01-01"), SYNTAX),
        (policy(version="2012-10-17"), SYNTAX),
        (policy(statement(Effect="allow")), SYNTAX),
        (policy(statement(Effect=None)), SYNTAX),
        (policy(statement(Actions=GET)), SYNTAX),
        (policy(statement(NotAction=GET)), SYNTAX),
        (policy(statement(Action=[GET, 1])), SYNTAX),
        (policy(statement(Sid=1)), SYNTAX),
        (policy(statement(Sid="a"), statement(Sid="a")), "Statement IDs (SID) in a single policy must be unique."),
        (policy({"Effect": "Allow", "Resource": "*"}), "Policy statement must contain actions."),
        (policy({"Effect": "Allow", "Action": "*"}), "Policy statement must contain resources."),
        (policy(statement(Action=[])), "Policy statement must contain actions."),
        (policy(statement(Action="BatchGetImage")), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb"),
        (policy(statement(Action="ecr:Batch:Get")), "Actions/Condition can contain only one colon."),
        (policy(statement(Action="e_r:Get")), "Vendor e_r is not valid"),
        (policy(statement(Resource="team-a/*")), 'Resource team-a/* must be in ARN format or "*".'),
        (policy(statement(Resource="arn:aws:ecr:us-east-2:1")), "must be in ARN format"),
        (policy(statement(Resource="arn:azure:ecr:r:1:repository/x")), 'Partition "azure" is not valid'),
        (policy(statement(Principal="*")), "Policy document should not specify a principal."),
        (policy(statement(Condition={"Bool": {"aws:SecureTransport": "true"}})), "does not evaluate Condition"),
        (policy(statement(Resource=PREFIX + "${aws:username}/*")), "does not evaluate policy variables"),
    ],
)
def test_what_iam_does_not_accept_is_refused_in_its_words(document: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(document)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "over", [{"Resource": "*"}, {"Principal": "team"}, {"Principal": {}}, {"Principal": {"x": "*"}}]
)
def test_the_policy_of_a_repository_names_principals_and_no_resource(over: dict[str, object]) -> None:
    good: dict[str, object] = {"Effect": "Allow", "Action": GET, "Principal": {"AWS": ACCOUNT}}
    assert parse(policy(good), Kind.RESOURCE).statements[0].principals == (ACCOUNT,)
    with pytest.raises(PolicyError):
        parse(policy({**good, **over}), Kind.RESOURCE)


# Properties

segments = st.text("ab*?/", min_size=1, max_size=6)
names = st.text("ab/", min_size=1, max_size=6)
actions = st.sampled_from([GET, PUT, "ecr:ListImages"])
statements = st.builds(
    statement,
    Effect=st.sampled_from(["Allow", "Allow", "Deny"]),
    Action=st.sampled_from(["*", "ecr:*", "ecr:Batch*", GET, PUT, "ecr:?istImages"]),
    Resource=st.one_of(st.just("*"), segments.map(PREFIX.__add__)),
)
documents = st.lists(statements, min_size=1, max_size=4).map(lambda some: policy(*some))


def a_session(identity: str = "", session: str = "", arn: str = SESSION) -> Principal:
    return Principal(arn=arn, account=ACCOUNT, identity_arn=ROLE, identity_policy=identity, session_policy=session)


@given(identity=documents, session=documents, action=actions, name=names)
def test_a_session_may_do_what_both_policies_allow_and_no_more(
    identity: str, session: str, action: str, name: str
) -> None:
    resource = PREFIX + name
    both = allows(identity, action, resource) and allows(session, action, resource)
    assert (refusal(a_session(identity, session), action, resource) is None) is both


@given(some=st.lists(statements, min_size=1, max_size=4), more=statements, action=actions, name=names)
def test_a_deny_never_widens_and_an_order_never_matters(
    some: list[dict[str, object]], more: dict[str, object], action: str, name: str
) -> None:
    before = allows(policy(*some), action, PREFIX + name)
    after = allows(policy(*some, more), action, PREFIX + name)
    assert not (more["Effect"] == "Deny" and after and not before)
    assert not (more["Effect"] == "Allow" and before and not after)
    assert allows(policy(*reversed(some)), action, PREFIX + name) is before


@example(pattern="a*b?", name="a\nb\n")
@given(pattern=st.text("ab*?/[]!.\n", max_size=8), name=st.text("ab/[]!.\n", max_size=8))
def test_nothing_but_two_characters_is_a_wildcard(pattern: str, name: str) -> None:
    assert matches(pattern, name) is fnmatchcase(name, pattern.replace("[", "[[]"))


# Sessions, accounts and the policies of repositories

GRANTS = {
    "no principal": None,
    "account": f"arn:aws:iam::{ACCOUNT}:root",
    "role": ROLE,
    "session": SESSION,
    "everyone": "*",
    "another account": OTHER,
}


@pytest.mark.parametrize(
    ("granted", "at_home", "elsewhere"),
    [
        ("no principal", "session", "resource-based"),
        ("another account", "session", "resource-based"),
        ("account", "session", "session"),
        ("role", "session", "session"),
        ("session", None, "session"),
        ("everyone", None, "session"),
    ],
)
def test_a_grant_in_a_repository_is_limited_by_the_session_unless_it_names_the_session_at_home(
    granted: str, at_home: str | None, elsewhere: str
) -> None:
    who, principal = a_session(session=policy(statement(Action=PUT))), GRANTS[granted]
    grant = policy({"Effect": "Allow", "Action": GET, "Principal": {"AWS": principal}}) if principal else ""
    for owner, lacking in ((ACCOUNT, at_home), (OTHER, elsewhere)):
        text = refusal(who, GET, PREFIX + "team-a/web", of=owner, resource_policy=grant)
        if lacking is None:
            assert text is None
        else:
            assert text is not None
            assert text.endswith(f"because no {lacking} policy allows the {GET} action")


@pytest.mark.parametrize("where", ["identity", "session", "resource"])
@pytest.mark.parametrize("owner", [ACCOUNT, OTHER])
def test_an_explicit_deny_wins_wherever_it_is(where: str, owner: str) -> None:
    effects = {one: "Deny" if one == where else "Allow" for one in ("identity", "session", "resource")}
    who = a_session(policy(statement(Effect=effects["identity"])), policy(statement(Effect=effects["session"])))
    grant = policy({"Effect": effects["resource"], "Action": GET, "Principal": "*"})
    named = {"identity": "an identity-based", "session": "a session", "resource": "a resource-based"}[where]
    text = refusal(who, GET, PREFIX + "team-a/web", of=owner, resource_policy=grant)
    assert text is not None
    assert text.endswith(f"on resource: {PREFIX}team-a/web with an explicit deny in {named} policy")


def test_a_federated_user_without_a_policy_may_do_nothing_by_itself() -> None:
    federated = a_session(arn=f"arn:aws:sts::{ACCOUNT}:federated-user/team-a")
    assert refusal(a_session(), GET, PREFIX + "x") is None
    assert "no session policy" in str(refusal(federated, GET, PREFIX + "x"))
    named = policy({"Effect": "Allow", "Action": GET, "Principal": {"AWS": federated.arn}})
    assert refusal(federated, GET, PREFIX + "x", resource_policy=named) is None
