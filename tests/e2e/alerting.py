"""Alerts without the Prometheus Operator: promtool's unit tests, of series as a day of the operator would give."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

OBSERVABILITY = Path(__file__).parents[2] / "deploy" / "observability"
PREFIX = "ecr_secret_operator_"
HOUR = 60
"""In minutes, which is how often everything here is scraped."""

Series = Mapping[str, str]
"""Values over time, as promtool writes them, by series; without the prefix."""

Labels = Mapping[str, str]
NONE: Labels = {}
TARGET = {"namespace": "ecr-secret-operator", "job": "ecr-secret-operator-metrics", "endpoint": "metrics"}
"""What scraping a Service adds to each series."""


def rules() -> Mapping[str, Any]:
    """The groups of the PrometheusRule, as Prometheus itself takes them."""
    groups: Mapping[str, Any] = yaml.safe_load((OBSERVABILITY / "alerts.yaml").read_text())["spec"]
    return groups


def names() -> list[str]:
    """All alerts."""
    return [rule["alert"] for group in rules()["groups"] for rule in group["rules"]]


def series(name: str, labels: Labels = NONE, *, pod: str = "one", honoured: bool = True) -> str:
    """A series as it is stored: where a scrape honours labels, a `namespace` that the operator tells stays one."""
    told = {label if honoured or label != "namespace" else "exported_namespace": labels[label] for label in labels}
    everything = {**TARGET, "pod": pod, "instance": f"{pod}:8080", **told}
    matched = ",".join(f'{label}="{value}"' for label, value in everything.items() if value)
    return f"{PREFIX}{name}{{{matched}}}"


def constant(value: float, minutes: int) -> str:
    return f"{value:g}x{minutes - 1}"


def replica(pod: str, minutes: int, *, leads: bool) -> Series:
    """What a replica without trouble says of itself."""
    values = {"leader": float(leads), "ready": 1.0, "watch_silence_seconds": 42.0}
    return {series(name, pod=pod): constant(value, minutes) for name, value in values.items()}


def on_schedule(minutes: int, *, life: int, kept: int) -> tuple[str, str]:
    """Expiry and next refresh over time, of a token that is replaced when it is due. All in minutes."""
    starts = range(0, minutes, kept)
    expiries = " ".join(f"{(start + life) * 60}x{kept - 1}" for start in starts)
    return expiries, " ".join(f"{(start + kept) * 60}x{kept - 1}" for start in starts)


def resource(
    expiry: str, due: str | None, *, ready: str, pod: str = "one", honoured: bool = True, **labels: str
) -> Series:
    """What one replica says of a resource."""
    key = {"kind": "Secret", "namespace": "team-a", "name": "pull", **labels}

    def named(name: str) -> str:
        return series(name, key, pod=pod, honoured=honoured)

    told = {named("token_expiry_timestamp_seconds"): expiry, named("resource_ready"): ready}
    return {**told, named("next_refresh_timestamp_seconds"): due} if due else told


@dataclass(frozen=True, slots=True)
class Judge:
    """Runs promtool over series.

    Args:
        promtool: the program.
        directory: to put its files into.
    """

    promtool: Path
    directory: Path

    def check(self, groups: Mapping[str, Any]) -> None:
        """Has it parse rules; an AssertionError carries its words."""
        (self.directory / "rules.yaml").write_text(yaml.safe_dump(groups))
        self._run("check", "rules", "rules.yaml")

    def firing(self, told: Series, expected: Mapping[int, Sequence[str]]) -> None:
        """Asserts which alerts fire after so many minutes, in order of their names; no others do then."""
        asked = [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in alerts],
            }
            for minute, alerts in expected.items()
        ]
        self._test(told, {"promql_expr_test": asked})

    def silent(self, told: Series, minutes: int) -> None:
        """Asserts that nothing fires at any time of this span."""
        expression = f'count_over_time(ALERTS{{alertstate="firing"}}[{minutes}m])'
        self._test(told, {"promql_expr_test": [{"expr": expression, "eval_time": f"{minutes}m", "exp_samples": []}]})

    def says(self, told: Series, minute: int, alert: str, labels: Mapping[str, str], description: str) -> None:
        """Asserts what is said where an alert fires after so many minutes, and with which labels."""
        (rule,) = (rule for group in rules()["groups"] for rule in group["rules"] if rule["alert"] == alert)
        fires = {
            "exp_labels": {**rule["labels"], **labels},
            "exp_annotations": {**rule["annotations"], "description": description},
        }
        asked = [{"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": [fires]}]
        self._test(told, {"alert_rule_test": asked})

    def _test(self, told: Series, asked: Mapping[str, Any]) -> None:
        inputs = [{"series": name, "values": values} for name, values in told.items()]
        test = {"interval": "1m", "input_series": inputs, **asked}
        (self.directory / "rules.yaml").write_text(yaml.safe_dump(rules()))
        document = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
        (self.directory / "test.yaml").write_text(yaml.safe_dump(document))
        self._run("test", "rules", "test.yaml")

    def _run(self, *words: str) -> None:
        done = subprocess.run(
            [self.promtool, *words], cwd=self.directory, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
