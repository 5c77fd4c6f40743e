"""ECR's registry, as far as its clients can tell: a real OCI registry behind a front that demands ECR's tokens.

A client that sends user AWS and exactly an unexpired password that the fake AWS issued, for the region of the host, is
admitted; all others get ECR's 401. It serves the names of ECR hosts, so that a generated Secret is used as it is.
"""

from .layers import pack, unpack
from .process import DEFAULT_HOST, Registry, RegistryError, start_registry
from .records import Handled, Refusal
from .tools import Tools

__all__ = [
    "DEFAULT_HOST",
    "Handled",
    "Refusal",
    "Registry",
    "RegistryError",
    "Tools",
    "pack",
    "start_registry",
    "unpack",
]
