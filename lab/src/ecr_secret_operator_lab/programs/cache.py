"""Where the laboratory keeps what it obtained once, and the rules that keep it whole.

A file appears under its name only when it is complete: it is made in a draft directory beside its place and renamed.
One process obtains at a time, the others wait for it.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from ..reporting import Reporter

OVERRIDE = "ECR_SECRET_OPERATOR_CACHE"
APPLICATION = "ecr-secret-operator"
DRAFTS = "draft-"
POLL_SECONDS = 0.1


def cache_directory() -> Path:
    """The cache of this user, or what ECR_SECRET_OPERATOR_CACHE says."""
    return _place(platformdirs.user_cache_dir(APPLICATION))


def state_directory() -> Path:
    """Where the record of a running control plane lies; with the cache when that is overridden."""
    return _place(platformdirs.user_state_dir(APPLICATION))


def _place(default: str) -> Path:
    override = os.environ.get(OVERRIDE)
    return Path(override).absolute() if override else Path(default)


@contextmanager
def exclusive(lock: Path, report: Reporter | None = None) -> Iterator[None]:
    """Holds a lock among processes; says so when it has to wait. The kernel releases it when its holder dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        _wait_for(file.fileno(), report)
        yield


def _wait_for(descriptor: int, report: Reporter | None) -> None:
    if _locks(descriptor):
        return
    if report is not None:
        report("Waiting for another process that is obtaining the same")
    began = told = time.monotonic()
    while not _locks(descriptor):
        time.sleep(POLL_SECONDS)
        if report is not None and (now := time.monotonic()) - told >= 1:
            told = now
            report.alive(now - began)


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def draft(home: Path) -> Iterator[Path]:
    """A directory for what is not complete yet, gone at the end. Call it under the lock of `home`.

    Drafts of processes that were killed are removed too: under the lock, no process can be working in them.
    """
    home.mkdir(parents=True, exist_ok=True)
    for left_over in home.glob(DRAFTS + "*"):
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=DRAFTS, ignore_cleanup_errors=True) as directory:
        yield Path(directory)


def publish_program(made: Path, place: Path) -> None:
    """Gives a complete program its name in one step."""
    made.chmod(0o755)
    made.replace(place)
