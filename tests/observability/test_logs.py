"""Logs as they leave the process: in a process of its own, since logging is set up once for all of it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from ecr_secret_operator_lab.fakeaws import DEFAULT_SECRET_ACCESS_KEY, start_fake_aws
from tests.factories import PASSWORD
from tests.hostile import HOSTILE, interpreted

BEGIN = """
import asyncio, logging, os, pathlib
import structlog
from ecr_secret_operator.observability.logs import configure_logs
PASSWORD = os.environ["TEST_PASSWORD"]
"""


def logged(code: str, *, environment: dict[str, str] | None = None) -> str:
    """Standard error of a process that runs this."""
    script = BEGIN + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), "TEST_PASSWORD": PASSWORD, **(environment or {})},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "", "logs go to standard error"
    return done.stderr


def test_json_lines_with_what_a_log_store_needs() -> None:
    text = logged("""
        configure_logs("info", "auto")
        log = structlog.get_logger()
        log.info("secret written", kind="Secret", namespace="team-a", name="pull")
        log.debug("not at this level")
        logging.getLogger("a.library").warning("from %s", "a library")
        logging.getLogger("a.library").debug("nor this")
    """)
    first, second = (json.loads(line) for line in text.splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "secret written",
        "kind": "Secret",
        "namespace": "team-a",
        "name": "pull",
        "level": "info",
    }
    assert (second["event"], second["level"]) == ("from a library", "warning")


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_a_line_is_one_write(fmt: str) -> None:
    """Of two, another process's or thread's line could come between them."""
    text = logged(f"""
        configure_logs("info", {fmt!r})
        log, write, written = structlog.get_logger(), os.write, []
        os.write = lambda number, line: written.append(line) or write(number, line)
        log.info("one", more="x")
        logging.getLogger("a.library").warning("two")
        os.write = write
        assert len(written) == 2, written
    """)
    assert len(text.splitlines()) == 2


def test_whatever_is_logged_becomes_a_line_of_json() -> None:
    text = logged(r"""
        configure_logs("info", "json")
        log = structlog.get_logger()
        log.info("caf\u00e9 \udcff", nested={1: {"a": {2.5, }, ("b",): b"raw"}}, number=2**70, nothing=None, yes=True)
        log.info("deep", value=[[[[[[["end"]]]]]]], error=ValueError("no"), float=float("nan"), path=pathlib.Path("x"))
    """)
    first, second = (json.loads(line) for line in text.splitlines())
    assert first["event"] == "caf\u00e9 \\udcff"
    assert first["nested"] == {"1": {"a": "{2.5}", "('b',)": "b'raw'"}}
    assert (first["number"], first["nothing"], first["yes"]) == (2**70, None, True)
    assert (second["error"], second["float"], second["path"]) == ("no", None, "x")
    assert "end" in str(second["value"])


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_no_path_into_the_log_shows_a_token(fmt: str) -> None:
    text = logged(f"""
        configure_logs("debug", {fmt!r})
        log = structlog.get_logger()
        log.info("got " + PASSWORD, token=PASSWORD, nested={{"deep": [PASSWORD]}}, password="short-one")
        try:
            raise RuntimeError("refused " + PASSWORD)
        except RuntimeError as error:
            log.error("raised", exc_info=error)
            logging.getLogger("a.library").exception("raised %s", PASSWORD)
        logging.getLogger("a.library").warning("refused %s", PASSWORD)
    """)
    assert text.count("[redacted]") >= 7
    assert "RuntimeError" in text
    for part in (PASSWORD, PASSWORD[:40], PASSWORD[-40:], "short-one"):
        assert part not in text


def test_at_debug_the_libraries_do_not_write_out_what_aws_answers() -> None:
    """The Go operator's most verbose log shows the token; botocore's and aiohttp's would, too."""
    with start_fake_aws() as fake:
        text = logged(
            """
            from datetime import UTC, datetime
            import aiohttp
            from ecr_secret_operator.aws.ecr import fetch_token
            from ecr_secret_operator.domain.resource import Key
            from ecr_secret_operator.domain.identity.scope import Scope
            configure_logs("debug", "json")
            key = Key("Secret", "team-a", "pull")
            token = fetch_token(Scope("aws", "us-east-2"), requester=key, clock=lambda: datetime.now(UTC))

            async def ask():
                async with aiohttp.ClientSession(headers={"Authorization": "Bearer " + PASSWORD}) as session:
                    await (await session.get(os.environ["AWS_ENDPOINT_URL"] + "/_lab/healthz")).read()

            asyncio.run(ask())
            structlog.get_logger().debug("done", token=token)
            """,
            environment=fake.environment(),
        )
        password = fake.tokens()[-1].password
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines] == ["done"]
    assert password[:40] not in text
    assert PASSWORD[:40] not in text
    assert DEFAULT_SECRET_ACCESS_KEY not in text


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_levels(level: str, shown: int) -> None:
    text = logged(f"""
        configure_logs({level!r}, "json")
        log = structlog.get_logger()
        for name in ("debug", "info", "warning", "error"):
            getattr(log, name)(name)
    """)
    assert len(text.splitlines()) == shown


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_no_log_line_has_what_a_terminal_interprets(fmt: str) -> None:
    text = logged(f"""
        configure_logs("info", {fmt!r})
        log = structlog.get_logger()
        hostile = {HOSTILE!r}
        log.info(hostile, message=hostile, nested={{hostile: [hostile]}}, **{{hostile: 1}})
        logging.getLogger("a.library").warning("from %s", hostile)
        try:
            raise ValueError(hostile)
        except ValueError as error:
            log.error("raised", exc_info=error)
            logging.getLogger("a.library").exception("raised")
    """)
    assert interpreted(text) == []
    assert text.count("hidden") >= 8
    if fmt == "json":
        assert json.loads(text.splitlines()[0])["event"] == HOSTILE
    else:
        assert "hidden" in text.splitlines()[0], "a line break in a message does not start a line"
        assert not [line for line in text.splitlines() if line.startswith("Error: forged")][2:], "only in tracebacks"
