"""A person's way to a cluster, open for as long as a command runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from .. import __version__
from ..kube.client import Client
from ..kube.config import load_config
from .reading import Reader


@dataclass(frozen=True, slots=True)
class ClusterSession:
    """An open way to one API server.

    Attributes:
        reader: reads from it.
        client: for the few requests that are no reading.
        namespace: that of the kubeconfig's context.
    """

    reader: Reader
    client: Client
    namespace: str


@asynccontextmanager
async def session(kubeconfig: str | None, context: str | None) -> AsyncIterator[ClusterSession]:
    """Opens one, and closes it. Raises ConfigError."""
    config = load_config(kubeconfig, context)
    client = Client(config.connection, user_agent=f"ecr-secret-operator-cli/{__version__}")
    try:
        yield ClusterSession(Reader(client), client, config.namespace)
    finally:
        await client.close()
