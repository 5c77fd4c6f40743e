"""`dev`: what it starts can be used from any shell, and is gone after `dev down`."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from ecr_secret_operator_lab.operator import free_port, installed_command
from ecr_secret_operator_lab.waiting import wait_for
from tests.lab.developing import Environment, dev
from tests.lab.processes import processes_with


def test_it_serves_any_shell_until_it_is_stopped(environment: Environment) -> None:
    scratch = Path(environment["TMPDIR"])
    nothing = dev("env", environment)
    assert (nothing.returncode, nothing.stdout) == (1, ""), "eval has nothing to evaluate"
    assert nothing.stderr == "Error: nothing runs. Start it with: ecr-secret-operator dev up\n"

    started = dev("up", environment)
    assert started.returncode == 0, started.stderr
    (manifest,) = scratch.glob("*/seed.yaml")
    assert f"kubectl apply -f {manifest}" in started.stdout

    served = run_the_operator_in_a_shell(environment, manifest)
    assert served.count("condition met") == 2, served

    status = dev("status", environment)
    assert status.returncode == 0, status.stderr
    assert "AWS was asked 1 time so far" in status.stdout

    assert dev("down", environment).stdout == "Stopped.\n"
    wait_for(lambda: not processes_with("TMPDIR", scratch), "all processes have ended")
    assert not list(scratch.iterdir())
    assert dev("status", environment).returncode == 1


def run_the_operator_in_a_shell(environment: Environment, manifest: Path) -> str:
    """What a person would type."""
    command, address = shlex.quote(installed_command()), f"127.0.0.1:{free_port()}"
    script = f"""
        eval "$({command} dev env)"
        ecr-secret-operator run --kubeconfig "$ECR_LAB_OPERATOR_KUBECONFIG" \\
            --metrics-bind-address 0 --health-probe-bind-address {address} 2>/dev/null &
        trap 'kill $!; wait' EXIT
        kubectl apply -f {manifest}
        kubectl wait -n test-ecr-secret-operator --for=condition=Ready ecrsecret/ecr-secret --timeout=120s
        kubectl wait -n openshift-gitops --for=condition=Ready ecrargo/helm-repo --timeout=120s
    """
    done = subprocess.run(["/bin/bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
