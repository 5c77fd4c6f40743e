"""Runs the programs of a release: crane, helm, opm and cosign, with a home of their own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ecr_secret_operator_lab.tether import tethered

NAMES = ("crane", "helm", "opm", "cosign", "bundle-validator")
CREDENTIALS = ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY", "COSIGN_PASSWORD")
"""What the programs get of the user's environment, beside PATH."""

_IDENTITY = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SIGSTORE_ID_TOKEN")
_SERVING = re.compile(r"serving on port (\d+)")


class ReleaseFailed(Exception):
    """A step of the release failed; the text says which, and what the program printed."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs.

    Attributes:
        paths: each by its name.
        home: a directory for their caches and temporary files.
    """

    paths: Mapping[str, Path]
    home: Path

    def __call__(self, name: str, *args: str) -> str:
        """Runs a program, and gives its standard output.

        Raises:
            ReleaseFailed: it ended with an error.
        """
        done = self.attempt(name, *args)
        if done.returncode != 0:
            raise ReleaseFailed(f"{name} {' '.join(args[:2])} failed:\n{done.stderr.strip()}\n{done.stdout.strip()}")
        return done.stdout

    def attempt(self, name: str, *args: str) -> subprocess.CompletedProcess[str]:
        """Runs a program whose failure is for the caller to judge."""
        return subprocess.run(
            [str(self.paths[name]), *args],
            env=self._environment(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _environment(self) -> Mapping[str, str]:
        given = {name: os.environ[name] for name in (*CREDENTIALS, *_IDENTITY) if name in os.environ}
        docker = str(Path.home() / ".docker")
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "DOCKER_CONFIG": docker,
            "COSIGN_PASSWORD": "",
            **given,
        }


def run(argv: Sequence[str], cwd: Path, **environment: str) -> str:
    """Runs a command of the release itself, such as git or Python, and gives its standard output.

    Raises:
        ReleaseFailed: it ended with an error.
    """
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ReleaseFailed(f"{' '.join(argv[:4])} failed:\n{done.stderr.strip()}\n{done.stdout.strip()}")
    return done.stdout


def is_local(registry: str) -> bool:
    """Whether a registry is on this machine, where clients use HTTP."""
    return registry.partition("/")[0].partition(":")[0] in {"127.0.0.1", "localhost"}


@contextmanager
def scratch_registry(crane: Path, log: Path) -> Iterator[str]:
    """A registry on this machine that forgets everything at its end: HOST:PORT.

    Raises:
        ReleaseFailed: it did not start.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            tethered([str(crane), "registry", "serve", "--address=127.0.0.1:0"]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield f"127.0.0.1:{_port(process, log)}"
    finally:
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(300):
        if found := _SERVING.search(log.read_text()):
            return found[1]
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise ReleaseFailed(f"the registry for the dry run did not start:\n{log.read_text()}")
