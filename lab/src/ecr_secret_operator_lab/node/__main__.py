"""Runs an enclosure: see `enclosure`."""

from .enclosure import main

main()
