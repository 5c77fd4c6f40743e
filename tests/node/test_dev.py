"""`dev up --node`: people get a cluster that runs Pods, and nothing of it stays after `dev down`."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from ecr_secret_operator_lab.node import ADDRESS, BUSYBOX
from ecr_secret_operator_lab.waiting import wait_for
from tests.lab.developing import dev, dev_command
from tests.lab.processes import processes_with

pytestmark = pytest.mark.xdist_group("dev")

BASH = "/bin/bash"
SCRIPT = f"""\
set -e
eval "$({{dev}} env)"
kubectl run hello --image={BUSYBOX} --restart=Never --command -- wget -q -O- http://{ADDRESS}:${{{{AWS_ENDPOINT_URL##*:}}}}/_lab/healthz
kubectl wait pod/hello --for=jsonpath='{{{{.status.phase}}}}'=Succeeded --timeout=120s
kubectl logs hello
"""


def test_a_pod_runs_and_reaches_aws_until_it_is_stopped(tmp_path: Path) -> None:
    scratch, state = tmp_path / "scratch", tmp_path / "state"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch), "XDG_STATE_HOME": str(state)}
    started = dev("up", environment, "--node")
    assert started.returncode == 0, started.stderr
    try:
        script = SCRIPT.format(dev=shlex.join(dev_command()))
        done = subprocess.run([BASH, "-c", script], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert '"status":"ok"' in done.stdout
    finally:
        assert dev("down", environment).stdout == "Stopped.\n"
    wait_for(lambda: not processes_with("TMPDIR", scratch), "all processes have ended")
    assert not list(scratch.iterdir())
