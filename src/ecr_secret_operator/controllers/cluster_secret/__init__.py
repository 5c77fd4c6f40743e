"""Sums up the placements of a cluster resource in its status."""
