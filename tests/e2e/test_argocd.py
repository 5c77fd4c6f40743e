"""A real Argo CD syncs charts from a registry that takes ECR's tokens only, before and after a token has died.

All of this module runs on one worker, with one Argo CD. The resources are those of the guide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from ecr_secret_operator_lab.argocd import ArgoCdError, Parts, ensure_argocd, start_argocd
from ecr_secret_operator_lab.cluster import Cluster, Object
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.registry import Refusal, Registry, Tools
from ecr_secret_operator_lab.reporting import print_progress

from ..cluster.resources import HOST, a_resource, wait_ready
from ..laboratory import Kubectl
from .charts import write_chart_in_git
from .gitops import LONG_LIFE, SHORT_LIFE, TARGET, GitOps
from .guides import GUIDES, SEED, documents, resources

pytestmark = [pytest.mark.xdist_group("argocd"), pytest.mark.timeout(600)]

GUIDE = "argocd.md"
SHOWN = resources(GUIDE)
DEAD_TOKEN = "status code 40[13]"  # ECR itself says 403 of a token that has expired


@pytest.fixture(scope="module")
def parts() -> Parts:
    return ensure_argocd(print_progress)


@pytest.fixture(scope="module")
def surroundings(
    cluster: Cluster,
    kubectl: Kubectl,
    kubeconfig: Path,
    operator_kubeconfig: Path,
    shared_aws: FakeAws,
    registry: Registry,
    programs: Mapping[str, Path],
    parts: Parts,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[GitOps]:
    """One Argo CD for all tests of this module."""
    shared_aws.reset()
    directory = tmp_path_factory.mktemp("argocd")
    if cluster.get(f"/api/v1/namespaces/{TARGET}") is None:
        cluster.namespace(TARGET)
    with start_argocd(kubeconfig, parts, registry=registry.environment()) as argocd:
        yield GitOps(
            cluster=cluster,
            kubectl=kubectl,
            aws=shared_aws,
            registry=registry,
            tools=Tools(programs, registry, directory),
            namespace=argocd.namespace,
            operator_kubeconfig=operator_kubeconfig,
            directory=directory,
        )


@pytest.fixture
def gitops(surroundings: GitOps) -> Iterator[GitOps]:
    """It knows no repository and no Application at the beginning of a test."""
    yield surroundings
    surroundings.clear()


def shown(kind: str, name: str) -> Object:
    return deepcopy(SHOWN[kind, name])


def test_the_seed_documents_application_is_synced_and_goes_on_when_its_token_has_died(gitops: GitOps) -> None:
    gitops.publish("helm-test-chart", "0.1.0")
    resource = shown("ArgoHelmRepoSecret", "helm-repo")
    assert resource in documents(SEED), "the guide shows the seed document's own"
    with gitops.operator():
        first = gitops.serve(resource)
        application = gitops.application(shown("Application", "test"))
        application.wait_compared("0.1.0")
        assert gitops.installed("helm-test-chart") is None, "nobody has asked for a sync yet"
        application.sync()
        application.wait_synced("0.1.0")
        assert gitops.installed("helm-test-chart") == "0.1.0"

        gitops.wait_rotated(resource, first)
        gitops.publish("helm-test-chart", "0.2.0")
        application.edit(targetRevision="0.2.0")
        application.wait_compared("0.2.0")
        application.sync()
        application.wait_synced("0.2.0")
        assert gitops.installed("helm-test-chart") == "0.2.0"


@pytest.mark.parametrize(
    ("resource_name", "application_name", "chart", "path"),
    [
        ("helm-repo", "test-automated", "helm-test-chart", ""),
        ("charts", "web", "web", "/charts"),
        ("api", "api", "api", "/charts"),
        ("artifacts", "worker", "worker", "/charts"),
    ],
    ids=["repository", "repo-creds", "oci", "oci-repo-creds"],
)
def test_every_form_of_the_guide_is_synced_by_itself_before_and_after_its_token_has_died(
    gitops: GitOps, resource_name: str, application_name: str, chart: str, path: str
) -> None:
    old, new = "0.3.0", "0.4.0"
    gitops.publish(chart, old, path)
    with gitops.operator():
        resource = shown("ArgoHelmRepoSecret", resource_name)
        first = gitops.serve(resource)
        manifest = shown("Application", application_name)
        in_range = manifest["spec"]["source"]["targetRevision"] == "0.x"
        if not in_range:
            manifest["spec"]["source"]["targetRevision"] = old
        application = gitops.application(manifest)
        application.wait_synced(old)
        assert gitops.installed(chart) == old

        gitops.wait_rotated(resource, first)
        before = gitops.registry.last_request()
        gitops.publish(chart, new, path)
        if not in_range:
            application.edit(targetRevision=new)
        application.wait_synced(new)
        assert gitops.installed(chart) == new
        refusals = {request.refusal for request in gitops.registry.requests(after=before)}
        assert Refusal.EXPIRED not in refusals, "nobody has shown the dead token again"


def test_without_the_operator_a_new_version_does_not_arrive_and_with_it_does(gitops: GitOps) -> None:
    gitops.publish("helm-test-chart", "0.5.0")
    resource = shown("ArgoHelmRepoSecret", "helm-repo")
    with gitops.operator():
        gitops.serve(resource, then=SHORT_LIFE)
        application = gitops.application(shown("Application", "test-automated"))
        application.wait_synced("0.5.0")
        manifest = shown("Application", "test")
        manifest["spec"]["source"]["targetRevision"] = "0.5.0"
        pinned = gitops.application(manifest)
        pinned.wait_compared("0.5.0")
    gitops.wait_expired(gitops.token_in(resource))
    gitops.aws.settings(lifetime_seconds=LONG_LIFE)
    pinned.refresh()
    assert pinned.errors() == "", "what is in the cache hides the dead token"
    pinned.refresh("hard")
    pinned.wait_error(DEAD_TOKEN)
    gitops.publish("helm-test-chart", "0.6.0")
    application.refresh()
    application.wait_error(DEAD_TOKEN)
    assert gitops.installed("helm-test-chart") == "0.5.0"
    with gitops.operator():
        application.wait_synced("0.6.0")
        pinned.wait_compared("0.5.0")
    assert gitops.installed("helm-test-chart") == "0.6.0"


TEMPLATE = {"secret_type": "repo-creds"}
MISTAKES = {
    "path": ({"url": HOST}, {"repoURL": f"{HOST}/below", "chart": "web"}, "basic credential not found"),
    "scheme": ({"url": HOST}, {"repoURL": f"oci://{HOST}/web", "path": "."}, "basic credential not found"),
    "template-scheme": (
        {"url": f"{HOST}/", **TEMPLATE},
        {"repoURL": f"oci://{HOST}/web", "path": "."},
        "basic credential not found",
    ),
    "template-slash": (
        {"url": f"{HOST}/", **TEMPLATE},
        {"repoURL": HOST, "chart": "web"},
        "basic credential not found",
    ),
    "https": ({"url": HOST}, {"repoURL": f"https://{HOST}", "chart": "web"}, "is not a valid chart repository"),
    "chart": ({"url": HOST}, {"repoURL": f"oci://{HOST}", "chart": "web"}, "missing registry or repository"),
    "no-scheme": ({"url": HOST}, {"repoURL": f"{HOST}/web", "path": "."}, "repository not found"),
    "slash-in-source": ({"url": HOST}, {"repoURL": f"{HOST}/", "chart": "web"}, "invalid reference"),
    "no-chart": ({"url": HOST}, {"repoURL": HOST, "chart": "nowhere"}, "not found"),
    "no-version": (
        {"url": HOST},
        {"repoURL": HOST, "chart": "helm-test-chart", "targetRevision": "99.x"},
        "version matching constraint not found",
    ),
}


@pytest.mark.parametrize(("spec", "source", "said"), MISTAKES.values(), ids=MISTAKES)
def test_each_mistake_of_the_guide_gives_its_error(
    gitops: GitOps, spec: dict[str, str], source: dict[str, str], said: str
) -> None:
    assert f"`{said}`" in (GUIDES / GUIDE).read_text()
    gitops.publish("helm-test-chart", "0.1.0")
    with gitops.operator():
        gitops.apply(a_resource("ArgoHelmRepoSecret", **spec))
        wait_ready(gitops.cluster, gitops.namespace, kind="ArgoHelmRepoSecret")
        manifest = shown("Application", "web")
        manifest["spec"]["source"] = {"targetRevision": "0.1.0", **source}
        gitops.application(manifest).wait_error(said)


@pytest.mark.parametrize(
    ("url", "said"), [(HOST, "error logging into OCI registry"), (f"{HOST}/", "error pulling OCI chart")]
)
def test_without_its_slash_a_template_gives_the_token_to_hosts_that_only_begin_alike(
    gitops: GitOps, url: str, said: str
) -> None:
    """The laboratory's proxy leads nowhere else. What tells is whether Argo CD has credentials to log in with."""
    with gitops.operator():
        gitops.apply(a_resource("ArgoHelmRepoSecret", url=url, **TEMPLATE))
        wait_ready(gitops.cluster, gitops.namespace, kind="ArgoHelmRepoSecret")
        manifest = shown("Application", "web")
        manifest["spec"]["source"] = {"repoURL": f"{HOST}.example/x", "chart": "web", "targetRevision": "0.1.0"}
        gitops.application(manifest).wait_error(said)


