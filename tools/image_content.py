"""What the image holds of the packages that are installed in it, and the bytecode beside them (ADR 77).

A function here changes the tree that becomes the image. No code of a package is run.
"""

from __future__ import annotations

import ast
import concurrent.futures
import functools
import importlib.util
import marshal
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from enum import IntEnum
from pathlib import Path, PurePosixPath

SERVICES = frozenset(("ecr", "ecr-public", "signin", "sso", "sso-oidc", "sts"))
"""The services of AWS whose descriptions stay: those that give tokens, and those that give credentials."""

UNUSED = (
    "*.dist-info/RECORD",  # names what is not there any more
    "botocore/data/*/*/examples-1.json",
    "multidict/_testcapi*.so",
    "pygments/lexers/[!_]*.py",  # for source code, which no command shows
    "pygments/lexers/_[!_m]*.py",
    *(f"**/*.{ending}" for ending in ("c", "h", "pxd", "pyi", "pyx")),
)
"""Files that nothing reads at run time."""

LOADED_LATER = ("concurrent.futures.thread", "encodings.idna", "stringprep")
"""Modules of the standard library that it loads itself, at the first use of what they are for."""


class Check(IntEnum):
    """The flags of a file of bytecode (PEP 552): what the interpreter compares before it uses the file."""

    NOTHING = 0b01
    SOURCE = 0b11


def prune(packages: Path) -> None:
    """Removes what the operator never reads."""
    for service in (packages / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)
    for pattern in UNUSED:
        for path in packages.glob(pattern):
            path.unlink()


def strip(packages: Path) -> None:
    """Removes symbols and debugging information from all shared libraries."""
    for library in packages.rglob("*.so"):
        library.write_bytes(without_sections(library.read_bytes()))


def without_sections(library: bytes) -> bytes:
    """A shared library without its sections.

    The dynamic linker reads segments only, and all sections that it needs are in a segment. Symbols and debugging
    information are not (System V ABI, chapters 4 and 5). What is not ELF of 64 bits and little-endian stays as it is.
    """
    if library[:6] != b"\x7fELF\x02\x01":
        return library
    (table,) = struct.unpack_from("<Q", library, 0x20)
    size, count = struct.unpack_from("<HH", library, 0x36)
    ends = [sum(struct.unpack_from("<Q16xQ", library, table + number * size + 8)) for number in range(count)]
    kept = bytearray(library[: max(ends)])
    struct.pack_into("<Q", kept, 0x28, 0)
    struct.pack_into("<HHH", kept, 0x3A, 0, 0, 0)
    return bytes(kept)


def standard_modules(packages: Path, library: Path) -> Iterator[Path]:
    """Sources of the standard library that the packages import, and those that these import.

    Args:
        packages: the installed packages.
        library: directory of a standard library of this minor version of Python.
    """
    names = {name for source in packages.rglob("*.py") for name in _imports(source.read_bytes())}
    known = sorted(name for name in names if name.partition(".")[0] in sys.stdlib_module_names)
    script = (
        "import sys\nfor name in sys.argv[1:]:\n try: __import__(name)\n except ImportError: pass\nprint(*sys.modules)"
    )
    argv = [sys.executable, "-I", "-c", script, *known, *LOADED_LATER]
    loaded = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
    for name in sorted(set(loaded)):
        place = library.joinpath(*name.split("."))
        yield from (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file())


def _imports(source: bytes) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (node.module, *(f"{node.module}.{one.name}" for one in node.names))


def write_bytecode(sources: Iterable[Path], *, root: Path, place: PurePosixPath, into: Path, check: Check) -> None:
    """Compiles sources.

    Args:
        sources: below `root`.
        root: a directory.
        place: where the image has this directory.
        into: the directory that is `sys.pycache_prefix` in the image.
        check: what the interpreter compares before it uses the bytecode.
    """
    work = functools.partial(_compile, root=root, place=place, into=into, check=check)
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(work, sorted(sources), chunksize=20))


def _compile(source: Path, *, root: Path, place: PurePosixPath, into: Path, check: Check) -> None:
    """Compiles one source. Only the operator keeps its docstrings, which are the help of its commands."""
    content, name = source.read_bytes(), place / source.relative_to(root).as_posix()
    tree = ast.parse(content)
    if "ecr_secret_operator" not in name.parts:
        _drop_docstrings(tree)
    code = marshal.dumps(compile(tree, str(name), "exec", dont_inherit=True, optimize=0))
    head = importlib.util.MAGIC_NUMBER + struct.pack("<I", check) + importlib.util.source_hash(content)
    target = into / f"{name.relative_to('/').with_suffix('')}.{sys.implementation.cache_tag}.pyc"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(head + code)


def _drop_docstrings(tree: ast.AST) -> None:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            _, *rest = node.body
            node.body = rest or [ast.copy_location(ast.Pass(), node.body[0])]
