"""What is used of kubernetes_asyncio: kubeconfigs, credentials and TLS, without the classes of every kind of object.

The library's packages import all of these, some 800 modules: 33 MiB and a fifth of a second at every start (measured
with 36.1), and nothing that is used here needs one of them. So these packages are there, but empty, while what is used
is imported from its own modules (ADR 15).
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubernetes_asyncio import config as loaders
    from kubernetes_asyncio.client import ApiClient, Configuration
    from kubernetes_asyncio.config.config_exception import ConfigException
else:
    _PACKAGES = ("kubernetes_asyncio", "kubernetes_asyncio.client", "kubernetes_asyncio.client.models")

    def _find_a_home() -> None:
        """The library asks for the home directory as it is loaded: a user whom the system does not know has none."""
        try:
            Path.home()
        except RuntimeError:
            os.environ["HOME"] = os.sep

    def _emptied(name: str) -> ModuleType:
        """A package whose modules can be imported, while it has imported none of them."""
        if name in sys.modules:
            return sys.modules[name]
        spec = find_spec(name)
        assert isinstance(spec, ModuleSpec)  # noqa: S101 - it is installed with this package
        module = sys.modules[name] = module_from_spec(spec)
        above, _, last = name.rpartition(".")
        if above:
            setattr(sys.modules[above], last, module)
        return module

    _find_a_home()
    _client = [_emptied(name) for name in _PACKAGES][1]
    Configuration = _client.Configuration = importlib.import_module(f"{_client.__name__}.configuration").Configuration
    ApiClient = _client.ApiClient = importlib.import_module(f"{_client.__name__}.api_client").ApiClient
    loaders = importlib.import_module("kubernetes_asyncio.config")
    ConfigException = loaders.ConfigException

__all__ = ["ApiClient", "ConfigException", "Configuration", "loaders"]
