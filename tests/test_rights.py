"""The table of rights, what is made from it, and the expressions over base64 of the admission policy."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator import rights
from ecr_secret_operator.cli.main import cli
from ecr_secret_operator.domain.argo import ArgoHelmRepoSecretSpec
from ecr_secret_operator.domain.fields import GROUP
from ecr_secret_operator.domain.kinds import ARGO_HELM_REPO_SECRET, KINDS, docker_config
from ecr_secret_operator.domain.registry import PUBLIC_HOST
from ecr_secret_operator.rights import RIGHTS, Installation, Scope
from ecr_secret_operator.rights.admission import (
    ARGO_KINDS,
    ARGO_URL_PATTERN,
    DOCKER_CONFIG_PATTERN,
    PROTECTED,
    PROTECTED_PATTERN,
)
from ecr_secret_operator.settings import LEASE_NAME
from tests.factories import an_argo_spec

ROOT = Path(__file__).parents[1]
SERVICE_ACCOUNT = "ecr-secret-operator-controller-manager"

Object = dict[str, Any]


def command(*args: str) -> Result:
    return CliRunner().invoke(cli, ["rbac", *args])


def printed(*args: str) -> list[Object]:
    result = command(*args)
    assert result.exit_code == 0, result.output
    return list(yaml.safe_load_all(result.stdout))


def named(objects: list[Object], kind: str, name: str, namespace: str | None = None) -> Object:
    (found,) = (
        one
        for one in objects
        if (one["kind"], one["metadata"]["name"], one["metadata"].get("namespace")) == (kind, name, namespace)
    )
    return found


def triples(rules: list[Object]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def granted(*scopes: Scope, metrics: bool = False) -> set[tuple[str, str, str]]:
    chosen = [right for right in RIGHTS if right.scope in scopes and right.metrics == metrics]
    return {(right.group, resource, verb) for right in chosen for resource in right.resources for verb in right.verbs}


# The table


def test_no_right_is_a_wildcard_or_stands_twice() -> None:
    every = [(right.group, resource, verb) for right in RIGHTS for resource in right.resources for verb in right.verbs]
    assert len(every) == len(set(every))
    assert not [one for one in every if "*" in one]


def test_nothing_in_it_leads_to_more_rights() -> None:
    """What lets a ServiceAccount become somebody else, or run something as somebody else."""
    every = granted(*Scope) | granted(*Scope, metrics=True)
    assert not {verb for _, _, verb in every} & {"escalate", "bind", "impersonate", "deletecollection"}
    assert not {group for group, _, _ in every} & {"rbac.authorization.k8s.io", "admissionregistration.k8s.io", "apps"}
    assert not {name for _, name, _ in every} & {"pods", "pods/exec", "nodes", "configmaps", "pods/ephemeralcontainers"}


def test_every_kind_is_in_it() -> None:
    for kind in KINDS.values():
        there = granted(Scope.ALL if kind.clustered else Scope.WATCHED)
        assert {("ecr.mobb.redhat.com", kind.plural, verb) for verb in ("list", "watch")} <= there
        assert ("ecr.mobb.redhat.com", f"{kind.plural}/status", "patch") in there


def test_the_documentation_shows_the_table() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    for right in RIGHTS:
        names = ", ".join(f"`{name}`" for name in right.full_names())
        assert f"| {names} | {', '.join(right.verbs)} | {right.scope} | {right.why} |\n" in page
    rows = page.partition("| resource | verbs | where | why |\n")[2].partition("\n\n")[0].splitlines()
    assert len(rows) == len(RIGHTS) + 1
    assert LEASE_NAME in page


# What is printed


def test_for_all_namespaces_there_is_one_cluster_role() -> None:
    objects = printed()
    role = named(objects, "ClusterRole", "ecr-secret-operator-manager-role")
    assert triples(role["rules"]) == granted(Scope.WATCHED, Scope.CLUSTER, Scope.ALL)
    election = named(objects, "Role", "ecr-secret-operator-leader-election-role", "ecr-secret-operator")
    assert triples(election["rules"]) == granted(Scope.OWN)
    assert not [one for one in objects if "metrics" in one["metadata"]["name"]]


def test_for_some_namespaces_there_is_a_role_in_each_and_no_secrets_beyond() -> None:
    objects = printed("--namespace", "ops", "--watch-namespace", "a, b")
    for place in ("a", "b"):
        role = named(objects, "Role", "ecr-secret-operator-ops-manager-role", place)
        assert triples(role["rules"]) == granted(Scope.WATCHED)
    bound = {one["roleRef"]["name"] for one in objects if one["kind"] == "ClusterRoleBinding"}
    assert bound == {"ecr-secret-operator-ops-policy-reader-role"}
    role = named(objects, "ClusterRole", "ecr-secret-operator-ops-policy-reader-role")
    assert triples(role["rules"]) == granted(Scope.CLUSTER)
    assert 'username == "system:serviceaccount:ops:' in str(objects)


def test_every_binding_is_of_a_role_that_is_printed_to_the_service_account() -> None:
    for objects in (printed("--metrics-secure"), printed("--namespace", "ops", "--watch-namespace", "a")):
        account = next(one for one in objects if one["kind"] == "ServiceAccount")["metadata"]
        assert account["name"] == SERVICE_ACCOUNT
        bindings = [one for one in objects if one["kind"] in {"RoleBinding", "ClusterRoleBinding"}]
        assert bindings
        for one in bindings:
            named(objects, one["roleRef"]["kind"], one["roleRef"]["name"], one["metadata"].get("namespace"))
            assert one["subjects"] == [{"kind": "ServiceAccount", **account}]


def test_the_metrics_are_extra() -> None:
    role = named(printed("--metrics-secure"), "ClusterRole", "ecr-secret-operator-metrics-auth-role")
    assert triples(role["rules"]) == granted(Scope.CLUSTER, metrics=True)


def test_users_get_the_namespaced_kinds_and_no_policies() -> None:
    objects = printed()
    editor, viewer = (named(objects, "ClusterRole", f"ecr-secret-operator-{name}") for name in ("editor", "viewer"))
    aggregate = "rbac.authorization.k8s.io/aggregate-to-"
    assert editor["metadata"]["labels"] == {f"{aggregate}admin": "true", f"{aggregate}edit": "true"}
    assert viewer["metadata"]["labels"] == {f"{aggregate}view": "true"}
    plurals = {kind.plural for kind in KINDS.values() if not kind.clustered}
    assert {name.partition("/")[0] for _, name, _ in triples(editor["rules"])} == plurals
    assert {name.partition("/")[0] for _, name, _ in triples(viewer["rules"])} == plurals
    assert {verb for _, _, verb in triples(viewer["rules"])} == {"get", "list", "watch"}
    assert not [verb for _, name, verb in triples(editor["rules"]) if "/" in name and verb != "get"]


def test_what_is_shipped_is_what_is_printed() -> None:
    paths = [*sorted(ROOT.glob("deploy/rbac/cluster/*.yaml")), *sorted(ROOT.glob("deploy/admission/*.yaml"))]
    assert [one for path in paths for one in yaml.safe_load_all(path.read_text())] == printed()
    extra = list(yaml.safe_load_all((ROOT / "deploy" / "rbac" / "metrics-auth.yaml").read_text()))
    assert [one for one in printed("--metrics-secure") if one not in printed()] == extra


def test_the_policies_can_be_had_alone() -> None:
    """For OLM, which gives the rights itself, and installs no policies."""
    options = ("--namespace", "elsewhere")
    alone = printed(*options, "--admission-only")
    assert {one["kind"] for one in alone} == {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    assert alone == printed(*options)[-len(alone) :]
    assert len(policies(alone)) == len(policies(printed(*options)))


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--watch-namespace", "A"], "'A' is not the name of a namespace"),
        (["--namespace", "a,b"], "takes one namespace"),
        (["--namespace", ""], "takes one namespace"),
        (["--token-audience", 'x"] || true'], "is no audience of AWS"),
        (["--token-audience", "https://kubernetes.default.svc"], "is no audience of AWS"),
    ],
)
def test_nonsense_is_wrong_usage(args: list[str], sentence: str) -> None:
    result = command(*args)
    assert result.exit_code == 2
    assert sentence in result.stderr


# The admission policies


def test_the_domains_are_those_that_the_threat_model_names() -> None:
    page = (ROOT / "docs/security/threat-model.md").read_text()
    section = page.partition("### Mutating webhooks")[2].partition("\n## ")[0]
    assert [domain for domain in PROTECTED if domain != GROUP and f"`{domain}`" not in section] == []


@pytest.mark.parametrize(
    ("key", "gives_power"),
    [
        ("eks.amazonaws.com/role-arn", True),
        ("amazonaws.com/x", True),
        ("iam.gke.io/gcp-service-account", True),
        ("azure.workload.identity/client-id", True),
        ("serviceaccounts.openshift.io/oauth-redirecturi.x", True),
        ("kubernetes.io/enforce-mountable-secrets", True),
        ("argocd.argoproj.io/tracking-id", True),
        ("ecr.mobb.redhat.com/links", True),
        ("app.kubernetes.io/part-of", False),
        ("policies.kyverno.io/last-applied-patches", False),
        ("notamazonaws.com/x", False),
        ("eks.amazonaws.com.example.com/x", False),
        ("example.com/amazonaws.com", False),
        ("team", False),
    ],
)
def test_which_keys_of_a_service_account_give_power(key: str, *, gives_power: bool) -> None:
    assert bool(re.search(PROTECTED_PATTERN, key)) is gives_power


def policies(objects: list[Object]) -> dict[str, Object]:
    return {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] == "ValidatingAdmissionPolicy"}


def test_policies_fail_closed_are_bound_and_concern_the_operator_alone() -> None:
    objects = printed()
    found = policies(objects)
    names = ("secrets", "tokens", "serviceaccounts")
    assert found.keys() == {f"ecr-secret-operator-{name}" for name in names}
    for name, spec in found.items():
        assert spec["failurePolicy"] == "Fail"
        (condition,) = spec["matchConditions"]
        assert condition["expression"] == f'request.userInfo.username == "{Installation().username}"'
        binding = named(objects, "ValidatingAdmissionPolicyBinding", name)
        assert binding["spec"] == {"policyName": name, "validationActions": ["Deny"]}


def test_every_refusal_is_a_sentence_that_says_what_to_do() -> None:
    for spec in policies(printed()).values():
        for validation in spec["validations"]:
            assert re.fullmatch(r"(Keep|Use|Choose|Name|Ask|Record) .*\.", validation["message"]), validation["message"]


def test_the_policies_know_every_type_and_label_that_is_generated() -> None:
    (storable,) = (
        one["expression"]
        for one in policies(printed())["ecr-secret-operator-secrets"]["variables"]
        if one["name"] == "storable"
    )
    for kind in KINDS.values():
        assert kind.secret_type in storable
    for secret_type in get_args(ArgoHelmRepoSecretSpec.model_fields["secret_type"].annotation):
        for key, value in ARGO_HELM_REPO_SECRET.labels(an_argo_spec(secret_type=secret_type)).items():
            assert f'"{key}"' in storable
            assert value in ARGO_KINDS


def test_audiences_can_be_added() -> None:
    text = str(policies(printed("--token-audience", "sts.example.com"))["ecr-secret-operator-tokens"])
    assert '["sts.amazonaws.com", "sts.amazonaws.com.cn", "openshift", "sts.example.com"]' in text
    assert rights.DEFAULT_AUDIENCES == ("sts.amazonaws.com", "sts.amazonaws.com.cn", "openshift")


# Its expressions over base64

ACCOUNTS = st.from_regex("[0-9]{12}", fullmatch=True)
REGISTRIES = st.builds(
    str.__add__, ACCOUNTS, st.sampled_from([".dkr.ecr", ".dkr.ecr-fips", ".dkr-ecr", ".dkr-ecr-fips"])
).map(lambda start: f"{start}.us-east-2.amazonaws.com")


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def is_docker(text: str) -> bool:
    return re.search(DOCKER_CONFIG_PATTERN, encoded(text)) is not None


def is_argo(url: str) -> bool:
    return re.search(ARGO_URL_PATTERN, encoded(url)) is not None


@given(REGISTRIES | st.just(PUBLIC_HOST), st.text(max_size=20))
def test_what_the_go_operator_wrote_matches(host: str, password: str) -> None:
    assert is_docker(docker_config({host: password}))
    for url in (host, f"{host}/", f"{host}/charts", f"oci://{host}", f"oci://{host}/charts"):
        assert is_argo(url)


@given(st.text("0123456789:;/.-aZ", min_size=12, max_size=12))
def test_what_is_no_account_does_not_match(account: str) -> None:
    """The characters beside the digits in ASCII are those that a range too wide would let through."""
    assert is_docker(docker_config({f"{account}.dkr.ecr.x": "p"})) == (re.fullmatch("[0-9]{12}", account) is not None)
    assert is_argo(f"{account}.dkr.ecr.x") == (re.fullmatch("[0-9]{12}", account) is not None)


@pytest.mark.parametrize("place", range(12))
def test_each_place_takes_the_ten_digits_only(place: int) -> None:
    digits = "390817264558"
    for character in map(chr, range(32, 127)):
        account = f"{digits[:place]}{character}{digits[place + 1 :]}"
        assert is_docker(f'{{"auths":{{"{account}.dkr.ecr.x"') == character.isdigit()
        assert is_argo(f"{account}.dkr.ecr.x") == character.isdigit()


@pytest.mark.parametrize(
    "host",
    [
        "quay.io",
        "12345678901.dkr.ecr.us-east-2.amazonaws.com",
        "1234567890123.dkr.ecr.us-east-2.amazonaws.com",
        "123456789012.dkr.ecx.us-east-2.amazonaws.com",
        "123456789012-dkr.ecr.us-east-2.amazonaws.com",
        "xpublic.ecr.aws",
        "public.ecr.aws.evil.org",
        "evil.org/123456789012.dkr.ecr.us-east-2.amazonaws.com",
        "https://123456789012.dkr.ecr.us-east-2.amazonaws.com",
        "",
    ],
)
def test_other_hosts_do_not_match(host: str) -> None:
    assert not is_docker(docker_config({host: "p"}))
    assert not is_argo(host)
    assert not is_docker(f'{{"credHelpers":{{"{host}":"x"}}}}')
