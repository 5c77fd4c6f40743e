"""A real Kubernetes control plane on this machine, found or built, then started in about three seconds."""

from ..programs.errors import BinariesError
from ..reporting import LineReporter, Reporter, print_progress
from .binaries import Binaries, ensure_binaries
from .errors import ControlPlaneError
from .plane import ControlPlane
from .processes import Command

__all__ = [
    "Binaries",
    "BinariesError",
    "Command",
    "ControlPlane",
    "ControlPlaneError",
    "LineReporter",
    "Reporter",
    "ensure_binaries",
    "print_progress",
]
