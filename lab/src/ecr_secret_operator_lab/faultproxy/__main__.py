"""Runs the proxy: `python -m ecr_secret_operator_lab.faultproxy --kubeconfig PATH [--directory PATH] [--detached]`.

Prints where it is to be found as the first line, JSON: `server`, `control`, `kubeconfig`, `ca`. Unless detached it ends
when its standard input does, so it never outlives its parent.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec

from ..attended import say, told_to_stop
from .kubeconfig import BadKubeconfig
from .proxy import State
from .server import proxying


def main() -> None:
    """Parses the command line and serves until told to stop."""
    parser = argparse.ArgumentParser(prog="faultproxy", description="Makes requests to an API server go wrong.")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="names the API server and the credentials")
    parser.add_argument("--directory", type=Path, help="for the clients' kubeconfig; a scratch one if not given")
    parser.add_argument("--port", type=int, default=0, help="for clients; 0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0, help="for the control API; 0 takes a free one")
    parser.add_argument("--detached", action="store_true", help="go on when standard input ends")
    options = parser.parse_args()
    try:
        asyncio.run(_run(options))
    except (BadKubeconfig, OSError) as error:
        parser.exit(1, f"faultproxy: {error}\n")


async def _run(options: argparse.Namespace) -> None:
    stop = told_to_stop(attended=not options.detached)
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="ecr-fault-proxy-"))
        async with proxying(
            options.kubeconfig,
            options.directory or Path(scratch),
            state=State(),
            port=options.port,
            control_port=options.control_port,
        ) as where:
            say(msgspec.json.encode(where).decode())
            await stop.wait()


if __name__ == "__main__":
    main()
