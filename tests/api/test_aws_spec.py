"""Whose identity a spec asks for, and the forms of names that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.api.model import AwsSpec
from ecr_secret_operator.domain.kinds import SECRET
from ecr_secret_operator.domain.resource import InvalidSpec
from tests.factories import OTHER_HOST, a_raw_spec, a_spec

ROLE = "arn:aws:iam::123456789012:role/ecr-pull"


def problem_of(raw: object) -> str:
    spec = SECRET.parse(raw)
    assert isinstance(spec, InvalidSpec), spec
    return spec.message


def more(*registries: object) -> dict[str, object]:
    return {"additional_registries": list(registries)}


# Which identities go together


@pytest.mark.parametrize(
    "aws",
    [
        {},
        {"role_arn": ""},
        {"role_arn": "", "service_account": "", "credentials_secret": "", "external_id": "", "access": "full"},
        {"role_arn": ROLE},
        {"role_arn": ROLE, "external_id": "tenant-a"},
        {"role_arn": ROLE, "access": "pull"},
        {"role_arn": "arn:aws:iam::123456789012:role/team/a/ecr.pull+x=y,z@w-1_2"},
        {"service_account": "puller"},
        {"service_account": "puller.v1", "access": "pull"},
        {"credentials_secret": "aws-keys"},
        {"access": "pull"},
        {"access": "push", "credentials_secret": "aws-keys"},
        {"access": None},
        {"repositories": ["team-a/*", "base/python?.1_x-y"]},
        {"repositories": []},
    ],
)
def test_identities_that_are_taken(aws: dict[str, Any]) -> None:
    assert a_spec(aws=aws).entries[0].aws == AwsSpec(**aws)


ONE_OF = "at most one of them may be"
ACCESS = "'pull', 'push' or 'full'"


@pytest.mark.parametrize("place", ["aws", "additional_registries.0.aws"])
@pytest.mark.parametrize(
    ("aws", "field", "says"),
    [
        ({"role_arn": ROLE, "service_account": "a"}, "", f"role_arn and service_account are given: {ONE_OF}"),
        ({"role_arn": ROLE, "credentials_secret": "a"}, "", f"role_arn and credentials_secret are given: {ONE_OF}"),
        (
            {"service_account": "a", "credentials_secret": "a"},
            "",
            f"service_account and credentials_secret are given: {ONE_OF}",
        ),
        (
            {"role_arn": ROLE, "service_account": "a", "credentials_secret": "a"},
            "",
            f"role_arn and service_account and credentials_secret are given: {ONE_OF}",
        ),
        ({"external_id": "tenant-a"}, "", "external_id needs role_arn"),
        ({"external_id": "tenant-a", "service_account": "a"}, "", "external_id needs role_arn"),
        ({"access": "read"}, ".access", ACCESS),
        ({"access": ""}, ".access", ACCESS),
        ({"access": ["pull"]}, ".access", ACCESS),
        ({"repositories": "team-a/*"}, ".repositories", "valid tuple"),
        ({"repositories": ["Team-A/*"]}, ".repositories.0", "'Team-A/*' is not a pattern of repository names"),
        ({"repositories": ["{namespace}/*"]}, ".repositories.0", "is not a pattern of repository names"),
        ({"repositories": ["a", ""]}, ".repositories.1", "is not a pattern of repository names"),
        ({"repositories": ["a*:b"]}, ".repositories.0", "is not a pattern of repository names"),
        ({"repositories": ["x" * 257]}, ".repositories.0", "is too long"),
        ({"repositories": ["x"] * 21}, ".repositories", "at most 20"),
        ({"repositories": [f"{n}{'x' * 240}" for n in range(9)]}, ".repositories", "too long for a session policy"),
        ({"role_arn": 5}, ".role_arn", "valid string"),
        ({"role_arn": None}, ".role_arn", "valid string"),
        ({"service_account": ["a"]}, ".service_account", "valid string"),
        ("x", "", "valid"),
        (None, "", "valid"),
    ],
)
def test_identities_that_are_refused(aws: Any, place: str, field: str, says: str) -> None:
    raw = a_raw_spec(aws=aws) if place == "aws" else a_raw_spec(**more({"ecr_registry": OTHER_HOST, "aws": aws}))
    message = problem_of(raw)
    assert message.startswith(f"spec.{place}{field}: ")
    assert says in message


LIMITED = {"repositories": ["team-a/*"]}
PUBLIC = {"ecr_registry": "public.ecr.aws"}


@pytest.mark.parametrize(
    "spec",
    [
        {**PUBLIC, "region": "us-east-1", "aws": LIMITED},
        more({**PUBLIC, "aws": LIMITED}),
        {"aws": LIMITED, **more(PUBLIC)},
    ],
    ids=["own", "additional", "inherited"],
)
def test_repositories_of_ecr_public_cannot_be_limited(spec: dict[str, Any]) -> None:
    assert "repositories of public.ecr.aws cannot be limited" in problem_of(a_raw_spec(**spec))


def test_access_to_ecr_public_can_be_limited() -> None:
    own_limit = {"aws": LIMITED, **more({**PUBLIC, "aws": {"access": "pull"}})}
    assert [entry.aws.access for entry in a_spec(**own_limit).entries] == [None, "pull"]


# Hostile forms: these names end in URLs of the API server and in requests to AWS

HOSTILE_NAMES = {
    "path traversal": "../x",
    "path traversal to another namespace": "../../team-b/secrets/aws",
    "dots": "..",
    "one dot": ".",
    "traversal inside": "a/../b",
    "empty label": "a..b",
    "slash": "a/b",
    "slash in front": "/a",
    "slash at the end": "a/",
    "backslash": "a\\b",
    "percent-encoded slash": "a%2fb",
    "percent-encoded dots": "%2e%2e",
    "query": "a?watch=true",
    "fragment": "a#b",
    "ampersand": "a&b",
    "comma": "a,b",
    "equals": "metadata.name=a",
    "colon": "team-b:a",
    "blank": " ",
    "blank inside": "a b",
    "blank in front": " a",
    "blank at the end": "a ",
    "tab": "a\tb",
    "newline": "a\n",
    "newline in front": "\na",
    "carriage return": "a\r\nHost: evil.org",
    "NUL": "a\0",
    "upper case": "Puller",
    "all upper case": "PULLER",
    "underscore": "a_b",
    "dash in front": "-a",
    "dash at the end": "a-",
    "dot at the end": "a.",
    "dot in front": ".a",
    "quote": "a'b",
    "template": "{{name}}",
    "glob": "*",
    "full-width letters": "\uff41",
    "Arabic-Indic digit": "\u0665",
    "Cyrillic a": "\u0430",
    "254 characters": "a" * 254,
    "10 kB": "a" * 10_000,
}


@pytest.mark.parametrize("place", ["aws", "additional_registries.0.aws"])
@pytest.mark.parametrize("field", ["service_account", "credentials_secret"])
@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
def test_names_that_kubernetes_would_not_accept_are_refused(name: str, field: str, place: str) -> None:
    aws = {field: name}
    raw = a_raw_spec(aws=aws) if place == "aws" else a_raw_spec(**more({"ecr_registry": OTHER_HOST, "aws": aws}))
    message = problem_of(raw)
    assert message.startswith(f"spec.{place}.{field}: ")
    assert "is not a name that Kubernetes accepts" in message or "at most 253 are allowed" in message
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize("name", ["a", "0", "a.b", "a-b.c-d", "a" * 253])
def test_names_that_kubernetes_accepts_are_taken(name: str) -> None:
    assert a_spec(aws={"service_account": name}).aws.service_account == name


HOSTILE_ROLES = {
    "a word": "banana",
    "a name alone": "ecr-pull",
    "blank": " ",
    "user": "arn:aws:iam::123456789012:user/bob",
    "root": "arn:aws:iam::123456789012:root",
    "assumed role": "arn:aws:sts::123456789012:assumed-role/x/y",
    "policy": "arn:aws:iam::123456789012:policy/x",
    "no name": "arn:aws:iam::123456789012:role/",
    "no account": "arn:aws:iam:::role/x",
    "an account of AWS": "arn:aws:iam::aws:role/x",
    "eleven digits": "arn:aws:iam::12345678901:role/x",
    "thirteen digits": "arn:aws:iam::1234567890123:role/x",
    "a wildcard in the account": "arn:aws:iam::*:role/x",
    "a wildcard in the name": "arn:aws:iam::123456789012:role/*",
    "a region": "arn:aws:iam:us-east-2:123456789012:role/x",
    "another service": "arn:aws:s3::123456789012:role/x",
    "no partition": "arn::iam::123456789012:role/x",
    "another cloud": "arn:gcp:iam::123456789012:role/x",
    "upper case partition": "arn:AWS:iam::123456789012:role/x",
    "upper case": f"{ROLE}".upper(),
    "prefix": f"x{ROLE}",
    "two": f"{ROLE},{ROLE}:",
    "newline": f"{ROLE}\n",
    "newline in front": f"\n{ROLE}",
    "blank at the end": f"{ROLE} ",
    "blank inside": "arn:aws:iam::123456789012:role/a b",
    "NUL": f"{ROLE}\0",
    "query": f"{ROLE}?x=y",
    "fragment": f"{ROLE}#x",
    "ampersand": f"{ROLE}&Action=DeleteRole",
    "percent": f"{ROLE}%2f",
    "quote": f"{ROLE}'",
    "backslash": f"{ROLE}\\x",
    "colon in the name": f"{ROLE}:x",
    "Arabic-Indic digits": ROLE.replace("123456789012", "\u0661" * 12),
    "Cyrillic a": "arn:aws:iam::123456789012:role/\u0430",
    "10 kB": f"{ROLE}{'x' * 10_000}",
}


@pytest.mark.parametrize("place", ["aws", "additional_registries.0.aws"])
@pytest.mark.parametrize("arn", HOSTILE_ROLES.values(), ids=HOSTILE_ROLES)
def test_what_is_no_role_is_refused(arn: str, place: str) -> None:
    aws = {"role_arn": arn}
    raw = a_raw_spec(aws=aws) if place == "aws" else a_raw_spec(**more({"ecr_registry": OTHER_HOST, "aws": aws}))
    message = problem_of(raw)
    assert message.startswith(f"spec.{place}.role_arn: ")
    assert "is not the ARN of an IAM role" in message or "at most 640 are allowed" in message
    assert "\n" not in message
    assert len(message) < 400


HOSTILE_EXTERNAL_IDS = [
    "x",
    " ",
    "a b",
    "a\n",
    "\na",
    "a&Action=x",
    "a?b",
    "a#b",
    "a%20",
    "a'b",
    'a"b',
    "a\\b",
    "a*",
    "a\0",
    "\u0430\u0430",
]


@pytest.mark.parametrize("text", HOSTILE_EXTERNAL_IDS)
def test_what_is_no_external_id_is_refused_and_not_repeated(text: str) -> None:
    message = problem_of(a_raw_spec(aws={"role_arn": ROLE, "external_id": text}))
    assert message == "spec.aws.external_id: is not an external id: 2 to 1224 letters, digits and any of _+=,.@:/-"


def test_an_external_id_has_a_length() -> None:
    assert a_spec(aws={"role_arn": ROLE, "external_id": "x" * 1224}).aws.external_id == "x" * 1224
    assert "at most 1224 are allowed" in problem_of(a_raw_spec(aws={"role_arn": ROLE, "external_id": "x" * 1225}))
