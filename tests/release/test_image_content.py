"""What happens to the files of packages on their way into the image."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
import uvloop.loop
from tools.image_content import Check, prune, standard_modules, without_sections, write_bytecode

MODULE = '''"""Words."""

def answer(given: object = True) -> str:
    """More words."""
    assert given
    return "compiled"


class Empty:
    """Nothing but words."""
'''
SHOW = "import sys; sys.pycache_prefix = {prefix!r}; sys.path.insert(0, {path!r}); import {name} as it; print({what})"


def shown(tree: Path, what: str, *, name: str = "example", prefix: Path) -> str:
    """What an expression gives with a module of a tree, whose bytecode is below a prefix."""
    script = SHOW.format(prefix=str(prefix), path=str(tree), name=name, what=what)
    return subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    place = tmp_path / "tree"
    place.mkdir()
    (place / "example.py").write_text(MODULE)
    return place


def compiled(tree: Path, check: Check = Check.NOTHING) -> Path:
    """The bytecode of a tree."""
    into = tree.parent / "bytecode"
    write_bytecode(tree.rglob("*.py"), root=tree, place=PurePosixPath(tree), into=into, check=check)
    return into


@pytest.mark.parametrize(("check", "used"), [(Check.NOTHING, "compiled"), (Check.SOURCE, "changed")])
def test_bytecode_is_used_or_compared_with_the_source(tree: Path, check: Check, used: str) -> None:
    into = compiled(tree, check)
    (tree / "example.py").write_text(MODULE.replace("compiled", "changed"))
    assert shown(tree, "it.answer()", prefix=into) == used


def test_bytecode_has_asserts_and_line_numbers_but_no_docstrings(tree: Path) -> None:
    into = compiled(tree)
    assert shown(tree, "it.__doc__, it.answer.__doc__, it.Empty.__doc__", prefix=into) == "None None None"
    code = "it.answer.__code__"
    assert shown(tree, f"{code}.co_firstlineno, {code}.co_filename", prefix=into) == f"3 {tree / 'example.py'}"
    assert shown(tree, "'ASSERTION' in __import__('dis').Bytecode(it.answer).dis()", prefix=into) == "True"


def test_the_operator_keeps_its_docstrings_which_are_the_help_of_its_commands(tree: Path) -> None:
    package = tree / "ecr_secret_operator"
    package.mkdir()
    (tree / "example.py").rename(package / "__init__.py")
    into = compiled(tree)
    assert shown(tree, "it.answer.__doc__", name="ecr_secret_operator", prefix=into) == "More words."


def test_a_library_without_its_sections_is_smaller_and_works(tmp_path: Path) -> None:
    whole = Path(uvloop.loop.__file__)
    library = shutil.copytree(whole.parent, tmp_path / "uvloop") / whole.name
    library.write_bytes(without_sections(library.read_bytes()))
    assert library.stat().st_size < whole.stat().st_size / 2
    slept = "it.run(__import__('asyncio').sleep(0, it.loop.__file__))"
    assert shown(tmp_path, slept, name="uvloop", prefix=tmp_path / "bytecode") == str(library)


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(64)])
def test_what_is_no_library_of_64_bits_stays_as_it_is(content: bytes) -> None:
    assert without_sections(content) == content


def test_the_standard_library_is_compiled_as_far_as_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text("import json\n\ndef later():\n    from email import message\n")
    library = Path(subprocess.__file__).parent
    found = {str(path.relative_to(library)) for path in standard_modules(tmp_path, library)}
    assert {"json/__init__.py", "json/decoder.py", "email/message.py", "email/utils.py"} <= found
    assert not {"turtle.py", "unittest/__init__.py", "asyncio/__init__.py"} & found


def test_services_that_are_never_called_are_removed_and_all_else_that_is_read_stays(tmp_path: Path) -> None:
    data = tmp_path / "botocore" / "data"
    stays = ["endpoints.json", "ecr/2015-09-21/service-2.json.gz", "sts/2011-06-15/endpoint-rule-set-1.json.gz"]
    goes = ["ec2/2016-11-15/service-2.json.gz", "sts/2011-06-15/examples-1.json"]
    for name in (*stays, *goes):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    prune(tmp_path)
    assert {str(path.relative_to(data)) for path in data.rglob("*.*") if path.is_file()} == set(stays)
