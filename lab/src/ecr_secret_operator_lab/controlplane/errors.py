"""How the local control plane fails, with a text that a person can act on. See also BinariesError of `programs`."""


class ControlPlaneError(Exception):
    """The control plane did not start, or has ended."""
