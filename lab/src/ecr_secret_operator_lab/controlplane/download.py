"""Obtains programs from the official releases, each checked by the SHA-256 published beside it.

Where the releases cannot be reached (many networks allow package registries only) it must give up within seconds, so
that the build can begin: one small request with a deadline goes ahead of every large one.
"""

import hashlib
import os
import shutil
import tarfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from ..programs.cache import draft, publish_program
from ..programs.recipe import system
from ..reporting import Reporter
from .recipe import ETCD, RECIPE

KUBERNETES_RELEASES = "ECR_SECRET_OPERATOR_KUBERNETES_RELEASES"
ETCD_RELEASES = "ECR_SECRET_OPERATOR_ETCD_RELEASES"
SILENCE_SECONDS = 3.0
DEADLINE_SECONDS = 5.0
CHUNK = 1 << 20


class _Unreachable(Exception):
    """The server does not answer."""


class _Refused(Exception):
    """The server answers, but not with a program that can be trusted."""


@dataclass(frozen=True, slots=True)
class _Release:
    url: str
    digests_url: str
    member: str | None = None
    """The program's name inside the archive; None when the release is the program itself."""


def download(names: Sequence[str], home: Path, report: Reporter) -> None:
    """Puts into `home` those of the named programs that the official releases give.

    The rest is left to the next source; the reporter gets the reason. Call it under the lock of `home`.
    """
    silent: set[str] = set()
    for name in names:
        release = _release(name)
        host = urlsplit(release.url).netloc
        if host in silent:
            continue
        try:
            with draft(home) as scratch:
                publish_program(_obtain(name, release, scratch, report), home / name)
        except _Unreachable as error:
            silent.add(host)
            report(f"{host} cannot be reached ({error})")
        except _Refused as error:
            report(f"The release of {name} is not used: {error}")


def _release(name: str) -> _Release:
    operating_system, architecture = system()
    if name == "etcd":
        version = RECIPE.pinned_version(ETCD)
        base = os.environ.get(ETCD_RELEASES, "https://github.com/etcd-io/etcd/releases/download")
        stem = f"etcd-{version}-{operating_system}-{architecture}"
        folder = f"{base}/{version}"
        return _Release(f"{folder}/{stem}.tar.gz", f"{folder}/SHA256SUMS", f"{stem}/etcd")
    base = os.environ.get(KUBERNETES_RELEASES, "https://dl.k8s.io")
    url = f"{base}/{RECIPE.version}/bin/{operating_system}/{architecture}/{name}"
    return _Release(url, f"{url}.sha256")


def _obtain(name: str, release: _Release, scratch: Path, report: Reporter) -> Path:
    file_name = release.url.rsplit("/", 1)[1]
    report(f"Downloading {name}")
    published = _published(_within(DEADLINE_SECONDS, lambda: _read(release.digests_url)), file_name)
    file = scratch / file_name
    if _save(release.url, file, report) != published:
        raise _Refused("it differs from its published SHA-256")
    return file if release.member is None else _extracted(file, release.member)


def _within(seconds: float, job: Callable[[], str]) -> str:
    """A thread of its own, since a socket's timeout does not bound the look-up of a name."""
    outcome: SimpleQueue[str | Exception] = SimpleQueue()

    def work() -> None:
        try:
            outcome.put(job())
        except (_Unreachable, _Refused) as error:
            outcome.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        result = outcome.get(timeout=seconds)
    except Empty:
        raise _Unreachable(f"no answer in {seconds:.0f} s") from None
    if isinstance(result, Exception):
        raise result
    return result


def _read(url: str) -> str:
    try:
        with _open(url) as response:
            return response.read().decode()
    except (OSError, HTTPException, UnicodeDecodeError) as error:
        raise _Unreachable(str(error)) from error


def _save(url: str, file: Path, report: Reporter) -> str:
    """Returns the SHA-256 of what was saved."""
    digest, began = hashlib.sha256(), time.monotonic()
    told = began
    try:
        with _open(url) as response, file.open("wb") as output:
            while chunk := response.read(CHUNK):
                output.write(chunk)
                digest.update(chunk)
                if (now := time.monotonic()) - told >= 1:
                    told = now
                    report.alive(now - began)
    except (OSError, HTTPException) as error:
        raise _Unreachable(str(error)) from error
    return digest.hexdigest()


def _open(url: str) -> HTTPResponse:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise _Refused(f"{url} is not an HTTP address")
    try:
        response: HTTPResponse = urllib.request.urlopen(url, timeout=SILENCE_SECONDS)  # noqa: S310 - checked above
    except urllib.error.HTTPError as error:
        error.close()
        raise _Refused(f"{url} answers {error.code}") from error
    except urllib.error.URLError as error:
        raise _Unreachable(str(error.reason)) from error
    return response


def _published(text: str, file_name: str) -> str:
    """From a file that is one digest, or has lines of digest and file name."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    for fields in lines:
        if fields[1:] == [file_name] or (len(lines) == 1 and len(fields) == 1):
            return fields[0].lower()
    raise _Refused(f"no SHA-256 is published for {file_name}")


def _extracted(archive: Path, member: str) -> Path:
    program = archive.with_name("program")
    try:
        with tarfile.open(archive) as opened, program.open("wb") as output:
            source = opened.extractfile(member)
            if source is None:
                raise _Refused(f"{member} is no file in {archive.name}")
            shutil.copyfileobj(source, output)
    except (KeyError, tarfile.TarError) as error:
        raise _Refused(f"{archive.name}: {error}") from error
    return program
