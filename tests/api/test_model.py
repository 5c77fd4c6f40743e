"""What a stored spec means, and what a user reads when it means nothing. A bad spec never raises: it harms itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.api.model import CommonSpec
from ecr_secret_operator.domain.kinds import ARGO_HELM_REPO_SECRET, KINDS, SECRET, Kind
from ecr_secret_operator.domain.resource import InvalidSpec
from tests.factories import HOST, OTHER_HOST, a_raw_spec, a_spec, an_argo_spec


def problem_of(raw: object, kind: Kind = SECRET) -> str:
    spec = kind.parse(raw)
    assert isinstance(spec, InvalidSpec), spec
    return spec.message


def test_what_upstream_users_have_is_read() -> None:
    spec = a_spec(generated_secret_name="ecr-docker-secret", frequency="10h", region="us-east-2")
    assert spec.generated_secret_name == "ecr-docker-secret"
    assert spec.interval == timedelta(hours=10)
    assert spec.hosts[0] == HOST
    assert not spec.suspend
    assert spec.deletion_policy == "Delete"


def test_frequency_and_region_are_optional() -> None:
    spec = SECRET.parse({"generated_secret_name": "x", "ecr_registry": OTHER_HOST})
    assert isinstance(spec, CommonSpec)
    assert spec.interval == timedelta(hours=6)
    assert spec.entries[0].registry.region == "eu-west-1"


def test_unknown_fields_are_ignored_as_the_api_server_ignores_them() -> None:
    assert a_spec(colour="blue") == a_spec()


def test_the_registry_of_an_argo_url_is_that_of_its_host() -> None:
    assert an_argo_spec(url=f"oci://{OTHER_HOST}/charts").hosts == (OTHER_HOST,)


@pytest.mark.parametrize("raw", [None, "banana", [], 5, True])
def test_a_spec_that_is_no_object_says_so(raw: object) -> None:
    assert problem_of(raw) == "spec is missing, or is not an object"


@pytest.mark.parametrize(
    ("over", "field", "says"),
    [
        # (what is wrong, the field that the message names, what else it says)
        ({"generated_secret_name": None}, "spec.generated_secret_name", "should be a valid string"),
        ({"generated_secret_name": 5}, "spec.generated_secret_name", "should be a valid string"),
        ({"generated_secret_name": ""}, "spec.generated_secret_name", "'' is not a name that Kubernetes accepts"),
        ({"generated_secret_name": "Upper"}, "spec.generated_secret_name", "Use lower case letters"),
        ({"generated_secret_name": "a_b"}, "spec.generated_secret_name", "Use lower case letters"),
        ({"generated_secret_name": "-a"}, "spec.generated_secret_name", "beginning and ending with"),
        ({"generated_secret_name": "a."}, "spec.generated_secret_name", "beginning and ending with"),
        ({"generated_secret_name": "a..b"}, "spec.generated_secret_name", "is not a name"),
        ({"generated_secret_name": "a\n"}, "spec.generated_secret_name", "is not a name"),
        ({"generated_secret_name": "a/b"}, "spec.generated_secret_name", "is not a name"),
        ({"generated_secret_name": "../b"}, "spec.generated_secret_name", "is not a name"),
        ({"generated_secret_name": "\u0665"}, "spec.generated_secret_name", "is not a name"),
        ({"generated_secret_name": "a" * 254}, "spec.generated_secret_name", "254 characters, at most 253 are allowed"),
        ({"ecr_registry": "docker.io"}, "spec.ecr_registry", "Write the host alone, without https://"),
        ({"ecr_registry": f"https://{HOST}"}, "spec.ecr_registry", "Write the host alone, without https://"),
        ({"ecr_registry": HOST + "x" * 100}, "spec.ecr_registry", "at most 128 are allowed"),
        ({"ecr_registry": [HOST]}, "spec.ecr_registry", "should be a valid string"),
        ({"frequency": "banana"}, "spec.frequency", "'banana' is not a duration. Write a number with a unit"),
        ({"frequency": ""}, "spec.frequency", "'' is not a duration"),
        ({"frequency": "1"}, "spec.frequency", "'1' is not a duration"),
        ({"frequency": "-5m"}, "spec.frequency", "'-5m' is not a duration"),
        ({"frequency": "1ns"}, "spec.frequency", "'1ns' is too short: at least 1m"),
        ({"frequency": "0s"}, "spec.frequency", "'0s' is too short: at least 1m"),
        ({"frequency": "59s"}, "spec.frequency", "'59s' is too short: at least 1m"),
        ({"frequency": "59.9999999s"}, "spec.frequency", "'59.9999999s' is too short: at least 1m"),
        ({"frequency": "1h" * 40}, "spec.frequency", "80 characters, at most 64 are allowed"),
        ({"frequency": 600}, "spec.frequency", "should be a valid string"),
        ({"region": "us-east-2.evil.example/#"}, "spec.region", "is not an AWS region, such as us-east-2"),
        ({"region": "us_east_2"}, "spec.region", "Leave it out to take the host's"),
        ({"region": "us-east-2\n"}, "spec.region", "is not an AWS region"),
        ({"region": "us-east-" + "x" * 40}, "spec.region", "at most 32 are allowed"),
        ({"suspend": "perhaps"}, "spec.suspend", "valid boolean"),
        ({"suspend": "yes"}, "spec.suspend", "valid boolean"),
        ({"suspend": 1}, "spec.suspend", "valid boolean"),
        ({"frequency": "9999999h"}, "spec.frequency", "the longest is 2562047h"),
        ({"metadata": {"labels": {f"a{n}": "" for n in range(65)}}}, "spec.metadata.labels", "at most 64 items"),
        (
            {"metadata": {"annotations": {f"a{n}": "" for n in range(65)}}},
            "spec.metadata.annotations",
            "at most 64 items",
        ),
        ({"metadata": {"annotations": {"a": "x" * 4097}}}, "spec.metadata.annotations.a", "at most 4096 are allowed"),
        ({"deletion_policy": "Keep"}, "spec.deletion_policy", "'Delete' or 'Retain'"),
        ({"metadata": "x"}, "spec.metadata", "valid"),
        ({"metadata": {"labels": ["a"]}}, "spec.metadata.labels", "valid"),
        ({"metadata": {"labels": {"a": 5}}}, "spec.metadata.labels.a", "should be a valid string"),
        ({"metadata": {"labels": {"a b": "x"}}}, "spec.metadata.labels", "'a b' is not a metadata key"),
        ({"metadata": {"labels": {"": "x"}}}, "spec.metadata.labels", "'' is not a metadata key"),
        ({"metadata": {"labels": {"a" * 64: "x"}}}, "spec.metadata.labels", "is not a metadata key"),
        ({"metadata": {"labels": {"a" * 254 + "/x": "x"}}}, "spec.metadata.labels", "is not a metadata key"),
        ({"metadata": {"labels": {"x.y/": "x"}}}, "spec.metadata.labels", "is not a metadata key"),
        ({"metadata": {"labels": {"x/y/z": "x"}}}, "spec.metadata.labels", "is not a metadata key"),
        ({"metadata": {"labels": {"a": "x y"}}}, "spec.metadata.labels", "'x y' is not a label value"),
        ({"metadata": {"labels": {"a": "x" * 64}}}, "spec.metadata.labels", "is not a label value"),
        ({"metadata": {"labels": {"a": "-x"}}}, "spec.metadata.labels", "is not a label value"),
        ({"metadata": {"annotations": {"a\n": "x"}}}, "spec.metadata.annotations", "is not a metadata key"),
    ],
)
def test_a_message_names_the_field_and_what_is_wrong_with_it(over: dict[str, object], field: str, says: str) -> None:
    message = problem_of(a_raw_spec(**over))
    assert message.startswith(f"{field}: ")
    assert says in message


@pytest.mark.parametrize("missing", ["generated_secret_name", "ecr_registry"])
def test_a_missing_field_is_named(missing: str) -> None:
    raw = a_raw_spec()
    del raw[missing]
    assert problem_of(raw) == f"spec.{missing}: Field required"


def test_all_that_is_wrong_is_said_at_once() -> None:
    message = problem_of(a_raw_spec(generated_secret_name="Upper", frequency="banana"))
    assert "spec.generated_secret_name: " in message
    assert "; spec.frequency: " in message


@pytest.mark.parametrize("field", ["generated_secret_name", "ecr_registry", "frequency", "region"])
def test_a_message_repeats_at_most_80_characters_of_the_value(field: str) -> None:
    message = problem_of(a_raw_spec(**{field: "x" * 10_000}))
    assert "x" * 80 + "..." in message
    assert "x" * 81 not in message
    assert len(message) < 400


def test_a_message_repeats_at_most_80_characters_of_a_key() -> None:
    message = problem_of(a_raw_spec(metadata={"labels": {"k" * 10_000: 5}}))
    assert message.startswith(f"spec.metadata.labels.{'k' * 80}: ")
    assert len(message) < 200


def test_of_many_mistakes_five_are_named_and_the_rest_counted() -> None:
    message = problem_of(a_raw_spec(metadata={"labels": {f"k{number}": 5 for number in range(1000)}}))
    assert message.count("spec.metadata.labels.k") == 5
    assert message.endswith("; and 995 more")


@pytest.mark.parametrize("over", [{"url": "https://example.com/charts"}, {"url": f"https://{HOST}/charts"}])
def test_an_argo_url_outside_ecr_is_refused_because_argo_would_send_the_token_there(over: dict[str, object]) -> None:
    message = problem_of({"generated_secret_name": "charts", **over}, ARGO_HELM_REPO_SECRET)
    assert message.startswith("spec.url: ")
    assert "is not in Amazon ECR" in message


@pytest.mark.parametrize("region", ["us-east-2", ""])
def test_a_region_that_agrees_with_the_host_or_is_empty_is_taken(region: str) -> None:
    assert a_spec(region=region).entries[0].registry.region == "us-east-2"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "us-gov-east-2", "zz-nowhere-9"])
def test_a_region_that_contradicts_the_host_is_refused_with_both_names(region: str) -> None:
    message = problem_of(a_raw_spec(region=region))
    assert message == (
        f"spec: region '{region}' contradicts ecr_registry '{HOST}': a token is good for one region only. Leave region"
        " out, or correct one of the two"
    )


def test_for_argo_the_contradiction_names_the_url() -> None:
    message = problem_of(
        {"generated_secret_name": "x", "url": f"{HOST}/us-east-1", "region": "us-east-1"}, ARGO_HELM_REPO_SECRET
    )
    assert "contradicts url" in message


@pytest.mark.parametrize("part", ["labels", "annotations"])
@pytest.mark.parametrize(
    "key",
    [
        "app.kubernetes.io/managed-by",
        "argocd.argoproj.io/secret-type",
        "ecr.mobb.redhat.com/digest",
        "ecr.mobb.redhat.com/owner",
        "ecr.mobb.redhat.com/expires-at",
        "ecr.mobb.redhat.com/copied",
        "ecr.mobb.redhat.com/anything",
    ],
)
def test_metadata_may_not_set_what_steers_the_operator_or_argo(part: str, key: str) -> None:
    assert problem_of(a_raw_spec(metadata={part: {key: "x"}})) == (
        f"spec.metadata.{part}: '{key}' is set by the operator itself. Leave it out"
    )


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"team": "a", "example.com/cost-centre": "42", "a": ""}},
        {"labels": {"A.b_C-d": "X.y_Z-0"}},
        {"annotations": {"example.com/note": "anything at all: é, \n, {}"}},
        {"labels": {"a" * 63: "b" * 63}},
        {"labels": {"a" * 253 + "/x": ""}},
        {"labels": {"argocd.argoproj.io/instance": "x"}},
        {},
    ],
)
def test_other_metadata_is_taken(metadata: dict[str, dict[str, str]]) -> None:
    spec = a_spec(metadata=metadata)
    assert spec.metadata.labels == metadata.get("labels", {})
    assert spec.metadata.annotations == metadata.get("annotations", {})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "generated_secret_name",
    "ecr_registry",
    "url",
    "frequency",
    "region",
    "suspend",
    "metadata",
    "aws",
    "additional_registries",
)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(raw=st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=9) | json_values)
def test_whatever_is_stored_gives_a_spec_or_a_sentence(kind: Kind, raw: object) -> None:
    spec = kind.parse(raw)
    if isinstance(spec, InvalidSpec):
        assert spec.message.startswith("spec")
    else:
        assert spec.entries[0].registry.region
