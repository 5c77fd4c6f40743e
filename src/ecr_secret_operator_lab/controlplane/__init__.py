"""A real Kubernetes control plane on this machine, found or built, then started in about three seconds."""

from .binaries import Binaries, ensure_binaries
from .errors import BinariesError, ControlPlaneError
from .plane import ControlPlane
from .processes import Command
from .reporting import LineReporter, Reporter, print_progress

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
