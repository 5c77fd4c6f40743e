"""Where nothing can be written: no file, no temporary directory, and no log either."""

from __future__ import annotations

import shlex
from base64 import b64decode
from pathlib import Path

import pytest
import yaml

from ecr_secret_operator_lab import operator as lab_operator
from ecr_secret_operator_lab.cluster import Cluster, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess

from .resources import a_resource, apply, wait_condition, wait_ready, wait_secret

NO_FILES = "ulimit -f 0"
"""Every write to a file fails, as on a full disk or a read-only one (EFBIG, since Python ignores SIGXFSZ).

A mount that is read-only in truth would need permissions that tests do not have everywhere.
"""

OUTPUTS = {
    "a pipe": "> >(cat) 2>&1",
    "full": ">/dev/full 2>&1",
    "closed": ">&- 2>&-",
    "nobody reads": "> >(exec true) 2>&1",
}


@pytest.fixture
def kubeconfig_with_a_file(operator_kubeconfig: Path, tmp_path: Path) -> Path:
    """As a Pod has it: the authority is a file. One in the kubeconfig itself would have to be written to a file."""
    config = yaml.safe_load(operator_kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    if "certificate-authority-data" in cluster:
        authority = tmp_path / "ca.crt"
        authority.write_bytes(b64decode(cluster.pop("certificate-authority-data")))
        cluster["certificate-authority"] = str(authority)
    target = tmp_path / "kubeconfig"
    target.write_text(yaml.safe_dump(config))
    return target


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS.keys())
def test_it_needs_no_disk_and_no_log(
    cluster: Cluster,
    namespace: str,
    kubeconfig_with_a_file: Path,
    aws: FakeAws,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
) -> None:
    script = tmp_path / "without-a-disk"
    command = shlex.quote(lab_operator.installed_command())
    script.write_text(f'#!/bin/bash\nexec {output}\n{NO_FILES}\nexec {command} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setattr(lab_operator, "installed_command", lambda: str(script))
    environment = {
        **aws.environment(),
        "WATCH_NAMESPACE": namespace,
        "TMPDIR": "/proc/nowhere",
        "HOME": "/proc/nowhere",
        "COVERAGE_PROCESS_CONFIG": "",
    }
    log = tmp_path / "log"
    with OperatorProcess(environment=environment, log=log, kubeconfig=kubeconfig_with_a_file) as operator:
        operator.ready()
        apply(cluster, namespace, a_resource())
        wait_ready(cluster, namespace)
        cluster.delete(secret_path(namespace, "ecr-generated"))
        wait_secret(cluster, namespace)
        aws.fail("AccessDenied")  # which is logged, too
        host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
        apply(cluster, namespace, a_resource(name="other", ecr_registry=host, region=None))
        wait_condition(cluster, namespace, "other", type="Ready", status="False", reason="AWSAccessDenied")
        operator.process.terminate()
        assert operator.process.wait(60) == 0
