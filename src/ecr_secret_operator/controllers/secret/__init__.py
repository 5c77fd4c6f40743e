"""Keeps the generated Secret of one resource, or of one placement, as it should be."""
