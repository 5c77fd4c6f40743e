"""The pure core: what a resource means, what to do about it, and what to say of it.

Imports the standard library and pydantic only. No I/O, no clock, no logging: time comes in as an argument.
"""
