"""The two ways in which the local control plane fails, each with a text that a person can act on."""


class BinariesError(Exception):
    """The control plane's programs can be neither found, downloaded nor built."""


class ControlPlaneError(Exception):
    """The control plane did not start, or has ended."""
