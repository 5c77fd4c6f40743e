"""The guide shows what `migrate` prints: its inputs are given to the command, and its outputs compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ecr_secret_operator.cli.main import cli

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "migrating.md"
CASE = re.compile(
    r"^```yaml\n(?P<old>(?:(?!^```).)*)^```\n\n"
    r"^```bash\necr-secret-operator (?P<args>[^\n]*)\n```\n\n"
    r"^```yaml\n(?P<new># From .*?)^```$",
    re.MULTILINE | re.DOTALL,
)
CASES = {match["args"]: match for match in CASE.finditer(PAGE.read_text())}


def test_each_tool_that_migrate_knows_and_makes_something_of_is_shown() -> None:
    sources = {match["new"].splitlines()[0].rpartition("(")[2].rstrip(")") for match in CASES.values()}
    assert sources == {"nabsul/k8s-ecr-login-renew", "upmc-enterprises/registry-creds", "External Secrets Operator"}


@pytest.mark.parametrize("args", list(CASES))
def test_what_the_guide_shows_is_what_is_printed(args: str, tmp_path: Path) -> None:
    case = CASES[args]
    words = args.split()
    file = words[words.index("-f") + 1]
    (tmp_path / file).write_text(case["old"])
    nowhere = {"KUBECONFIG": "/nowhere", "HOME": "/nowhere"}
    done = CliRunner(env=nowhere).invoke(cli, [str(tmp_path / file) if word == file else word for word in words])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == case["new"].strip()
    assert [one["apiVersion"] for one in yaml.safe_load_all(case["new"]) if one] == ["ecr.mobb.redhat.com/v1alpha1"]
