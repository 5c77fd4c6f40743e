"""The documentation says what is so: examples, commands, reasons, metrics and links are checked against the code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ecr_secret_operator.api.fields import API_VERSION
from ecr_secret_operator.cli.main import cli
from ecr_secret_operator.doctor.credential import CredentialState, credential
from ecr_secret_operator.doctor.resources import GENERIC
from ecr_secret_operator.domain.identity.access_policy import POLICY_KIND, AccessPolicySpec, parse_policy
from ecr_secret_operator.domain.kinds import CLUSTER_PULL_SECRET, KINDS
from ecr_secret_operator.domain.resource import InvalidSpec
from ecr_secret_operator.observability.metrics import PREFIX, Metrics
from ecr_secret_operator.reasons import EventReason, Reason, Removal
from tests.factories import NOW

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("lab/*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def blocks(*languages: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for language, text in FENCE.findall(page.read_text()):
            if language in languages:
                yield page.name, text


@pytest.mark.parametrize(("page", "text"), list(blocks("yaml")))
def test_every_resource_in_the_docs_is_one_that_is_served(page: str, text: str) -> None:
    for document in yaml.safe_load_all(text.replace("${AWS_ACCOUNT_ID}", "123456789012")):
        if document.get("apiVersion") == API_VERSION:
            parse = parse_policy if document["kind"] == POLICY_KIND else KINDS[document["kind"]].parse
            parsed = parse(document["spec"])
            assert not isinstance(parsed, InvalidSpec), f"{page}: {parsed}"


def commands() -> Iterator[tuple[str, list[str]]]:
    for page, text in blocks("bash"):
        for line in text.replace("\\\n", "").splitlines():
            for match in re.finditer(r"(?:^|[\s(/])ecr-secret-operator ([^|)#\n]*)", line):
                yield page, shlex.split(match[1].rstrip('"'))


@pytest.mark.parametrize(("page", "words"), list(commands()), ids=" ".join)
def test_every_command_in_the_docs_exists(page: str, words: list[str]) -> None:
    command: click.Command = cli
    while isinstance(command, click.Group):
        assert words, f"{page}: {command.name} needs a command"
        found = command.get_command(click.Context(command), words.pop(0))
        assert found, page
        command = found
    command.make_parser(click.Context(command)).parse_args(args=words)


@pytest.mark.parametrize(("page", "text"), list(blocks("bash")))
def test_every_make_target_in_the_docs_exists(page: str, text: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)) <= targets, page


def rows(page: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", (ROOT / page).read_text(), re.MULTILINE))


def test_every_reason_is_explained() -> None:
    assert rows("docs/reference/reasons.md") == {str(reason) for reason in (*Reason, *EventReason, *Removal)}


def test_every_metric_is_described() -> None:
    metrics = Metrics()
    metrics.watch_resources(list)
    metrics.watch_slow_namespaces(list)
    families = text_string_to_metric_families(metrics.snapshot()().decode())
    types = {family.name: family.type for family in families}
    own = {name + ("_total" if kind == "counter" else "") for name, kind in types.items() if name.startswith(PREFIX)}
    assert rows("docs/reference/metrics.md") == own


def test_every_flag_is_described() -> None:
    run = cli.commands["run"]
    flags = {option for parameter in run.params for option in parameter.opts}
    described = set(re.findall(r"`(--[a-z-]+)`", (ROOT / "docs/install.md").read_text()))
    assert flags <= described


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_every_decision_is_listed() -> None:
    records = {path.name for path in (ROOT / "docs/adr").glob("0*.md")}
    assert records == set(LINK.findall((ROOT / "docs/adr/README.md").read_text()))


def test_every_cause_that_doctor_names_is_explained() -> None:
    """Those that are said of something that is well, or not seen, need no explanation."""
    sources = "".join(path.read_text() for path in (ROOT / "src/ecr_secret_operator/doctor").glob("*.py"))
    named = set(re.findall(r"\b(?:error|warning)\(\s*\"([a-z-]+)\"", sources))
    named |= {cause for cause, _ in GENERIC.values()}
    page = (ROOT / "docs/reference/cli.md").read_text()
    table = page.partition("| cause | what is wrong |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == named


def test_every_state_that_status_shows_is_explained() -> None:
    assert {str(state) for state in CredentialState} <= rows("docs/reference/cli.md")


def test_every_key_of_status_is_listed() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text()
    pull = credential(CLUSTER_PULL_SECRET, {}, now=NOW).document(NOW)
    assert [key for key in pull if f"`{key}`" not in page] == []


def test_every_command_for_people_has_its_section() -> None:
    sections = set(re.findall(r"^## `([a-z]+)`$", (ROOT / "docs/reference/cli.md").read_text(), re.MULTILINE))
    assert sections == set(cli.commands) - {"run", "crds", "rbac", "demo", "dev"}


def test_every_field_of_the_page_of_resources_exists() -> None:
    table = (ROOT / "docs/resources.md").read_text()
    named = set(re.findall(r"^\| `([a-z_]+)`(?: \(\w+\))? \|", table, re.MULTILINE))
    fields = {name for kind in KINDS.values() for name in kind.spec.model_fields}
    assert named | {"metadata"} == fields


def test_every_field_of_a_policy_is_explained() -> None:
    page = (ROOT / "docs/access-policy.md").read_text()
    assert [name for name in AccessPolicySpec.model_fields if f"`{name}`" not in page] == []
