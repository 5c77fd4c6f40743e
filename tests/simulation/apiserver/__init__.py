"""A simulated kube-apiserver, as a state machine without I/O and clock. tests/cluster compares it with a real one."""

from .access import Attributes, Rule
from .admission import Denied, Hook, HookFailed, Review
from .messages import ADMIN, JSON_PATCH, MERGE_PATCH, Request, Response
from .server import ApiServer
from .watches import Watch

__all__ = [
    "ADMIN",
    "JSON_PATCH",
    "MERGE_PATCH",
    "ApiServer",
    "Attributes",
    "Denied",
    "Hook",
    "HookFailed",
    "Request",
    "Response",
    "Review",
    "Rule",
    "Watch",
]
