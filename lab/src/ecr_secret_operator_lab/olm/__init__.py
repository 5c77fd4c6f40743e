"""A real Operator Lifecycle Manager on a cluster with a node: what OperatorHub and OpenShift install operators with.

`parts` obtains its programs, `objects` is its own installation, `running` starts it.
"""

from .parts import Parts, ensure_olm
from .running import NAMESPACE, start_olm

__all__ = ["NAMESPACE", "Parts", "ensure_olm", "start_olm"]
