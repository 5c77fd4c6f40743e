"""The image is small, holds all that each form of identity needs, and an operator in it starts fast and stays small."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tools.image_content import SERVICES

from ecr_secret_operator_lab.cluster import Cluster, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.image import Container, Image, Parts

from ..cluster.identities import KEYS, ROLE, keys_secret, service_account, token_of
from ..cluster.resources import a_resource, apply, wait_ready
from .conftest import StartContainer
from .contents import HOME, added, inside, packages

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(900)]

MEGABYTE, MEBIBYTE = 10**6, 2**20
LONG = 90.0
RESOURCES = 5


def compressed(root: Path, paths: Iterable[Path]) -> int:
    """Bytes of a layer with these files, compressed as most builders do it."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in sorted(paths):
            tar.add(path, arcname=str(path.relative_to(root)), recursive=False)
    return len(zlib.compress(archive.getvalue(), level=6))


def test_a_registry_keeps_few_bytes_of_it(image: Image, parts: Parts) -> None:
    ours = compressed(image.root, added(image, parts))
    base = compressed(parts.run, (path for path in parts.run.rglob("*") if path.is_file() or path.is_symlink()))
    print(f"beside the base {ours / MEGABYTE:.1f} MB, the base {base / MEGABYTE:.1f} MB")  # noqa: T201 - for the docs
    assert ours < 20 * MEGABYTE
    assert ours + base < 45 * MEGABYTE


def test_a_node_keeps_few_bytes_of_it(image: Image, parts: Parts) -> None:
    assert sum(path.lstat().st_size for path in added(image, parts)) < 60 * MEBIBYTE


def test_nothing_is_in_it_that_is_never_read(image: Image) -> None:
    names = [path.name for path in (image.root / HOME).rglob("*")]
    assert [name for name in names if name in {"RECORD", "__pycache__", "tests", "pip", "setuptools"}] == []
    assert [name for name in names if name.endswith((".pyi", ".pyx", ".pxd", ".c", ".h"))] == []
    data = packages(image) / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == SERVICES


def test_every_package_has_its_metadata_and_its_licence(image: Image) -> None:
    """Scanners read the metadata, and the licences demand to be passed on."""
    found = sorted(packages(image).glob("*.dist-info"))
    assert found
    for one in found:
        metadata = (one / "METADATA").read_text()
        named = re.findall(r"^License-File: (.*)$", metadata, re.MULTILINE)
        assert [name for name in named if not any(one.rglob(Path(name).name))] == []


def in_python(container: Container, script: str) -> str:
    """What a script prints that the launcher of the image runs in place of the operator."""
    launcher = (container.image.root / HOME / "bin" / "ecr-secret-operator").read_text()
    start, _, _ = launcher.partition("from ecr_secret_operator")
    argv = [*container.command("/usr/bin/python3"), "-I", "-c", start + script]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


SOURCES = """
import importlib, os
for name in ("ecr_secret_operator.manager", "ecr_secret_operator.aws.ecr", "ecr_secret_operator.cli.run",
             "ecr_secret_operator.serving.self_signed", "encodings.idna", "concurrent.futures.thread"):
    importlib.import_module(name)
bytecode = {name: getattr(one, "__cached__", None) for name, one in sys.modules.items()}
print(*(name for name, file in bytecode.items() if file and not os.path.exists(file)))
"""
BEFORE = {"encodings", "encodings.aliases", "encodings.utf_8", "sitecustomize"}
"""The interpreter imports them before it runs the launcher, which says where the bytecode is."""


def test_no_module_is_compiled_when_the_operator_starts(container: Container) -> None:
    """Its file system cannot be written: what has no bytecode is compiled at each start."""
    assert set(in_python(container, SOURCES).split()) <= BEFORE


CLIENTS = """
import botocore.session
session = botocore.session.Session()
session.set_credentials("AKIANOBODY0000000000", "x")
for service in {services!r}:
    print(service, session.create_client(service, region_name="eu-west-1").meta.service_model.service_id)
"""


def test_every_service_that_gives_credentials_or_tokens_can_be_called(container: Container) -> None:
    """What botocore's chain of credentials calls is in its sources: STS, SSO with its tokens, and sign-in."""
    said = in_python(container, CLIENTS.format(services=sorted(SERVICES)))
    assert {line.split()[0] for line in said.splitlines()} == SERVICES


def test_each_form_of_identity_gets_its_token(
    cluster: Cluster, start_container: StartContainer, namespace: str, aws: FakeAws
) -> None:
    aws.add_credentials(KEYS["aws_access_key_id"], KEYS["aws_secret_access_key"])
    cluster.create(secret_path(namespace), keys_secret(KEYS))
    service_account(cluster, namespace, "puller", **{"role-arn": ROLE})
    forms: dict[str, dict[str, Any]] = {
        "own": {},
        "limited": {"aws": {"access": "pull"}},
        "role": {"aws": {"role_arn": ROLE}},
        "account": {"aws": {"service_account": "puller"}},
        "keys": {"aws": {"credentials_secret": "aws-keys"}},
        "public": {"ecr_registry": "public.ecr.aws", "region": "us-east-1"},
        "china": {"ecr_registry": "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "region": "cn-north-1"},
        "fips": {"ecr_registry": "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "region": "us-east-1"},
    }
    start_container()
    for name, form in forms.items():
        apply(cluster, namespace, a_resource(name=name, **form))
    for name in forms:
        wait_ready(cluster, namespace, name, within=LONG)
        token_of(cluster, aws, namespace, f"{name}-generated")


def test_an_operator_with_five_resources_is_small_and_starts_fast(
    cluster: Cluster, start_container: StartContainer, namespace: str
) -> None:
    process = inside(start_container().process.pid)
    started, before = cpu_seconds(process), memory(process, "VmHWM")
    for number in range(RESOURCES):
        apply(cluster, namespace, a_resource(name=f"ecr-{number}"))
    for number in range(RESOURCES):
        wait_ready(cluster, namespace, f"ecr-{number}", within=LONG)
    time.sleep(2)
    busy = cpu_seconds(process)
    time.sleep(10)
    idle = cpu_seconds(process) - busy
    peak, resident = memory(process, "VmHWM"), memory(process, "VmRSS")
    print(  # noqa: T201 - for the docs
        f"start {started:.2f} s CPU, {before:.1f} MiB; peak {peak:.1f} MiB, idle {resident:.1f} MiB, {idle * 10:.2f} %"
    )
    assert before < 56
    assert peak < 68
    assert started < 1.0  # a loaded machine needs twice what an idle one does
    assert idle < 0.1


def memory(process: Path, field: str) -> float:
    """A field of the kernel's in MiB."""
    status = (process / "status").read_text()
    (value,) = re.findall(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(value) / 1024


def cpu_seconds(process: Path) -> float:
    """User and system time."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
