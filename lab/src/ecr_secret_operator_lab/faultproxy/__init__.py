"""A proxy between a client and a real API server that injects the faults it is configured with.

Everything behind it is real; it only delays, withholds, loses, repeats or replaces what passes. It remembers each
request, without credentials and bodies.

Use `start_fault_proxy()` and the `FaultProxy` client that it gives; `proxying()` for the same inside an event loop.
"""

from .client import FaultProxy, FaultProxyError
from .process import start_fault_proxy
from .records import Fault, FaultRule, Handled, OpenWatch, When

__all__ = [
    "Fault",
    "FaultProxy",
    "FaultProxyError",
    "FaultRule",
    "Handled",
    "OpenWatch",
    "When",
    "start_fault_proxy",
]
