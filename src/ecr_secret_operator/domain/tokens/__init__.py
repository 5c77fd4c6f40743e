"""Tokens, and when they are due to be replaced."""
