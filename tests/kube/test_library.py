"""What is used of the client library comes without the rest of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

FEW = 40
"""Modules of the library that are loaded; the whole has more than 800."""


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_classes_of_all_kinds_are_not_loaded() -> None:
    code = (
        "import sys, ecr_secret_operator.app\n"
        "found = [name for name in sys.modules if name.startswith('kubernetes_asyncio')]\n"
        "print(len(found), any('v1_pod' in name or '.api.' in name for name in found))"
    )
    count, kinds = _run(code).split()
    assert int(count) < FEW
    assert kinds == "False"


@pytest.mark.parametrize("first", ["import kubernetes_asyncio", "pass"])
def test_they_are_the_librarys_own_whoever_loads_it_first(first: str) -> None:
    code = (
        f"{first}\n"
        "from ecr_secret_operator.kube import library\n"
        "from kubernetes_asyncio.client.configuration import Configuration\n"
        "from kubernetes_asyncio.client.api_client import ApiClient\n"
        "import kubernetes_asyncio.client, kubernetes_asyncio.config\n"
        "assert kubernetes_asyncio.client.Configuration is library.Configuration is Configuration\n"
        "assert kubernetes_asyncio.client.ApiClient is library.ApiClient is ApiClient\n"
        "assert kubernetes_asyncio.config is library.loaders\n"
        "print('same')"
    )
    assert _run(code) == "same"


def test_a_user_whom_the_system_does_not_know_needs_no_home() -> None:
    """As in a container, under a uid that OpenShift has drawn."""
    code = (
        "import os, pwd\n"
        "def unknown(_uid): raise KeyError\n"
        "pwd.getpwuid = unknown\n"
        "os.environ.pop('HOME', None)\n"
        "import ecr_secret_operator.app\n"
        "print(os.path.expanduser('~/.kube/config'))"
    )
    assert _run(code) == "/.kube/config"
