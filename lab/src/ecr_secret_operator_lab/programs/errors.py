"""How obtaining a program fails, with a text that a person can act on."""


class BinariesError(Exception):
    """A program can be neither found, downloaded nor built."""
