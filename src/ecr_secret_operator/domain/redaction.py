"""Takes out of a text whatever looks like a token or a key.

For texts that others wrote: what AWS, the API server, a webhook or a library says. Our own secrets are `Sensitive`.
"""

from __future__ import annotations

import re

REDACTED = "[redacted]"

_SHAPES = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{12,}"  # access key ids
    r"|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)+"  # JSON web tokens
    r"|(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{100,}={0,2}"  # ECR tokens, session tokens, other long secrets
    r"|(?<![A-Za-z0-9+/])(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])(?=[A-Za-z0-9+/]*[0-9])[A-Za-z0-9+/]{40}"
    r"(?![A-Za-z0-9+/=])"  # secret access keys: 40 characters of mixed case
)
_SHORTEST = 13
"""Characters of the shortest thing that any of the shapes is."""


def redact_text(text: str) -> str:
    """The text without what looks like a token or a key, and without what UTF-8 cannot say."""
    if not text.isascii():
        text = text.encode(errors="backslashreplace").decode()
    return text if len(text) < _SHORTEST else _SHAPES.sub(REDACTED, text)
