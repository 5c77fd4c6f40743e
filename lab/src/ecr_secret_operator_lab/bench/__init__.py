"""Benchmarks: how near the operator comes to what the API server can take, measured in one run on one machine.

A figure in seconds says more about the machine than about the program. So each is given as a share of the ceiling: the
time that a client takes that does the same writes, as many at a time, and does nothing else.
"""
