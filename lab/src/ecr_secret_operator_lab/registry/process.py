"""A registry that behaves as ECR's does, running: what the tests and the demo start and look at."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import msgspec

from ..attended import NotStarted, attended
from ..controlplane.kubeconfig import write_private
from ..controlplane.pki import LOOPBACK, Authority
from ..fakeaws import FakeAws
from ..waiting import NotReached
from .distribution import distribution
from .records import Handled, Ports

DEFAULT_HOST = "123456789012.dkr.ecr.us-east-2.amazonaws.com"
TIMEOUT_SECONDS = 30.0


class RegistryError(Exception):
    """The registry did not start."""


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry.

    Attributes:
        hosts: the names that its certificate bears, and that its proxy leads to it.
        ca: the certificate of the authority that signed its own, PEM.
        ports: where it listens.
    """

    hosts: Sequence[str]
    ca: Path
    ports: Ports

    @property
    def address(self) -> str:
        """Where it listens as a registry, for a client that can do with a host and a port: no ECR host has one."""
        return f"{LOOPBACK}:{self.ports.front}"

    @property
    def proxy(self) -> str:
        """The URL of the proxy through which it is found under its own names."""
        return f"http://{LOOPBACK}:{self.ports.proxy}"

    def environment(self) -> Mapping[str, str]:
        """What makes a program written in Go find it under its own names, and trust its certificate.

        Such a program asks loopback addresses directly all the same, so the control plane stays within its reach.
        """
        return {"HTTPS_PROXY": self.proxy, "https_proxy": self.proxy, "NO_PROXY": "", "SSL_CERT_FILE": str(self.ca)}

    def requests(self, *, after: int = 0) -> Sequence[Handled]:
        """What it was asked, in the order of its answers; with a number above `after`."""
        opener = build_opener(ProxyHandler({}))
        url = f"http://{LOOPBACK}:{self.ports.control}/_lab/requests?after={after}"
        with opener.open(url, timeout=TIMEOUT_SECONDS) as answer:
            return msgspec.json.decode(answer.read(), type=list[Handled])

    def last_request(self) -> int:
        """The highest number so far; 0 when it was asked nothing."""
        return max((handled.number for handled in self.requests()), default=0)


@contextmanager
def start_registry(aws: FakeAws, program: Path, *, hosts: Sequence[str] = (DEFAULT_HOST,)) -> Iterator[Registry]:
    """Starts a registry that accepts the tokens of a fake AWS, and stops it at the end. What it stored goes with it.

    Args:
        aws: whose tokens are good.
        program: the real registry, from `ensure_programs`.
        hosts: the names that it goes by.

    Raises:
        RegistryError: it did not start.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecr-registry-")))
        authority = Authority.create()
        pair = authority.server("registry", hosts=hosts)
        certificate = write_private(directory / "tls.crt", pair.public)
        key = write_private(directory / "tls.key", pair.private)
        ca = write_private(directory / "ca.crt", authority.pem)
        files = ("--certificate", str(certificate), "--key", str(key))
        names = [argument for host in hosts for argument in ("--host", host)]
        try:
            socket = stack.enter_context(distribution(program, directory))
            options = ("--aws", aws.url, "--socket", str(socket), *files, *names)
            line = stack.enter_context(attended(__package__, *options))
        except (NotStarted, NotReached) as error:
            raise RegistryError(str(error)) from error
        yield Registry(hosts=tuple(hosts), ca=ca, ports=msgspec.json.decode(line, type=Ports))
