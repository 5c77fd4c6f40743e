"""Alerts and dashboard ask for nothing that the operator does not tell, and each alert has its page."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.observability.metrics import Metrics, ResourceMetrics
from ecr_secret_operator.observability.telemetry import Telemetry
from ecr_secret_operator.reasons import OF_LINKS, Reason
from tests.dashboards import expressions, targets
from tests.factories import NOW, a_resource

ROOT = Path(__file__).parents[1]
RULE: Mapping[str, Any] = yaml.safe_load((ROOT / "deploy/observability/alerts.yaml").read_text())
ALERTS = {rule["alert"]: rule for group in RULE["spec"]["groups"] for rule in group["rules"]}
DASHBOARD: Mapping[str, Any] = json.loads((ROOT / "deploy/observability/dashboard.json").read_text())
PAGES = "https://github.com/rh-mobb/ecr-secret-operator/blob/main/"
METRIC = re.compile(r"\b(?:ecr_secret_operator|process)_\w+")
TARGET = {"instance", "pod", "node", "job", "namespace", "exported_namespace", "alertname"}
"""Labels that Prometheus adds when it scrapes, or judges."""


def exposed() -> Mapping[str, set[str]]:
    """The labels of each series that the operator has, by its name."""
    metrics, resource = Metrics(), a_resource()
    telemetry = Telemetry(metrics)
    state = ResourceMetrics(resource.key, NOW, ready=True, denied="enforce", due_at=NOW, failing="AWSUnavailable")
    state = state._replace(unlinked="ServiceAccountMissing")
    metrics.watch_resources(lambda: [state])
    metrics.watch_slow_namespaces(lambda: ["team-a"])
    telemetry.asked_aws(Scope("aws", "us-east-2"), 0.2, None)
    telemetry.reconciled(resource.key, 0.1, failed=False)
    metrics.refreshes.labels("Secret", "Refreshed").inc()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.snapshot()().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


ASKED = [*(rule["expr"] for rule in ALERTS.values()), *expressions(DASHBOARD)]


@pytest.mark.parametrize("expression", ASKED)
def test_only_what_the_operator_tells_is_asked_for(expression: str) -> None:
    told, asked = exposed(), set(METRIC.findall(expression))
    assert asked
    assert asked <= told.keys()
    for metric, selector in re.findall(r"(\w+)\{(.*?)\}", expression):
        assert set(re.findall(r"(\w+)\s*[=!]", selector)) <= told[metric]
    grouped = {
        label for names in re.findall(r"\b(?:by|on|without) \((.*?)\)", expression) for label in names.split(", ")
    }
    assert grouped <= TARGET.union(*(told[metric] for metric in asked))


def test_every_metric_of_its_own_is_shown() -> None:
    own = {name for name in exposed() if name.startswith("ecr_")}
    shown = {name for expression in expressions(DASHBOARD) for name in METRIC.findall(expression)}
    unused = {name for name in own - shown if not name.endswith(("_count", "_sum"))}
    assert unused == {"ecr_secret_operator_next_refresh_timestamp_seconds"}, "that is for alerts"


@pytest.mark.parametrize("alert", ["ECRRefreshFailing", "ECRLinkFailing"])
def test_reasons_in_alerts_exist(alert: str) -> None:
    named = re.findall(r'reason=~"(.*?)"', ALERTS[alert]["expr"])
    assert named
    assert {reason for text in named for reason in text.split("|")} <= {str(reason) for reason in Reason}


def test_every_failure_of_links_alone_alerts() -> None:
    (named,) = re.findall(r'reason=~"(.*?)"', ALERTS["ECRLinkFailing"]["expr"])
    assert {*named.split("|")} == {str(reason) for reason in OF_LINKS}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_how_bad_what_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    page = ROOT / rule["annotations"]["runbook_url"].removeprefix(PAGES)
    assert page == ROOT / "docs/runbooks" / f"{alert}.md"
    text = page.read_text()
    assert text.startswith(f"# {alert}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Meaning", "Diagnosis", "Causes and remedies"]
    assert f"({alert}.md)" in (ROOT / "docs/runbooks/README.md").read_text()


def test_there_is_no_page_for_an_alert_that_is_gone() -> None:
    assert {page.stem for page in (ROOT / "docs/runbooks").glob("ECR*.md")} == ALERTS.keys()


def test_the_dashboard_takes_whatever_prometheus_it_is_given() -> None:
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    sources = [one["datasource"] for one in (*targets(DASHBOARD), *DASHBOARD["panels"]) if "datasource" in one]
    assert {source["uid"] for source in sources} == {"${datasource}"}


def test_panels_neither_share_an_id_nor_a_place() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) <= 23
        taken |= cells
