"""An operator that was installed without the permissions for a feature: what it says, and that it serves the rest."""

from __future__ import annotations

import re

import pytest

from ecr_secret_operator.rbac import RoleScope
from ecr_secret_operator_lab.cluster import Cluster, Refused, condition
from ecr_secret_operator_lab.fakeaws import FakeAws, Role
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.granted import granted, permissions_in
from tests.cluster.identities import ROLE, service_account
from tests.cluster.linking import link

from ..laboratory import Install, StartOperator
from .accounts import an_account, the_account
from .resources import a_resource, apply, wait_condition, wait_ready, wait_secret

LINKS = ("", "serviceaccounts", "patch")
TOKENS = ("", "serviceaccounts/token", "create")
SEEN = {("", "serviceaccounts", verb) for verb in ("list", "watch")}

WITHOUT = {
    "--without-tokens": {TOKENS},
    "--without-links": {LINKS},
    "--without-tokens --without-links": {TOKENS, LINKS, *SEEN},
}


@pytest.mark.parametrize("options", WITHOUT)
def test_permissions_that_are_left_out_are_not_there(install: Install, namespace: str, options: str) -> None:
    with Cluster(install(*options.split())) as operator:
        assert (
            permissions_in(operator, namespace)
            == granted(RoleScope.WATCHED, RoleScope.CLUSTER, RoleScope.OWN) - WITHOUT[options]
        )


@pytest.mark.parametrize("options", ["--without-tokens", "--without-tokens --without-links"])
def test_without_tokens_a_resource_that_needs_one_says_so(
    cluster: Cluster, namespace: str, install: Install, start_operator: StartOperator, aws: FakeAws, options: str
) -> None:
    start_operator(kubeconfig=install(*options.split()))
    aws.set_roles([Role(role_arn=ROLE, subject=f"system:serviceaccount:{namespace}:builder")])
    service_account(cluster, namespace, "builder", **{"role-arn": ROLE})
    apply(cluster, namespace, a_resource(name="account", aws={"service_account": "builder"}))
    resource = wait_condition(cluster, namespace, "account", type="Ready", status="False", reason="IdentityUnavailable")
    message = condition(resource, "Ready")["message"]
    assert "ServiceAccount" in message
    seen = "--without-links" not in options
    assert ("rbac.serviceAccountTokens" if seen else "the permissions of docs/install.md") in message
    assert aws.calls("AssumeRoleWithWebIdentity") == []
    apply(cluster, namespace, a_resource(name="other"))
    wait_ready(cluster, namespace, "other")


@pytest.mark.parametrize("options", ["--without-links", "--without-tokens --without-links"])
def test_without_links_a_resource_that_links_is_served_and_says_so(
    cluster: Cluster, namespace: str, install: Install, start_operator: StartOperator, options: str
) -> None:
    start_operator(kubeconfig=install(*options.split()))
    before = an_account(cluster, namespace, "builder", pull=["a"])
    apply(cluster, namespace, a_resource(link=link("builder")))
    resource = wait_condition(cluster, namespace, type="Linked", status="False", reason="KubernetesError")
    message = condition(resource, "Linked")["message"]
    seen = "--without-tokens" not in options
    assert ("rbac.links" if seen else "the permissions of docs/install.md") in message
    wait_ready(cluster, namespace)
    wait_secret(cluster, namespace)
    assert the_account(cluster, namespace, "builder") == before


EXCLUDED = {
    "": None,
    "kube-*,openshift": None,
    "other": None,
    "*-other": None,
    "{0}": "no tokens in namespaces {0}",
    "kube-*,other-*": "no tokens in namespaces kube-*, other-*",
    "*": "no tokens in namespaces *",
}


@pytest.mark.parametrize("globs", EXCLUDED)
def test_of_which_namespaces_it_gets_tokens_can_be_chosen(
    cluster: Cluster, namespace: str, install: Install, globs: str
) -> None:
    other = cluster.namespace(f"other-{namespace}")
    excluded, refusal = globs.format(other), EXCLUDED[globs]
    options = ("--watch-namespace", f"{namespace},{other}", "--token-exclude-namespace", excluded)
    with Cluster(install(*options)) as operator:
        for_aws = {"spec": {"audiences": ["sts.amazonaws.com"]}}
        own, elsewhere = (f"/api/v1/namespaces/{one}/serviceaccounts/default/token" for one in (namespace, other))
        operator.create(own, for_aws)
        wait_for(lambda: TOKENS in permissions_in(operator, other), "the permissions in the other namespace are there")
        wait_for(lambda: cluster.get(elsewhere.removesuffix("/token")), "there is a ServiceAccount")
        if refusal is None:
            operator.create(elsewhere, for_aws)
        else:
            with pytest.raises(Refused, match=re.escape(refusal.format(other))):
                operator.create(elsewhere, for_aws)


def test_a_resource_in_an_excluded_namespace_says_so(
    cluster: Cluster, namespace: str, install: Install, start_operator: StartOperator
) -> None:
    other = cluster.namespace(f"other-{namespace}")
    installed = install("--watch-namespace", f"{namespace},{other}", "--token-exclude-namespace", "other-*")
    start_operator(kubeconfig=installed, namespaces=other)
    service_account(cluster, other, "builder", **{"role-arn": ROLE})
    apply(cluster, other, a_resource(aws={"service_account": "builder"}))
    resource = wait_condition(cluster, other, type="Ready", status="False", reason="IdentityUnavailable")
    assert "Use a ServiceAccount of another namespace" in condition(resource, "Ready")["message"]
