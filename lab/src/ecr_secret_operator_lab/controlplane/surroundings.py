"""What a control plane is adapted to: this machine alone, or an enclosure in which a node runs too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import components


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a control plane runs, and what it does there beyond its usual work.

    Attributes:
        launcher: a command line that starts the supervisor; empty to start it as it is.
        ports: from the supervisor's directory to a function that returns as many ports as it is asked for. The control
            plane listens on them, and this process reaches it at the same ports of the loopback address.
        hosts: further DNS names in the API server's certificate.
        addresses: further IP addresses in the API server's certificate.
        api_server: flags of the API server in addition to the usual ones; None removes a flag.
        controller_manager: the same for the controller manager. `{directory}` is the supervisor's directory.
    """

    launcher: Sequence[str] = ()
    ports: Callable[[Path], Callable[[int], Sequence[int]]] = field(default=lambda _: components.free_ports)
    hosts: Sequence[str] = ()
    addresses: Sequence[str] = ()
    api_server: Mapping[str, str | None] = field(default_factory=dict)
    controller_manager: Mapping[str, str | None] = field(default_factory=dict)


THIS_MACHINE = Surroundings()
