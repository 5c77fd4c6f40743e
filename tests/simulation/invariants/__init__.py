"""What has to hold in each simulation, always and in the end. Each invariant is a class with a name."""

from __future__ import annotations

from .base import Invariant, Violation
from .bounds import BoundedCalls, BoundedWrites, NoCanaryOutsideSecrets
from .ends import BoundedMemory, Converged, NothingLeftBehind, QuietAtLast
from .others import BystanderServed, ForeignObjectsUntouched, LeaderWrites
from .tokens import NeverOlder, NoExpiredTokenReady, PolicyHolds

INVARIANTS: tuple[type[Invariant], ...] = (
    ForeignObjectsUntouched,
    PolicyHolds,
    NeverOlder,
    NoExpiredTokenReady,
    NoCanaryOutsideSecrets,
    BoundedCalls,
    BoundedWrites,
    LeaderWrites,
    BystanderServed,
    Converged,
    NothingLeftBehind,
    QuietAtLast,
    BoundedMemory,
)

__all__ = ["INVARIANTS", "Invariant", "Violation"]