@pytest.mark.parametrize(
    ("spec", "repository", "path"),
    [
        ({"url": HOST}, HOST, "rows/"),
        ({"url": f"{HOST}/rows"}, f"{HOST}/rows", ""),
        ({"url": f"{HOST}/rows/"}, f"{HOST}/rows", ""),
        ({"url": HOST, **TEMPLATE}, f"{HOST}/rows", ""),
        ({"url": HOST, **TEMPLATE}, HOST, "rows/"),
    ],
)
def test_a_chart_below_a_path_is_found_in_each_way(
    gitops: GitOps, spec: dict[str, str], repository: str, path: str, name: str
) -> None:
    gitops.publish(name, "0.1.0", "/rows")  # its name is new, so it is in no cache
    with gitops.operator():
        gitops.apply(a_resource("ArgoHelmRepoSecret", **spec))
        wait_ready(gitops.cluster, gitops.namespace, kind="ArgoHelmRepoSecret")
        manifest = shown("Application", "web")
        manifest["spec"]["source"] = {"repoURL": repository, "chart": f"{path}{name}", "targetRevision": "0.1.0"}
        gitops.application(manifest).wait_synced("0.1.0")
        assert gitops.installed(name) == "0.1.0"


@pytest.mark.parametrize("spec", [{"url": f"{HOST}/charts"}, {"url": f"{HOST}/", **TEMPLATE}, {"url": HOST}])
def test_a_chart_in_git_gets_its_dependencies_from_ecr(gitops: GitOps, spec: dict[str, str], tmp_path: Path) -> None:
    gitops.publish("part", "0.1.0", "/charts")
    dependency = {"name": "part", "version": "0.1.0", "repository": f"oci://{HOST}/charts"}
    revision = write_chart_in_git(tmp_path, {"name": "whole", "dependencies": [dependency]})
    with gitops.operator():
        gitops.apply(a_resource("ArgoHelmRepoSecret", **spec))
        wait_ready(gitops.cluster, gitops.namespace, kind="ArgoHelmRepoSecret")
        manifest = shown("Application", "web")
        manifest["spec"]["source"] = {"repoURL": f"file://{tmp_path}", "path": "chart", "targetRevision": revision}
        gitops.application(manifest).wait_synced(revision)
        assert gitops.installed("part") == "0.1.0"


