"""Runs the fake: `python -m ecr_secret_operator_lab.fakeaws [--port N] [--address IP] [--detached] [--url-file PATH]`.

Prints its URL as the first line. Unless detached it ends when its standard input does, so it never outlives its parent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from pathlib import Path

from ..attended import say, told_to_stop
from .records import DEFAULT_MAX_RECORDS, Settings
from .server import LOCALHOST, serve
from .state import State


def main() -> None:
    """Parses the command line and serves until told to stop."""
    parser = argparse.ArgumentParser(prog="fakeaws", description="A fake ECR, ECR Public and STS on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0 takes a free one")
    parser.add_argument("--address", default=LOCALHOST, help="IP address to listen at")
    parser.add_argument("--detached", action="store_true", help="go on when standard input ends")
    parser.add_argument("--url-file", type=Path, help="write the URL here too, once it is served")
    parser.add_argument("--max-records", type=int, default=DEFAULT_MAX_RECORDS, help="how many calls to remember")
    asyncio.run(_run(parser.parse_args()))


async def _run(options: argparse.Namespace) -> None:
    stop = told_to_stop(attended=not options.detached)

    def ready(url: str) -> None:
        if options.url_file is not None:
            _write_whole(options.url_file, url)
        say(url)

    state = State(time.time, Settings(max_records=options.max_records))
    await serve(state, address=options.address, port=options.port, ready=ready, stop=stop)


def _write_whole(path: Path, text: str) -> None:
    """A reader sees the whole file or none."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text + "\n")
    draft.replace(path)


if __name__ == "__main__":
    main()
