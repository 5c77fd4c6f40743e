"""A log that cannot be written is lost, and nothing with it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ecr_secret_operator.observability.stream import LossyStream
from tests.hostile import HOSTILE, interpreted

LINE = "a line with \udcff in it\n"


def test_lines_are_written_at_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        stream = LossyStream(file)
        assert stream.write(LINE) == len(LINE)
        assert (tmp_path / "log").read_text() == "a line with \\udcff in it\n"
        stream.flush()


def test_a_stream_in_memory_does_as_well() -> None:
    memory = io.StringIO()
    LossyStream(memory).write("line\n")
    assert memory.getvalue() == "line\n"


def test_without_a_stream_all_is_lost() -> None:
    assert LossyStream(None).write(LINE) == len(LINE)


@pytest.mark.parametrize("broken", ["full", "nobody reads"])
def test_what_cannot_be_written_is_lost(broken: str) -> None:
    if broken == "full":
        number = os.open("/dev/full", os.O_WRONLY)
    else:
        reading, number = os.pipe()
        os.close(reading)
    with os.fdopen(number, "w") as file:
        assert LossyStream(file).write(LINE) == len(LINE)


@pytest.mark.parametrize("closed", [(), (2,), (1, 2), (0, 1, 2)], ids=str)
def test_no_socket_takes_the_place_of_a_closed_stream(closed: tuple[int, ...], tmp_path: Path) -> None:
    """In a process of its own, which has them closed before anything else happens."""
    code = (
        f"import os; [os.close(number) for number in {closed}]\n"
        "from ecr_secret_operator.observability.stream import occupy_standard_streams\n"
        "occupy_standard_streams()\n"
        "import socket; number = socket.socket().fileno()\n"
        f"open({str(tmp_path / 'said')!r}, 'w').write(str(number))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert int((tmp_path / "said").read_text()) > 2


ESCAPED = """
import sys
from ecr_secret_operator.observability.stream import escape_standard_streams
escape_standard_streams()
escape_standard_streams()
import click
text = sys.argv[1]
print(text)
sys.stdout.writelines(text)
click.echo(text, color=True)
click.echo(text, err=True, color=True)
raise ValueError(text)
"""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_standard_streams_escape_what_is_not_printable(encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ESCAPED, HOSTILE.replace("\0", "") + " é █"],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    for output, times in ((done.stdout, 3), (done.stderr, 2)):
        text = output.decode(encoding)
        assert interpreted(text) == []
        assert text.count("\\x1b[8mhidden") == times
        assert text.count({"utf-8": "é █", "ascii": "\\xe9 \\u2588", "latin-1": "é \\u2588"}[encoding]) == times
