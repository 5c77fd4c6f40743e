"""The table of permissions, what is made from it, and the expressions over base64 of the admission policy."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from string import ascii_letters, digits
from typing import Any, get_args

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator import rbac
from ecr_secret_operator.api.argo_secrets import ArgoHelmRepoSecretSpec
from ecr_secret_operator.api.fields import GROUP
from ecr_secret_operator.api.registry import PUBLIC_HOST
from ecr_secret_operator.cli.main import cli
from ecr_secret_operator.domain.kinds import ARGO_HELM_REPO_SECRET, KINDS
from ecr_secret_operator.rbac import PERMISSIONS, Installation, RoleScope
from ecr_secret_operator.rbac.admission import PROTECTED, PROTECTED_PATTERN
from ecr_secret_operator.rbac.content import (
    ARGO_KEYS,
    DOCKER_PATTERN,
    STORABLE,
    UNQUOTED_PATTERN,
    VARIABLES,
    markings,
)
from ecr_secret_operator.settings import LEASE_NAME
from tests.factories import an_argo_spec

ROOT = Path(__file__).parents[2]
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


def granted(*scopes: RoleScope, metrics: bool = False) -> set[tuple[str, str, str]]:
    chosen = [permission for permission in PERMISSIONS if permission.scope in scopes and permission.metrics == metrics]
    return {
        (permission.group, resource, verb)
        for permission in chosen
        for resource in permission.resources
        for verb in permission.verbs
    }


# The table


def test_no_right_is_a_wildcard_or_stands_twice() -> None:
    every = [
        (permission.group, resource, verb)
        for permission in PERMISSIONS
        for resource in permission.resources
        for verb in permission.verbs
    ]
    assert len(every) == len(set(every))
    assert not [one for one in every if "*" in one]


def test_nothing_in_it_leads_to_more_permissions() -> None:
    """What lets a ServiceAccount become somebody else, or run something as somebody else."""
    every = granted(*RoleScope) | granted(*RoleScope, metrics=True)
    assert not {verb for _, _, verb in every} & {"escalate", "bind", "impersonate", "deletecollection"}
    assert not {group for group, _, _ in every} & {"rbac.authorization.k8s.io", "admissionregistration.k8s.io", "apps"}
    assert not {name for _, name, _ in every} & {"pods", "pods/exec", "nodes", "configmaps", "pods/ephemeralcontainers"}


def test_every_kind_is_in_it() -> None:
    for kind in KINDS.values():
        there = granted(RoleScope.ALL if kind.clustered else RoleScope.WATCHED)
        assert {("ecr.mobb.redhat.com", kind.plural, verb) for verb in ("list", "watch")} <= there
        assert ("ecr.mobb.redhat.com", f"{kind.plural}/status", "patch") in there


def test_the_documentation_shows_the_table() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    for permission in PERMISSIONS:
        names = ", ".join(f"`{name}`" for name in permission.full_names())
        assert f"| {names} | {', '.join(permission.verbs)} | {permission.scope} | {permission.why} |\n" in page
    rows = page.partition("| resource | verbs | where | why |\n")[2].partition("\n\n")[0].splitlines()
    assert len(rows) == len(PERMISSIONS) + 1
    assert LEASE_NAME in page


# What is printed


def test_for_all_namespaces_there_is_one_cluster_role() -> None:
    objects = printed()
    role = named(objects, "ClusterRole", "ecr-secret-operator-manager-role")
    assert triples(role["rules"]) == granted(RoleScope.WATCHED, RoleScope.CLUSTER, RoleScope.ALL)
    election = named(objects, "Role", "ecr-secret-operator-leader-election-role", "ecr-secret-operator")
    assert triples(election["rules"]) == granted(RoleScope.OWN)
    assert not [one for one in objects if "metrics" in one["metadata"]["name"]]


def test_for_some_namespaces_there_is_a_role_in_each_and_no_secrets_beyond() -> None:
    objects = printed("--namespace", "ops", "--watch-namespace", "a, b")
    for place in ("a", "b"):
        role = named(objects, "Role", "ecr-secret-operator-ops-manager-role", place)
        assert triples(role["rules"]) == granted(RoleScope.WATCHED)
    bound = {one["roleRef"]["name"] for one in objects if one["kind"] == "ClusterRoleBinding"}
    assert bound == {"ecr-secret-operator-ops-policy-reader-role"}
    role = named(objects, "ClusterRole", "ecr-secret-operator-ops-policy-reader-role")
    assert triples(role["rules"]) == granted(RoleScope.CLUSTER)
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
    assert triples(role["rules"]) == granted(RoleScope.CLUSTER, metrics=True)


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
    """For OLM, which gives the permissions itself, and installs no policies."""
    options = ("--namespace", "elsewhere")
    alone = printed(*options, "--admission-only")
    assert {one["kind"] for one in alone} == {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    assert alone == printed(*options)[-len(alone) :]
    assert len(policies(alone)) == len(policies(printed(*options)))


def test_another_service_account_is_bound_and_limited_in_place_of_the_usual_one() -> None:
    objects = printed("--namespace", "elsewhere", "--service-account", "mine", "--metrics-secure")
    subjects = [subject for one in objects for subject in one.get("subjects", [])]
    assert subjects
    assert {(one["name"], one["namespace"]) for one in subjects} == {("mine", "elsewhere")}
    assert named(objects, "ServiceAccount", "mine", "elsewhere")
    assert SERVICE_ACCOUNT not in yaml.safe_dump_all(objects)
    conditions = [policy["matchConditions"][0]["expression"] for policy in policies(objects).values()]
    assert all('"system:serviceaccount:elsewhere:mine"' in condition for condition in conditions)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--service-account", "A"], "'A'"),
        (["--watch-namespace", "A"], "'A' is not the name of a namespace"),
        (["--namespace", "a,b"], "takes one namespace"),
        (["--namespace", ""], "takes one namespace"),
        (["--token-exclude-namespace", 'a"], ["b'], "is no comma list of names and globs"),
        (["--token-exclude-namespace", "a,,b"], "is no comma list of names and globs"),
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
    for kind in KINDS.values():
        assert kind.secret_type in STORABLE or f'object.type == "{kind.secret_type}"' == VARIABLES["docker"]
    for secret_type in get_args(ArgoHelmRepoSecretSpec.model_fields["secret_type"].annotation):
        for key, value in ARGO_HELM_REPO_SECRET.labels(an_argo_spec(secret_type=secret_type)).items():
            assert f'"{key}"' in VARIABLES["argo"]
            assert value in ARGO_KEYS


def test_permissions_for_features_can_be_left_out() -> None:
    whole = granted(RoleScope.WATCHED, RoleScope.CLUSTER, RoleScope.ALL)
    tokens, links = ("", "serviceaccounts/token", "create"), ("", "serviceaccounts", "patch")
    seen = {("", "serviceaccounts", verb) for verb in ("list", "watch")}
    for options, missing in (
        (["--without-tokens"], {tokens}),
        (["--without-links"], {links}),
        (["--without-tokens", "--without-links"], {tokens, links, *seen}),
    ):
        role = named(printed(*options), "ClusterRole", "ecr-secret-operator-manager-role")
        assert triples(role["rules"]) == whole - missing
        assert policies(printed(*options)) == policies(printed())


def test_the_clusters_own_namespaces_are_excluded() -> None:
    text = str(policies(printed())["ecr-secret-operator-tokens"])
    assert '["kube-*", "openshift-*", "openshift"]' in text
    assert 'request.namespace == "ecr-secret-operator" ||' in text
    assert "openshift-*" not in str(policies(printed("--token-exclude-namespace", "")))


def test_audiences_can_be_added() -> None:
    text = str(policies(printed("--token-audience", "sts.example.com"))["ecr-secret-operator-tokens"])
    assert '["sts.amazonaws.com", "sts.amazonaws.com.cn", "openshift", "sts.example.com"]' in text
    assert rbac.DEFAULT_AUDIENCES == ("sts.amazonaws.com", "sts.amazonaws.com.cn", "openshift")


def test_the_policies_know_every_key_that_is_generated() -> None:
    for kind in ARGO_KEYS:
        for repo_type in ("helm", "oci"):
            spec = an_argo_spec(secret_type=kind, repo_type=repo_type, proxy="http://proxy", no_proxy="a")
            whole = spec.model_copy(update={"project": "web"} if kind == "repository" else {})
            assert ARGO_HELM_REPO_SECRET.render(whole, {}).keys() <= set(ARGO_KEYS[kind])


# Their expressions over base64

TOKEN = ascii_letters + digits + "+/=-_.~"


def encoded(text: bytes) -> str:
    return b64encode(text).decode()


@given(st.lists(st.binary(min_size=3, max_size=3), max_size=8))
def test_base64_that_is_let_pass_has_no_quote(groups: list[bytes]) -> None:
    data = b"".join(groups)
    assert re.search(UNQUOTED_PATTERN, encoded(data)) is None or b'"' not in data


@pytest.mark.parametrize("place", range(3))
def test_a_quote_is_found_beside_every_character(place: int) -> None:
    for other in range(256):
        data = bytes((other, 65, other)[:place]) + b'"' + bytes((other, other)[: 2 - place])
        assert re.search(UNQUOTED_PATTERN, encoded(data)) is None, data


@given(st.text(TOKEN, max_size=60))
def test_a_token_is_let_pass(token: str) -> None:
    whole = token[: len(token) // 3 * 3]
    assert re.search(UNQUOTED_PATTERN, encoded(whole.encode())) is not None


@given(st.binary(max_size=9), st.text(TOKEN, min_size=4, max_size=20), st.binary(max_size=9))
def test_a_text_becomes_a_mark_between_whole_groups(before: bytes, text: str, behind: bytes) -> None:
    marked = encoded(before + text.encode() + behind + bytes(-(len(before + text.encode() + behind)) % 3))
    for form, mark in markings(text, "|", ("", "AA", "A")).items():
        marked = marked.replace(form, mark)
    first, _, rest = marked.partition("|")
    assert "|" in marked
    assert len(first) % 4 == 0
    assert "|" in rest or len(rest) % 4 == 0


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("HOST|=", True),
        ('HOST""|="},"HOST"|a', True),
        ("quay.io|=", False),
        ('HOST|="},"quay.io|=', False),
        ("HOST.evil.org|=", False),
        ('HOST"""|=', False),
        ('HOST|=",', False),
        ('HOST|="},"HOST', False),
        ('HOST|="}},"more":{"x', False),
        ("HOST", False),
        ("", False),
    ],
)
def test_what_is_left_of_a_docker_config(text: str, *, passes: bool) -> None:
    whole = '{"auths":{"' + text.replace("HOST", PUBLIC_HOST) + '"}}}'
    assert (re.search(DOCKER_PATTERN, whole) is not None) is passes
