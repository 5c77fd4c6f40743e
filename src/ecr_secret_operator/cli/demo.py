"""`ecr-secret-operator demo`: the main job and the promises, shown on a real control plane and a fake AWS."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from .options import Failed

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stopped(BaseException):
    """A signal asks to stop."""


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turns the first signal into an exception, and lets no further one disturb the cleaning up."""

    def stop(_number: int, _frame: object) -> NoReturn:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator demo
  ecr-secret-operator demo --keep"""
)
@click.option("--keep", is_flag=True, help="Keep everything running at the end until Ctrl-C.")
@click.pass_context
def demo(context: click.Context, *, keep: bool) -> None:
    """Show the operator on a local Kubernetes and a fake AWS.

    You need no cluster and no AWS account. etcd, kube-apiserver, kube-controller-manager and kubectl are downloaded, or
    built from source (minutes, once); a registry and its client crane are built. Everything is stopped at the end.

    Exit codes: 0 each step was seen to happen; 1 a step failed; 130 stopped by Ctrl-C.
    """
    from . import laboratory as show  # noqa: PLC0415 - it may be absent
    from .screen import open_console  # noqa: PLC0415 - as little as possible at start

    screen = show.Screen(show.at_most_wide(open_console()))
    told = False
    with _stoppable():
        try:
            with show.Stage() as stage:
                show.tell(stage, screen, show.STEPS)
                told = True
                if keep:
                    show.keep_open(stage, screen)
                    signal.pause()
        except show.StepFailed as failure:
            raise Failed(str(failure)) from failure
        except _Stopped:
            screen.console.print("Stopped.")
            context.exit(0 if told else INTERRUPTED)
    show.play_yourself(screen)
