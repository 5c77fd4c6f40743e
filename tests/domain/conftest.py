"""Hypothesis without deadlines: a shared machine is slow at times, and that is no failure."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=25)
settings.load_profile("unit")
