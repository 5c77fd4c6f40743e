"""`credential_process`: what it gives, and what is told when it gives nothing: never its own words."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ecr_secret_operator.aws import process
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator.runtime import children
from ecr_secret_operator_lab.fakeaws import DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY, FakeAws, Role
from ecr_secret_operator_lab.waiting import wait_for

from .conftest import Write
from .identities import AS_ROLE, EXTERNAL_ID, TEAM_ROLE, at, fetch_as, refusal, stored_keys

SECRET = "a-word-that-nobody-may-see"
GOOD = {"Version": 1, "AccessKeyId": DEFAULT_ACCESS_KEY_ID, "SecretAccessKey": DEFAULT_SECRET_ACCESS_KEY}
AMBIENT = Scope("aws", "us-east-2")

Script = Callable[[str], Path]


@pytest.fixture
def script(tmp_path: Path, config_file: Write, fake: FakeAws) -> Script:
    """Makes a shell script the `credential_process` of the default profile."""
    path = tmp_path / "vault-helper"

    def write(text: str) -> Path:
        path.write_text(f"#!/bin/sh\necho run >>{tmp_path}/runs\n{text}\n")
        path.chmod(0o755)
        config_file(f"credential_process = {path} --with {SECRET}")
        return tmp_path / "runs"

    return write


def printing(answer: object) -> str:
    return f"cat <<'END'\n{json.dumps(answer)}\nEND"


@pytest.mark.parametrize("more", [{}, {"Expiration": "2099-01-01T00:00:00Z"}, {"SessionToken": None}])
def test_what_it_prints_is_the_operators_identity(script: Script, fake: FakeAws, more: dict[str, object]) -> None:
    runs = script(printing({**GOOD, **more}))
    fetch_as(AMBIENT)
    assert [call.access_key_id for call in fake.calls()] == [DEFAULT_ACCESS_KEY_ID]
    assert len(runs.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"echo {SECRET} >&2; exit 3", "exited with code 3"),
        (f"echo {SECRET} >&2; kill -9 $$", "was ended by signal 9"),
        (f"echo {SECRET}", "did not print credentials as JSON"),
        ("", "did not print credentials as JSON"),
        (printing([SECRET]), "did not print credentials as JSON"),
        (printing({**GOOD, "Version": SECRET}), "did not print credentials of version 1"),
        (printing({**GOOD, "SecretAccessKey": ""}), "did not print credentials of version 1"),
        (printing({**GOOD, "SessionToken": [SECRET]}), "did not print credentials of version 1"),
        (printing({"Version": 1, SECRET: SECRET}), "did not print credentials as JSON"),
        (printing({**GOOD, "Expiration": SECRET}), "did not print credentials as JSON"),
        (printing({**GOOD, "Expiration": "2020-01-01T00:00:00Z"}), "printed credentials that have expired"),
        (printing({**GOOD, "Expiration": "2020-01-01T00:00:00"}), "printed credentials that have expired"),
    ],
)
def test_a_failure_names_it_and_repeats_nothing(script: Script, fake: FakeAws, text: str, says: str) -> None:
    script(text)
    error = refusal(AMBIENT)
    assert error.reason is Reason.IDENTITY_UNAVAILABLE
    start = f"credential_process vault-helper of the operator {says}. Run it in the operator's environment"
    assert str(error).startswith(start)
    assert SECRET not in str(error)
    assert fake.calls() == [], "AWS has no part in it"


def test_a_role_with_a_source_profile_is_treated_alike(script: Script, config_file: Write) -> None:
    script("exit 3")
    path = config_file("role_arn = " + TEAM_ROLE, "source_profile = base")
    path.write_text(path.read_text() + f"[profile base]\ncredential_process = /bin/sh -c 'echo {SECRET} >&2; exit 4'\n")
    error = refusal(AMBIENT)
    assert "credential_process sh of the operator exited with code 4" in str(error)
    assert SECRET not in str(error)


def test_one_that_is_not_there(config_file: Write, fake: FakeAws) -> None:
    config_file("credential_process = /nonexistent/vault-helper")
    assert "vault-helper of the operator could not be started: No such file or directory" in str(refusal(AMBIENT))


@pytest.mark.parametrize("command", ['"', "'unclosed"])
def test_one_that_is_no_command(config_file: Write, fake: FakeAws, command: str) -> None:
    config_file(f"credential_process = {command}")
    assert "is not a command: check its quotation marks" in str(refusal(AMBIENT))


def test_one_that_hangs_is_killed_and_named(script: Script, fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "CHILD_SECONDS", 0.3)
    script("sleep 300")
    for scope in (AMBIENT, at(AS_ROLE)):
        error = refusal(scope)
        assert "credential_process vault-helper of the operator did not end within 0.3 seconds" in str(error)
        assert error.reason is Reason.IDENTITY_UNAVAILABLE
    assert fake.calls() == []


def test_however_many_ask_one_runs_at_a_time(script: Script, fake: FakeAws, tmp_path: Path) -> None:
    """Each region and each role asks for itself."""
    fake.set_roles([Role(role_arn=TEAM_ROLE, external_id=EXTERNAL_ID)])
    go = tmp_path / "go"
    lock, overlap = tmp_path / "lock", tmp_path / "overlap"
    alone = f"mkdir {lock} || touch {overlap}"
    runs = script(f"{alone}\nwhile [ ! -e {go} ]; do sleep 0.05; done\nrmdir {lock}\n{printing(GOOD)}")
    scopes = [Scope("aws", f"us-east-{number}") for number in (1, 2)] + [at(AS_ROLE)] * 6
    threads = [threading.Thread(target=fetch_as, args=(scope,)) for scope in scopes]
    for thread in threads:
        thread.start()
    wait_for(lambda: sum(thread.is_alive() for thread in threads) == len(threads) and runs.exists(), "all ask")
    go.touch()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert len(fake.calls("GetAuthorizationToken")) == len(scopes)
    assert not overlap.exists(), "never two at a time"
    assert len(runs.read_text().splitlines()) < len(scopes), "those who ask at the same time share one"
    assert not process._under_way  # noqa: SLF001 - nothing is kept


def test_resources_with_keys_of_their_own_do_not_run_it(script: Script, fake: FakeAws) -> None:
    fake.add_credentials("AKIATEAMAEXAMPLE0001", "team-a-secret/team-a-secret+team-a-secret")
    runs = script("exit 1")
    fetch_as(at(stored_keys()))
    assert not runs.exists()
