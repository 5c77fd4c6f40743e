"""The operator's own AWS credentials, as far as they can go wrong: what the status and doctor say, and what is left."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object
from ecr_secret_operator_lab.fakeaws import DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY, FakeAws
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .commands import run
from .resources import a_resource, apply, events_of, wait_condition, wait_ready

SECRET = "a-word-that-nobody-may-see"
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}


def _processes(mark: str) -> list[int]:
    """The processes on this machine whose command line has a mark."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            line = (folder / "cmdline").read_bytes() if folder.name.isdecimal() else b""
        except OSError:
            continue
        if mark.encode() in line:
            found.append(int(folder.name))
    return found


def _by_process(folder: Path, script: str) -> Mapping[str, str]:
    """An environment whose identity comes from a script."""
    program = folder / "vault-helper"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    config = folder / "config"
    config.write_text(f"[default]\ncredential_process = {program}\n")
    return {**NO_KEYS, "AWS_CONFIG_FILE": str(config)}


def test_a_credential_process_that_hangs_is_named_and_leaves_nothing_behind(
    cluster: Cluster, namespace: str, start_operator: StartOperator, tmp_path: Path, aws: FakeAws
) -> None:
    mark = f"4{namespace.removeprefix('test-')[:5]}"
    mark = str(900000 + int(mark, 16) % 90000)
    runs = tmp_path / "runs"
    environment = _by_process(tmp_path, f"echo run >>{runs}; echo {SECRET} >&2; sleep {mark}")
    operator = start_operator(environment=environment, impatient={"child": 2})
    hosts = [f"123456789012.dkr.ecr.{region}.amazonaws.com" for region in ("us-east-2", "eu-west-1", "us-west-2")]
    for number, host in enumerate(hosts):
        apply(cluster, namespace, a_resource(name=f"r-{number}", ecr_registry=host, region=None))
    wanted = {"type": "Ready", "status": "False", "reason": "IdentityUnavailable"}
    found = wait_condition(cluster, namespace, "r-0", within=60, **wanted)
    says = "credential_process vault-helper of the operator did not end within 2 seconds and was killed"
    assert says in json.dumps(found["status"])
    wait_for(lambda: len(runs.read_text().splitlines()) > 3, "it is asked again", within=60)
    assert len(_processes(mark)) <= 1, "one at a time, for all regions"
    wait_for(lambda: _processes(mark), "it hangs again", within=60)
    assert operator.stop() == 0
    assert _processes(mark) == []
    assert aws.calls() == []
    assert "Traceback" not in operator.output()
    assert SECRET not in operator.output()


def test_what_a_credential_process_says_is_seen_nowhere(
    cluster: Cluster, namespace: str, start_operator: StartOperator, tmp_path: Path
) -> None:
    operator = start_operator(environment=_by_process(tmp_path, f"echo {SECRET}; echo {SECRET} >&2; exit 3"))
    apply(cluster, namespace, a_resource())
    found = wait_condition(cluster, namespace, type="Ready", status="False", reason="IdentityUnavailable", within=30)
    assert "credential_process vault-helper of the operator exited with code 3" in json.dumps(found["status"])
    wait_for(lambda: events_of(cluster, namespace), "an event tells of it")
    assert SECRET not in json.dumps([found, events_of(cluster, namespace)])
    assert SECRET not in operator.output()


FAULTS: dict[str, tuple[Mapping[str, str], str, str]] = {
    "endpoint": (
        {"AWS_ENDPOINT_URL_ECR": "vpce.example.com"},
        "AWSUnavailable",
        "for ecr is not a URL with a scheme, such as https://vpce.example.com. Correct AWS_ENDPOINT_URL_ECR",
    ),
    "profile": (
        {"AWS_PROFILE": "absent"},
        "IdentityUnavailable",
        "names the profile absent, which its AWS files do not have. Add the profile, or unset AWS_PROFILE",
    ),
    "web identity": (
        {**NO_KEYS, "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x", "AWS_WEB_IDENTITY_TOKEN_FILE": "/absent"},
        "IdentityUnavailable",
        "web identity token file /absent cannot be used: No such file or directory. Check AWS_WEB_IDENTITY_TOKEN_FILE",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_its_remedy_by_the_status_and_by_doctor(
    cluster: Cluster, namespace: str, start_operator: StartOperator, kubeconfig: Path, name: str
) -> None:
    environment, reason, says = FAULTS[name]
    operator = start_operator(environment=environment)
    apply(cluster, namespace, a_resource())
    found = wait_condition(cluster, namespace, type="Ready", status="False", reason=reason, within=30)
    assert says in json.dumps(found["status"])
    doctor = run(kubeconfig, "doctor", "Secret/ecr", "-n", namespace, "-o", "json")
    findings = [one for one in json.loads(doctor.stdout)["findings"] if says in one["message"]]
    assert [one["level"] for one in findings] == ["error"]
    assert findings[0]["remedy"].startswith("Follow the message.")
    assert "Traceback" not in operator.output()


def _keys_secret() -> Object:
    keys = {"aws_access_key_id": DEFAULT_ACCESS_KEY_ID, "aws_secret_access_key": DEFAULT_SECRET_ACCESS_KEY}
    data = {name: b64encode(value.encode()).decode() for name, value in keys.items()}
    return {"metadata": {"name": "aws-keys"}, "data": data}


def test_an_unknown_profile_is_nothing_to_a_resource_with_keys_of_its_own(
    cluster: Cluster, namespace: str, start_operator: StartOperator
) -> None:
    start_operator(environment={**NO_KEYS, "AWS_PROFILE": "absent"})
    cluster.create(f"/api/v1/namespaces/{namespace}/secrets", _keys_secret())
    apply(cluster, namespace, a_resource(aws={"credentials_secret": "aws-keys"}))
    wait_ready(cluster, namespace)
