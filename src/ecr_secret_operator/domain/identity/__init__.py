"""As whom a token is asked for, and whether policy allows it."""
