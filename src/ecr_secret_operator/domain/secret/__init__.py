"""The generated Secret: what it should hold, whose the stored one is, and what to do about it."""
