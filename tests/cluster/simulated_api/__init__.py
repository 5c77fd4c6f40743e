"""Runs the same requests on a real API server and on the simulated one (tests/simulation/apiserver)."""
