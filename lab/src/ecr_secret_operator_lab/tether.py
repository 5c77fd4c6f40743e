"""Starts a program that dies when its parent does, however that one dies.

Run by path, not as a module, so that it costs an interpreter without site-packages: about 20 ms. It runs between
fork and exec, where Python code of the parent (preexec_fn) is not safe. Linux only; elsewhere it only starts the
program.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tethered(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` for as long as the calling thread lives."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *argv]


def main() -> None:
    """Ties this process to its parent and becomes the program."""
    parent, argv = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the tie was made
            sys.exit(1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - to become the program, without a shell, is the purpose
    except OSError as error:
        sys.exit(f"{argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
