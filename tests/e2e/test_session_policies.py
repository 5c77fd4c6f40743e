"""Crane and helm with tokens of limited sessions: what is inside the limit works, all else is 403 with IAM's reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.registry import Refusal, Registry, Tools

from ..lab.registries import ARN, FEDERATED, READ, WRITE, auth_file, limited, token_from
from .charts import write_chart
from .images import HOST, content, pull, push

VERSION = "1.2.3"


@pytest.fixture
def team(namespace: str) -> str:
    """A name for this test's repositories: the registry is shared."""
    return f"{namespace}-a"


@pytest.fixture
def chart(tools: Tools) -> Path:
    """A packaged chart called web."""
    done = tools.helm("package", str(write_chart(tools.home, "web", VERSION)))
    assert done.returncode == 0, done.stderr
    return tools.home / f"web-{VERSION}.tgz"


def login(tools: Tools, password: str) -> None:
    tools.login(auth_file(HOST, password))


def denied(action: str, repository: str) -> str:
    return (
        f"User: {FEDERATED} is not authorized to perform: {action} on resource: {ARN}{repository} "
        f"because no session policy allows the {action} action"
    )


def test_an_image_is_pulled_and_pushed_within_the_limit_only(
    aws: FakeAws, registry: Registry, tools: Tools, team: str
) -> None:
    own, neighbours = f"{team}/web", f"{team}b/web"
    login(tools, token_from(aws, "us-east-2"))
    for repository in (own, neighbours):
        assert push(tools, f"{HOST}/{repository}:1", repository).returncode == 0

    login(tools, limited(aws, *READ, resource=f"{ARN}{team}/*"))
    assert pull(tools, f"{HOST}/{own}:1").returncode == 0
    assert content(tools) == {"app/greeting": own.encode()}
    assert denied("ecr:BatchGetImage", neighbours) in pull(tools, f"{HOST}/{neighbours}:1").stderr
    assert denied("ecr:InitiateLayerUpload", own) in push(tools, f"{HOST}/{own}:2", "new").stderr

    login(tools, limited(aws, *READ, *WRITE, resource=f"{ARN}{team}/*"))
    assert push(tools, f"{HOST}/{own}:2", "new").returncode == 0
    before = registry.last_request()
    assert "403 Forbidden" in push(tools, f"{HOST}/{neighbours}:2", "new").stderr
    assert {one.refusal for one in registry.requests(after=before)} >= {Refusal.NOT_ALLOWED}
    assert not [one for one in registry.requests(after=before) if one.status in {201, 202}]


def test_a_chart_is_pulled_and_pushed_within_the_limit_only(aws: FakeAws, tools: Tools, team: str, chart: Path) -> None:
    own, neighbours = f"oci://{HOST}/{team}", f"oci://{HOST}/{team}b"
    login(tools, token_from(aws, "us-east-2"))
    for repository in (own, neighbours):
        assert tools.helm("push", str(chart), repository).returncode == 0

    login(tools, limited(aws, *READ, resource=f"{ARN}{team}/*"))
    shown = tools.helm("template", f"{own}/web", "--version", VERSION)
    assert "kind: ConfigMap" in shown.stdout
    refused = tools.helm("pull", f"{neighbours}/web", "--version", VERSION)
    assert refused.returncode != 0
    assert "403" in refused.stderr
    refused = tools.helm("push", str(chart), own)
    assert denied("ecr:PutImage", f"{team}/web").lower() in refused.stderr.lower()

    login(tools, limited(aws, *READ, *WRITE, resource=f"{ARN}{team}/*"))
    assert tools.helm("push", str(chart), own).returncode == 0
    refused = tools.helm("push", str(chart), neighbours)
    assert refused.returncode != 0
    assert "403" in refused.stderr