def test_a_project_has_its_repository_to_itself(gitops: GitOps) -> None:
    gitops.publish("own", "0.1.0", "/team-a")
    with gitops.operator():
        gitops.apply(shown("AppProject", "team-a"))
        gitops.apply(shown("ArgoHelmRepoSecret", "team-a"))
        wait_ready(gitops.cluster, gitops.namespace, "team-a", "ArgoHelmRepoSecret")
        manifest = shown("Application", "own")
        gitops.application(manifest).wait_synced("0.1.0")

        manifest["metadata"]["name"] = "others"
        manifest["spec"]["project"] = "default"
        del manifest["spec"]["syncPolicy"]
        others = gitops.application(manifest)
        others.wait_compared("0.1.0")  # what Argo CD has in its cache it gives to everybody, as the guide says
        gitops.publish("own", "0.2.0", "/team-a")
        others.edit(targetRevision="0.2.0")
        others.wait_error("basic credential not found")


def test_argo_cd_syncs_within_the_limit_only_and_names_the_chart_that_is_outside(gitops: GitOps) -> None:
    for chart, path in (("inside", "/limited-a"), ("outside", "/limited-b")):
        gitops.publish(chart, "0.1.0", path)
    with gitops.operator():
        limit = {"access": "pull", "repositories": ["limited-a/*"]}
        gitops.apply(a_resource("ArgoHelmRepoSecret", url=HOST, aws=limit))
        wait_ready(gitops.cluster, gitops.namespace, kind="ArgoHelmRepoSecret")
        for chart, path in (("inside", "limited-a"), ("outside", "limited-b")):
            manifest = shown("Application", "web")
            manifest["metadata"]["name"] = chart
            manifest["spec"]["source"] = {"repoURL": HOST, "chart": f"{path}/{chart}", "targetRevision": "0.1.0"}
            application = gitops.application(manifest)
            if chart == "inside":
                application.wait_synced("0.1.0")
            else:
                application.wait_error("limited-b/outside.* 403|403.*limited-b/outside")
        assert gitops.installed("inside") == "0.1.0"
        assert gitops.installed("outside") is None


def test_argo_cd_goes_through_the_proxy_that_the_resource_names(gitops: GitOps) -> None:
    with gitops.operator():
        gitops.apply(a_resource("ArgoHelmRepoSecret", url=HOST, proxy="http://127.0.0.1:1"))
        wait_ready(gitops.cluster, gitops.namespace, kind="ArgoHelmRepoSecret")
        manifest = shown("Application", "web")
        manifest["spec"]["source"] = {"repoURL": HOST, "chart": "proxied", "targetRevision": "0.1.0"}
        gitops.application(manifest).wait_error("proxyconnect tcp: dial tcp 127.0.0.1:1")


def test_a_part_of_argo_cd_that_does_not_start_is_told_of_with_its_last_words(
    surroundings: GitOps, kubeconfig: Path, parts: Parts, tmp_path: Path
) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho out of luck\nexit 3\n")
    broken.chmod(0o755)
    with (
        pytest.raises(ArgoCdError, match="redis-server ended with 3:\nout of luck"),
        start_argocd(kubeconfig, replace(parts, redis_server=broken), registry={}),
    ):
        pass
