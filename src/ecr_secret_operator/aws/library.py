"""What of botocore is replaced, and why. Import this before a session is made.

botocore looks up each of these names in its own modules whenever it needs one, also deep in its chain of credentials
(a role with `source_profile`, for example), and has no parameter for them.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import botocore.credentials
import botocore.endpoint
import botocore.utils

from ..domain.proxies import proxy_for
from ..errors import InvalidField
from .faults import Fault
from .process import credentials_of


class _Process(botocore.credentials.ProcessProvider):  # type: ignore[misc] # botocore has no types
    """Runs `credential_process` bounded in time and number. botocore waits for ever, and repeats its standard error."""

    def load(self) -> botocore.credentials.Credentials | None:
        """The credentials; None when the profile has no such command. Raises Fault."""
        command = self._credential_process
        return None if command is None else credentials_of(command)


class _TokenFile:
    """Reads the web identity token, without white space around it."""

    def __init__(self, web_identity_token_path: str) -> None:
        self._path = web_identity_token_path

    def __call__(self) -> str:
        """The token. Raises Fault."""
        try:
            token = Path(self._path).read_text(encoding="utf-8").strip()
            why = "it is empty"
        except (OSError, UnicodeDecodeError) as error:
            token, why = "", getattr(error, "strerror", None) or "it is not text"
        if not token:
            raise Fault(
                f"the operator's web identity token file {self._path} cannot be used: {why}. Check"
                " AWS_WEB_IDENTITY_TOKEN_FILE, or web_identity_token_file of the profile, and the projected volume"
            )
        return token


def _proxies(url: str) -> dict[str, str]:
    """The proxy for a URL by Go's rule, which the API server's is found by too, and the Go operator's was."""
    proxy = proxy_for(url, os.environ)
    return {urlsplit(url).scheme: proxy} if proxy else {}


def _metadata_proxies(url: str) -> dict[str, str]:
    """The proxy for the instance's metadata; none if HTTP_PROXY cannot be used.

    botocore looks for it whenever a session is made, also where the metadata are never read.
    """
    try:
        return _proxies(url)
    except InvalidField:
        return {}


botocore.credentials.ProcessProvider = _Process
botocore.credentials.FileWebIdentityTokenLoader = _TokenFile
botocore.endpoint.get_environ_proxies = _proxies
botocore.utils.get_environ_proxies = _metadata_proxies
