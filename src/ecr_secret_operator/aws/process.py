"""`credential_process` of the operator's profile: bounded in time, one at a time, and nothing of its words is shown."""

from __future__ import annotations

import json
import shlex
import threading
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

from botocore.credentials import Credentials

from ..runtime.children import ChildFailed, program, run_child
from .faults import Fault

_lock = threading.Lock()
_under_way: dict[str, Future[Credentials]] = {}


def credentials_of(command: str) -> Credentials:
    """Gets credentials from a command. All calls during one run of the command share its result.

    The credentials are never renewed: a session lives for one call (ADR 5).

    Raises:
        Fault: it gave none; names the program and the remedy.
    """
    with _lock:
        running = _under_way.get(command)
        mine = running is None
        if running is None:
            running = _under_way[command] = Future()
    if not mine:
        return running.result()
    try:
        running.set_result(_run(command))
    except BaseException as error:  # noqa: BLE001 - all who wait get it
        running.set_exception(error)
    finally:
        with _lock:
            del _under_way[command]
    return running.result()


def _run(command: str) -> Credentials:
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise Fault("credential_process of the operator is not a command: check its quotation marks")
    try:
        return _read(run_child(words), words)
    except ChildFailed as error:
        raise _fault(words, str(error)) from None


def _read(output: bytes, words: list[str]) -> Credentials:
    try:
        found: Any = json.loads(output)
        version, until = found["Version"], found.get("Expiration")
        parts = found["AccessKeyId"], found["SecretAccessKey"], found.get("SessionToken"), found.get("AccountId")
        expires_at = datetime.fromisoformat(until) if until else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _fault(words, "did not print credentials as JSON") from None
    if version != 1 or not all(isinstance(part, str | None) for part in parts) or not all(parts[:2]):
        raise _fault(words, "did not print credentials of version 1")
    if expires_at and (expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC)) <= datetime.now(UTC):
        raise _fault(words, "printed credentials that have expired")
    key_id, secret, token, account = parts
    return Credentials(key_id, secret, token, method="custom-process", account_id=account)


def _fault(words: list[str], what: str) -> Fault:
    remedy = "Run it in the operator's environment to see its own messages"
    return Fault(f"credential_process {program(words)} of the operator {what}. {remedy}")
