"""The addresses that servers listen on. Apart from the servers, whose library no other command needs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import InvalidField, shown

DISABLED = "0"


@dataclass(frozen=True, slots=True)
class Address:
    """An address to listen on; without a host, on all addresses of the machine."""

    host: str | None
    port: int


def parse_address(text: str) -> Address | None:
    """Parses a bind address in Go's syntax, such as `:8080` or `[::1]:8080`; `0` (None) disables the server.

    Raises:
        InvalidField: the text is not an address.
    """
    if text in (DISABLED, ""):
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:  # noqa: PLR2004 - the highest port
        raise InvalidField(f"{shown(text)} is not an address to bind to. Write :8080, 127.0.0.1:8080, or 0 for none")
    return Address(host=host.strip("[]") or None, port=int(port))
