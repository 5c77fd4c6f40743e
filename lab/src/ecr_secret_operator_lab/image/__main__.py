"""Becomes a container: see `container`."""

from .container import become

become()
